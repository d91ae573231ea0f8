"""What the replicas of one training step share (`tf.distribute`): sums and rows of all of them.

To be called where `tf.distribute.Strategy.run` has put a function. Everywhere else there is one
replica, and each function gives back what it is given.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def count() -> int:
    """How many replicas run this function, on all workers together."""
    context = tf.distribute.get_replica_context()
    return 1 if context is None else int(context.num_replicas_in_sync)


def all_sum(values: Any) -> Any:
    """The sum over all replicas of a tensor, or of each of a list; the same on every one.

    A list's tensors are of one dtype.

    Its gradient is the sum of the replicas' gradients: what a replica's tape differentiates counts
    as its part of a sum over the replicas, so a loss that all hold in full is to be divided by
    their number.
    """
    if count() == 1:
        return values
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, values)


def all_rows(rows: tf.Tensor) -> tf.Tensor:
    """The rows of all replicas, [N, ...] from [n, ...] on each of N / n; differentiable."""
    replicas = count()
    if replicas == 1:
        return rows
    own, size = position(), tf.shape(rows)[0]
    around = [[own * size, (replicas - 1 - own) * size]] + [[0, 0]] * (rows.shape.rank - 1)
    return all_sum(tf.pad(rows, around))


def own_rows(rows: tf.Tensor) -> tf.Tensor:
    """This replica's of the rows of all, [n, ...] from [N, ...]: the inverse of `all_rows`."""
    return rows if count() == 1 else _part(rows, position(), count())


def local_rows(rows: tf.Tensor) -> tf.Tensor:
    """This replica's of the rows of its worker, [n, ...] from [n x replicas of the worker, ...]."""
    return _part(rows, position() % _of_worker(), _of_worker())


def first_of_worker() -> bool:
    """Whether this replica is the one that changes what its worker's replicas have in common."""
    return position() % _of_worker() == 0


def position() -> int:
    """This replica's number among all."""
    context = tf.distribute.get_replica_context()
    return int(tf.get_static_value(context.replica_id_in_sync_group))


def _part(rows: tf.Tensor, own: int, parts: int) -> tf.Tensor:
    """The part of that number of some rows that are cut into equal parts."""
    size = tf.shape(rows)[0] // parts
    return rows[own * size : (own + 1) * size]


def _of_worker() -> int:
    """How many replicas this worker has; their numbers follow each other."""
    return len(tf.distribute.get_strategy().extended.worker_devices)
