"""What a step of each strategy costs, relative to equal weights."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from cari_keras.comparison.plan import REFERENCE
from cari_keras.comparison.timing import in_turns, timed
from cari_keras.config import Config
from cari_keras.data.base import Batch
from cari_keras.files import write_json
from cari_keras.history import StepValues
from cari_keras.model.network import split_at
from cari_keras.progress import Progress
from cari_keras.runtime import in_order
from cari_keras.training.build import build_step, build_trainable

#: Turns to time, at least and at most; between these, as many as fit into so many seconds.
TURNS, SECONDS = (5, 20), 20.0


class Cost(NamedTuple):
    """A strategy's step.

    Attributes:
        seconds: Median over the turns.
        ratio: Median over the turns of its time by that of `equal` in the same turn.
    """

    seconds: float
    ratio: float


def measure_costs(
    config: Config, strategies: Sequence[str], num_identities: int
) -> Iterator[tuple[str, Cost]]:
    """Times steps, both gradients and all updates, on one batch in memory.

    Each strategy takes turns with `equal` alone, so that two networks are in memory at most.
    Nothing is read from disk, so ratios are at their largest. Where all epochs of the settings are
    frozen, a step is one on stored outputs; else it is one of the whole network.

    Args:
        config: The settings that the strategies share.
        strategies: Names of `cari_keras.training.strategies`.
        num_identities: K.

    Yields:
        Each strategy with its cost, as soon as it is measured.
    """
    if config.training.frozen_epochs < config.training.epochs:
        config = config.with_values({"frozen_epochs": 0})
    reference = _action(config, REFERENCE, num_identities)
    for name in strategies:
        sides = {REFERENCE: reference}
        if name != REFERENCE:
            sides[name] = _action(config, name, num_identities)
        together = sum(side() for side in sides.values())
        taken = in_turns(sides, int(np.clip(SECONDS / together, *TURNS)))
        seconds = float(np.median(taken[name]))
        yield name, Cost(seconds, float(np.median(taken[name] / taken[REFERENCE])))


def kept_costs(
    path: Path,
    config: Config,
    strategies: Sequence[str],
    num_identities: int,
    *,
    progress: bool = False,
) -> dict[str, Cost]:
    """`measure_costs` as the runs ran; what a file does not hold yet is measured and added to it.

    Of `equal` in any case. `single` has none: it leaves two branches out, and is no way to train
    the same network.

    Args:
        path: The file.
        config: See `measure_costs`.
        strategies: See `measure_costs`.
        num_identities: See `measure_costs`.
        progress: Show how many strategies are measured.
    """
    kept: dict[str, Cost] = {}
    if path.is_file():
        found = json.loads(path.read_text(encoding="utf-8"))
        kept = {name: Cost(*values) for name, values in found.items()}
    asked = [name for name in dict.fromkeys((REFERENCE, *strategies)) if name != "single"]
    if missing := [name for name in asked if name not in kept]:
        as_trained = in_order() if config.training.repeatable else contextlib.nullcontext()
        bar = Progress(len(missing), "costs of a step", unit="strategy", shown=progress)
        with as_trained, bar:
            for name, cost in measure_costs(config, missing, num_identities):
                kept[name] = cost
                bar.update()
                with contextlib.suppress(OSError):  # then they are measured again
                    write_json(path, kept)
    return {name: kept[name] for name in asked}


def _action(config: Config, name: str, num_identities: int) -> Callable[[], float]:
    """A function that takes a step of a strategy and returns its seconds; it is traced already."""
    own = config.with_values({"weighting": name})
    model = build_trainable(own, num_identities)
    step = build_step(own, model, num_identities)
    batch = random_batch(config, num_identities)
    take = step
    if own.training.frozen_epochs:
        images = split_at(model, own.training.stored_stages)[0](batch.images, training=False)
        take, batch = step.update_branches, batch._replace(images=tf.cast(images, tf.float32))
    for _ in range(2):  # the first traces
        _run(take, batch)
    return partial(timed, partial(_run, take, batch))


def _run(step: Callable[[Batch], StepValues], batch: Batch) -> StepValues:
    return step(batch).numbers()


def random_batch(config: Config, num_identities: int) -> Batch:
    """A batch of noise of the configuration's size, half photographs and half caricatures."""
    n, size = config.data.batch_size, config.data.image_size
    rng = np.random.default_rng(config.training.seed)
    return Batch(
        tf.constant(rng.standard_normal((n, size, size, 3), dtype=np.float32)),
        tf.constant(rng.integers(0, num_identities, n, dtype=np.int32)),
        tf.constant(np.arange(n) % 2 == 1),
    )
