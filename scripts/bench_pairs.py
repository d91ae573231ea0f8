#!/usr/bin/env python
"""Time and memory of scoring every pair of WebCaricature: 6,042 caricatures by 5,974 photos.

    scripts/bench_pairs.py
    scripts/bench_pairs.py --caricatures 600 --photos 590

Embeddings are drawn at random about their people's, since only their number matters. Prints each
step's time, its share of the whole, and the most memory the process held.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np

from cari_keras.evaluation.allpairs import all_pairs
from cari_keras.evaluation.curves import eer, roc, tar_at_far
from cari_keras.evaluation.verification import auc


def embeddings(count: int, people: int, size: int, rng: np.random.Generator) -> tuple:
    """Rows of unit norm, and whose they are."""
    centers = np.random.default_rng(0).normal(size=(people, size))
    labels = rng.integers(0, people, count)
    rows = (centers[labels] + 1.5 * rng.normal(size=(count, size))).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True), labels


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--caricatures", type=int, default=6042)
    parser.add_argument("--photos", type=int, default=5974)
    parser.add_argument("--size", type=int, default=128, help="of an embedding")
    given = parser.parse_args()
    rng = np.random.default_rng(1)
    left, left_labels = embeddings(given.caricatures, 252, given.size, rng)
    right, right_labels = embeddings(given.photos, 252, given.size, rng)
    before = _peak()
    times, start = {}, time.perf_counter()

    def lap(name: str) -> None:
        times[name] = time.perf_counter() - start - sum(times.values())

    scored = all_pairs(left, left_labels, right, right_labels)
    lap("distances")
    area = auc(*scored)
    lap("AUC")
    equal = eer(*scored)
    lap("EER")
    points = [tar_at_far(*scored, far) for far in (0.001, 0.01)]
    lap("TAR at two FARs")
    curve = roc(*scored)
    lap("ROC")
    total = sum(times.values())
    print(f"{len(scored.same):,} pairs, {int(scored.same.sum()):,} of them genuine")
    for name, seconds in times.items():
        print(f"{name:<16} {seconds:7.2f} s  {seconds / total:4.0%}")
    print(f"{'together':<16} {total:7.2f} s")
    print(f"memory           {before:.0f} MiB before, {_peak():.0f} MiB at most")
    rates = ", ".join(f"TAR {p.tar:.4f} at FAR {p.far:.5f}" for p in points)
    print(f"AUC {area:.4f}, EER {equal:.4f}, {rates}, {len(curve.far):,} points on the ROC curve")
    return 0


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    raise SystemExit(main())
