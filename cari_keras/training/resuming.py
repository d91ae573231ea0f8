"""Where a run goes on: what its newest checkpoint says, and what of it goes into the step."""

from __future__ import annotations

import shlex
from typing import Any, NamedTuple

from cari_keras.arrays import Array
from cari_keras.data.prepared import Prepared
from cari_keras.errors import CheckpointError
from cari_keras.model.checkpoints import as_arrays, assign
from cari_keras.model.network import named_weights
from cari_keras.training.runfolder import FINISHED, Checkpoints, check_same_data, describe_data
from cari_keras.training.step import TrainStep


class Place(NamedTuple):
    """How far a run has come.

    Attributes:
        epoch: How many epochs are done.
        step_in_epoch: How many steps of the next one.
        best: The best validation score; -1 before the first.
        finished: Whether the run is over and its checkpoint has weights alone.
    """

    epoch: int = 0
    step_in_epoch: int = 0
    best: float = -1.0
    finished: bool = False

    def meta(self, prepared: Prepared) -> dict[str, Any]:
        """What a checkpoint says of itself, for `restore`."""
        place = {"epoch": self.epoch, "step_in_epoch": self.step_in_epoch, "best": self.best}
        return {**place, "data": describe_data(prepared)}


def restore(checkpoints: Checkpoints, prepared: Prepared, step: TrainStep, epochs: int) -> Place:
    """Gives a step the newest checkpoint's state.

    Args:
        checkpoints: The run's.
        prepared: The data that the run goes on with.
        step: The step, of the run's settings. Of a finished run it gets the last weights.
        epochs: How many epochs the run is to have.

    Raises:
        CheckpointError: No checkpoint is whole, or none fits; or the run finished without
            `keep_checkpoints`, after fewer epochs.
        DatasetError: The data is not what the run was begun with.
    """
    path, arrays, meta = checkpoints.newest()
    run = checkpoints.folder.parent
    check_same_data(run, prepared, meta.get("data"))
    finished = bool(meta.get(FINISHED))
    if not finished:
        assign(step.state(), arrays, str(path))
    elif meta["epoch"] < epochs:
        raise CheckpointError(
            f"{run} finished after {meta['epoch']} epochs, and only --keep-checkpoints "
            "keeps the state that further training needs; begin another run with "
            f"--pretrained {shlex.quote(str(run))}"
        )
    else:
        assign(named_weights(step.network), arrays, str(path))
        if step.average is not None:
            assign(step.average.shadows, arrays, str(path))
    return Place(meta["epoch"], meta["step_in_epoch"], meta["best"], finished)


def judged_weights(step: TrainStep) -> dict[str, Array]:
    """A step's averaged weights by `layer/weight`, or its weights where none are averaged."""
    return as_arrays(step.average.values() if step.average else named_weights(step.network))
