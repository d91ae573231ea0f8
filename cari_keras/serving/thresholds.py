"""Where a served network draws its lines: the same person or two, somebody it knows or not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Optional

import numpy as np
import tensorflow as tf

from cari_keras.align.before import load_faces
from cari_keras.arrays import Array
from cari_keras.data.prepare import prepare
from cari_keras.data.prepared import Prepared
from cari_keras.errors import ConfigError, DatasetError
from cari_keras.evaluation.matcher import Matcher
from cari_keras.evaluation.open_set import OpenSet, open_set
from cari_keras.evaluation.predictions import Predictions
from cari_keras.evaluation.trials import Trials, crossed_trials, listed_trials
from cari_keras.serving.calibration import (
    LEAST_IMPOSTORS,
    PAIRS_OF_PHOTOS,
    VALIDATION_PAIRS,
    Calibration,
    calibrate,
    resolved,
)
from cari_keras.vocabulary import CARICATURE, MODALITIES, UNKNOWN


class Thresholds(NamedTuple):
    """All that a network decides by.

    Attributes:
        verify: Of a photo and a caricature, by their embeddings; None where branch 1 was not
            trained, or there are no such pairs.
        known: Task -> of images, on `standing_out`; empty where the dataset has no images of
            strangers.
        verify_photos: Of two photos, by their embeddings; for runs, None where validation pairs
            are across modalities.
        verify_identities: Of a photo and a caricature, by what branch 1 says of the people that it
            knows; None where the run does not verify by identities.
    """

    verify: Optional[Calibration]
    known: Mapping[str, OpenSet]
    verify_photos: Optional[Calibration] = None
    verify_identities: Optional[Calibration] = None

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
            for name in NO_THRESHOLDS.of_pairs()
            if (found := stored.get(name))
        }
        known = {task: OpenSet(**v) for task, v in stored["known"].items()}
        return NO_THRESHOLDS._replace(known=known, **pairs)

    def of_pairs(self) -> dict[str, Optional[Calibration]]:
        """Those of pairs, by the endpoint that decides by them."""
        return {
            "verify": self.verify,
            "verify_identities": self.verify_identities,
            "verify_photos": self.verify_photos,
        }


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


def prepared_of(
    matcher: Matcher, data_dir: Optional[str] = None, *, progress: bool = False
) -> Prepared:
    """The dataset that a run was trained on, in the size of its images.

    Args:
        matcher: The run's network.
        data_dir: For a dataset that has moved since.
        progress: Whether to show a progress bar.

    Raises:
        DatasetError: The dataset is not there, or is of other people.
    """
    config = matcher.config.with_values({"data_dir": data_dir} if data_dir else {})
    dataset = load_faces(config, progress=progress)
    cache_dir = config.data.cache_dir
    # In this process: new ones would run a user's script again, if it has no `__main__`.
    prepared = prepare(dataset, matcher.side, cache_dir=cache_dir, workers=1, progress=progress)
    matcher.check_heads(prepared)
    return prepared


def thresholds_of(
    matcher: Matcher,
    *,
    far: Optional[float] = None,
    fpir: Optional[float] = None,
    data_dir: Optional[str] = None,
    progress: bool = False,
) -> Thresholds:
    """Thresholds from the dataset that the network was trained on.

    Of pairs by `calibrate`. Embeddings of a photo and a caricature are judged on all pairs of its
    strangers, where two of them have both and their pairs can tell `far`; else on the validation
    pairs, as are two photos, and what the network says of the people it knows. Of images by
    `open_set` on its strangers' images, and on its validation images. Answers come from the cache
    where training or an evaluation has left them.

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
        raise ConfigError(
            f"{matcher.name} has no dataset of its own to give thresholds; name a run as the "
            "threshold source"
        )
    prepared = prepared_of(matcher, data_dir, progress=progress)
    cache_dir = matcher.config.data.cache_dir

    def predict(split: str) -> Predictions:
        # Not kept: outside `runtime.in_order` answers may differ from an evaluation's in a digit.
        return matcher.predict(prepared, split, cache_dir=cache_dir, progress=progress, store=False)

    validation = predict("validation")
    strangers = predict(UNKNOWN) if prepared.count(UNKNOWN) else None
    pairs: dict[str, Optional[Calibration]] = {}
    if "verification" in matcher.tasks:
        pairs = _of_pairs(prepared, validation, strangers, far)
    elif far is not None:
        raise ConfigError(
            f"{matcher.name} was not trained for verification, so it has no FAR; leave the FAR out"
        )
    known: dict[str, OpenSet] = {}
    for task in (task for task in MODALITIES if strangers and task in matcher.tasks):
        assert strangers is not None
        there = prepared.count("validation", [task]) and prepared.count(UNKNOWN, [task])
        found = on_strangers(task, strangers, validation, fpir) if there else None
        if found is not None:
            known[task] = found
    return Thresholds(pairs.pop("verify", None), known, **pairs)


def _of_pairs(
    prepared: Prepared,
    validation: Predictions,
    strangers: Optional[Predictions],
    far: Optional[float],
) -> dict[str, Optional[Calibration]]:
    """Endpoint -> its threshold; see `thresholds_of`."""
    if not validation.is_caricature.any():
        return {"verify_photos": _on_validation(prepared, validation, far, PAIRS_OF_PHOTOS)}
    found = {"verify": _on_pairs_of_strangers(strangers, far) if strangers else None}
    if found["verify"] is None:
        found["verify"] = _on_validation(prepared, validation, far)
    if "compared" in validation.outputs:
        impostors = sum(not pair.same for pair in prepared.pairs.get("validation", ()))
        # Where the strangers' pairs can tell the FAR asked for, these need not.
        if far is None or resolved(far, impostors):
            found["verify_identities"] = _on_validation(prepared, validation, far, by="identities")
    return found


def _on_pairs_of_strangers(strangers: Predictions, far: Optional[float]) -> Optional[Calibration]:
    """The threshold of all pairs of a photo and a caricature of people it was not trained on.

    None where fewer than two of them have both, there are fewer impostor pairs than a decision
    takes, or they cannot tell the FAR asked for.
    """
    drawn = strangers.is_caricature
    both = np.intersect1d(strangers.labels[drawn], strangers.labels[~drawn])
    if len(both) < 2:
        return None
    trials = crossed_trials(strangers, "embedding")
    impostors = int(np.sum(~trials.same))
    if far is None and impostors < LEAST_IMPOSTORS:
        return None
    if far is not None and 0 < far <= 1 and not resolved(far, impostors):
        return None
    people = np.stack([trials.subjects, trials.other_subjects], axis=1)
    told = f"pairs of a photo and a caricature of {len(np.unique(people))} people"
    return calibrate(
        trials.distances,
        trials.same,
        far,
        people=people,
        balanced=True,
        measured_on=f"{told} it was not trained on",
    )


def _on_validation(
    prepared: Prepared,
    predictions: Predictions,
    far: Optional[float],
    which: str = VALIDATION_PAIRS,
    by: str = "embedding",
) -> Optional[Calibration]:
    """The validation pairs' threshold; None where there are none, and none was asked for."""
    pairs = prepared.pairs.get("validation", ())
    if len({pair.same for pair in pairs}) < 2:
        if far is None:
            return None
        raise DatasetError(f"{prepared.name}: no validation pairs to take a threshold from")
    trials = listed_trials(predictions, pairs, by)
    people = _people(predictions, trials)
    whose = "people it was trained on"
    if np.min(people) >= len(prepared.identities):  # as of WebCaricature
        whose = f"{len(np.unique(people))} people it was not trained on"
    return calibrate(
        trials.distances, trials.same, far, people=people, measured_on=f"{which} of {whose}"
    )


def _people(predictions: Predictions, trials: Trials) -> Array:
    """The labels of each listed pair's two images, int [n, 2]."""
    labels = dict(zip(predictions.paths, predictions.labels.tolist()))
    second = np.array([labels[path] for path in trials.second])
    return np.stack([trials.subjects, second], axis=1)


def on_strangers(
    task: str,
    strangers: Predictions,
    known: Optional[Predictions] = None,
    fpir: Optional[float] = None,
) -> Optional[OpenSet]:
    """A branch's threshold, from the images of its modality.

    Args:
        task: `"caricature"` or `"photo"`.
        strangers: What the network says of people whom it does not know.
        known: What it says of images of those it knows, to tell how many are named rightly; None
            where it was trained on all there are.
        fpir: See `open_set`.

    Returns:
        None where no `fpir` was asked for and none can be told: where the images are of a single
        stranger, who tells nothing of others, or the network knows two people, of whom the best
        always stands out by one standard deviation.

    Raises:
        ConfigError: See `open_set`; or the network knows two people, and an `fpir` was asked for.
    """
    strangers = _of_modality(strangers, task)
    of_strangers = strangers.outputs[f"logits_{task}"]
    two_people = of_strangers.shape[1] < 3
    if fpir is None and (len(np.unique(strangers.labels)) < 2 or two_people):
        return None
    if two_people:
        raise ConfigError("strangers can be told from at least three people, and there are fewer")
    scores, right = np.zeros(0, np.float32), np.zeros(0, bool)
    if known is not None:
        known = _of_modality(known, task)
        logits = known.outputs[f"logits_{task}"]
        scores, right = standing_out(logits).numpy(), np.argmax(logits, axis=-1) == known.labels
    return open_set(scores, right, standing_out(of_strangers).numpy(), strangers.labels, fpir)


def _of_modality(predictions: Predictions, modality: str) -> Predictions:
    return predictions.only(predictions.is_caricature == (modality == CARICATURE))
