"""Training on several devices or machines: who takes part, and what they agree on.

Every worker holds all variables and makes every update itself, from gradients that were added up
over all replicas. (The variables are made outside the strategy's scope: Keras 2 and Keras 3 then
update them alike, and a checkpoint of one worker is a checkpoint of all.)
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Optional

import tensorflow as tf

from cari_keras import replicas
from cari_keras.data.base import Batch
from cari_keras.errors import ConfigError, TrainingError

#: What TensorFlow raises where another worker is gone, or says of one that has been started anew.
_LOST = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError)
_SAID = ("Collective ops is aborted by", "was probably restarted", "Unexpected heartbeat")


class Cluster:
    """The workers of a job and their replicas.

    Args:
        strategy: Of `tf.distribute`; None for one process with one device.

    Attributes:
        workers: Number of processes W.
        worker: This process's number, 0 to W - 1.
        replicas: Number of devices on all workers together.
    """

    def __init__(self, strategy: Optional[tf.distribute.Strategy] = None) -> None:
        self.strategy = strategy
        self.workers, self.worker, self.replicas = 1, 0, 1
        if strategy is not None:
            self.replicas = int(strategy.num_replicas_in_sync)
            self.workers = self.replicas // len(strategy.extended.worker_devices)
            resolver = strategy.cluster_resolver
            if self.workers > 1 and resolver is not None:
                self.worker = int(resolver.task_id)

    @property
    def is_chief(self) -> bool:
        """Whether this worker writes the checkpoints and logs: it is the first."""
        return self.worker == 0

    def run(self, function: Callable[[Batch], Any], batch: Batch) -> Any:
        """What a function gives that every replica calls with its rows of the worker's batch.

        The function's results must be the same on every replica, as `replicas.all_sum` makes them.
        """
        if self.strategy is None:
            return function(batch)
        return self._on_first(lambda: function(Batch(*map(replicas.local_rows, batch))))

    def check_batch_size(self, batch_size: int) -> None:
        """Raises ConfigError unless the replicas can share batches of that size evenly."""
        if batch_size % self.replicas:
            raise ConfigError(
                f"--batch-size must be a multiple of {self.replicas}, the devices that share each "
                f"batch. Received: {batch_size}"
            )

    @property
    def part(self) -> tuple[int, int]:
        """Which part of every batch is this worker's: (its number, of how many)."""
        return self.worker, self.workers

    def most(self, number: float) -> float:
        """The largest of the workers' numbers; waits for all of them."""
        return max(self._gather(number))

    def of_chief(self, number: float) -> float:
        """The first worker's number; waits for all of them."""
        return self._gather(number)[0]

    def wait(self) -> None:
        """Waits until all workers have come here."""
        self._gather(0.0)

    def check_same(self, text: str) -> None:
        """Raises ConfigError on all workers unless each has the same text, of settings and data."""
        number = int(hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:12], 16)
        if len(set(self._gather(number))) > 1:
            # A worker that leaves breaks the exchanges of the others: first, all have to know.
            with suppress(TrainingError):
                self.wait()
            raise ConfigError(
                "the workers have different settings or images; start all workers with "
                "the same flags, on equal data"
            )

    def share(self, variables: Iterable[Any]) -> None:
        """Gives all workers the first one's values of some variables."""
        kept = list(variables)
        if self.workers == 1:
            return
        # Of one dtype at a time, as exchanges are, and in the same order on all workers.
        dtypes = [tf.as_dtype(v.dtype) for v in kept]
        for dtype in dict.fromkeys(dtypes):
            these = [v for v, own in zip(kept, dtypes) if own == dtype]
            for variable, value in zip(these, self._from_chief(these)):
                variable.assign(value)

    @contextmanager
    def noticing_losses(self) -> Iterator[None]:
        """Raises TrainingError where TensorFlow says that another worker is gone."""
        try:
            yield
        except tf.errors.OpError as error:
            if self.workers == 1 or not (
                isinstance(error, _LOST) or any(said in str(error) for said in _SAID)
            ):
                raise
            raise TrainingError(
                "another worker has ended, and its output says why; start all workers "
                "again with the same commands, and they resume from the last checkpoint"
            ) from None

    def _gather(self, number: float) -> list[float]:
        """Every worker's number."""
        if self.strategy is None or self.workers == 1:
            return [number]
        with self.noticing_losses():
            found = self._gathered(tf.constant([number], tf.float64))
            return [float(x) for x in found.numpy()[:: self.replicas // self.workers]]

    @tf.function
    def _gathered(self, number: tf.Tensor) -> tf.Tensor:
        return self._on_first(lambda: replicas.all_rows(number))

    def _from_chief(self, variables: list[Any]) -> list[tf.Tensor]:
        """The first worker's values of some variables of one dtype."""

        def on_replica() -> Any:
            give = tf.identity if replicas.position() == 0 else tf.zeros_like
            return replicas.all_sum([give(tf.convert_to_tensor(v)) for v in variables])

        with self.noticing_losses():
            return list(tf.function(self._on_first)(on_replica))

    def _on_first(self, function: Callable[[], Any]) -> Any:
        """Lets every replica call a function; gives what this worker's first one returns."""
        assert self.strategy is not None
        strategy = self.strategy
        return tf.nest.map_structure(
            lambda v: strategy.experimental_local_results(v)[0], strategy.run(function)
        )


#: One process with one device.
ALONE = Cluster()


def start(distribute: str) -> Cluster:
    """The cluster that `--distribute` names; to be called before TensorFlow does anything.

    Args:
        distribute: `none`; `mirrored`: all GPUs of this machine, or all its logical CPU devices;
            `multiworker`: the workers that the environment variable TF_CONFIG lists.

    Raises:
        ConfigError: TF_CONFIG is missing or says nothing of workers, or they cannot be joined.
    """
    if distribute == "none":
        return ALONE
    if distribute == "mirrored":
        return Cluster(tf.distribute.MirroredStrategy())
    workers = check_tf_config(os.environ.get("TF_CONFIG", ""))
    print(f"waiting for all {workers} workers of TF_CONFIG", flush=True)
    try:
        return Cluster(tf.distribute.MultiWorkerMirroredStrategy())
    except tf.errors.OpError as error:
        raise ConfigError(
            "the workers of TF_CONFIG cannot be joined; free this worker's port here, "
            f"and start all workers ({str(error).partition(chr(10))[0]})"
        ) from error


def several_devices(distribute: str) -> bool:
    """Whether more than one replica would run in this process."""
    if distribute != "multiworker":
        return distribute == "mirrored"
    return len(tf.config.list_physical_devices("GPU")) > 1


def check_tf_config(text: str) -> int:
    """The number of workers in TF_CONFIG's value.

    Raises:
        ConfigError: It does not name workers alone, or not which of them this one is.
    """
    example = '{"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", "index": 0}}'
    try:
        settings = json.loads(text)
        cluster, task = settings["cluster"], settings["task"]
        workers = cluster["worker"]
        known = isinstance(workers, list) and all(isinstance(worker, str) for worker in workers)
        known &= set(cluster) == {"worker"} and task["type"] == "worker"
        known &= 0 <= int(task["index"]) < len(workers)
    except (ValueError, KeyError, TypeError):
        known = False
    if not known:
        raise ConfigError(
            f"--distribute multiworker reads TF_CONFIG, which must look like {example}. "
            f"Received: {text or 'nothing'}"
        )
    return len(workers)
