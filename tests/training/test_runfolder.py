"""A run's folder: one process at a time, checkpoints that survive damage and full disks, stops."""

import contextlib
import shutil

import numpy as np
import pytest

from cari_keras.errors import CheckpointError, StoppedError, TrainingError
from cari_keras.files import atomic_path
from cari_keras.training import trainer as module
from cari_keras.training.runfolder import KEEP, Checkpoints, lock
from cari_keras.training.trainer import Trainer
from tests.helpers.disks import no_room
from tests.helpers.kills import Killed, kill_at_renaming
from tests.helpers.runs import small_config

pytestmark = pytest.mark.usefixtures("narrow")


def saved(tmp_path, count):
    checkpoints = Checkpoints(tmp_path)
    for k in range(count):
        checkpoints.save(10 * k, {"a": np.full(1000, k)}, {"epoch": k})
    return checkpoints


def test_the_last_ones_are_kept(tmp_path):
    checkpoints = saved(tmp_path, KEEP + 2)
    names = [path.name for path in checkpoints.paths()]
    assert names == ["000000020", "000000030", "000000040"]
    path, arrays, meta = checkpoints.newest()
    assert (path.name, arrays["a"][0], meta["epoch"]) == ("000000040", 4, 4)


@pytest.mark.parametrize("damage", ["truncated", "no arrays", "no meta"])
def test_a_damaged_newest_falls_back_and_says_so(damage, tmp_path, capsys):
    checkpoints = saved(tmp_path, 3)
    newest = checkpoints.paths()[-1]
    arrays = newest / "arrays.npz"
    if damage == "truncated":
        arrays.write_bytes(arrays.read_bytes()[:200])
    else:
        (arrays if damage == "no arrays" else newest / "checkpoint.json").unlink()
    path, _, meta = checkpoints.newest()
    assert (path.name, meta["epoch"]) == ("000000010", 1)
    said = capsys.readouterr().err
    assert "000000020" in said
    assert said.endswith("training resumes from the checkpoint before it\n")


def test_without_any_whole_one(tmp_path):
    with pytest.raises(CheckpointError, match="no checkpoint to resume from"):
        Checkpoints(tmp_path).newest()
    checkpoints = saved(tmp_path, 1)
    (checkpoints.paths()[0] / "arrays.npz").write_bytes(b"")
    with pytest.raises(CheckpointError, match="recorded hash"):
        checkpoints.newest()


def test_a_full_disk_leaves_the_earlier_ones_whole(tmp_path):
    checkpoints = saved(tmp_path, 2)
    with no_room(), pytest.raises(OSError, match="File too large"):
        checkpoints.save(99, {"a": np.zeros(100_000)}, {})
    assert [path.name for path in checkpoints.folder.iterdir()] == ["000000000", "000000010"]
    assert checkpoints.newest()[2]["epoch"] == 1


#: All of its training's state is compared.
CONFIG = small_config(dropout=0.3, weighting="dwa", keep_checkpoints=True)


@pytest.fixture(scope="module")
def whole(narrow, prepared, tmp_path_factory):
    """The run of two epochs of three steps that nobody disturbed."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    Trainer(CONFIG, prepared, folder).fit(progress=False)
    return folder


def assert_same_state(whole, cut):
    arrays = [Checkpoints(run).newest()[1] for run in (whole, cut)]
    for name, array in arrays[0].items():
        np.testing.assert_array_equal(array, arrays[1][name], err_msg=name)


@pytest.mark.slow
def test_a_full_disk_stops_the_run_which_goes_on_when_there_is_room(whole, prepared, tmp_path):
    trainer = Trainer(CONFIG, prepared, tmp_path / "cut")
    save, saves = trainer._save, []

    def save_without_room(figures):
        saves.append(1)
        with no_room(1 << 20) if len(saves) == 2 else contextlib.nullcontext():
            save(figures)

    trainer._save = save_without_room
    with pytest.raises(TrainingError, match=r"cannot be written \(File too large\).*000000006"):
        trainer.fit(progress=False)
    Trainer(CONFIG, prepared, tmp_path / "cut", resume=True).fit(progress=False)
    assert_same_state(whole, tmp_path / "cut")


def test_a_full_disk_at_a_stop_is_told_as_well(prepared, tmp_path):
    trainer = Trainer(small_config(epochs=1), prepared, tmp_path / "run")
    save_last = trainer._save_last

    def without_room(log):
        with no_room(1 << 20):
            save_last(log)

    trainer._save_last = without_room
    trainer.stopping.ask(15)
    with pytest.raises(TrainingError, match=r"cannot be written .*checkpoint is none yet: make"):
        trainer.fit(progress=False)


def test_one_process_at_a_time(tmp_path):
    held = lock(tmp_path)
    with pytest.raises(TrainingError, match="another process is training this run"):
        lock(tmp_path)
    held.release()
    lock(tmp_path).release()


def test_what_a_killed_process_left_half_written_is_finished_or_removed(tmp_path, monkeypatch):
    """Killed between the two renames that replace a folder, and in the middle of writing one."""

    def write(name, text):
        with atomic_path(tmp_path / name) as temporary:
            temporary.mkdir()
            (temporary / "text").write_text(text)
            if text == "half":
                raise Killed

    write("best", "old")
    monkeypatch.setattr(shutil, "rmtree", lambda *args, **kwargs: None)  # the dead do not tidy
    with pytest.raises(Killed):
        write("other", "half")
    kill_at_renaming(monkeypatch, "best")
    with pytest.raises(Killed):
        write("best", "new")
    assert not (tmp_path / "best").exists()
    monkeypatch.undo()
    (tmp_path / ".somebody.elses" / "things").mkdir(parents=True)
    lock(tmp_path).release()
    assert sorted(p.name for p in tmp_path.iterdir()) == [".lock", ".somebody.elses", "best"]
    assert (tmp_path / "best" / "text").read_text() == "new"


@pytest.mark.slow
@pytest.mark.stacks
@pytest.mark.parametrize("moment", ["step", "evaluation", "between"])
def test_a_run_that_is_stopped_goes_on_as_if_it_had_not_been(
    moment, whole, prepared, tmp_path, monkeypatch
):
    trainer = Trainer(CONFIG, prepared, tmp_path / "cut")
    step, evaluate, flush = trainer.step.__class__.__call__, trainer.evaluate, []

    def stop_in_step(self, batch):
        if int(self.iteration) == 4:
            trainer.stopping.ask(15)  # heard once the step is done
        return step(self, batch)

    def stop_in_evaluation():
        if trainer.epoch == 1:
            trainer.stopping.ask(15)
        return evaluate()

    if moment == "step":
        monkeypatch.setattr(trainer.step.__class__, "__call__", stop_in_step)
    elif moment == "evaluation":
        monkeypatch.setattr(trainer, "evaluate", stop_in_evaluation)
    else:
        monkeypatch.setattr(module, "SECONDS_BETWEEN_CHECKPOINTS", 0.0)
        save = trainer._save_last

        def stop_in_save(log=None):
            save(log)
            flush.append(1)
            if len(flush) == 2:
                trainer.stopping.ask(15)

        monkeypatch.setattr(trainer, "_save_last", stop_in_save)
    with pytest.raises(StoppedError):
        trainer.fit(progress=False)
    monkeypatch.undo()
    done = {"step": (1, 2), "evaluation": (1, 3), "between": (0, 2)}[moment]
    resumed = Trainer(CONFIG, prepared, tmp_path / "cut", resume=True)
    assert (resumed.epoch, resumed.step_in_epoch) == done
    resumed.fit(progress=False)
    for name in ("steps.csv", "metrics.csv"):
        assert (tmp_path / "cut" / name).read_text() == (whole / name).read_text(), name
    assert_same_state(whole, tmp_path / "cut")
    shutil.rmtree(tmp_path / "cut")
