#!/usr/bin/env python
"""Time and memory of scoring every pair of WebCaricature: 6,042 caricatures by 5,974 photos.

    .venv/bin/python scripts/bench_pairs.py
    .venv/bin/python scripts/bench_pairs.py --caricatures 600 --photos 590

Embeddings are drawn at random about their people's, since only their number matters. Prints each
step's time, its share of the whole, and the most memory the process held.
"""

from __future__ import annotations

import argparse
import resource
import time
from typing import Any

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


def score(caricatures: int, photos: int, size: int) -> tuple[Any, dict[str, float], dict[str, Any]]:
    """Scores every pair; gives the pairs, each step's seconds, and what it found."""
    rng = np.random.default_rng(1)
    left, left_labels = embeddings(caricatures, 252, size, rng)
    right, right_labels = embeddings(photos, 252, size, rng)
    times: dict[str, float] = {}
    start = time.perf_counter()
    scored = all_pairs(left, left_labels, right, right_labels)
    times["distances"] = time.perf_counter() - start
    found: dict[str, Any] = {}
    for name, step in (
        ("AUC", auc),
        ("EER", eer),
        ("TAR at two FARs", lambda *pairs: [tar_at_far(*pairs, far) for far in (0.001, 0.01)]),
        ("ROC", roc),
    ):
        start = time.perf_counter()
        found[name] = step(*scored)
        times[name] = time.perf_counter() - start
    return scored, times, found


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--caricatures", type=int, default=6042)
    parser.add_argument("--photos", type=int, default=5974)
    parser.add_argument("--size", type=int, default=128, help="of an embedding")
    given = parser.parse_args()
    before = peak()
    scored, times, found = score(given.caricatures, given.photos, given.size)
    total = sum(times.values())
    print(f"{len(scored.same):,} pairs, {int(scored.same.sum()):,} of them genuine")
    for name, seconds in times.items():
        print(f"{name:<16} {seconds:7.2f} s  {seconds / total:4.0%}")
    print(f"{'together':<16} {total:7.2f} s")
    print(f"memory           {before:.0f} MiB before, {peak():.0f} MiB at most")
    rates = ", ".join(f"TAR {p.tar:.4f} at FAR {p.far:.5f}" for p in found["TAR at two FARs"])
    print(
        f"AUC {found['AUC']:.4f}, EER {found['EER']:.4f}, {rates}, "
        f"{len(found['ROC'].far):,} points on the ROC curve"
    )
    return 0


def peak() -> float:
    """The most memory this process has held, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    raise SystemExit(main())
