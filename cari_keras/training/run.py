"""A run from what was asked for to its end: what cari-train and `cari_keras.train` do."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

from cari_keras.asked import Asked
from cari_keras.config import Config
from cari_keras.errors import ConfigError, StoppedError
from cari_keras.process import check_not_forked
from cari_keras.saved import CONFIG, changes, read_config
from cari_keras.training.stopping import set_handlers, stop_handlers
from cari_keras.vocabulary import FACENET, modalities_of
from cari_keras.wording import counted

if TYPE_CHECKING:
    from cari_keras.data.base import Dataset
    from cari_keras.data.prepared import Prepared
    from cari_keras.training.cluster import Cluster
    from cari_keras.training.trainer import Trainer

#: Of all epochs together; shorter runs are warned of.
FEW_STEPS = 48


class Caller:
    """Whoever asks for a run: what is said to them on its way, in which words they go on.

    Attributes:
        output: What they call the setting `output`.
        progress: Whether to show progress bars.
        workers: Processes that prepare images, where the settings do not say; None: as many as
            there are cores.
    """

    output: str
    progress: bool
    workers: Optional[int] = None

    _heard = True

    def say(self, line: str) -> None:
        """Takes a line about the run: what was found, what will be trained, where."""
        raise NotImplementedError

    def tell(self, line: str) -> None:
        """Says a line, unless hushed."""
        if self._heard:
            self.say(line)

    def hush(self) -> None:
        """Of a worker that is not the first: it says nothing, since all would say the same."""
        self._heard = self.progress = False

    def resume(self, run: Path) -> str:
        """How they go on with a run."""
        raise NotImplementedError

    def longer(self, run: Path, config: Config, epochs: int) -> str:
        """How they train some epochs more, from a run's weights; see `asked.longer`."""
        raise NotImplementedError

    def stopped(self, run: Path, error: StoppedError, *, alone: bool) -> None:
        """Hears that a signal stopped the run; `alone`: whether no other workers train it."""

    def trained(
        self, config: Config, prepared: Prepared, run: Path, rows: Sequence[dict[str, Any]]
    ) -> None:
        """Takes the rows of metrics.csv in the end; of several workers, the first one alone."""


def train_run(asked: Asked, caller: Caller) -> None:
    """Trains a run, or goes on with it.

    Args:
        asked: What is to be trained.
        caller: Who asks for it.

    Raises:
        ConfigError: The run was begun with other settings, or settings do not fit the dataset, or
            the run is to be repeatable and TensorFlow has been used in this process; or the process
            was forked from one that uses TensorFlow.
        DatasetError: The dataset is missing, or there is too little of it.
        CheckpointError: The run is damaged.
        PretrainedError: The weights to start from are missing or do not fit.
        TrainingError: Another process trains the run, a loss is not finite, or a checkpoint cannot
            be written.
        StoppedError: A signal came; everything is saved.
    """
    from cari_keras.align.before import faces_of, load_faces
    from cari_keras.training.recipe import as_begun, check_never_seen, describe, fit

    config, run, given = asked
    saved = read_config(run) if (run / CONFIG).exists() else None
    if saved:
        config = as_begun(config, saved, given)
        _refuse_changes(run, saved, config, caller)
    dataset = load_faces(
        config,
        renew=not saved,
        training=True,
        workers=config.training.workers,
        progress=caller.progress,
    )
    if (faces := faces_of(config)) is not None:
        caller.tell(f"faces of {config.data.data_dir}: {faces} (contact_sheet.png shows them)")
    told: Sequence[str] = ()
    if not saved:
        check_never_seen(config, dataset)
        fitted = fit(config, dataset, given)
        config, told = fitted.config, describe(fitted, dataset)
    for kind, count in dataset.report.items():
        caller.tell(f"{dataset.name}: {counted(count, kind)}")
    for line in told:
        caller.tell(line)

    # TensorFlow is loaded only now, so that mistakes in settings and datasets are told at once.
    from cari_keras.runtime import eagerly, in_order, load_tensorflow

    load_tensorflow()
    check_not_forked()
    from cari_keras.training.cluster import several_devices, start
    from cari_keras.training.strategies import check_strategy

    check_strategy(config.training)

    distribute = config.training.distribute
    # Replicas of one process wait for each other, which operations in one order cannot.
    ordered = config.training.repeatable and not several_devices(distribute)
    with eagerly(), in_order() if ordered else contextlib.nullcontext():
        cluster = start(distribute)
        if not cluster.is_chief:
            caller.hush()
        elif config.model.pretrained == FACENET and not saved:
            from cari_keras.model.pretrained import import_facenet

            import_facenet(progress=caller.progress)  # before any picture is prepared
        prepared = _prepare(dataset, config, cluster, caller)
        if not saved:
            config = _fit_prepared(config, prepared, given, caller)
        _train_on(dataset, prepared, config, run, cluster, caller, resume=bool(saved))


def _refuse_changes(run: Path, saved: Config, asked: Config, caller: Caller) -> None:
    """Raises ConfigError where a run would go on with other settings than it was begun with."""
    changed = changes(saved, asked)
    if not changed:
        return
    more, epochs = "", asked.training.epochs
    if epochs != saved.training.epochs:
        longer = caller.longer(run, saved, epochs)
        more = f"; to train {epochs} epochs more from its weights: {longer}"
    raise ConfigError(
        f"{run} was begun with other settings ({changed}); choose another "
        f"{caller.output}, or continue with {caller.resume(run)} alone{more}"
    )


def _prepare(dataset: Dataset, config: Config, cluster: Cluster, caller: Caller) -> Prepared:
    """Prepares the dataset; the first worker before the others, who may share its disk."""
    from cari_keras.data.prepare import prepare

    if not cluster.is_chief:
        cluster.wait()
    prepared = prepare(
        dataset,
        config.data.prepared_size,
        cache_dir=config.data.cache_dir,
        workers=config.training.workers or caller.workers,
        progress=caller.progress,
    )
    if cluster.is_chief:
        cluster.wait()
    return prepared


def _fit_prepared(
    config: Config, prepared: Prepared, given: Collection[str], caller: Caller
) -> Config:
    """Batches of no more images than can be read."""
    from cari_keras.training.recipe import fit_readable

    images = prepared.count("train", modalities_of(config.training.tasks))
    fewer = fit_readable(config, images, given)
    if fewer != config:
        caller.tell(
            f"{prepared.name}: training uses batches of {images}, since no more images can be read"
        )
    return fewer


def _train_on(
    dataset: Dataset,
    prepared: Prepared,
    config: Config,
    run: Path,
    cluster: Cluster,
    caller: Caller,
    *,
    resume: bool,
) -> None:
    from cari_keras.data.sheet import contact_sheet
    from cari_keras.images.encode import write_png
    from cari_keras.training.trainer import Trainer

    for line in prepared.skipped:
        caller.tell(f"skipped: {line}")
    for split, counts in prepared.counts.items():
        found = ", ".join(counted(count, f"{modality}s") for modality, count in counts.items())
        pairs = len(prepared.pairs.get(split, ()))
        compared = f"; {counted(pairs, 'pairs')}" if pairs else ""
        caller.tell(f"{dataset.name}: {split}: {found}{compared}")

    progress = caller.progress
    trainer = Trainer(config, prepared, run, resume=resume, cluster=cluster, progress=progress)
    caller.tell(f"run folder: {run}")
    if trainer.started_from:
        caller.tell(trainer.started_from)
    epochs = config.training.epochs
    if trainer.epoch >= epochs:
        again = caller.longer(run, config, epochs)
        caller.tell(
            f"{run} is finished, after all of its {epochs} epochs; to train it further: {again}"
        )
    elif (steps := epochs * trainer.steps) < FEW_STEPS:
        caller.tell(
            f"note: {counted(steps, 'steps')} are too few to learn from; raise --epochs, "
            "or lower --batch-size"
        )
    sheet = run / "figures" / "contact_sheet.png"
    if cluster.is_chief and not sheet.exists():
        write_png(contact_sheet(dataset), sheet)
    with _stopped_by_signals(trainer):
        try:
            rows = trainer.fit(progress=progress)
        except StoppedError as error:
            caller.stopped(run, error, alone=cluster.workers == 1)
            cluster.wait()
            raise
    if cluster.is_chief:
        caller.trained(config, prepared, run, rows)
    cluster.wait()  # A worker that left early would be missed, loudly, by the others.


@contextlib.contextmanager
def _stopped_by_signals(trainer: Trainer) -> Iterator[None]:
    """SIGTERM, Ctrl-C and a closed terminal save the run first; the second Ctrl-C does not wait.

    Only where Python lets signals be handled, which is the main thread; elsewhere they do what
    they did.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, _: object) -> None:
        if number != signal.SIGHUP:  # which a closed terminal sends twice
            signal.signal(number, before[number])
        trainer.stopping.ask(number)

    before = stop_handlers()
    set_handlers(dict.fromkeys(before, stop))
    try:
        yield
    finally:
        set_handlers(before)
