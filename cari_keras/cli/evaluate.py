"""cari-evaluate: a trained network by the published protocols, or on any pairs or gallery."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional, Union

from cari_keras.cli.again import command, tell_next, train_command
from cari_keras.cli.evaluate_flags import evaluate_parser, refuse_together
from cari_keras.cli.flags import refuse, run_program
from cari_keras.errors import ConfigError
from cari_keras.ranges import check_range
from cari_keras.saved import read_config
from cari_keras.vocabulary import FACENET

if TYPE_CHECKING:
    from cari_keras.evaluation.outcome import Outcome
    from cari_keras.evaluation.protocols.fold_runs import FoldRuns


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Entry point of the console script; returns the exit status."""
    return run_program("cari-evaluate", _main, sys.argv[1:] if arguments is None else arguments)


def _main(arguments: Sequence[str]) -> int:
    parser = evaluate_parser()
    given = parser.parse_args(arguments)
    refuse_together(parser, given)
    names = ("flip_test", "test_crops", "view_power", "verify_by", "centre")
    changes = {name: getattr(given, name) for name in names if getattr(given, name) is not None}
    for side in given.test_crops or ():
        check_range("test_crops", side)
    if given.test_crops:
        changes["test_crops"] = tuple(given.test_crops)
    if given.view_power is not None:
        check_range("view_power", given.view_power)
    from cari_keras.runtime import in_order

    # As training runs, so that the answers which it kept are those that would be given anew.
    with in_order():
        outcome = _evaluate(given, changes)

    from cari_keras.evaluation.tables import tables_of

    # What was found is told first: it stands where nothing can be written.
    for note in outcome.remarks():
        print(f"note: {note}")
    if given.legacy and not outcome.legacy:
        print("note: the published code's arithmetic needs ten pairs, or eleven gallery images.")
    print()
    for table in tables_of(outcome, brief=True):
        print(table)
    folder = _written(outcome, [given.output] if given.output else _default_outputs(given, outcome))
    print(f"Metrics: {folder / 'results.json'}\nReport: {folder / 'report.html'}")
    for path in sorted(folder.glob("*.csv")):
        print(f"Scores: {path}")
    tell_next(_next(given), quiet=given.quiet)
    return 0


def _next(given: argparse.Namespace) -> str:
    """What follows an evaluation: to export the network; behind a trial on strangers, to train it.

    A run that has held people out was trained to be judged; one of everybody is to be used.
    """
    from cari_keras.evaluation.protocols.fold_runs import run_of

    run = run_of(given.run)
    if run is None:
        return command("export", FACENET)
    config = read_config(run)
    moved = given.data_dir is not None and given.dataset in (None, config.data.dataset)
    if config.data.unseen_fold is not None:
        values = {"unseen_fold": None, "output": None}
        if moved:
            values["data_dir"] = given.data_dir
        return train_command(config.with_values(values))
    words: list[Union[str, Path]] = [run]
    if given.thresholds_of is not None:
        words += ["--thresholds-of", Path(given.thresholds_of)]
    if moved:
        words += ["--data-dir", Path(given.data_dir)]
    return command("export", *words)


def _written(outcome: Outcome, folders: Sequence[Path]) -> Path:
    """Writes an outcome into the first of some folders that can be written to; returns it."""
    from cari_keras.evaluation.report.html import report_html
    from cari_keras.evaluation.scores import left_out, write_scores
    from cari_keras.files import write_json, write_text

    for k, folder in enumerate(folders):
        try:
            write_json(folder / "results.json", outcome.to_dict())
            break
        except OSError as error:
            if k + 1 == len(folders):
                raise
            told = f"{folder}: cannot be written ({error.strerror}); {folders[k + 1]} is taken"
            print(f"cari-evaluate: note: {told}", file=sys.stderr)
    write_text(folder / "report.html", report_html(outcome))
    write_scores(outcome, folder)
    for line in left_out(outcome):
        print(f"note: {line}")
    return folder


def _evaluate(given: argparse.Namespace, changes: dict[str, Any]) -> Outcome:
    # TensorFlow is loaded only here, so that mistakes in flags are told at once.
    from cari_keras.evaluation.matcher import load_matcher

    how = {
        "cache_dir": given.cache_dir,
        "progress": not given.quiet,
        "legacy": given.legacy,
    }
    if given.images is not None:
        from cari_keras.evaluation.protocols.pairs import evaluate_pairs

        return evaluate_pairs(load_matcher(given.run, changes), given.images, given.pairs, **how)
    if given.gallery is not None:
        from cari_keras.evaluation.protocols.gallery import evaluate_gallery

        return evaluate_gallery(load_matcher(given.run, changes), given.gallery, given.probe, **how)
    if given.run == FACENET and given.dataset is None:
        raise ConfigError("facenet was trained on no dataset here; name one with --dataset")

    from cari_keras.evaluation.protocols.closed_set import evaluate_closed_set
    from cari_keras.evaluation.protocols.fold_runs import FoldRuns, holds_folds
    from cari_keras.evaluation.protocols.webcaricature import evaluate_webcaricature

    names = ("dataset", "data_dir", "protocol", "unseen_fold")
    data = {name: getattr(given, name) for name in names if getattr(given, name) is not None}
    runs = FoldRuns(given.run, changes, data)
    if runs.unseen and given.split is not None and not runs.is_one:
        raise ConfigError(f"--split is for one run: name {given.run}/fold-1, for example")
    if given.collection is not None and given.split is not None:
        raise ConfigError("--collection shows people held out, --split those of the dataset")
    if runs.unseen and given.split is None:
        refuse(given, ("protocol", "thresholds_of"), "people never seen; leave it out")
        return _evaluate_strangers(given, runs, how)
    refuse(given, ("collection",), "runs that held nobody out (--unseen-fold)")
    if not holds_folds(Path(given.run)) and given.dataset != "webcaricature":
        matcher = load_matcher(given.run, changes)
        config = matcher.config.with_values(data)
        if config.data.dataset != "webcaricature":
            refuse(given, ("protocol", "folds"), f"the dataset {config.data.dataset}; leave it out")
            of_split = {"split": given.split, "thresholds_of": given.thresholds_of}
            return evaluate_closed_set(matcher, config, **of_split, **how)
    refuse(given, ("split", "thresholds_of"), "the dataset webcaricature; leave it out")
    return evaluate_webcaricature(runs.matcher, runs.config, runs.folds(given.folds), **how)


def _evaluate_strangers(
    given: argparse.Namespace, runs: FoldRuns, how: Mapping[str, Any]
) -> Outcome:
    """The people held out, with the public weights on the same folds beside."""
    from cari_keras.evaluation.answering import PLAIN
    from cari_keras.evaluation.protocols.beside import same_views
    from cari_keras.evaluation.protocols.fold_runs import FoldRuns
    from cari_keras.evaluation.protocols.strangers import evaluate_strangers

    if how["legacy"]:
        raise ConfigError("--legacy is for pairs of lists and for galleries; leave it out")
    if given.verify_by == "identities":
        raise ConfigError(
            "people never seen are none of the known identities; use --verify-by embedding"
        )
    runs.changes = {**runs.changes, "verify_by": "embedding"}
    folds = runs.folds(given.folds)
    asked = {name: how[name] for name in ("cache_dir", "progress")}
    asked |= {"collection": given.collection}
    baselines: dict[str, Outcome] = {}
    if given.run != FACENET:
        config = runs.config(folds[0])
        data = {name: getattr(config.data, name) for name in _OF_DATA}
        data["seed"] = config.training.seed
        views = same_views(runs.matcher(folds[0]))
        ways: dict[str, dict[str, Any]] = {f"{FACENET}, untrained": {}}
        if replace(PLAIN, **views) != PLAIN:
            ways["with the same views"] = views
        for name, looked in ways.items():
            public = FoldRuns(FACENET, looked, data)
            baselines[name] = evaluate_strangers(public.matcher, public.config, folds, **asked)
    return evaluate_strangers(runs.matcher, runs.config, folds, baselines=baselines, **asked)


#: What decides the people and pictures of an unseen fold, besides the seed.
_OF_DATA = (
    *("dataset", "data_dir", "cache_dir", "final", "unseen_fold", "unseen_seed", "stored_size"),
    *("demo_identities", "demo_images"),
)


def _default_outputs(given: argparse.Namespace, outcome: Outcome) -> list[Path]:
    """Beside the run; for the public weights, and a run to read from only, the working folder."""
    run, here = Path(given.run), Path("evaluation") / outcome.slug
    return [run / "evaluation" / outcome.slug, here] if run.is_dir() else [here]


if __name__ == "__main__":
    sys.exit(main())
