"""Planned runs: whose folder holds what, and how long what they share is kept."""

import itertools
import json
import shutil
from pathlib import Path

import pytest

from cari_keras.comparison import runner
from cari_keras.comparison.plan import plan_runs
from cari_keras.comparison.runner import check_settings, train_runs
from cari_keras.errors import ConfigError
from tests.helpers.runs import small_config


def test_a_run_on_another_dataset_is_refused(tmp_path):
    config = small_config(data_dir=str(tmp_path / "a"))
    run = tmp_path / "run"
    check_settings(run, config)  # nothing there yet
    run.mkdir()
    (run / "config.json").write_text(json.dumps(config.to_dict()))
    check_settings(run, config)
    with pytest.raises(ConfigError, match=r"a, not on .*b; choose another --output, or where"):
        check_settings(run, config.with_values({"data_dir": str(tmp_path / "b")}))
    with pytest.raises(ConfigError, match="holds a run of other settings"):
        check_settings(run, config.with_values({"dropout": 0.25}))


def test_stored_outputs_are_kept_until_the_last_run_that_shares_them(tmp_path, monkeypatch):
    config = small_config(frozen_epochs=1, dataset="demo")
    runs = plan_runs(config, ["equal", "dynamic"], [0, 1], tmp_path)
    found = []

    def train(queues, total, **_):
        assert total == 4
        for training in itertools.chain.from_iterable(queues):
            shared = Path(training.arguments[training.arguments.index("--frozen-dir") + 1])
            found.append((shared.name, sorted(p.name for p in shared.parent.glob("*"))))
            shared.mkdir(parents=True, exist_ok=True)

    monkeypatch.setattr(runner, "train_queues", train)
    train_runs(runs, [], progress=False)
    assert found == [
        ("seed-0", []),
        ("seed-0", ["seed-0"]),
        ("seed-1", []),
        ("seed-1", ["seed-1"]),
    ]
    assert not list((tmp_path / "shared_outputs").iterdir())


def test_stored_outputs_go_where_a_stop_came_before_their_removal(tmp_path, monkeypatch):
    config = small_config(frozen_epochs=1, dataset="demo")
    (run,) = plan_runs(config, ["equal"], [0], tmp_path)
    (run.folder / "figures").mkdir(parents=True)
    (run.folder / runner.DONE).touch()
    shared = tmp_path / "shared_outputs" / "seed-0"
    shared.mkdir(parents=True)
    other = tmp_path / "dynamic-0"
    other.mkdir()
    (other / "config.json").touch()  # of a comparison with more strategies, not trained to its end
    train_runs([run], [], progress=False)
    assert shared.exists()
    shutil.rmtree(other)
    train_runs([run], [], progress=False)
    assert not shared.exists()
