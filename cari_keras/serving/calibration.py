"""Where a served network draws the line between the same person and two."""

from __future__ import annotations

from typing import NamedTuple, Optional

import numpy as np

from cari_keras.data.prepare import prepare
from cari_keras.data.registry import load_dataset
from cari_keras.errors import ConfigError, DatasetError
from cari_keras.evaluation.curves import threshold_at_far
from cari_keras.evaluation.matcher import Matcher
from cari_keras.evaluation.trials import listed_trials
from cari_keras.evaluation.verification import best_threshold


class Calibration(NamedTuple):
    """A threshold and what it does on the pairs that it was chosen on.

    Attributes:
        threshold: Largest squared distance that is called the same person.
        far: Share of the impostor pairs that it accepts.
        tar: Share of the genuine pairs that it accepts.
        impostor_pairs: How many there were; a FAR below 1 / this cannot be told from 0.
        genuine_pairs: How many there were.
    """

    threshold: float
    far: float
    tar: float
    impostor_pairs: int
    genuine_pairs: int


def calibrate(distances: np.ndarray, same: np.ndarray, far: Optional[float] = None) -> Calibration:
    """A threshold on pairs.

    Args:
        distances: Squared, float [n].
        same: bool [n].
        far: The largest share of impostor pairs to accept; None takes the threshold of the highest
            accuracy.

    Raises:
        ConfigError: `far` is not in (0, 1], or fewer impostor pairs than 1 / far are there.
    """
    impostors = int(np.sum(~same))
    if far is None:
        threshold = best_threshold(distances, same)
    else:
        if not 0 < far <= 1:
            raise ConfigError(f"far must be in (0, 1]. Received: {far}")
        if impostors * far < 1:
            raise ConfigError(
                f"a FAR of {far:g} cannot be told from 0 by {impostors} impostor pairs; ask for "
                f"{1 / max(impostors, 1):.2g} or more"
            )
        threshold = threshold_at_far(distances, same, far)
    accepted = distances <= threshold
    return Calibration(
        threshold,
        float(np.mean(accepted[~same])),
        float(np.mean(accepted[same])),
        impostors,
        int(np.sum(same)),
    )


def calibrate_on_validation(
    matcher: Matcher,
    *,
    far: Optional[float] = None,
    data_dir: Optional[str] = None,
    progress: bool = False,
) -> Calibration:
    """`calibrate` on the validation pairs of the dataset that the network was trained on.

    The answers come from the cache where training or an evaluation has left them. `data_dir` is for
    a dataset that has moved since.

    Raises:
        DatasetError: The dataset is not there, is of other people or has no validation pairs of
            both kinds.
        ConfigError: See `calibrate`.
    """
    config = matcher.config.with_values({"data_dir": data_dir} if data_dir else {})
    dataset = load_dataset(config)
    cache_dir = config.data.cache_dir
    prepared = prepare(dataset, config.data.prepared_size, cache_dir=cache_dir, progress=progress)
    matcher.check_heads(prepared)
    pairs = prepared.pairs.get("validation", ())
    if len({pair.same for pair in pairs}) < 2:
        raise DatasetError(f"{dataset.name}: no validation pairs to take a threshold from")
    # Not kept: outside of `runtime.in_order` they may differ from an evaluation's in a last digit.
    predictions = matcher.predict(
        prepared, "validation", cache_dir=cache_dir, progress=progress, store=False
    )
    trials = listed_trials(predictions, pairs)
    return calibrate(trials.distances, trials.same, far)
