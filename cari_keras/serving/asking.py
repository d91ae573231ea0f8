"""A network's endpoints, asked in batches."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from cari_keras.arrays import Array
from cari_keras.errors import ConfigError
from cari_keras.process import check_not_forked
from cari_keras.runtime import eagerly
from cari_keras.serving.lacking import why_lacking
from cari_keras.serving.rows import checked_rows

#: Images that are answered at once, each by all of its views.
BATCH = 16

#: (branch, endpoint) -> the function.
Endpoints = dict[tuple[str, str], Callable[..., dict[str, tf.Tensor]]]


class Asker:
    """Asks endpoints.

    Args:
        endpoints: They.
        lacks: What kept the network from having thresholds, see `FaceModel`.

    Attributes:
        branches: Which of `verification`, `caricature`, `photo` there are.
    """

    def __init__(self, endpoints: Endpoints, lacks: str) -> None:
        self.endpoints, self.lacks = endpoints, lacks
        self.branches = tuple(dict.fromkeys(branch for branch, _ in endpoints))

    @eagerly()
    def __call__(self, branch: str, endpoint: str, **inputs: Array) -> dict[str, Array]:
        """What an endpoint answers to inputs of n rows each, n from 1: arrays of n rows.

        Raises:
            ConfigError: There is no such endpoint, or this process was forked.
            ImageError: The endpoint refused an image; with its row.
        """
        check_not_forked()
        self.check(branch, endpoint)
        function = self.endpoints[branch, endpoint]
        count = len(next(iter(inputs.values())))
        found: list[dict[str, Array]] = []
        for start in range(0, count, BATCH):
            rows = {n: tf.constant(v[start : start + BATCH]) for n, v in inputs.items()}
            found.append({name: value.numpy() for name, value in function(**rows).items()})
        return checked_rows(
            {name: np.concatenate([part[name] for part in found]) for name in found[0]}
        )

    def check(self, branch: str, endpoint: str = "serving_default") -> None:
        """Raises ConfigError where there is no such endpoint, before any image is looked at."""
        if (branch, endpoint) in self.endpoints:
            return
        there = [name for of, name in self.endpoints if of == branch]
        raise ConfigError(why_lacking(branch, endpoint, self.branches, there, self.lacks))
