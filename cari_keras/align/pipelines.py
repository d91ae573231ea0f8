"""Pipelines of Apache Beam, on any runner that it has: lines of text in, lines of text out.

The workers leave their lines in a staging folder, which lies where all of them reach it. Every part
of the lines is one pipeline, so that a run that is killed repeats the part that was under way.

apache-beam comes with the extra `beam`; it is imported where a pipeline is asked for.
"""

from __future__ import annotations

import contextlib
import glob
import io
import logging
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cari_keras.errors import AlignError

if TYPE_CHECKING:
    import apache_beam as beam


def check_beam(folder: Path) -> None:
    """Loads Beam.

    Args:
        folder: The folder below which workers are to leave their lines.

    Raises:
        AlignError: apache-beam is missing, or the folder's name is a pattern for it.
    """
    there = str(folder.resolve())
    if glob.escape(there) != there:
        raise AlignError(f"{there}: Beam takes [, * and ? for patterns; choose another name")
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)  # Beam warns of cloud clients that nobody asked for
    try:
        import apache_beam  # noqa: F401
    except ImportError as error:
        raise AlignError(
            f"--engine beam needs apache-beam ({error}): pip install 'cari_keras[beam]'"
        ) from error
    finally:
        logging.disable(disabled)


def piped(
    lines: Sequence[str],
    work: beam.DoFn,
    *,
    workers: int,
    staging: Path,
    options: Sequence[str] = (),
    most: int,
) -> Iterator[str]:
    """What `work` makes of lines, in whatever order they are done.

    Args:
        lines: Each is an element of the pipeline.
        work: From a line to lines.
        workers: Processes of Beam's own runner, which is taken where `options` name none.
        staging: Where results are staged; cleared before and after each pipeline.
        options: Beam's flags, `--runner=FlinkRunner` and so on.
        most: Lines of one pipeline: what a killed run repeats, at most.

    Raises:
        AlignError: A pipeline failed, or Beam refuses an option's value. (Options that it does not
            know it leaves to runners that may.)
    """
    logging.getLogger("apache_beam").setLevel(logging.ERROR)
    _check(options)
    for start in range(0, len(lines), most):
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        try:
            _run(lines[start : start + most], work, staging, options or _own_runner(workers))
            yield from _staged(staging)
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def _check(options: Sequence[str]) -> None:
    from apache_beam.options.pipeline_options import PipelineOptions

    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            PipelineOptions(list(options)).get_all_options()
    except SystemExit as error:
        last = said.getvalue().strip().rpartition("\n")[2]  # none where it was asked for help
        raise AlignError(f"Beam: {last or 'the option is not for pipelines'}") from error


def _own_runner(workers: int) -> list[str]:
    """Beam's runner in Python, which needs nothing but this machine."""
    mode = "multi_processing" if workers > 1 else "in_memory"
    return [
        "--runner=FnApiRunner",
        f"--direct_running_mode={mode}",
        f"--direct_num_workers={workers}",
        "--default_sdk_harness_log_level=ERROR",
    ]


def _run(lines: Sequence[str], work: beam.DoFn, staging: Path, options: Sequence[str]) -> None:
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions

    try:
        with beam.Pipeline(options=PipelineOptions(list(options))) as pipeline:
            found: Any = (
                pipeline
                | "Lines" >> beam.Create(list(lines))
                | "Spread" >> beam.Reshuffle()
                | "Work" >> beam.ParDo(work)
            )
            _ = found | "Stage" >> beam.io.WriteToText(str(staging.resolve() / "part"))
    except Exception as error:  # whatever a runner raises
        # A worker's error comes as its whole traceback, the reason last.
        reason = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise AlignError(
            f"Beam's pipeline failed ({type(error).__name__}: {reason[-1] if reason else ''}); "
            "the finished part is saved, and the same command continues"
        ) from error


def _staged(staging: Path) -> Iterator[str]:
    """The lines that the workers left."""
    for path in sorted(staging.glob("part*")):
        with path.open(encoding="utf-8") as lines:
            yield from lines
