"""The one evaluator: runs the network over a split once and computes the protocol's metrics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Optional

import numpy as np
import tensorflow as tf

from cari_keras.arrays import Array
from cari_keras.data.base import Pair
from cari_keras.data.pipeline import evaluation_batches
from cari_keras.data.prepared import Prepared
from cari_keras.errors import CheckpointError
from cari_keras.evaluation.answering import PLAIN, AnswerSettings, answering
from cari_keras.evaluation.predictions import Predictions
from cari_keras.evaluation.trials import listed_trials
from cari_keras.evaluation.verification import accuracy, auc, cross_validated_accuracy
from cari_keras.process import check_not_forked
from cari_keras.progress import Progress
from cari_keras.stack import keras
from cari_keras.vocabulary import TASKS

#: Metric -> (task whose head answers, whether it is asked about caricatures). Table 2's columns.
IDENTIFICATION = {
    "photo_identification": ("photo", False),
    "caricature_identification": ("caricature", True),
    "v2c": ("photo", True),
    "c2v": ("caricature", False),
}


class Evaluator:
    """Computes verification and identification metrics of a network on one split.

    Args:
        model: From `build_network`.
        prepared: The prepared dataset.
        split: Which of its splits.
        tasks: The tasks that were trained; metrics of the others are left out.
        batch_size: Views of images per forward pass.
        settings: How it looks at an image, and what it compares.
    """

    def __init__(
        self,
        model: keras.Model,
        prepared: Prepared,
        split: str = "validation",
        *,
        tasks: Sequence[str] = TASKS,
        batch_size: int = 64,
        settings: AnswerSettings = PLAIN,
    ) -> None:
        self.prepared = prepared
        self.split = split
        size = prepared.image_size
        _, answer = answering(model, tasks, settings)
        # One trace for every batch size, the last and smaller one included.
        self._forward = tf.function(
            answer,
            input_signature=[tf.TensorSpec([None, size, size, 3], tf.float32)],
            autograph=False,
        )
        self._batches = evaluation_batches(prepared, split, max(batch_size // settings.views, 1))

    def predict(
        self, *, progress: bool = False, check: Callable[[], None] = lambda: None
    ) -> Predictions:
        """Runs the network over the split, on request with a progress bar on standard error.

        `check` is called before each batch and may raise, to end it early.

        Raises:
            CheckpointError: An answer is not a finite number; no metric could be trusted.
        """
        check_not_forked()
        batches = []
        total = self.prepared.count(self.split)
        bar = Progress(total, f"Looking at {self.split}", shown=progress)
        for batch in self._batches:
            check()
            fields: dict[str, Any] = dict(self._forward(batch["image"]))
            fields.update({name: batch[name] for name in ("label", "is_caricature", "path")})
            batches.append({name: value.numpy() for name, value in fields.items()})
            bar.update(len(batches[-1]["path"]))
        bar.close()
        if not batches:
            return self._none()
        joined = {name: np.concatenate([b[name] for b in batches]) for name in batches[0]}
        for name, values in joined.items():
            if values.dtype == np.float32 and not np.isfinite(values).all():
                raise CheckpointError(
                    f"the network's {name} is not a number for some {self.split} images: "
                    "its training has diverged, or its weights are damaged; train it "
                    "again, or copy the run anew"
                )
        return Predictions(
            [path.decode("utf-8", "surrogateescape") for path in joined.pop("path")],
            joined.pop("label"),
            joined.pop("is_caricature"),
            joined,
        )

    def _none(self) -> Predictions:
        """The answers for no image, of the shapes of some."""
        size = self.prepared.image_size
        outputs = self._forward(tf.zeros([1, size, size, 3]))
        empty = {name: value.numpy()[:0] for name, value in outputs.items()}
        return Predictions([], np.zeros(0, int), np.zeros(0, bool), empty)

    def __call__(self) -> dict[str, float]:
        """The split's metrics: see `metrics_of`."""
        predictions = self.predict()
        return metrics_of(predictions, self.prepared.pairs.get(self.split, ()))


def metrics_of(
    predictions: Predictions, pairs: Sequence[Pair], threshold: Optional[float] = None
) -> dict[str, float]:
    """Metrics from predictions.

    Args:
        predictions: From `Evaluator.predict`.
        pairs: The split's verification pairs.
        threshold: A squared distance chosen on other pairs, as Table 2's is on the validation
            pairs. None takes it by two-fold cross-validation over these pairs' identities.

    Returns:
        Shares in [0, 1]; a metric is absent where its head, or its images, are:

        - `verification_accuracy` over the pairs, and `verification_auc`;
        - `photo_identification`, `caricature_identification`: each branch on its own modality;
        - `v2c`: the photo branch on caricatures; `c2v`: the caricature branch on photos.
    """
    found: dict[str, float] = {}
    if "embedding" in predictions.outputs and pairs:
        trials = listed_trials(predictions, pairs)
        if threshold is None:
            right = cross_validated_accuracy(trials.distances, trials.same, trials.subjects)[0]
        else:
            right = accuracy(trials.distances, trials.same, threshold)
        found["verification_accuracy"] = right
        found["verification_auc"] = auc(trials.distances, trials.same)
    for name, (logits, labels) in identification(predictions).items():
        found[name] = rank1(logits, labels)
    return found


def identification(predictions: Predictions) -> dict[str, tuple[Array, Array]]:
    """What identification is judged by: metric -> (logits float32 [m, K], labels int [m]).

    A metric is absent where its head, or its images, are; strangers, whom no head can name, are
    left out.
    """
    found = {}
    for name, (task, on_caricatures) in IDENTIFICATION.items():
        logits = predictions.outputs.get(f"logits_{task}")
        if logits is None:
            continue
        known = predictions.labels < logits.shape[1]
        asked = known & (predictions.is_caricature == on_caricatures)
        if asked.any():
            found[name] = logits[asked], predictions.labels[asked]
    return found


def rank1(logits: Array, labels: Array) -> float:
    """The share of images whose largest logit is their own identity's: [n, K], [n]."""
    return float(np.mean(np.argmax(logits, axis=-1) == labels))
