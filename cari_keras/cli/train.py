"""cari-train: trains the network on a dataset and reports what it learned."""

from __future__ import annotations

import contextlib
import shlex
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Optional

from cari_keras.cli.again import command, longer_command, tell_next
from cari_keras.cli.flags import (
    add_config_flags,
    asked_config,
    config_values,
    given_path,
    run_program,
    with_flags,
)
from cari_keras.cli.parser import Parser
from cari_keras.cli.train_help import EXAMPLES, MORE
from cari_keras.cli.train_report import can_be_evaluated, report, tell_of_strangers
from cari_keras.config import Config
from cari_keras.errors import ConfigError, StoppedError
from cari_keras.presets import PRESETS
from cari_keras.ranges import parse_fold
from cari_keras.saved import CONFIG, anywhere, changes, read_config
from cari_keras.training.stopping import set_handlers, stop_handlers
from cari_keras.vocabulary import FACENET
from cari_keras.wording import counted

if TYPE_CHECKING:
    from cari_keras.data.base import Dataset
    from cari_keras.data.prepare import Prepared
    from cari_keras.training.cluster import Cluster
    from cari_keras.training.trainer import Trainer


#: Of all epochs together; shorter runs are warned of.
FEW_STEPS = 48


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Entry point of the console script; returns the exit status."""
    return run_program("cari-train", _main, sys.argv[1:] if arguments is None else arguments)


def _main(arguments: Sequence[str]) -> int:
    parser = Parser("cari-train", "Trains the multi-task photo-caricature network.", EXAMPLES, MORE)
    parser.add_argument(
        "--resume", type=given_path, metavar="RUN", help="a run folder to go on with"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    add_config_flags(parser)
    given = parser.parse_args(arguments)
    if given.resume:
        if hasattr(given, "output"):
            raise ConfigError("--resume names the run's folder already; leave --output out")
        run = Path(given.resume)
        saved = read_config(run)
        start = PRESETS[given.preset]() if given.preset else saved
        config = with_flags(start, given)
    else:
        if getattr(given, "distribute", "none") == "multiworker" and not hasattr(given, "output"):
            raise ConfigError(
                "--distribute multiworker needs --output, to go on by the same command"
            )
        config = asked_config(given)
        run = Path(config.training.output or _default_run(config))
    config = anywhere(config)
    if config.data.final and config.data.dataset != "cavi":
        raise ConfigError(f"--final is for cavi alone; leave it out with {config.data.dataset}")
    return _train(config, run, list(config_values(given)), progress=not given.quiet)


def _refuse_changes(run: Path, saved: Config, asked: Config) -> None:
    """Raises ConfigError where a run would go on with other settings than it was begun with."""
    changed = changes(saved, asked)
    if changed:
        raise ConfigError(
            f"{run} was begun with other settings ({changed}); choose another --output, or go on "
            f"with --resume {shlex.quote(str(run))} alone" + _longer(run, saved, asked)
        )


def _longer(run: Path, saved: Config, asked: Config) -> str:
    """How to get the other number of epochs that was asked for, where one was."""
    epochs = asked.training.epochs
    if epochs == saved.training.epochs:
        return ""
    return f"; for {epochs} epochs more, from its weights: {longer_command(run, saved, epochs)}"


def _default_run(config: Config) -> str:
    """By the time; a fold's by its name, so that cari-evaluate finds the ten of them."""
    data = config.data
    if data.dataset == "webcaricature":
        return f"runs/{data.dataset}-{data.protocol}/fold-{data.fold}"
    if data.unseen_fold:
        fold = parse_fold(data.unseen_fold)
        return f"runs/{data.dataset}-unseen-{fold.folds}/fold-{fold.number}"
    return f"runs/{data.dataset}-{time.strftime('%Y%m%d-%H%M%S')}"


def _train(config: Config, run: Path, given: Sequence[str], *, progress: bool) -> int:
    """Trains a run, or goes on with it.

    Args:
        config: The settings.
        run: The run's folder.
        given: Names of the settings that the user gave; a new run's others are fitted to its data.
        progress: Whether to show progress bars.
    """
    from cari_keras.data.registry import load_dataset
    from cari_keras.training.recipe import as_begun, check_never_seen, describe, fit, fit_readable
    from cari_keras.vocabulary import modalities_of

    saved = read_config(run) if (run / CONFIG).exists() else None
    if saved:
        config = as_begun(config, saved, given)
        _refuse_changes(run, saved, config)
    dataset = load_dataset(config)
    told: Sequence[str] = ()
    if not saved:
        check_never_seen(config, dataset)
        fitted = fit(config, dataset, given)
        config, told = fitted.config, describe(fitted, dataset)
    for kind, count in dataset.report.items():
        print(f"{dataset.name}: {counted(count, kind)}")
    for line in told:
        print(line, flush=True)

    # TensorFlow is loaded only now, so that mistakes in flags and datasets are told at once.
    from cari_keras.runtime import in_order, load_tensorflow

    load_tensorflow()
    from cari_keras.training.cluster import several_devices, start
    from cari_keras.training.strategies import check_strategy

    check_strategy(config.training)

    distribute = config.training.distribute
    # Replicas of one process wait for each other, which operations in one order cannot.
    ordered = config.training.repeatable and not several_devices(distribute)
    with in_order() if ordered else contextlib.nullcontext():
        cluster = start(distribute)
        chief = cluster.is_chief
        with contextlib.nullcontext() if chief else contextlib.redirect_stdout(None):
            if chief and config.model.pretrained == FACENET and not saved:
                from cari_keras.model.pretrained import import_facenet

                import_facenet(progress=progress)  # before any picture is prepared
            prepared = _prepare(dataset, config, cluster, progress=progress and chief)
            if not saved:
                images = prepared.count("train", modalities_of(config.training.tasks))
                fewer = fit_readable(config, images, given)
                if fewer != config:
                    print(f"{dataset.name}: batches of {images}, since no more images can be read")
                config = fewer
            return _train_on(
                dataset,
                prepared,
                config,
                run,
                cluster,
                resume=bool(saved),
                progress=progress and chief,
            )


def _train_on(
    dataset: Dataset,
    prepared: Prepared,
    config: Config,
    run: Path,
    cluster: Cluster,
    *,
    resume: bool,
    progress: bool,
) -> int:
    from cari_keras.data.sheet import contact_sheet
    from cari_keras.images.encode import write_png
    from cari_keras.training.trainer import Trainer

    for line in prepared.skipped:
        print(f"skipped: {line}")
    for split, counts in prepared.counts.items():
        found = ", ".join(counted(count, f"{modality}s") for modality, count in counts.items())
        pairs = counted(len(prepared.pairs.get(split, ())), "pairs")
        print(f"{dataset.name}: {split}: {found}; {pairs}")

    trainer = Trainer(config, prepared, run, resume=resume, cluster=cluster, progress=progress)
    print(f"run folder: {run}")
    if trainer.started_from:
        print(trainer.started_from)
    epochs = config.training.epochs
    if trainer.epoch >= epochs:
        again = longer_command(run, config, epochs)
        print(f"{run} is finished: all of its {epochs} epochs are trained; for more: {again}")
    elif (steps := epochs * trainer.steps) < FEW_STEPS:
        print(
            f"note: {counted(steps, 'steps')} are too few to learn from; give more --epochs, or "
            "smaller batches (--batch-size)"
        )
    sheet = run / "figures" / "contact_sheet.png"
    if cluster.is_chief and not sheet.exists():
        write_png(contact_sheet(dataset), sheet)
    with _stopped_by_signals(trainer):
        try:
            rows = trainer.fit(progress=progress)
        except StoppedError as stopped:
            alone = cluster.workers == 1
            again = (
                f"--resume {shlex.quote(str(run))}"
                if alone
                else "the same command, on every worker"
            )
            with contextlib.suppress(OSError):  # to a terminal that is gone
                print(f"cari-train: {stopped}; go on with {again}", file=sys.stderr)
            cluster.wait()
            return 128 + stopped.signal
    if cluster.is_chief:
        report(config, run, rows)
        tell_of_strangers(config, prepared, run, progress=progress)
        what = "evaluate" if can_be_evaluated(config, prepared) else "export"
        tell_next(command(what, run), quiet=not progress)
    cluster.wait()  # A worker that left early would be missed, loudly, by the others.
    return 0


def _prepare(dataset: Dataset, config: Config, cluster: Cluster, *, progress: bool) -> Prepared:
    """Prepares the dataset; the first worker before the others, who may share its disk."""
    from cari_keras.data.prepare import prepare

    if not cluster.is_chief:
        cluster.wait()
    prepared = prepare(
        dataset,
        config.data.prepared_size,
        cache_dir=config.data.cache_dir,
        workers=config.training.workers,
        progress=progress,
    )
    if cluster.is_chief:
        cluster.wait()
    return prepared


@contextlib.contextmanager
def _stopped_by_signals(trainer: Trainer) -> Iterator[None]:
    """SIGTERM, Ctrl-C and a closed terminal save the run first; the second Ctrl-C does not wait."""

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


if __name__ == "__main__":
    sys.exit(main())
