"""A run's folder: who may write in it, and its last checkpoints."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Optional

from filelock import BaseFileLock, Timeout

from cari_keras.arrays import Array
from cari_keras.config import Config
from cari_keras.data.prepared import Prepared
from cari_keras.errors import CheckpointError, ConfigError, DatasetError, TrainingError
from cari_keras.files import finish_writes, lock_file, write_json, write_text
from cari_keras.model.checkpoints import load_checkpoint, save_checkpoint
from cari_keras.saved import CONFIG, IDENTITIES, SHARED_OUTPUTS, read_identities

FOLDER, LOCK = "checkpoints", ".lock"

#: How many of the last checkpoints are kept, beside the best, while a run is trained.
KEEP = 3

#: Set in a checkpoint that has the weights alone: nothing goes on from there, see
#: `Checkpoints.finish`.
FINISHED = "finished"


def claim(run: Path, *, resume: bool) -> BaseFileLock:
    """Locks a run's folder, for a new run or to go on with the one that is there.

    Raises:
        CheckpointError: There is no run to go on with.
        ConfigError: There is one already.
        TrainingError: Another process trains this run.
    """
    begun = (run / CONFIG).exists()
    if resume and not begun:
        raise CheckpointError(f"{run}: no run to resume; name the folder of a run")
    if begun and not resume:
        raise ConfigError(f"{run} already holds a run; choose another --output")
    return lock(run)


def lock(run: Path) -> BaseFileLock:
    """Makes a run's folder this process's own, until the lock is released.

    The lock goes with the process, also when that is killed. What such a process left half written
    is finished or removed.

    Raises:
        TrainingError: Another process trains this run.
        OSError: Its file system keeps no locks.
    """
    run.mkdir(parents=True, exist_ok=True)
    try:
        found = lock_file(run / LOCK, wait=False)
    except Timeout as error:
        raise TrainingError(f"{run}: another process is training this run") from error
    for folder in (run, run / FOLDER, run / SHARED_OUTPUTS):
        finish_writes(folder)
    return found


def write_settings(run: Path, config: Config, prepared: Prepared) -> None:
    """Writes what a run is of; one that goes on may have found its dataset in another place."""
    write_json(run / IDENTITIES, list(prepared.identities))
    write_json(run / CONFIG, config.to_dict())
    if prepared.skipped:
        write_text(run / "skipped.txt", "\n".join(prepared.skipped) + "\n")


def describe_data(prepared: Prepared) -> str:
    """What labels, and numbers of steps, depend on, for checkpoints."""
    found: list[Any] = [prepared.identities, prepared.counts.get("train")]
    if prepared.aligned:
        found += [prepared.image_size, prepared.aligned]
    text = json.dumps(found, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def check_same_data(run: Path, prepared: Prepared, described: Optional[str]) -> None:
    """Whether a run goes on with the data that it was begun with.

    Args:
        run: The run's folder.
        prepared: The data now.
        described: `describe_data` of then; None in checkpoints of versions before it.

    Raises:
        DatasetError: The people, or the number of their training images, are others.
    """
    people = prepared.identities
    if (run / IDENTITIES).is_file():
        people = read_identities(run)
    if people != prepared.identities or described not in (None, describe_data(prepared)):
        raise DatasetError(
            f"{prepared.name}: its people, the number of their training images, or the "
            f"way cari-align cut them out has changed since {run} was begun; restore the "
            "dataset, or choose another --output"
        )


class Checkpoints:
    """The last checkpoints of a run, named by their iteration.

    Args:
        run: The run's folder.
    """

    def __init__(self, run: Path) -> None:
        self.folder = run / FOLDER

    def save(self, iteration: int, arrays: Mapping[str, Array], meta: Mapping[str, Any]) -> None:
        """Writes a checkpoint, and removes all but the last `KEEP`.

        Raises:
            OSError: It cannot be written; the earlier ones are as they were.
        """
        save_checkpoint(self.folder / f"{iteration:09d}", arrays, meta)
        self.keep(KEEP)

    def keep(self, count: int) -> None:
        """Removes all but the last ones."""
        for old in self.paths()[:-count]:
            shutil.rmtree(old, ignore_errors=True)

    def finish(self, iteration: int, weights: Mapping[str, Array], meta: Mapping[str, Any]) -> None:
        """Leaves of a finished run's newest checkpoint its last weights alone.

        Optimizers, teacher, class centers and the weights beneath the moving average are for the
        next step, and there is none. A process that is killed on the way leaves the checkpoint
        whole, as it was or as it will be.

        Args:
            iteration: That of the newest checkpoint, which is replaced.
            weights: By `layer/weight`, as in `best/`.
            meta: The newest checkpoint's.

        Raises:
            OSError: It cannot be written; the newest checkpoint is as it was.
        """
        save_checkpoint(self.folder / f"{iteration:09d}", weights, {**meta, FINISHED: True})

    @contextlib.contextmanager
    def telling_of_a_full_disk(self) -> Iterator[None]:
        """Turns a write that fails within the block into a TrainingError that says what is left."""
        try:
            yield
        except BrokenPipeError:  # whoever read what is printed has seen enough
            raise
        except OSError as error:
            raise TrainingError(
                f"{error.filename or self.folder.parent}: cannot be written "
                f"({error.strerror}); the last good checkpoint is {self.last()}: make "
                f"room, then continue with --resume {shlex.quote(str(self.folder.parent))}"
            ) from error

    def paths(self) -> list[Path]:
        """The checkpoints' folders, the newest last."""
        return sorted(path for path in self.folder.glob("[0-9]*") if path.is_dir())

    def are_there(self) -> bool:
        """Whether there is one to go on from.

        Raises:
            CheckpointError: There is none and the run has been validated: it was not just begun,
                and beginning again would write over it.
        """
        run, found = self.folder.parent, bool(self.paths())
        if not found and (run / "best").is_dir():
            raise CheckpointError(
                f"{self.folder}: no checkpoints to resume from; choose another --output, "
                f"and start from the weights in best/ with --pretrained {run}"
            )
        return found

    def last(self) -> str:
        """The newest one's name for messages, `none yet` where there is none."""
        paths = self.paths()
        return str(paths[-1]) if paths else "none yet"

    def newest(self) -> tuple[Path, dict[str, Array], dict[str, Any]]:
        """The newest checkpoint that is whole; says so on standard error where it is not the last.

        Raises:
            CheckpointError: There is none.
        """
        damaged = None
        for path in reversed(self.paths()):
            if damaged:
                print(f"{damaged}; training resumes from the checkpoint before it", file=sys.stderr)
            try:
                arrays, meta = load_checkpoint(path)
            except CheckpointError as error:
                damaged = error
                continue
            return path, arrays, meta
        raise damaged or CheckpointError(f"{self.folder}: no checkpoint to resume from")
