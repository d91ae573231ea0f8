"""cari-evaluate: evaluates a network by published protocols, or on any pairs or gallery."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Optional, Union

from cari_keras.cli.again import command, tell_next, train_command
from cari_keras.cli.evaluate_asked import asked_outcome
from cari_keras.cli.evaluate_flags import evaluate_parser, refuse_together
from cari_keras.cli.flags import run_program
from cari_keras.saved import read_config
from cari_keras.vocabulary import FACENET

if TYPE_CHECKING:
    from cari_keras.evaluation.outcome import Outcome


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Entry point of the console script; returns the exit status."""
    return run_program("cari-evaluate", _main, sys.argv[1:] if arguments is None else arguments)


def _main(arguments: Sequence[str]) -> int:
    parser = evaluate_parser()
    given = parser.parse_args(arguments)
    refuse_together(parser, given)
    outcome = asked_outcome(given)

    from cari_keras.evaluation.tables import tables_of

    # What was found is told first: it stands where nothing can be written.
    for note in outcome.remarks():
        print(f"note: {note}")
    if given.legacy and not outcome.legacy:
        print("note: --legacy needs at least ten pairs or eleven gallery images.")
    print()
    for table in tables_of(outcome, brief=True):
        print(table)
    folders = [given.output] if given.output else _default_outputs(given, outcome)
    folder = _written(outcome, folders, progress=not given.quiet)
    print(f"Metrics: {folder / 'results.json'}\nReport: {folder / 'report.html'}")
    for path in sorted(folder.glob("*.csv")):
        print(f"Scores: {path}")
    from cari_keras.serving.judged import is_export

    if not is_export(Path(given.run)):  # which is at its end
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


def _written(outcome: Outcome, folders: Sequence[Path], *, progress: bool = False) -> Path:
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
            told = (
                f"{folder}: cannot be written ({error.strerror}); the evaluation goes to "
                f"{folders[k + 1]}"
            )
            print(f"cari-evaluate: note: {told}", file=sys.stderr)
    write_text(folder / "report.html", report_html(outcome, progress=progress))
    write_scores(outcome, folder)
    for line in left_out(outcome):
        print(f"note: {line}")
    return folder


def _default_outputs(given: argparse.Namespace, outcome: Outcome) -> list[Path]:
    """Beside the run; for the public weights, exports, a run to read from: the working folder."""
    from cari_keras.serving.judged import is_export

    run, here = Path(given.run), Path("evaluation") / outcome.slug
    beside = run.is_dir() and not is_export(run)
    return [run / "evaluation" / outcome.slug, here] if beside else [here]


if __name__ == "__main__":
    sys.exit(main())
