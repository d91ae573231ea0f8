"""cari-evaluate: a trained network by the published protocols, or on any pairs or gallery."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

from cari_keras.cli.flags import Parser, refuse, run_program
from cari_keras.config import DATASET_NAMES, FACENET, PROTOCOL_NAMES
from cari_keras.errors import ConfigError

if TYPE_CHECKING:
    from cari_keras.evaluation.outcome import Outcome

EXAMPLES = """
examples:
  cari-evaluate runs/cavi                            the dataset that the run was trained on
  cari-evaluate runs/cavi --split validation         its validation split, not the test split
  cari-evaluate runs/final --thresholds-of runs/cavi a run with --final, on the test split
  cari-evaluate runs/webcaricature-unrestricted --dataset webcaricature --folds all
                                                     ten folds, each by its run, fold-1 to fold-10
  cari-evaluate runs/cavi --images DIR --pairs pairs.csv
                                                     any pairs: path,path,1|0, or LFW's pairs.txt
  cari-evaluate runs/cavi --gallery DIR --probe DIR  whoever of DIR/<identity>/* is in the gallery
  cari-evaluate facenet --dataset cavi --data-dir DIR
                                                     the public weights, with no training
"""


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Entry point of the console script; returns the exit status."""
    return run_program("cari-evaluate", _main, sys.argv[1:] if arguments is None else arguments)


def _parser() -> Parser:
    parser = Parser(
        "cari-evaluate",
        "Evaluates a network: a table, results.json and a report.html with pictures.",
        EXAMPLES,
    )
    add = parser.add_argument
    add("run", metavar="RUN", help="a run folder, a folder of runs fold-K, or the word facenet")
    add("--dataset", choices=DATASET_NAMES, help="dataset (default: the run's)")
    add("--data-dir", metavar="DIR", help="the dataset's folder (default: the run's)")
    add("--split", choices=("validation", "test"), help="default: test, where its images are")
    add("--protocol", choices=PROTOCOL_NAMES, help="webcaricature, with facenet [unrestricted]")
    add("--folds", nargs="+", metavar="K", help="webcaricature: all, dev, or some of 1 to 10")
    add("--images", type=Path, metavar="DIR", help="any images, raw or from cari-align")
    add("--pairs", type=Path, metavar="FILE", help="pairs of them: a CSV, or LFW's pairs.txt")
    add("--gallery", type=Path, metavar="DIR", help="a gallery, DIR/<identity>/*")
    add("--probe", type=Path, metavar="DIR", help="probes to look for in it")
    add("--flip", action=argparse.BooleanOptionalAction, help="mirror images too (default: run's)")
    add("--crops", type=float, nargs="+", metavar="X", help="sides of central squares (run's)")
    add("--verify-by", choices=("embedding", "identities"), help="what is compared (run's)")
    add(
        "--thresholds-of",
        metavar="RUN",
        help="the test pairs' thresholds come from another run's validation pairs: for a run that "
        "was trained on the validation images (--final)",
    )
    add(
        "--legacy",
        action="store_true",
        help="also by the published code's faulty arithmetic",
    )
    add(
        "--output",
        type=Path,
        metavar="DIR",
        help="default: a folder in RUN/evaluation, or evaluations/",
    )
    add("--cache-dir", metavar="DIR", help="where images and answers are kept (per-user cache)")
    add("--quiet", action="store_true", help="only the tables")
    return parser


def _main(arguments: Sequence[str]) -> int:
    parser = _parser()
    given = parser.parse_args(arguments)
    for one, other in (("images", "pairs"), ("gallery", "probe")):
        if (getattr(given, one) is None) != (getattr(given, other) is None):
            parser.error(f"--{one} and --{other} go together")
    _refuse_together(parser, given)
    views: dict[str, Any] = {}
    if given.flip is not None:
        views["flip"] = given.flip
    if given.crops is not None:
        if not all(0 < side <= 1 for side in given.crops):
            parser.error(f"--crops must be in (0, 1], received {given.crops}")
        views["crops"] = tuple(given.crops)
    if given.verify_by is not None:
        views["verify_by"] = given.verify_by
    from cari_keras.runtime import in_order

    # As training runs, so that the answers which it kept are those that would be given anew.
    with in_order():
        outcome = _evaluate(given, views)

    from cari_keras.evaluation.report.html import report_html
    from cari_keras.evaluation.tables import tables_of
    from cari_keras.files import write_json, write_text

    folder = given.output or _default_output(given, outcome)
    write_json(folder / "results.json", outcome.to_dict())
    write_text(folder / "report.html", report_html(outcome))
    for note in outcome.remarks():
        print(f"note: {note}")
    if given.legacy and not outcome.legacy:
        print("note: the published code's arithmetic needs ten pairs, or eleven gallery images.")
    print()
    for table in tables_of(outcome, brief=True):
        print(table)
    print(f"Figures: {folder / 'results.json'}\nReport: {folder / 'report.html'}")
    return 0


def _refuse_together(parser: Parser, given: argparse.Namespace) -> None:
    """Refuses flags of which one would be ignored."""
    of_dataset = ("dataset", "data_dir", "split", "thresholds_of", "protocol", "folds")
    rules = {"images": ("gallery", *of_dataset), "gallery": of_dataset}
    if given.dataset == "webcaricature":
        rules["dataset"] = ("split", "thresholds_of")
    for one, others in rules.items():
        for other in others:
            if getattr(given, one) is not None and getattr(given, other) is not None:
                flags = [f"--{name.replace('_', '-')}" for name in (one, other)]
                parser.error(f"{flags[0]} and {flags[1]} do not go together")


def _evaluate(given: argparse.Namespace, views: dict[str, Any]) -> Outcome:
    # TensorFlow is loaded only here, so that mistakes in flags are told at once.
    from cari_keras.evaluation.matcher import load_matcher

    how = {
        "cache_dir": given.cache_dir,
        "progress": not given.quiet,
        "legacy": given.legacy,
    }
    if given.images is not None:
        from cari_keras.evaluation.protocols.pairs import evaluate_pairs

        return evaluate_pairs(load_matcher(given.run, views), given.images, given.pairs, **how)
    if given.gallery is not None:
        from cari_keras.evaluation.protocols.gallery import evaluate_gallery

        return evaluate_gallery(load_matcher(given.run, views), given.gallery, given.probe, **how)
    if given.run == FACENET and given.dataset is None:
        raise ConfigError("facenet was trained on no dataset here; name one with --dataset")

    from cari_keras.evaluation.protocols.closed_set import evaluate_closed_set
    from cari_keras.evaluation.protocols.fold_runs import FoldRuns, holds_folds
    from cari_keras.evaluation.protocols.webcaricature import evaluate_webcaricature

    names = ("dataset", "data_dir", "protocol")
    data = {name: getattr(given, name) for name in names if getattr(given, name) is not None}
    if not holds_folds(Path(given.run)) and given.dataset != "webcaricature":
        matcher = load_matcher(given.run, views)
        config = matcher.config.with_values(data)
        if config.data.dataset != "webcaricature":
            refuse(given, ("protocol", "folds"), f"the dataset {config.data.dataset}; leave it out")
            of_split = {"split": given.split, "thresholds_of": given.thresholds_of}
            return evaluate_closed_set(matcher, config, **of_split, **how)
    refuse(given, ("split", "thresholds_of"), "the dataset webcaricature; leave it out")
    runs = FoldRuns(given.run, views, data)
    return evaluate_webcaricature(runs.matcher, runs.config, runs.folds(given.folds), **how)


def _default_output(given: argparse.Namespace, outcome: Outcome) -> Path:
    """Beside the run; for the public weights, in the working folder."""
    run = Path(given.run)
    return (run / "evaluation" if run.is_dir() else Path("evaluations")) / outcome.slug


if __name__ == "__main__":
    sys.exit(main())
