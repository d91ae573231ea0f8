"""The loop on a small folder dataset: what a run leaves, repeats, refuses and goes on with."""

import dataclasses
import json
import shutil

import numpy as np
import pandas as pd
import pytest

from cari_keras.errors import CheckpointError, ConfigError, DatasetError, TrainingError
from cari_keras.evaluation.evaluator import Evaluator
from cari_keras.model.checkpoints import load_checkpoint
from cari_keras.training import trainer as module
from cari_keras.training.runfolder import Checkpoints
from cari_keras.training.trainer import Trainer
from tests.helpers.disks import no_room
from tests.helpers.runs import small_config

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("narrow")]


#: All of its training's state is compared, after its end too.
KEPT = small_config(keep_checkpoints=True)


@pytest.fixture(scope="module")
def run(narrow, prepared, tmp_path_factory):
    """A whole run of two epochs of three steps."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    rows = Trainer(KEPT, prepared, folder).fit(progress=False)
    return folder, rows


def test_what_a_run_leaves(run):
    folder, rows = run
    steps = pd.read_csv(folder / "steps.csv")
    assert list(steps["iteration"]) == list(range(6))
    weights = steps.filter(like="weight_")
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-4)
    assert np.isfinite(steps).all(axis=None)
    assert [row["epoch"] for row in rows] == [1, 2]
    metrics = set(rows[0]) - {"epoch", "iteration"}
    assert metrics == {
        "verification_accuracy",
        "verification_auc",
        "photo_identification",
        "caricature_identification",
        "v2c",
        "c2v",
    }
    assert all(0 <= row[name] <= 1 for row in rows for name in metrics)
    assert json.loads((folder / "identities.json").read_text()) == [f"person_{i}" for i in range(3)]
    assert json.loads((folder / "config.json").read_text())["data"]["image_size"] == 80
    assert list((folder / "tensorboard").iterdir())
    kept = Checkpoints(folder).paths()
    assert [path.name for path in kept] == ["000000003", "000000006"]
    arrays, meta = load_checkpoint(kept[-1])
    assert (meta["epoch"], meta["step_in_epoch"]) == (2, 0)
    assert int(arrays["iteration"]) == 6
    best, meta = load_checkpoint(folder / "best")
    scores = [np.mean([row[name] for name in metrics]) for row in rows]
    assert meta["score"] == pytest.approx(max(scores), abs=1e-6)  # the rows have six digits
    assert best["Conv2d_1a_3x3/kernel"].shape == (3, 3, 3, 8)


def test_validation_every_so_many_epochs_and_at_the_end(prepared, tmp_path):
    config = small_config(epochs=5, evaluate_every=2, frozen_epochs=1, frozen_views=1)
    rows = Trainer(config, prepared, tmp_path / "run").fit(progress=False)
    assert [row["epoch"] for row in rows] == [1, 3, 5]


def test_one_seed_is_one_run(run, prepared, tmp_path):
    Trainer(KEPT, prepared, tmp_path / "again").fit(progress=False)
    for name in ("steps.csv", "metrics.csv"):
        assert (tmp_path / "again" / name).read_bytes() == (run[0] / name).read_bytes()
    first, _ = load_checkpoint(Checkpoints(run[0]).paths()[-1])
    second, _ = load_checkpoint(Checkpoints(tmp_path / "again").paths()[-1])
    for name, array in first.items():
        np.testing.assert_array_equal(array, second[name], err_msg=name)


def test_another_seed_is_another_run(run, prepared, tmp_path):
    Trainer(small_config(seed=1, epochs=1), prepared, tmp_path / "other").fit(progress=False)
    other = pd.read_csv(tmp_path / "other" / "steps.csv")
    assert not np.allclose(other, pd.read_csv(run[0] / "steps.csv")[:3])


def test_a_killed_run_goes_on(run, prepared, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "SECONDS_BETWEEN_CHECKPOINTS", 0.0)
    trainer = Trainer(KEPT, prepared, tmp_path / "cut")
    calls, step = [], trainer.step.__class__.__call__

    class KilledError(Exception):
        pass

    def stop_at_fifth(self, batch):
        calls.append(1)
        if len(calls) == 5:
            raise KilledError
        return step(self, batch)

    monkeypatch.setattr(trainer.step.__class__, "__call__", stop_at_fifth)
    with pytest.raises(KilledError):
        trainer.fit(progress=False)
    monkeypatch.undo()
    resumed = Trainer(KEPT, prepared, tmp_path / "cut", resume=True)
    assert (resumed.epoch, resumed.step_in_epoch) == (1, 1)
    resumed.fit(progress=False)
    for name in ("steps.csv", "metrics.csv"):
        assert (tmp_path / "cut" / name).read_text() == (run[0] / name).read_text()


def test_a_finished_run_has_nothing_left_to_do(run, prepared):
    before = (run[0] / "steps.csv").read_bytes()
    rows = Trainer(KEPT, prepared, run[0], resume=True).fit(progress=False)
    assert rows == run[1]
    assert (run[0] / "steps.csv").read_bytes() == before


def test_one_task_trains_on_its_own_modality(prepared, tmp_path):
    config = small_config(tasks=("photo",), epochs=1)
    trainer = Trainer(config, prepared, tmp_path / "photo")
    rows = trainer.fit(progress=False)
    assert trainer.steps == 1  # 15 photos
    assert set(rows[0]) == {"epoch", "iteration", "photo_identification", "v2c"}
    steps = pd.read_csv(tmp_path / "photo" / "steps.csv")
    assert (steps["weight_photo"] == 1).all()


def test_an_existing_run_is_not_overwritten(run, prepared):
    with pytest.raises(ConfigError, match="already holds a run; choose another --output"):
        Trainer(small_config(), prepared, run[0])


def test_resuming_needs_a_run(prepared, tmp_path):
    with pytest.raises(CheckpointError, match="no run to resume"):
        Trainer(small_config(), prepared, tmp_path, resume=True)


def test_a_run_without_a_checkpoint_yet_begins_again(prepared, tmp_path, run):
    Trainer(small_config(), prepared, tmp_path)._lock.release()
    assert Trainer(small_config(), prepared, tmp_path, resume=True).fit(progress=False) == run[1]


@pytest.mark.parametrize("change", ["a person's name", "a number of images", "an old run's names"])
def test_a_run_goes_on_with_its_own_data_only(change, run, prepared, tmp_path):
    """Labels would stand for other people, and epochs have another number of steps."""
    shutil.copytree(run[0], tmp_path / "run")
    if change == "an old run's names":  # whose checkpoints do not describe the data
        for meta in tmp_path.glob("run/checkpoints/*/checkpoint.json"):
            content = json.loads(meta.read_text())
            del content["data"]
            meta.write_text(json.dumps(content))
    if change != "a number of images":
        other = dataclasses.replace(prepared, identities=("person_1", "person_2", "zoe"))
    else:
        train = dict(prepared.places["train"])
        train["photo"] = train["photo"].take(np.arange(14))
        other = dataclasses.replace(prepared, places={**prepared.places, "train": train})
    with pytest.raises(
        DatasetError, match=r"has changed since .*run was begun; restore the dataset"
    ):
        Trainer(small_config(), other, tmp_path / "run", resume=True)
    known = json.loads((tmp_path / "run" / "identities.json").read_text())
    assert known == list(prepared.identities)


def test_a_run_without_its_checkpoints_is_not_trained_over(run, prepared, tmp_path):
    shutil.copytree(run[0], tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "checkpoints")
    before = (tmp_path / "run" / "steps.csv").read_text()
    with pytest.raises(CheckpointError, match="no checkpoints to resume from; choose another"):
        Trainer(small_config(), prepared, tmp_path / "run", resume=True)
    assert (tmp_path / "run" / "steps.csv").read_text() == before


def test_damaged_names_are_told(run, prepared, tmp_path):
    shutil.copytree(run[0], tmp_path / "run")
    (tmp_path / "run" / "identities.json").write_text("[")
    with pytest.raises(CheckpointError, match=r"identities\.json: not a run's list of identities"):
        Trainer(small_config(), prepared, tmp_path / "run", resume=True)


def test_a_figure_without_a_value_does_not_keep_the_best_from_being_saved(
    prepared, tmp_path, monkeypatch
):
    """Verification has none where fewer than two people have pairs."""
    trainer = Trainer(small_config(), prepared, tmp_path / "run")
    answers = iter([{"a": np.nan, "b": 0.5}, {"a": np.nan, "b": 0.4}])
    monkeypatch.setattr(trainer, "evaluate", lambda: next(answers))
    trainer.fit(progress=False)
    _, meta = load_checkpoint(tmp_path / "run" / "best")
    assert (meta["epoch"], meta["score"]) == (1, 0.5)


def test_both_optimizers_follow_the_schedule(prepared, tmp_path, monkeypatch):
    """Three steps, a constant rate after a warm-up of two; the shared layers at a quarter of it."""
    config = small_config(
        epochs=1, schedule="constant", warmup=0.67, learning_rate=0.01, shared_rate=0.25
    )
    trainer = Trainer(config, prepared, tmp_path / "run")
    monkeypatch.setattr(trainer, "evaluate", lambda: {"a": 0.5})
    seen = []
    check = trainer._check_finite

    def watch(*found):
        optimizers = (trainer.step.theta_optimizer, trainer.step.shared_optimizer)
        seen.append([float(optimizer.learning_rate) for optimizer in optimizers])
        return check(*found)

    monkeypatch.setattr(trainer, "_check_finite", watch)
    trainer.fit(progress=False)
    expected = [[0.005, 0.00125], [0.01, 0.0025], [0.01, 0.0025]]
    np.testing.assert_allclose(seen, expected, rtol=1e-5)


def test_images_that_it_is_trained_on_are_not_validated(prepared, tmp_path, monkeypatch):
    """Their figures would choose nothing: the last epoch is kept."""
    monkeypatch.setattr(Evaluator, "predict", lambda *_, **__: pytest.fail("was looked at"))
    trainer = Trainer(small_config(dataset="cavi", final=True), prepared, tmp_path / "run")
    rows = trainer.fit(progress=False)
    assert rows == [{"epoch": 1, "iteration": 3}, {"epoch": 2, "iteration": 6}]
    _, meta = load_checkpoint(tmp_path / "run" / "best")
    assert (meta["epoch"], meta["metrics"]) == (2, {})


def test_a_full_disk_from_the_start_is_told(prepared, tmp_path):
    """Whichever file is the first that finds no room, TensorBoard's among them."""
    trainer = Trainer(small_config(), prepared, tmp_path / "run")
    with no_room(64), pytest.raises(TrainingError, match=r"cannot be written .* is none yet: make"):
        trainer.fit(progress=False)


def test_a_task_without_images_is_told(prepared, tmp_path):
    train = {"photo": prepared.places["train"]["photo"]}
    photos = dataclasses.replace(prepared, places={**prepared.places, "train": train})
    with pytest.raises(ConfigError, match="folder: has no caricature to train the task caricature"):
        Trainer(small_config(), photos, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_too_few_images_for_a_batch(prepared, tmp_path):
    with pytest.raises(DatasetError, match=r"30 training images are fewer .* \(now 31\)"):
        Trainer(small_config(batch_size=31), prepared, tmp_path / "run")


def test_a_loss_that_is_not_finite_stops_the_run(prepared, tmp_path):
    trainer = Trainer(small_config(), prepared, tmp_path / "run")
    trainer.model.get_layer("logits_photo").kernel.assign(np.full((8, 3), np.inf))
    with pytest.raises(TrainingError, match=r"loss of .*photo.* is not finite at iteration 0"):
        trainer.fit(progress=False)
