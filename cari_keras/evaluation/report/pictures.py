"""The report's pictures: pairs that were judged wrongly, as in Figures 7 and 8."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cari_keras.data.base import Dataset
from cari_keras.evaluation.scoring import FoldScores
from cari_keras.images.encode import resize, to_jpeg
from cari_keras.records.sample import Sample

SIDE = 112


class WrongPair(NamedTuple):
    """A pair that was judged wrongly.

    Attributes:
        jpeg: The two images side by side, 2 SIDE x SIDE pixels.
        people: Who they show.
        paths: The images.
        distance: Squared distance.
        threshold: Up to which it is accepted.
    """

    jpeg: bytes
    people: tuple[str, str]
    paths: tuple[str, str]
    distance: float
    threshold: float


def wrong_pairs(
    fold: FoldScores, dataset: Dataset, *, same: bool, most: int = 12
) -> list[WrongPair]:
    """The worst false rejections (`same`) or false acceptances of a fold.

    Worst are those farthest on the wrong side of their threshold. An image is shown once at most,
    so that one picture that looks like everybody does not fill the page.

    Args:
        fold: With trials and thresholds.
        dataset: Where the images are.
        same: Whether the pairs are genuine.
        most: The most pairs.
    """
    trials, thresholds = fold.trials, fold.thresholds
    if trials is None or thresholds is None:
        return []
    margin = trials.distances - thresholds
    wrong = np.flatnonzero((trials.same == same) & ((margin > 0) == same))
    samples = dataset.by_path
    found: list[WrongPair] = []
    shown: set[str] = set()
    for row in wrong[np.argsort(-np.abs(margin[wrong]), kind="stable")].tolist():
        first, second = trials.names(row)
        if first in shown or second in shown:
            continue
        shown |= {first, second}
        pair = (samples[first], samples[second])
        found.append(
            WrongPair(
                side_by_side(dataset, pair),
                (pair[0].identity, pair[1].identity),
                (first, second),
                float(trials.distances[row]),
                float(thresholds[row]),
            )
        )
        if len(found) == most:
            break
    return found


def side_by_side(dataset: Dataset, samples: Sequence[Sample]) -> bytes:
    """Some images in a row, each SIDE x SIDE pixels, as JPEG."""
    return to_jpeg(np.hstack([resize(dataset.load(sample), SIDE) for sample in samples]))
