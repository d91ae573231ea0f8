"""Timing of alternatives by turns, so that a slow minute of the machine hits all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from cari_keras.arrays import Array


def timed(action: Callable[[], Any]) -> float:
    """Seconds that an action takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def in_turns(sides: Mapping[str, Callable[[], float]], turns: int) -> dict[str, Array]:
    """Seconds of each side in each turn, float64 [turns]; the order alternates.

    Args:
        sides: Name -> a function that does one piece of work and returns its seconds.
        turns: How many turns there are.
    """
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(turns):
        for name in list(sides)[:: 1 if turn % 2 == 0 else -1]:
            taken[name].append(sides[name]())
    return {name: np.array(values) for name, values in taken.items()}
