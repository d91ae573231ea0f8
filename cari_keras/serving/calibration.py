"""Where a served network draws its lines: the same person or two, somebody it knows or not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple, Optional

import numpy as np
import tensorflow as tf

from cari_keras.data.base import CARICATURE, MODALITIES, UNKNOWN
from cari_keras.data.prepare import Prepared, prepare
from cari_keras.data.registry import load_dataset
from cari_keras.errors import ConfigError, DatasetError
from cari_keras.evaluation.curves import float32_at_most, threshold_at_far
from cari_keras.evaluation.matcher import Matcher
from cari_keras.evaluation.open_set import OpenSet, open_set
from cari_keras.evaluation.predictions import Predictions
from cari_keras.evaluation.trials import listed_trials
from cari_keras.evaluation.verification import best_threshold

#: No squared distance of unit vectors is larger.
LARGEST = 4.0


#: What a run's thresholds are measured on; where there are no caricatures, the second.
VALIDATION_PAIRS = "validation pairs of a photo and a caricature"
PAIRS_OF_PHOTOS = "validation pairs of two photos"


class Calibration(NamedTuple):
    """A threshold and what it does on the pairs that it was chosen on.

    Attributes:
        threshold: Largest squared distance that is called the same person.
        far: Share of the impostor pairs that it accepts.
        tar: Share of the genuine pairs that it accepts.
        impostor_pairs: How many there were; a FAR below 1 / this cannot be told from 0.
        genuine_pairs: How many there were.
        measured_on: Which pairs they were, for people.
    """

    threshold: float
    far: float
    tar: float
    impostor_pairs: int
    genuine_pairs: int
    measured_on: str = VALIDATION_PAIRS


class Thresholds(NamedTuple):
    """All that a network decides by.

    Attributes:
        verify: Of a photo and a caricature; None where branch 1 was not trained, or there are no
            such validation pairs.
        known: Task -> of images, on `standing_out`; empty where the dataset has no images of
            strangers.
        verify_photos: Of two photos; for runs, None where validation pairs are across modalities.
    """

    verify: Optional[Calibration]
    known: Mapping[str, OpenSet]
    verify_photos: Optional[Calibration] = None

    def as_json(self) -> dict[str, Any]:
        """What `of_json` reads."""
        return {
            **{name: pairs and pairs._asdict() for name, pairs in self.of_pairs().items()},
            "known": {task: found._asdict() for task, found in self.known.items()},
        }

    @staticmethod
    def of_json(stored: Mapping[str, Any]) -> Thresholds:
        """From what `as_json` gave."""
        pairs = {
            name: Calibration(**found)
            for name in ("verify", "verify_photos")
            if (found := stored.get(name))
        }
        known = {task: OpenSet(**v) for task, v in stored["known"].items()}
        return Thresholds(pairs.get("verify"), known, pairs.get("verify_photos"))

    def of_pairs(self) -> dict[str, Optional[Calibration]]:
        """Those of pairs, by the endpoint that decides by them."""
        return {"verify": self.verify, "verify_photos": self.verify_photos}


#: Of a network that tells nobody apart: it names whoever is likest, and gives embeddings.
NO_THRESHOLDS = Thresholds(None, {})


def standing_out(logits: tf.Tensor) -> tf.Tensor:
    """How far the best identity stands out from all: (max - mean) / std of an image's K logits.

    It does not change with the logits' scale, which sharp or turned faces of strangers raise too.
    Of eight scores tried on CaVI's strangers it told them best: by AUC 98.4 % of photos and 91.5 %
    of caricatures, the largest probability 97.4 % and 90.3 %.

    Args:
        logits: float32 [N, K].

    Returns:
        float32 [N], in [0, sqrt(K - 1)].
    """
    mean, variance = tf.nn.moments(logits, axes=[-1])
    return tf.math.divide_no_nan(tf.reduce_max(logits, axis=-1) - mean, tf.sqrt(variance))


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
        if impostors * far < 1 - 1e-9:
            raise ConfigError(
                f"a FAR of {far:g} cannot be told from 0 by {impostors} impostor pairs; ask for "
                f"{_rounded_up(1 / max(impostors, 1)):g} or more"
            )
        threshold = min(threshold_at_far(distances, same, far), LARGEST)
    threshold = float32_at_most(threshold)
    accepted = distances <= threshold
    return Calibration(
        threshold,
        float(np.mean(accepted[~same])),
        float(np.mean(accepted[same])),
        impostors,
        int(np.sum(same)),
    )


def _rounded_up(share: float) -> float:
    """A share in (0, 1] with three digits, not less than it is."""
    digits = 10.0 ** (2 - math.floor(math.log10(share)))
    return math.ceil(share * digits - 1e-9) / digits


def thresholds_of(
    matcher: Matcher,
    *,
    far: Optional[float] = None,
    fpir: Optional[float] = None,
    data_dir: Optional[str] = None,
    progress: bool = False,
) -> Thresholds:
    """Thresholds from the dataset that the network was trained on.

    Pairs by `calibrate` on its validation pairs; images by `open_set` on its strangers' images, and
    on its validation images. Answers come from the cache where training or an evaluation has left
    them.

    Args:
        matcher: The network.
        far: See `calibrate`.
        fpir: The largest share of strangers' images to take for somebody known; see `open_set`.
        data_dir: For a dataset that has moved since.
        progress: Whether to show progress bars.

    Raises:
        DatasetError: The dataset is not there, is of other people or, with `far`, has no validation
            pairs of both kinds.
        ConfigError: See `calibrate` and `open_set`; or they are the public weights, which were
            trained on no dataset here.
    """
    if matcher.run is None:
        raise ConfigError(f"{matcher.name} has no dataset of its own to take thresholds from")
    config = matcher.config.with_values({"data_dir": data_dir} if data_dir else {})
    dataset = load_dataset(config)
    cache_dir = config.data.cache_dir
    # In this process: new ones would run a user's script again, if it has no `__main__`.
    prepared = prepare(dataset, matcher.side, cache_dir=cache_dir, workers=1, progress=progress)
    matcher.check_heads(prepared)

    def predict(split: str) -> Predictions:
        # Not kept: outside `runtime.in_order` answers may differ from an evaluation's in a digit.
        return matcher.predict(prepared, split, cache_dir=cache_dir, progress=progress, store=False)

    verify: Optional[Calibration] = None
    known: dict[str, OpenSet] = {}
    validation = predict("validation")
    of_photos = not validation.is_caricature.any()
    if "verification" in matcher.tasks:
        verify = _on_pairs(prepared, validation, far)
        if verify and of_photos:
            verify = verify._replace(measured_on=PAIRS_OF_PHOTOS)
    elif far is not None:
        raise ConfigError(f"{matcher.name} was not trained for verification: it has no FAR")
    if prepared.count(UNKNOWN):
        strangers = predict(UNKNOWN)
        for task in MODALITIES:
            there = prepared.count("validation", [task]) and prepared.count(UNKNOWN, [task])
            if task not in matcher.tasks or not there:
                continue
            found = _on_strangers(task, validation, strangers, fpir)
            if found is not None:
                known[task] = found
    return Thresholds(None, known, verify) if of_photos else Thresholds(verify, known)


def _on_pairs(
    prepared: Prepared, predictions: Predictions, far: Optional[float]
) -> Optional[Calibration]:
    """The pairs' threshold; None where there are none, and none was asked for."""
    pairs = prepared.pairs.get("validation", ())
    if len({pair.same for pair in pairs}) < 2:
        if far is None:
            return None
        raise DatasetError(f"{prepared.name}: no validation pairs to take a threshold from")
    trials = listed_trials(predictions, pairs)
    return calibrate(trials.distances, trials.same, far)


def _on_strangers(
    task: str, known: Predictions, strangers: Predictions, fpir: Optional[float]
) -> Optional[OpenSet]:
    """A branch's threshold, from the images of its modality.

    None where none was asked for and none can be told: where they are of a single stranger, who
    tells nothing of others, or the network knows two people, of whom the best always stands out by
    one standard deviation.
    """
    known, strangers = (p.only(p.is_caricature == (task == CARICATURE)) for p in (known, strangers))
    logits, of_strangers = (p.outputs[f"logits_{task}"] for p in (known, strangers))
    if fpir is None and (len(np.unique(strangers.labels)) < 2 or logits.shape[1] < 3):
        return None
    if logits.shape[1] < 3:
        raise ConfigError("strangers can be told from three people or more, not from two")
    scores, stranger_scores = (standing_out(each).numpy() for each in (logits, of_strangers))
    right = np.argmax(logits, axis=-1) == known.labels
    return open_set(scores, right, stranger_scores, strangers.labels, fpir)
