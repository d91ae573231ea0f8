#!/usr/bin/env python
"""Measures the training step, all in one run, so that the ratios mean something.

Prints images/s of the bare step on tensors in memory, images/s end to end from TFRecords and their
ratio, float32 against bfloat16, and the cost of the dynamic weights against equal ones. What is
compared is measured in turns, several rounds, and the medians are printed: a slow minute of the
machine then hits both sides.

    .venv/bin/python scripts/bench_train.py
    .venv/bin/python scripts/bench_train.py --dataset cavi --data-dir DIR --depth facenet
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any, Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from cari_keras.cli.flags import Parser, add_config_flags, run_program, with_flags
from cari_keras.config import PRESETS, Config


def main(arguments: list[str]) -> int:
    parser = Parser(prog="bench_train.py", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5, help="turns; medians over them are shown")
    parser.add_argument("--steps", type=int, default=8, help="steps of each side in a turn")
    add_config_flags(parser)
    given = parser.parse_args(arguments)
    preset = PRESETS["cavi"]().with_values({"dataset": "demo"})
    return run(with_flags(preset, given), given.rounds, given.steps)


def run(config: Config, rounds: int, steps: int) -> int:
    from cari_keras.data.augment import Augmentation
    from cari_keras.data.pipeline import training_batches
    from cari_keras.data.prepare import prepare
    from cari_keras.data.registry import load_dataset
    from cari_keras.training.trainer import build_step

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
        f"{classes} identities; {os.cpu_count()} cores; median of {rounds} rounds of {steps} steps"
    )
    memory = next(batches())

    def variant(**values: Any) -> Callable[[Any], Any]:
        """A training step with some settings changed, already traced."""
        step = build_step(config.with_values(values), classes)[1]
        for _ in range(2):
            step(memory).numpy()
        return step

    def time_bare(step: Callable[[Any], Any]) -> float:
        start = time.perf_counter()
        for _ in range(steps):
            step(memory).numpy()
        return (time.perf_counter() - start) / steps

    def time_records(step: Callable[[Any], Any]) -> float:
        stream = batches()
        for _ in range(3):  # the prefetch buffer is filled and emptied once, untimed
            step(next(stream)).numpy()
        start = time.perf_counter()
        for _ in range(steps):
            step(next(stream)).numpy()
        elapsed = time.perf_counter() - start
        stream.close()
        return elapsed / steps

    def in_turns(sides: dict[str, Callable[[], float]]) -> dict[str, np.ndarray]:
        """Seconds per step, [rounds] for each side; the order alternates."""
        taken: dict[str, list[float]] = {name: [] for name in sides}
        for turn in range(rounds):
            for name in list(sides)[:: 1 if turn % 2 == 0 else -1]:
                taken[name].append(sides[name]())
        return {name: np.array(values) for name, values in taken.items()}

    def report(title: str, taken: dict[str, np.ndarray], ratio: str) -> None:
        print(f"\n{title}")
        for name, seconds in taken.items():
            spread = np.std(seconds) / np.mean(seconds)
            print(f"  {name:<28}{batch_size / np.median(seconds):7.1f} images/s  (+- {spread:.1%})")
        print(f"  {ratio}")

    step = variant(precision="bfloat16")
    taken = in_turns(
        {
            "bare step, in memory": lambda: time_bare(step),
            "end to end from TFRecords": lambda: time_records(step),
        }
    )
    bare, whole = taken.values()
    report("input (bfloat16)", taken, f"end to end / bare: {np.median(bare / whole):.3f}")

    float32 = variant(precision="float32")
    taken = in_turns({"float32": lambda: time_bare(float32), "bfloat16": lambda: time_bare(step)})
    slow, fast = taken.values()
    report("precision", taken, f"bfloat16 / float32: {np.median(slow / fast):.2f} times as fast")

    equal = variant(precision="bfloat16", weighting="equal")
    taken = in_turns(
        {"equal weights": lambda: time_bare(equal), "dynamic weights": lambda: time_bare(step)}
    )
    fixed, dynamic = taken.values()
    cost = np.median(dynamic / fixed) - 1
    report("weighting (bfloat16)", taken, f"dynamic costs {cost:+.1%} time over equal")
    return 0


if __name__ == "__main__":
    sys.exit(run_program("bench_train.py", main, sys.argv[1:]))
