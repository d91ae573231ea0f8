#!/usr/bin/env python
"""Latency and throughput of an exported graph against the Keras model called directly, in one run.

The export standardises images itself; for the Keras model that is done before the clock starts.
What is compared takes turns, so that a slow minute of the machine hits all sides.

    .venv/bin/python scripts/bench_serve.py runs/cavi
"""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from cari_keras.cli.flags import run_program
from cari_keras.cli.parser import Parser


def main(arguments: list[str]) -> int:
    title, _, examples = (__doc__ or "").partition("\n")
    parser = Parser("bench_serve.py", title, examples)
    parser.add_argument("run", metavar="RUN", help="a run folder")
    parser.add_argument("--turns", type=int, default=50, help="calls of each side")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8, 32], help="batch sizes")
    given = parser.parse_args(arguments)
    return run(given.run, given.turns, given.batches)


def run(name: str, turns: int, batches: list[int]) -> int:
    import tensorflow as tf

    from cari_keras.comparison.timing import in_turns, timed
    from cari_keras.data.augment import standardize
    from cari_keras.evaluation.answering import PLAIN, answering
    from cari_keras.evaluation.matcher import load_matcher
    from cari_keras.evaluation.views import views_of
    from cari_keras.serving.calibration import Calibration
    from cari_keras.serving.export import export
    from cari_keras.serving.thresholds import Thresholds

    def called(network: Any, images: Any) -> Any:
        return network(images, training=False)["embedding"].numpy()

    def asked(signature: Any, images: Any) -> Any:
        return signature(image=images)["embedding"].numpy()

    # One view, as the Keras model has it; verification alone.
    matcher = load_matcher(name, asdict(PLAIN))
    size, side = matcher.config.data.image_size, matcher.side
    network, _ = answering(matcher.model, ["verification"], PLAIN)
    with tempfile.TemporaryDirectory() as folder:
        any_threshold = Thresholds(Calibration(1.0, 0.0, 0.0, 1, 1), {})
        export(matcher, any_threshold, Path(folder))
        served = tf.saved_model.load(str(Path(folder) / "verification" / "1"))
        signature = served.signatures["serving_default"]
        print(f"{name}: {matcher.config.model.depth} depth, {size} pixels; {os.cpu_count()} cores")
        print(f"{'batch':>5}  {'':<24}{'p50 ms':>8}{'p99 ms':>8}{'images/s':>10}{'ratio':>7}")
        for batch in batches:
            pixels = np.random.default_rng(0).integers(0, 256, (batch, side, side, 3), np.uint8)
            image = tf.constant(pixels)
            (ready,) = views_of(standardize(image), image_size=size)
            sides = {
                "Keras model, called": partial(called, network, ready),
                "Keras predict_on_batch": partial(network.predict_on_batch, ready),
                "export, serving_default": partial(asked, signature, image),
            }
            for call in sides.values():
                for _ in range(3):
                    call()
            taken = in_turns({n: partial(timed, call) for n, call in sides.items()}, turns)
            reference = taken["Keras model, called"]
            for label, seconds in taken.items():
                p50, p99 = 1000 * np.percentile(seconds, [50, 99])
                rate, ratio = batch / np.median(seconds), np.median(seconds / reference)
                print(f"{batch:>5}  {label:<24}{p50:8.1f}{p99:8.1f}{rate:10.1f}{ratio:7.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(run_program("bench_serve.py", main, sys.argv[1:]))
