"""cari-train: trains the network on a dataset and reports what it learned."""

from __future__ import annotations

import contextlib
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

from cari_keras.asked import new_run, same_run
from cari_keras.cli.again import command, longer_command, tell_next
from cari_keras.cli.flags import add_config_flags, config_values, given_path, run_program
from cari_keras.cli.parser import Parser
from cari_keras.cli.train_help import EXAMPLES, MORE
from cari_keras.cli.train_report import can_be_evaluated, report, tell_of_strangers
from cari_keras.config import Config
from cari_keras.errors import StoppedError
from cari_keras.training.run import Caller, train_run

if TYPE_CHECKING:
    from cari_keras.data.prepared import Prepared


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Entry point of the console script; returns the exit status."""
    return run_program("cari-train", _main, sys.argv[1:] if arguments is None else arguments)


def _main(arguments: Sequence[str]) -> int:
    parser = Parser("cari-train", "Trains the multi-task photo-caricature network.", EXAMPLES, MORE)
    parser.add_argument(
        "--resume", type=given_path, metavar="RUN", help="the folder of a run to resume"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    add_config_flags(parser)
    given = parser.parse_args(arguments)
    values = config_values(given)
    if given.resume:
        asked = same_run(given.resume, given.preset, values, output=_Shell.output)
    else:
        asked = new_run(given.preset, values)
    try:
        train_run(asked, _Shell(progress=not given.quiet))
    except StoppedError as stopped:
        return 128 + stopped.signal
    return 0


class _Shell(Caller):
    """Whoever typed the command."""

    output = "--output"

    def __init__(self, *, progress: bool) -> None:
        self.progress = progress

    def say(self, line: str) -> None:
        print(line, flush=True)

    def resume(self, run: Path) -> str:
        return f"--resume {shlex.quote(str(run))}"

    def longer(self, run: Path, config: Config, epochs: int) -> str:
        return longer_command(run, config, epochs)

    def stopped(self, run: Path, error: StoppedError, *, alone: bool) -> None:
        again = self.resume(run) if alone else "the same command, on every worker"
        with contextlib.suppress(OSError):  # to a terminal that is gone
            print(f"cari-train: {error}; continue with {again}", file=sys.stderr)

    def trained(
        self, config: Config, prepared: Prepared, run: Path, rows: Sequence[dict[str, Any]]
    ) -> None:
        report(config, run, rows)
        tell_of_strangers(config, prepared, run, progress=self.progress)
        what = "evaluate" if can_be_evaluated(config, prepared) else "export"
        tell_next(command(what, run), quiet=not self.progress)


if __name__ == "__main__":
    sys.exit(main())
