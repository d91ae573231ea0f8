"""What a step of each strategy costs, relative to equal weights."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Sequence
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
from cari_keras.runtime import in_order
from cari_keras.training.build import build_step, build_trainable


class Cost(NamedTuple):
    """A strategy's step.

    Attributes:
        seconds: Median over the turns.
        ratio: Median over the turns of its time by that of `equal` in the same turn.
    """

    seconds: float
    ratio: float


def measure_costs(
    config: Config, strategies: Sequence[str], num_identities: int, *, turns: int = 20
) -> dict[str, Cost]:
    """Times whole steps, both gradients and all updates, on one batch in memory.

    `equal` is measured in any case; `single`, which leaves two branches out, is not a way to train
    the same network and is passed over. Nothing is read from disk, so ratios are at their largest.

    Args:
        config: The settings that the strategies share.
        strategies: Names of `cari_keras.training.strategies`.
        num_identities: K.
        turns: How many steps of each are timed.
    """
    batch = random_batch(config, num_identities)
    sides: dict[str, Callable[[], float]] = {}
    for name in dict.fromkeys((REFERENCE, *strategies)):
        if name == "single":
            continue
        own = config.with_values({"weighting": name, "frozen_epochs": 0})
        step = build_step(own, build_trainable(own, num_identities), num_identities)
        for _ in range(2):  # the first traces
            _run(step, batch)
        sides[name] = partial(timed, partial(_run, step, batch))
    taken = in_turns(sides, turns)
    return {
        name: Cost(float(np.median(values)), float(np.median(values / taken[REFERENCE])))
        for name, values in taken.items()
    }


def kept_costs(
    path: Path, config: Config, strategies: Sequence[str], num_identities: int
) -> dict[str, Cost]:
    """`measure_costs` as the runs ran; from a file where it holds all of the strategies."""
    if path.is_file():
        kept = json.loads(path.read_text(encoding="utf-8"))
        if set(strategies) - {"single"} <= set(kept):
            return {name: Cost(*values) for name, values in kept.items()}
    with in_order() if config.training.repeatable else contextlib.nullcontext():
        costs = measure_costs(config, strategies, num_identities)
    with contextlib.suppress(OSError):  # then they are measured again
        write_json(path, costs)
    return costs


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
