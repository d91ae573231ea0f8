"""The training loop: the paper's network on a prepared dataset, into a run folder.

A run folder holds config.json, identities.json, steps.csv, metrics.csv, tensorboard/, skipped.txt
where images could not be read, checkpoints/ (the last ones, with everything needed to go on; of a
finished run the last weights alone, unless the settings keep more) and best/ (the network at its
best validation score: averaged weights, heads mixed with class means, where the settings ask for
them).
"""

from __future__ import annotations

import contextlib
import functools
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Optional

import numpy as np

from cari_keras.config import Config
from cari_keras.data.base import Batch
from cari_keras.data.pipeline import training_batches
from cari_keras.data.prepared import Prepared
from cari_keras.errors import StoppedError, TrainingError
from cari_keras.files import cache_place, usable_cache, user_path
from cari_keras.history import StepValues, read_metrics
from cari_keras.model.build import load_pretrained
from cari_keras.model.checkpoints import as_arrays, save_checkpoint
from cari_keras.progress import Progress
from cari_keras.saved import SHARED_OUTPUTS
from cari_keras.training.beginning import begin_heads
from cari_keras.training.build import (
    build_augmentation,
    build_shared_outputs,
    build_step,
    build_trainable,
    describe_inputs,
    steps_of,
    stored_views,
)
from cari_keras.training.cluster import ALONE, Cluster
from cari_keras.training.frozen import SharedOutputs
from cari_keras.training.optimizers import scheduled_rate
from cari_keras.training.resuming import Place, judged_weights, restore
from cari_keras.training.runfolder import Checkpoints, claim, write_settings
from cari_keras.training.runlog import RunLog, describe, postfix
from cari_keras.training.stopping import StopRequest
from cari_keras.training.validation import Validation, is_due
from cari_keras.vocabulary import TASKS, modalities_of

#: Between epochs' ends, a checkpoint is written this often, so that a killed run loses little.
SECONDS_BETWEEN_CHECKPOINTS = 300.0


class Trainer:
    """Trains one run.

    Args:
        config: All settings.
        prepared: The prepared dataset; it needs at least one full batch of training images.
        run: The run folder; made where it does not exist.
        resume: Go on from the run's newest checkpoint that is whole; where there is none yet, from
            the start.
        cluster: The workers that train this run together, each with a trainer of its own. The first
            alone reads and writes the run folder, and evaluates; the others take its state.
        progress: Show how far the work has come that precedes and divides the epochs, too.

    Raises:
        DatasetError: There are fewer training images than one batch holds.
        CheckpointError: There is no run to resume, or it has checkpoints and none is whole, or it
            is to go on and finished without `keep_checkpoints`.
        TrainingError: Another process trains this run, or another worker is gone.
        ConfigError: The run exists already and `resume` is off, or the batches cannot be shared
            evenly.
        PretrainedError: The weights to start from are missing or do not fit.

    Attributes:
        started_from: One line about the trained weights it started from, or empty.
        stopping: Ask it to end `fit` as soon as everything is saved.
    """

    def __init__(
        self,
        config: Config,
        prepared: Prepared,
        run: Path,
        *,
        resume: bool = False,
        cluster: Cluster = ALONE,
        progress: bool = False,
    ) -> None:
        self.config, self.prepared, self.run = config, prepared, user_path(run)
        self.cluster = cluster
        cluster.check_batch_size(config.data.batch_size)
        cluster.check_same(describe_inputs(config, prepared))
        self.modalities = modalities_of(config.training.tasks)
        self.steps = steps_of(config, prepared)
        if cluster.is_chief:
            self._lock = claim(self.run, resume=resume)
        self.stopping = StopRequest()
        self.checkpoints = Checkpoints(self.run)
        self.augmentation = build_augmentation(config, prepared)
        self.model = build_trainable(config, len(prepared.identities))
        # A run that was killed before its first checkpoint begins again.
        resume = resume and cluster.is_chief and self.checkpoints.are_there()
        begins = cluster.is_chief and not resume
        self.started_from = load_pretrained(config, self.model) if begins else ""
        self.shared_outputs = self._shared_outputs(progress)
        if begins:
            frozen = self.shared_outputs is not None
            batches_of = functools.partial(self._batches_of, frozen=frozen)
            check, outputs = self.stopping.check, self.shared_outputs
            begin_heads(config, self.model, prepared, outputs, batches_of, check, progress=progress)
        self.step = build_step(config, self.model, len(prepared.identities), cluster)
        self.validation = Validation(
            config,
            self.model,
            prepared,
            self.modalities,
            self.stopping.check,
            stored_views(config, self.shared_outputs),
        )
        self._next_checkpoint = 0.0
        self._compiled: set[bool] = set()
        place = Place()
        if resume:
            place = restore(self.checkpoints, prepared, self.step, config.training.epochs)
        self.epoch, self.step_in_epoch, self.best, self._tidied = place
        if cluster.is_chief:
            with self.checkpoints.telling_of_a_full_disk():
                write_settings(self.run, config, prepared)
        cluster.share(self.step.state().values())
        self.epoch = int(cluster.of_chief(self.epoch))
        self.step_in_epoch = int(cluster.of_chief(self.step_in_epoch))

    def fit(self, *, progress: bool = True) -> list[dict[str, Any]]:
        """Trains to the end and returns the rows of metrics.csv, one per epoch.

        Raises:
            TrainingError: A loss is not finite, a checkpoint cannot be written, or another worker
                is gone.
            StoppedError: `stopping` was asked; everything is saved.
        """
        epochs, batch_size = self.config.training.epochs, self.config.data.batch_size
        done, chief = self._done(), self.cluster.is_chief
        log: Optional[RunLog] = None
        bar = Progress(
            epochs * self.steps * batch_size,
            f"epoch {min(self.epoch + 1, epochs)}/{epochs}",
            initial=done * batch_size,
            shown=progress,
        )
        self._schedule_checkpoint()
        with self.checkpoints.telling_of_a_full_disk(), contextlib.ExitStack() as at_the_end, bar:
            if chief:
                at_the_end.callback(self._lock.release)
                log = at_the_end.enter_context(
                    contextlib.closing(RunLog(self.run, iteration=done, epoch=self.epoch + 1))
                )
            try:
                while self.epoch < epochs:
                    self._train_epoch(bar, log)
                    # Nothing of the epoch's end is saved before all of it: a run that is stopped
                    # while it looks at the validation images looks at them again.
                    due = chief and is_due(self.config.training, self.epoch + 1)
                    if due:
                        self._save_last(log)
                        bar.note("validating", now=True)
                    metrics = self.evaluate() if due else {}
                    self.step.strategy.after_epoch()
                    self.epoch, self.step_in_epoch = self.epoch + 1, 0
                    if log and due:
                        log.epoch(self.epoch, self.epoch * self.steps, metrics)
                        self._save(metrics)
                        if progress and metrics:
                            bar.write(f"epoch {self.epoch}/{epochs}: {describe(metrics)}")
                self.stopping.check_at_end(self.cluster)
                if self.shared_outputs is not None:
                    self.shared_outputs.delete()
                if chief and not self.config.training.keep_checkpoints:
                    self._tidy()
            except StoppedError as stopped:
                self._save_last(log)
                self.stopping.tell(self.cluster, stopped.signal)
                raise
        return read_metrics(self.run) if chief else []

    def _shared_outputs(self, progress: bool) -> Optional[SharedOutputs]:
        """The stored outputs that the frozen epochs train on; None where there are none."""
        if not self.config.training.frozen_epochs:
            return None
        shared = self.config.training.frozen_dir if self.cluster.is_chief else None
        own = self.run / SHARED_OUTPUTS if self.cluster.is_chief else self._own_folder()
        return build_shared_outputs(
            self.config,
            self.prepared,
            self.model,
            Path(shared) if shared else own,
            shared=bool(shared),
            augmentation=self.augmentation,
            check=self.stopping.check,
            progress=progress,
        )

    def _own_folder(self) -> Path:
        """Where a worker that is not the first keeps its outputs, until it ends."""
        cache = usable_cache(cache_place(self.config.data.cache_dir, "shared"))
        self._temporary = tempfile.TemporaryDirectory(prefix=f"{SHARED_OUTPUTS}-", dir=cache)
        return Path(self._temporary.name) / SHARED_OUTPUTS

    def evaluate(self) -> dict[str, float]:
        """Validation metrics of the averaged weights, or of the weights where none are kept."""
        if self.step.average is None:
            return self.validation()
        with self.step.average.applied():
            return self.validation()

    def _train_epoch(self, bar: Progress, log: Optional[RunLog]) -> None:
        batch_size, training = self.config.data.batch_size, self.config.training
        frozen = self.epoch < training.frozen_epochs
        step = self.step.update_branches if frozen else self.step
        bar.title(f"epoch {self.epoch + 1}/{training.epochs}")
        # Each of the two steps is compiled when it is first taken.
        first = frozen not in self._compiled
        if first:
            bar.note("reading pictures", now=True)
        for batch in self._batches():
            self.stopping.check_together(self.cluster)
            if first:
                bar.note("compiling", now=True)
                self._compiled.add(frozen)
                first = False
            iteration = self._done()
            self._set_learning_rate(iteration)
            with self.cluster.noticing_losses():
                values = step(batch).numbers()
            self._check_finite(values, iteration)
            if log:
                log.step(iteration, values)
            self.step_in_epoch += 1
            bar.note(postfix(values, training.tasks))
            bar.update(batch_size)
            if time.monotonic() > self._next_checkpoint:
                self._save_last(log)

    def _check_finite(self, values: StepValues, iteration: int) -> None:
        if np.isfinite(values.row()).all():
            return
        bad = [task for task, loss in zip(TASKS, values.losses) if not np.isfinite(loss)]
        raise TrainingError(
            f"the loss of {' and '.join(bad) or 'the weights'} is not finite at iteration "
            f"{iteration}; begin a new run with a lower --learning-rate and another "
            "--output"
        )

    def _batches(self) -> Iterable[Batch]:
        """The rest of this epoch's batches."""
        frozen = self.epoch < self.config.training.frozen_epochs
        if self.shared_outputs is not None and not frozen:
            self.shared_outputs.delete()
        return self._batches_of(self.epoch, self.step_in_epoch, self.cluster.part, frozen=frozen)

    def _batches_of(
        self, epoch: int, skip: int = 0, part: tuple[int, int] = (0, 1), *, frozen: bool
    ) -> Iterable[Batch]:
        """A part of an epoch's batches: images, or stored outputs."""
        data = self.config.data
        if frozen and self.shared_outputs is not None:
            return self.shared_outputs.batches(epoch, skip, part)
        return training_batches(
            self.prepared,
            data.batch_size,
            epoch=epoch,
            seed=self.config.training.seed,
            augmentation=self.augmentation,
            modalities=self.modalities,
            image_size=data.image_size,
            skip=skip,
            part=part,
        )

    def _set_learning_rate(self, iteration: int) -> None:
        training = self.config.training
        rate = scheduled_rate(training, self.epoch, iteration, self.steps)
        self.step.theta_optimizer.learning_rate.assign(rate)
        if self.step.shared_optimizer is not None:
            self.step.shared_optimizer.learning_rate.assign(rate * training.shared_rate)

    def _save(self, metrics: Mapping[str, float]) -> None:
        # Some have no value where there are very few people: see `cross_validated_accuracy`.
        known = [value for value in metrics.values() if np.isfinite(value)]
        score = float(np.mean(known)) if known else 0.0
        if not known or score > self.best:
            self.best = score
            meta = {"epoch": self.epoch, "score": score, "metrics": dict(metrics)}
            meta |= {"stored_size": self.prepared.image_size, "aligned": self.prepared.aligned}
            arrays = {**judged_weights(self.step), **self.validation.heads}
            self.validation.keep(save_checkpoint(self.run / "best", arrays, meta))
        self._save_last()

    def _save_last(self, log: Optional[RunLog] = None) -> None:
        """Saves where the run has come to, after the log's rows up to there."""
        if not self.cluster.is_chief or self._tidied:
            return
        if log:
            log.flush()
        self.checkpoints.save(self._done(), as_arrays(self.step.state()), self._meta())
        self._schedule_checkpoint()

    def _tidy(self) -> None:
        """Leaves of the checkpoints what a finished run may still be asked for.

        Whoever is killed on the way does the rest when the run is resumed.
        """
        self.checkpoints.keep(1)  # first, which makes room
        if not self._tidied:
            self.checkpoints.finish(self._done(), judged_weights(self.step), self._meta())
            self._tidied = True

    def _done(self) -> int:
        """How many steps are taken."""
        return self.epoch * self.steps + self.step_in_epoch

    def _meta(self) -> dict[str, Any]:
        return Place(self.epoch, self.step_in_epoch, self.best).meta(self.prepared)

    def _schedule_checkpoint(self) -> None:
        self._next_checkpoint = time.monotonic() + SECONDS_BETWEEN_CHECKPOINTS
