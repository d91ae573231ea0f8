"""Heads mixed with class means, for a network that was fine-tuned on few images of each person.

The nearest class mean (Mensink et al., 2013) in the space of the bottleneck, with the within-class
covariance normalised (Hatch et al., 2006), names people by a linear map of the bottleneck, as a
head does; so the two can be mixed into one head, and nothing else of the network changes. On CaVI
half of each is better than the trained heads in all four identification metrics, and than the means
in all but photos (docs/results.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from cari_keras.arrays import Array
from cari_keras.data.pipeline import evaluation_batches
from cari_keras.data.prepare import Prepared
from cari_keras.evaluation.views import views_of
from cari_keras.model.heads import Head, bottlenecks, head_arrays, read_heads
from cari_keras.sections import TrainingConfig
from cari_keras.stack import keras
from cari_keras.vocabulary import MODALITIES

#: Task -> how much of a class's mean comes from photos; the rest comes from caricatures. Branches 2
#: and 3 lean to their own modality, and keep enough of the other to be asked about it (V2C, C2V).
#: Both constants were chosen on CaVI's validation images, where 0.5 to 0.85 of the own modality and
#: a shrinkage of 0.1 to 1 differ by a few tenths of a point.
PHOTO_SHARE = {"verification": 0.5, "caricature": 0.3, "photo": 0.7}

#: Of the within-class covariance's mean variance, how much is added to every direction.
SHRINKAGE = 0.3


def with_dense_heads(training: TrainingConfig) -> tuple[str, ...]:
    """The tasks whose heads class means can be mixed into: a head of cosines has no such form."""
    cosines = {"verification"} if training.head_of_cosines else set()
    return tuple(task for task in training.tasks if task not in cosines)


class ClassMeans:
    """Mixes a network's heads with the class means of the training images.

    Args:
        model: From `build_network`; its weights are read when it is called, and left alone.
        prepared: The prepared dataset, of whose training images each is looked at once, whole.
        share: Of the logits, how much is the class means', in (0, 1].
        tasks: Whose heads.
        modalities: Which training images take part.
        batch_size: Images per forward pass.
        check: Called before each batch; may raise.
    """

    def __init__(
        self,
        model: keras.Model,
        prepared: Prepared,
        share: float,
        *,
        tasks: Sequence[str],
        modalities: Sequence[str] = MODALITIES,
        batch_size: int = 64,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self.model, self.share, self.check = model, share, check
        self.tasks = tuple(tasks)
        network = keras.Model(model.input, bottlenecks(model, tasks))
        size = prepared.image_size

        def forward(images: tf.Tensor) -> dict[str, tf.Tensor]:
            (view,) = views_of(images, image_size=model.input.shape[1])
            found = network(view, training=False)
            return {task: tf.cast(b, tf.float32) for task, b in found.items()}

        self._forward = tf.function(
            forward, input_signature=[tf.TensorSpec([None, size, size, 3], tf.float32)]
        )
        self._batches = evaluation_batches(prepared, "train", batch_size, modalities)

    def __call__(self) -> dict[str, Array]:
        """The new heads' arrays by `layer/weight`, with the weights that the network has now."""
        trained = read_heads(self.model, self.tasks)
        moments = {task: Moments(*reversed(head.kernel.shape)) for task, head in trained.items()}
        for batch in self._batches:
            self.check()
            label, is_caricature = batch["label"].numpy(), batch["is_caricature"].numpy()
            for task, bottleneck in self._forward(batch["image"]).items():
                moments[task].add(bottleneck.numpy(), label, is_caricature)
        heads = {t: mix_heads(moments[t], head, t, self.share) for t, head in trained.items()}
        return head_arrays(self.model, heads)


class Moments:
    """Sums over images of one bottleneck, from which class means and their kernel follow.

    Their memory does not grow with the number of images.

    Args:
        num_identities: K.
        size: Width d of the bottleneck.
    """

    def __init__(self, num_identities: int, size: int) -> None:
        self.sums = np.zeros((len(MODALITIES), num_identities, size))
        self.counts = np.zeros((len(MODALITIES), num_identities))
        #: Sum of b b', where b has a 1 behind it, so that a head with a bias is one matrix.
        self.second = np.zeros((size + 1, size + 1))

    def add(self, bottleneck: Array, label: Array, is_caricature: Array) -> None:
        """Adds a batch: float [N, d], int [N], bool [N]."""
        rows = (np.where(is_caricature, *map(MODALITIES.index, ("caricature", "photo"))), label)
        values = bottleneck.astype(np.float64)
        np.add.at(self.sums, rows, values)
        np.add.at(self.counts, rows, 1.0)
        with_one = np.pad(values, ((0, 0), (0, 1)), constant_values=1.0)
        self.second += with_one.T @ with_one

    def kernel(self, photo_share: float) -> Array:
        """The class means as a kernel float64 [d, K], for the logits b . kernel.

        With m the mean of a class's photos or caricatures, each scaled to unit length, u their sum
        weighted by `photo_share` and 1 - `photo_share`, S the covariance of b about those means,
        s the mean of its diagonal and P = (S / s + SHRINKAGE I)^-1, class k's column is
        P u / sqrt(u' P u): up to the length of the whitened b, the cosine of b and u after both are
        whitened by P^(1/2). Where no class has two images of a modality there is no covariance,
        and P = I. A class without images of one modality has the mean of the other; without any,
        zeros.
        """
        means = self.sums / np.maximum(self.counts, 1.0)[..., None]
        share = {"photo": photo_share, "caricature": 1.0 - photo_share}
        units = means / _length(means)
        u = sum(share[name] * unit for name, unit in zip(MODALITIES, units))
        total = max(self.counts.sum(), 1.0)
        flat = means.reshape(-1, means.shape[-1])
        about_zero = self.second[:-1, :-1]
        within = (about_zero - (flat * self.counts.reshape(-1, 1)).T @ flat) / total
        size = len(within)
        scale = np.trace(within) / size
        # What rounding leaves of a difference that should be zero is no covariance.
        if scale * size * total <= 1e-9 * np.trace(about_zero):
            pu = u.T
        else:
            pu = np.linalg.solve(within / scale + SHRINKAGE * np.eye(size), u.T)
        return np.asarray(pu / np.sqrt(np.maximum(np.sum(u.T * pu, axis=0), 1e-12)))

    def spread(self, head: Head) -> float:
        """Root mean square of a head's logits about their mean over the classes."""
        matrix = np.vstack([head.kernel, head.bias]).astype(np.float64)
        matrix = matrix - matrix.mean(axis=1, keepdims=True)
        count = self.second[-1, -1] * matrix.shape[1]
        return float(np.sqrt(np.sum(matrix * (self.second @ matrix)) / max(count, 1.0)))


def _length(vectors: Array) -> Array:
    return np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)


def mix_heads(moments: Moments, trained: Head, task: str, share: float) -> Head:
    """A head whose logits are `share` those of the class means, the rest the trained head's.

    The means' logits are first given the spread of the trained ones, so that the softmax is as sure
    of itself as before, and their mean over the classes. Classes of which there is no image take
    no part in that and keep what was trained.
    """
    seen = moments.counts.sum(axis=0) > 0
    if not seen.any():
        return trained
    kernel, bias = trained.kernel.astype(np.float64), trained.bias.astype(np.float64)
    of_seen = Head(kernel[:, seen], bias[seen])
    means = moments.kernel(PHOTO_SHARE[task])[:, seen]
    scale = moments.spread(of_seen) / (moments.spread(Head(means, np.zeros(seen.sum()))) or 1.0)
    means = scale * (means - means.mean(axis=1, keepdims=True))
    means += of_seen.kernel.mean(axis=1, keepdims=True)
    kernel[:, seen] = share * means + (1.0 - share) * of_seen.kernel
    bias[seen] = share * of_seen.bias.mean() + (1.0 - share) * of_seen.bias
    return Head(kernel, bias)
