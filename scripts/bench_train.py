#!/usr/bin/env python
"""Measures the training step, all in one run, so that the ratios mean something.

Prints images/s of the bare step on tensors in memory, images/s end to end from TFRecords and their
ratio, float32 against bfloat16, and the cost of the dynamic weights against equal ones. What is
compared is measured in turns, and the median of the turns' ratios is printed: a slow minute of the
machine then hits both sides. Steps in memory take turns one by one; reading from records takes
turns in blocks, since what it reads ahead would otherwise be read during the other side's time.

    .venv/bin/python scripts/bench_train.py
    .venv/bin/python scripts/bench_train.py --dataset cavi --data-dir DIR --depth facenet
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from cari_keras.cli.flags import add_config_flags, run_program, with_flags
from cari_keras.cli.parser import Parser
from cari_keras.config import Config
from cari_keras.presets import PRESETS


def main(arguments: list[str]) -> int:
    title, _, examples = (__doc__ or "").partition("\n")
    parser = Parser("bench_train.py", title, examples)
    parser.add_argument("--rounds", type=int, default=5, help="blocks of each side")
    parser.add_argument("--steps", type=int, default=8, help="steps in a block")
    add_config_flags(parser)
    given = parser.parse_args(arguments)
    preset = PRESETS["cavi-scratch"]().with_values({"dataset": "demo"})
    return run(with_flags(preset, given), given.rounds, given.steps)


def run(config: Config, rounds: int, steps: int) -> int:
    from cari_keras.comparison.timing import in_turns, timed
    from cari_keras.data.augment import Augmentation
    from cari_keras.data.pipeline import training_batches
    from cari_keras.data.prepare import prepare
    from cari_keras.data.registry import load_dataset
    from cari_keras.training.build import build_step, build_trainable

    prepared = prepare(
        load_dataset(config), config.data.image_size, cache_dir=config.data.cache_dir
    )
    batch_size, classes = config.data.batch_size, len(prepared.identities)
    augmentation = Augmentation()

    def batches() -> Any:
        """Epoch after epoch, as the trainer reads them."""
        epoch = 0
        while True:
            yield from training_batches(
                prepared, batch_size, epoch=epoch, seed=0, augmentation=augmentation
            )
            epoch += 1

    print(
        f"{config.model.depth} depth, {config.data.image_size} pixels, batch {batch_size}, "
        f"{classes} identities; {os.cpu_count()} cores; {rounds} blocks of {steps} steps"
    )
    memory = next(batches())

    def variant(**values: Any) -> Callable[[], float]:
        """A step with some settings changed, already traced, as a function that times it once."""
        step = traced(config.with_values(values))
        return lambda: timed(lambda: step(memory).numbers())

    def traced(config: Config) -> Any:
        step = build_step(config, build_trainable(config, classes), classes)
        for _ in range(2):
            step(memory).numbers()
        return step

    def report(title: str, taken: dict[str, np.ndarray], ratio: str) -> None:
        print(f"\n{title}")
        for name, seconds in taken.items():
            spread = np.std(seconds) / np.mean(seconds)
            print(f"  {name:<28}{batch_size / np.median(seconds):7.1f} images/s  (+- {spread:.1%})")
        print(f"  {ratio}", flush=True)

    step = traced(config)

    def block_in_memory() -> float:
        return timed(lambda: [step(memory).numbers() for _ in range(steps)]) / steps

    def block_from_records() -> float:
        stream = batches()
        for _ in range(3):  # the prefetch buffer is filled and emptied once, untimed
            step(next(stream)).numbers()
        seconds = timed(lambda: [step(next(stream)).numbers() for _ in range(steps)])
        stream.close()
        return seconds / steps

    precision = config.model.precision
    sides = {
        "bare step, in memory": block_in_memory,
        "end to end from TFRecords": block_from_records,
    }
    taken = in_turns(sides, rounds)
    bare, whole = taken.values()
    report(f"input ({precision})", taken, f"end to end / bare: {np.median(bare / whole):.3f}")

    sides = {"equal weights": variant(weighting="equal"), "dynamic weights": variant()}
    taken = in_turns(sides, rounds * steps)
    fixed, dynamic = taken.values()
    cost = np.median(dynamic / fixed) - 1
    report(f"weighting ({precision})", taken, f"dynamic costs {cost:+.1%} time over equal")

    sides = {name: variant(precision=name) for name in ("float32", "bfloat16")}
    taken = in_turns(sides, rounds * steps)
    slow, fast = taken.values()
    report("precision", taken, f"bfloat16 / float32: {np.median(slow / fast):.2f} times as fast")
    return 0


if __name__ == "__main__":
    sys.exit(run_program("bench_train.py", main, sys.argv[1:]))
