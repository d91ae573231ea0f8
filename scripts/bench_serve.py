#!/usr/bin/env python
"""Latency, throughput and memory of a network and its exports, in one run on one machine.

Verification, by one view of an image. Exports standardise images themselves; for the Keras model
that is done before the clock starts. What is compared takes turns, so that a slow minute of the
machine hits all sides. 8 bits need the run's dataset or --calibrate; TAR needs the dataset.

    .venv/bin/python scripts/bench_serve.py runs/cavi
    .venv/bin/python scripts/bench_serve.py saved_models/cavi --data-dir CAVI --formats onnx
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Optional

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from cari_keras.cli.flags import given_path, run_program
from cari_keras.cli.parser import Parser
from cari_keras.errors import ConfigError
from cari_keras.files import user_path
from cari_keras.vocabulary import FORMATS

#: Seconds between two calls: threads of a run-time that wait for more work by then have stopped.
REST = 0.02


class Export(NamedTuple):
    """A written export of verification: its format, whether in 8 bits, its version's folder."""

    form: str
    int8: bool
    folder: Path

    @property
    def label(self) -> str:
        return f"{self.form}{', 8 bits' if self.int8 else ''}"


def main(arguments: list[str]) -> int:
    title, _, examples = (__doc__ or "").partition("\n")
    parser = Parser("bench_serve.py", title, examples)
    parser.add_argument("run", metavar="RUN", help="a run folder")
    parser.add_argument("--turns", type=int, default=50, help="number of calls of each side")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8, 32], help="batch sizes")
    parser.add_argument("--formats", nargs="*", choices=FORMATS, default=FORMATS, help="which")
    parser.add_argument("--data-dir", type=given_path, metavar="DIR", help="the run's dataset")
    parser.add_argument("--calibrate", type=user_path, metavar="PICTURES", help="for 8 bits")
    given = parser.parse_args(arguments)
    return run(given)


def run(given: Any) -> int:
    from cari_keras.evaluation.answering import PLAIN
    from cari_keras.evaluation.matcher import load_matcher

    # One view, as the Keras model has it; verification alone.
    matcher = replace(load_matcher(given.run, asdict(PLAIN)), tasks=("verification",))
    config = matcher.config
    with tempfile.TemporaryDirectory() as folder:
        exports = [
            found
            for form in given.formats
            for int8 in (False, True)
            if (found := written(matcher, form, int8, Path(folder), given)) is not None
        ]
        print(f"{given.run}: {config.model.depth} depth, {config.data.image_size} pixels; ", end="")
        print(f"{os.cpu_count()} cores")
        for export in exports:
            tell(export)
        print(f"{'batch':>5}  {'':<24}{'p50 ms':>8}{'p99 ms':>8}{'images/s':>10}{'ratio':>7}")
        sides = {**keras_sides(matcher), **{e.label: opened(e) for e in exports}}
        for batch in given.batches:
            compare(sides, batch, matcher.side, given.turns)
    return 0


def written(matcher: Any, form: str, int8: bool, root: Path, given: Any) -> Optional[Export]:
    """An export; None, and a line that says why, where it cannot be made."""
    from cari_keras.serving.calibration import Calibration
    from cari_keras.serving.export import export
    from cari_keras.serving.forms import WITH_8_BITS, form_of
    from cari_keras.serving.thresholds import Thresholds

    if int8 and form not in WITH_8_BITS:
        return None
    folder = root / f"{form}{int8}"
    try:
        wanted = form_of(
            matcher,
            form,
            int8=int8,
            calibrate=given.calibrate if int8 else None,
            data_dir=given.data_dir,
        )
        any_threshold = Thresholds(Calibration(1.0, 0.0, 0.0, 1, 1), {})
        (path,) = export(matcher, any_threshold, folder, form=wanted)
    except ConfigError as error:
        print(f"left out: {form}{', 8 bits' if int8 else ''}: {error}")
        return None
    return Export(form, int8, path)


def tell(export: Export) -> None:
    """Prints an export's size, what it changes, and the memory it takes in a process of its own."""
    from cari_keras.serving.export import read_card

    card = read_card(export.folder)
    said = [f"{card['size_bytes'] / 1e6:.1f} MB", f"{memory(export) / 1e6:.0f} MB of memory"]
    if found := card.get("parity"):
        said.append(f"embeddings differ by {found['largest_embedding_difference']:.1e} at most")
        if tar := found["tar_at_far_1_percent"]:
            said.append(f"TAR at FAR 1 % {tar['before']:.2%} -> {tar['after']:.2%}")
    print(f"{export.label}: {'; '.join(said)}")


def memory(export: Export) -> int:
    """Bytes that opening an export and answering 32 images adds at most, in a new process."""
    import multiprocessing

    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return int(pool.apply(_memory, (export,)))


def _memory(export: Export) -> int:
    import tensorflow as tf

    from cari_keras.serving.export import read_card

    tf.constant(0).numpy()  # TensorFlow itself, which the package needs anyway, is there before
    side = int(read_card(export.folder)["preprocessing"]["image"].split(" x ")[-1])
    before = _status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak begins anew
    opened(export)(np.zeros((32, side, side, 3), np.uint8))()
    return _status("VmHWM") - before


def _status(name: str) -> int:
    """A figure of this process in bytes, as Linux has it."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


#: From pixels, uint8 RGB [n, S, S, 3], to a call that answers them.
Side = Callable[[Any], Callable[[], Any]]


def opened(export: Export) -> Side:
    """An export, ready to answer."""
    import tensorflow as tf

    from cari_keras.serving.runtimes.registry import runtime_of

    if export.form != FORMATS[0]:
        answer = runtime_of(export.form).opened(export.folder)
        return lambda pixels: partial(answer, pixels)
    model = tf.saved_model.load(str(export.folder))
    signature = model.signatures["serving_default"]

    def call(image: Any) -> Any:
        return signature(image=image)["embedding"].numpy(), model  # which keeps its variables

    return lambda pixels: partial(call, tf.constant(pixels))


def keras_sides(matcher: Any) -> dict[str, Side]:
    """The network itself, called in two ways on images that are standardised already."""
    import tensorflow as tf

    from cari_keras.data.augment import standardize
    from cari_keras.evaluation.answering import PLAIN, answering
    from cari_keras.evaluation.views import views_of

    network, _ = answering(matcher.model, ["verification"], PLAIN)

    def ready(pixels: Any) -> Any:
        standard = standardize(tf.constant(pixels))
        return views_of(standard, image_size=matcher.config.data.image_size)[0]

    def called(images: Any) -> Any:
        return network(images, training=False)["embedding"].numpy()

    return {
        "Keras model, called": lambda pixels: partial(called, ready(pixels)),
        "Keras predict_on_batch": lambda pixels: partial(network.predict_on_batch, ready(pixels)),
    }


def compare(sides: dict[str, Side], batch: int, side: int, turns: int) -> None:
    """Prints a row for each side; `ratio` is its time by the SavedModel's, or by the first's."""
    from cari_keras.comparison.timing import in_turns, timed

    pixels = np.random.default_rng(0).integers(0, 256, (batch, side, side, 3), np.uint8)
    calls = {label: make(pixels) for label, make in sides.items()}
    for call in calls.values():
        for _ in range(3):
            call()

    def rested(call: Callable[[], Any]) -> float:
        time.sleep(REST)
        return timed(call)

    taken = in_turns({label: partial(rested, call) for label, call in calls.items()}, turns)
    reference = taken.get(FORMATS[0], next(iter(taken.values())))
    for label, seconds in taken.items():
        p50, p99 = 1000 * np.percentile(seconds, [50, 99])
        rate, ratio = batch / np.median(seconds), np.median(seconds / reference)
        print(f"{batch:>5}  {label:<24}{p50:8.1f}{p99:8.1f}{rate:10.1f}{ratio:7.2f}", flush=True)


if __name__ == "__main__":
    sys.exit(run_program("bench_serve.py", main, sys.argv[1:]))
