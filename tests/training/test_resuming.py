"""A finished run keeps what it is used for, whenever it is killed while the rest goes."""

import shutil

import numpy as np
import pytest

from cari_keras.errors import CheckpointError, StoppedError, TrainingError
from cari_keras.evaluation.matcher import load_matcher
from cari_keras.model.checkpoints import load_checkpoint
from cari_keras.saved import SHARED_OUTPUTS
from cari_keras.training.runfolder import Checkpoints
from cari_keras.training.trainer import Trainer
from tests.helpers.disks import no_room
from tests.helpers.kills import Killed, kill_at_renaming
from tests.helpers.runs import small_config

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("narrow")]

#: The second of its two epochs moves the shared layers, away from a teacher.
VALUES = {"retain": 1.0, "frozen_epochs": 1, "frozen_views": 1}


@pytest.fixture(scope="module")
def config(narrow, prepared, tmp_path_factory):
    """Of a run that begins with another's weights, so that there is something to retain."""
    source = tmp_path_factory.mktemp("source") / "run"
    Trainer(small_config(epochs=1), prepared, source).fit(progress=False)
    return small_config(pretrained=str(source), **VALUES)


@pytest.fixture(scope="module")
def whole(config, prepared, tmp_path_factory):
    """A finished run that has kept everything."""
    run = tmp_path_factory.mktemp("whole") / "run"
    Trainer(config.with_values({"keep_checkpoints": True}), prepared, run).fit(progress=False)
    return run


def size(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def check_tidy(run, whole):
    """The last checkpoint has the weights that were judged last, and nothing else is there."""
    assert [path.name for path in run.iterdir() if path.name == SHARED_OUTPUTS] == []
    (path,) = (run / "checkpoints").iterdir()
    assert path.name == "000000006"
    arrays, meta = load_checkpoint(path)
    state, before = load_checkpoint(Checkpoints(whole).paths()[-1])
    averages = {name.removeprefix("average/") for name in state if name.startswith("average/")}
    assert set(arrays) == averages
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, state[f"average/{name}"], err_msg=name)
    assert {**before, "finished": True, "sha256": meta["sha256"]} == meta
    best = [(folder / "best" / "arrays.npz").read_bytes() for folder in (run, whole)]
    assert best[0] == best[1]


def test_what_training_needs_goes_at_the_end(config, whole, prepared, tmp_path):
    """With the flag it stays; whoever resumes without it lets it go, and may do so again."""
    kept = Checkpoints(whole).paths()
    assert [path.name for path in kept] == ["000000003", "000000006"]
    state, meta = load_checkpoint(kept[-1])
    kinds = {name.split("/")[0] for name in state}
    assert {"model", "average", "teacher", "optimizer_theta", "optimizer_shared"} <= kinds
    assert "finished" not in meta

    rows = Trainer(config, prepared, tmp_path / "run").fit(progress=False)
    check_tidy(tmp_path / "run", whole)
    parts = [size(tmp_path / "run" / name) for name in ("checkpoints", "best")]
    assert parts[0] == pytest.approx(parts[1], rel=0.01)
    assert sum(parts) < 0.25 * size(whole / "checkpoints")

    shutil.copytree(whole, tmp_path / "later")
    for _ in range(2):
        again = Trainer(config, prepared, tmp_path / "later", resume=True)
        assert again.fit(progress=False) == rows
        check_tidy(tmp_path / "later", whole)
        # What it answers is what it has always answered.
        np.testing.assert_allclose(list(again.evaluate().values()), last_metrics(rows), atol=1e-6)


def last_metrics(rows):
    return [value for name, value in rows[-1].items() if name not in ("epoch", "iteration")]


def test_a_tidied_run_answers_and_is_begun_from(config, whole, prepared, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    Trainer(config, prepared, run, resume=True).fit(progress=False)
    found = load_matcher(str(run)).predict(prepared, "validation", store=False)
    expected = load_matcher(str(whole)).predict(prepared, "validation", store=False)
    for name, answers in expected.outputs.items():
        np.testing.assert_array_equal(found.outputs[name], answers, err_msg=name)
    longer = small_config(pretrained=str(run), epochs=1)
    trainer = Trainer(longer, prepared, tmp_path / "longer")
    assert f"arrays from {run}, branch 1's in all branches" in trainer.started_from


def test_a_tidied_run_is_not_made_longer(config, whole, prepared, tmp_path):
    """Nothing of it is written over; what kept everything goes on."""
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    Trainer(config, prepared, run, resume=True).fit(progress=False)
    longer = config.with_values({"epochs": 3, "frozen_epochs": 1})
    told = (
        r"run finished after 2 epochs, and only --keep-checkpoints .*; begin another .*--pretrained"
    )
    with pytest.raises(CheckpointError, match=told) as caught:
        Trainer(longer, prepared, run, resume=True)
    assert "\n" not in str(caught.value)
    check_tidy(run, whole)
    shutil.copytree(whole, tmp_path / "kept")
    assert Trainer(longer, prepared, tmp_path / "kept", resume=True).epoch == 2


def test_a_stop_after_the_end_leaves_it_tidied(config, whole, prepared, tmp_path, monkeypatch):
    """As another worker's may come."""
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    Trainer(config, prepared, run, resume=True).fit(progress=False)
    again = Trainer(config, prepared, run, resume=True)

    def stop(cluster):
        raise StoppedError(15)

    monkeypatch.setattr(again.stopping, "check_at_end", stop)
    with pytest.raises(StoppedError):
        again.fit(progress=False)
    check_tidy(run, whole)


@pytest.mark.parametrize("moment", ["removing", "writing", "renaming"])
def test_whoever_is_killed_while_tidying_tidies_the_next_time(
    moment, config, whole, prepared, tmp_path, monkeypatch
):
    """Within the removal of an old checkpoint, the writing of the last, its two renames."""
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    trainer = Trainer(config, prepared, run, resume=True)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", lambda *_, **__: None)  # the dead do not tidy up
        kill_at(moment, patch)
        with pytest.raises(Killed):
            trainer.fit(progress=False)
    trainer._lock.release()
    if moment == "renaming":
        assert not (run / "checkpoints" / "000000006").exists()
    Trainer(config, prepared, run, resume=True).fit(progress=False)
    check_tidy(run, whole)


def kill_at(moment, patch):
    if moment == "removing":

        def remove(folder, **_):
            if folder.parent.name == "checkpoints":
                next(folder.iterdir()).unlink()
                raise Killed

        patch.setattr(shutil, "rmtree", remove)
        return
    path = "cari_keras.model.checkpoints."
    if moment == "writing":

        def write(file, arrays):
            file.write_bytes(b"half")
            raise Killed

        patch.setattr(path + "write_arrays", write)
        return
    kill_at_renaming(patch, "000000006")


def test_a_full_disk_while_tidying_leaves_the_last_checkpoint(config, whole, prepared, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    trainer = Trainer(config, prepared, run, resume=True)
    with no_room(1 << 20), pytest.raises(TrainingError, match=r"last good .*000000006: make room"):
        trainer.fit(progress=False)
    Trainer(config, prepared, run, resume=True).fit(progress=False)
    check_tidy(run, whole)
