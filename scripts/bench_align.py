#!/usr/bin/env python
"""Measures cari-align against a plain loop over MTCNN().detect_faces, all in one run.

Sides, on the same pictures and with one TensorFlow thread each: the plain loop on one core, which
reads a picture and looks for faces; ours on one core and on two, which also reads, hashes, crops,
encodes and serialises. Every side runs in processes of its own, tied to their cores, loaded and
warmed up before the clock starts. The sides take turns, and the median of the turns' ratios is
printed. Also printed: how far our boxes and keypoints are from the package's, at most.

    .venv/bin/python scripts/bench_align.py ../shared/data/photos
    .venv/bin/python scripts/bench_align.py raw/ --pictures 300 --rounds 3
    .venv/bin/python scripts/bench_align.py raw/ --memory 5000
                                             resident memory of a worker over so many pictures
"""

from __future__ import annotations

import multiprocessing
import os
import random
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from cari_keras.align.config import AlignConfig
from cari_keras.cli.flags import run_program
from cari_keras.cli.parser import Parser
from cari_keras.images.layouts import Entry, find_layout, list_entries

WARM_UP = 12


def main(arguments: list[str]) -> int:
    title, _, examples = (__doc__ or "").partition("\n")
    parser = Parser("bench_align.py", title, examples)
    parser.add_argument("raw", type=Path, help="folder of pictures, in any layout of cari-align")
    parser.add_argument("--pictures", type=int, default=120, help="number of pictures, at most")
    parser.add_argument("--rounds", type=int, default=5, help="number of rounds for each program")
    parser.add_argument("--memory", type=int, help="measure memory over this many pictures instead")
    given = parser.parse_args(arguments)
    layout = find_layout(given.raw)
    config = AlignConfig(layout=layout.name)
    entries = [entry for entry in list_entries(given.raw, layout) if not entry.refused]
    random.Random(0).shuffle(entries)
    if given.memory:
        return _memory(given.raw, config, entries, given.memory)
    return _speed(given.raw, config, entries[: given.pictures], given.rounds)


def _speed(raw: Path, config: AlignConfig, entries: list[Entry], rounds: int) -> int:
    sides = {"plain loop, 1 core": ("plain", 1), "ours, 1 core": ("ours", 1)}
    if (os.cpu_count() or 1) > 1:
        sides["ours, 2 cores"] = ("ours", 2)
    times: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(rounds):
        for side, (kind, processes) in sides.items():
            times[side].append(_run_side(kind, processes, raw, config, entries))
            print(f"{side}: {len(entries) / times[side][-1]:.1f} images/s", flush=True)
    plain = times["plain loop, 1 core"]
    print(f"\n{len(entries)} pictures, {rounds} rounds, median over the rounds:")
    for side, seconds in times.items():
        ratio = median(p / s for p, s in zip(plain, seconds))
        print(f"{side:<20} {len(entries) / median(seconds):6.1f} images/s, {ratio:.2f} x plain")
    print(f"largest difference of a coordinate: {_difference(raw, entries):.2f} pixels")
    return 0


def _run_side(
    kind: str, processes: int, raw: Path, config: AlignConfig, entries: list[Entry]
) -> float:
    """Seconds that the slowest of the processes takes for its share of the pictures."""
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(processes), context.Queue()
    workers = [
        context.Process(
            target=_work,
            args=(kind, core, raw, config, entries, entries[core::processes], barrier, results),
        )
        for core in range(processes)
    ]
    for worker in workers:
        worker.start()
    seconds = max(results.get(timeout=600) for _ in workers)
    for worker in workers:
        worker.join()
    return float(seconds)


def _work(
    kind: str,
    core: int,
    raw: Path,
    config: AlignConfig,
    entries: list[Entry],
    share: list[Entry],
    barrier: Any,
    results: Any,
) -> None:
    os.sched_setaffinity(0, {core})
    align = _plain(raw) if kind == "plain" else _ours(raw, config)
    for entry in entries[:WARM_UP]:
        align(entry)
    barrier.wait(timeout=300)
    start = time.perf_counter()
    for entry in share:
        align(entry)
    results.put(time.perf_counter() - start)


def _plain(raw: Path) -> Any:
    import cv2
    import tensorflow as tf
    from mtcnn import MTCNN

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    detector = MTCNN()
    return lambda entry: detector.detect_faces(
        cv2.cvtColor(cv2.imread(str(raw / entry.path)), cv2.COLOR_BGR2RGB)
    )


def _ours(raw: Path, config: AlignConfig) -> Any:
    from cari_keras.align.aligner import Aligner
    from cari_keras.align.detector import use_one_thread

    use_one_thread()
    return Aligner(raw, config)


def _difference(raw: Path, entries: list[Entry]) -> float:
    """The largest difference of a box or keypoint, over faces that both find."""
    import cv2
    import numpy as np
    from mtcnn import MTCNN

    from cari_keras.align.detector import Detector

    package, detector, largest = MTCNN(), Detector(), 0.0
    for entry in entries:
        image = cv2.cvtColor(cv2.imread(str(raw / entry.path)), cv2.COLOR_BGR2RGB)
        theirs = package.detect_faces(
            image, output_type="numpy", box_format="xyxy", fit_to_image=False
        )
        ours = detector(image)
        if len(ours) != len(theirs):
            print(f"{entry.path}: {len(theirs)} faces by the package, {len(ours)} by ours")
        for face, row in zip(ours, theirs):
            keypoints = np.stack([row[6:11], row[11:16]], axis=1)
            far = max(np.abs(face.box - row[1:5]).max(), np.abs(face.keypoints - keypoints).max())
            largest = max(largest, float(far))
    return largest


def _memory(raw: Path, config: AlignConfig, entries: list[Entry], count: int) -> int:
    """Prints a worker's resident memory every 500 pictures; every other one is resized."""
    context = multiprocessing.get_context("spawn")
    worker = context.Process(target=_watch, args=(raw, config, entries, count))
    worker.start()
    worker.join()
    return worker.exitcode or 0


def _watch(raw: Path, config: AlignConfig, entries: list[Entry], count: int) -> None:
    import cv2

    from cari_keras.align.finder import find_faces

    aligner = _ours(raw, config)
    sizes, base = random.Random(1), 0.0
    for number in range(1, count + 1):
        entry = entries[number % len(entries)]
        image = cv2.imread(str(raw / entry.path)) if number % 2 else None
        if image is None:
            aligner(entry)
        else:
            scale = sizes.uniform(0.5, 3.0)
            resized = cv2.resize(image, None, fx=scale, fy=scale)
            find_faces(aligner.detector, resized, entry.modality)
        if number % 500 == 0:
            resident = int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20
            base = base or resident
            print(f"{number} pictures: {resident:.0f} MiB, {resident / base:.3f} x", flush=True)


if __name__ == "__main__":
    sys.exit(run_program("bench_align.py", main, sys.argv[1:]))
