"""Which runs a comparison consists of."""

from pathlib import Path

import pytest

from cari_keras.comparison.plan import named_strategies, plan_runs
from cari_keras.config import Config
from cari_keras.errors import ConfigError
from cari_keras.presets import PRESETS
from cari_keras.vocabulary import STRATEGIES


def test_seed_by_seed_and_single_once_for_each_task():
    config = Config().with_values({"tasks": ("caricature", "photo"), "epochs": 3})
    runs = plan_runs(config, ["dynamic", "single"], [4, 7], Path("out"))
    assert [run.name for run in runs] == [
        *("dynamic-4", "single-caricature-4", "single-photo-4"),
        *("dynamic-7", "single-caricature-7", "single-photo-7"),
    ]
    assert [run.strategy for run in runs[:3]] == ["dynamic", "single", "single"]
    last = runs[-1].config
    assert (last.training.weighting, last.training.seed) == ("single", 7)
    assert (last.training.tasks, last.training.output) == (("photo",), "out/single-photo-7")
    assert all(run.config.training.epochs == 3 for run in runs)


@pytest.mark.parametrize(
    ("strategies", "seeds", "message"),
    [
        (["equal", "equal"], [0], "strategies must each be named once"),
        (["equal"], [1, 1], "seeds must each be named once"),
        (["evil"], [0], "weighting must be one of"),
        (["equal", "static"], [0], "--static-weights takes 3 numbers"),
    ],
)
def test_mistakes(strategies, seeds, message):
    with pytest.raises(ConfigError, match=message):
        plan_runs(Config(), strategies, seeds, Path("out"))


def test_all_is_every_strategy_that_weighs_tasks_by_itself():
    every = named_strategies(["all"])
    assert {"single", "static"} == set(STRATEGIES) - set(every)
    assert named_strategies(["single", "all"]) == ["single", *every]
    assert named_strategies(["naive", "equal"]) == ["naive", "equal"]
    runs = plan_runs(Config(), every, [0], Path("out"))
    assert [run.config.training.weighting for run in runs] == every


def test_strategies_train_on_what_the_frozen_preset_stores():
    config = PRESETS["cavi-frozen"]()
    assert config.training.frozen_epochs == config.training.epochs
    assert len(plan_runs(config, named_strategies(["all"]), [0], Path("out"))) == 16


def test_a_recipe_of_one_task_leaves_nothing_to_weigh(tmp_path):
    config = PRESETS["folder"]()
    with pytest.raises(ConfigError, match=r"trains only verification.*--preset cavi-short"):
        plan_runs(config, ["equal", "dynamic"], [0], tmp_path)
    (run,) = plan_runs(config, ["single"], [0], tmp_path)
    assert run.config.training.tasks == ("verification",)


def test_runs_of_one_seed_share_their_stored_outputs():
    config = Config().with_values({"frozen_epochs": 2})
    runs = plan_runs(config, ["equal", "dynamic"], [4, 7], Path("out"))
    shared = [run.config.training.frozen_dir for run in runs]
    assert shared == [f"out/shared_outputs/seed-{seed}" for seed in (4, 4, 7, 7)]
    (alone,) = plan_runs(Config(), ["equal"], [0], Path("out"))
    assert alone.config.training.frozen_dir is None
