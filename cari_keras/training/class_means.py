"""Heads mixed with class means, for a network that was fine-tuned on few images of each person.

The nearest class mean (Mensink et al., 2013) in the space of the features that a head reads, with
the within-class covariance normalised (Hatch et al., 2006), names people by a linear map of these
features, as a head does; so the two can be mixed into one head, and nothing else of the network
changes. On CaVI half of each is better than heads trained on the bottleneck in all four
identification metrics, and than the means in all but photos (docs/results.md).

Means alone need no training at all, so a network that was trained for verification alone can name
people by them (`Config.answered_tasks`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Optional

import numpy as np
import tensorflow as tf

from cari_keras.arrays import Array
from cari_keras.config import Config
from cari_keras.data.base import Batch
from cari_keras.data.pipeline import evaluation_batches
from cari_keras.data.prepared import Prepared
from cari_keras.evaluation.views import views_of
from cari_keras.model.heads import Head, head_arrays, head_inputs, read_heads
from cari_keras.model.network import split_at
from cari_keras.stack import keras
from cari_keras.vocabulary import MODALITIES, TASKS

#: Task -> how much of a class's mean comes from photos; the rest comes from caricatures. Branches 2
#: and 3 lean to their own modality, and keep enough of the other to be asked about it (V2C, C2V).
#: Both constants were chosen on CaVI's validation images, where 0.5 to 0.85 of the own modality and
#: a shrinkage of 0.1 to 1 differ by a few tenths of a point.
PHOTO_SHARE = {"verification": 0.5, "caricature": 0.3, "photo": 0.7}

#: Of the within-class covariance's mean variance, how much is added to every direction.
SHRINKAGE = 0.3


def with_dense_heads(config: Config) -> tuple[str, ...]:
    """The tasks whose heads class means can be mixed into: a head of cosines has no such form."""
    cosines = {"verification"} if config.training.head_of_cosines else set()
    return tuple(task for task in config.answered_tasks if task not in cosines)


class Views(NamedTuple):
    """Augmented views of the training images, which make the means steadier.

    Attributes:
        batches: Gives them anew, batch after batch: images, or stored outputs of the first layers.
        cut: Of `vocabulary.CUTS`: up to where the layers have been; None for images.
    """

    batches: Callable[[], Iterable[Batch]]
    cut: Optional[str] = None


class ClassMeans:
    """Mixes a network's heads with the class means of the training images.

    Args:
        model: From `build_network`; its weights are read when it is called, and left alone.
        prepared: The prepared dataset, of whose training images each is looked at once, whole.
        views: More views of them, augmented.
        share: Of the logits, how much is the class means', in (0, 1].
        tasks: Whose heads.
        trained: Those of the tasks whose heads were trained; by default all.
        cosine_scale: Of the heads that were not, see `mix_heads`.
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
        trained: Collection[str] = TASKS,
        cosine_scale: float = 1.0,
        views: Optional[Views] = None,
        modalities: Sequence[str] = MODALITIES,
        batch_size: int = 64,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self.model, self.share, self.check = model, share, check
        self.tasks = tuple(tasks)
        self._scales = {task: None if task in trained else cosine_scale for task in tasks}
        self._views = views
        # Tasks may read the same features: these are computed and summed once, under the first
        # task's name. Besides, Keras 2 cannot cut a model that gives one tensor under two names.
        read = head_inputs(model, tasks)
        first: dict[int, str] = {}
        self._read_by = {task: first.setdefault(id(read[task]), task) for task in tasks}
        features = {task: read[task] for task in first.values()}
        # Where a network is cut is found by layers behind the heads, so all outputs stay.
        network = keras.Model(model.input, {**model.output, **features})
        side, stored = model.input.shape[1], prepared.image_size
        self._of_images = self._forward(
            network, (None, stored, stored, 3), lambda x: views_of(x, image_size=side)[0]
        )
        if views:
            rest = split_at(network, views.cut)[1] if views.cut else network
            self._of_view = self._forward(rest, rest.input.shape, lambda x: x)
        self._batches = evaluation_batches(prepared, "train", batch_size, modalities)

    def _forward(
        self, network: keras.Model, shape: Any, view: Callable[[tf.Tensor], tf.Tensor]
    ) -> Any:
        """From images, or stored outputs, to all that heads read: float32 [N, d] by first task."""

        def forward(inputs: tf.Tensor) -> dict[str, tf.Tensor]:
            found = network(view(inputs), training=False)
            return {by: tf.cast(found[by], tf.float32) for by in set(self._read_by.values())}

        signature = [tf.TensorSpec(shape, tf.float32)]
        return tf.function(forward, input_signature=signature, autograph=False)

    def __call__(self) -> dict[str, Array]:
        """The new heads' arrays by `layer/weight`, with the weights that the network has now."""
        trained = read_heads(self.model, self.tasks)
        moments = {
            by: Moments(*reversed(trained[by].kernel.shape)) for by in set(self._read_by.values())
        }
        for found, label, is_caricature in self._looked_at():
            self.check()
            for by, features in found.items():
                moments[by].add(features.numpy(), label.numpy(), is_caricature.numpy())
        heads = {
            task: mix_heads(
                moments[by], trained[task], task, self.share, cosine_scale=self._scales[task]
            )
            for task, by in self._read_by.items()
        }
        return head_arrays(self.model, heads)

    def _looked_at(self) -> Iterator[tuple[dict[str, tf.Tensor], tf.Tensor, tf.Tensor]]:
        """What the heads read, labels and modality, of batch after batch."""
        for batch in self._batches:
            yield self._of_images(batch["image"]), batch["label"], batch["is_caricature"]
        if self._views:
            for inputs, labels, is_caricature in self._views.batches():
                yield self._of_view(inputs), labels, is_caricature


class Moments:
    """Sums over images of what a head reads, from which class means and their kernel follow.

    Their memory does not grow with the number of images.

    Args:
        num_identities: K.
        size: Width d of the features.
    """

    def __init__(self, num_identities: int, size: int) -> None:
        self.sums = np.zeros((len(MODALITIES), num_identities, size))
        self.counts = np.zeros((len(MODALITIES), num_identities))
        #: Sum of b b', where b has a 1 behind it, so that a head with a bias is one matrix.
        self.second = np.zeros((size + 1, size + 1))

    def add(self, features: Array, label: Array, is_caricature: Array) -> None:
        """Adds a batch: float [N, d], int [N], bool [N]."""
        rows = (np.where(is_caricature, *map(MODALITIES.index, ("caricature", "photo"))), label)
        values = features.astype(np.float64)
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
        means = self._means()
        share = {"photo": photo_share, "caricature": 1.0 - photo_share}
        units = means / _length(means)
        u = sum(share[name] * unit for name, unit in zip(MODALITIES, units)).T
        pu = self._whitened(u)
        return np.asarray(pu / np.sqrt(np.maximum(np.sum(u * pu, axis=0), 1e-12)))

    def length(self) -> float:
        """Root mean square over the images of the length of b after whitening by P^(1/2)."""
        total = max(self.counts.sum(), 1.0)
        return float(np.sqrt(max(np.trace(self._whitened(self.second[:-1, :-1])) / total, 1e-12)))

    def _means(self) -> Array:
        """The mean of each class's photos and caricatures, [2, K, d]."""
        return self.sums / np.maximum(self.counts, 1.0)[..., None]

    def _whitened(self, columns: Array) -> Array:
        """P times the columns [d, n]."""
        total = max(self.counts.sum(), 1.0)
        flat = self._means().reshape(-1, self.sums.shape[-1])
        about_zero = self.second[:-1, :-1]
        within = (about_zero - (flat * self.counts.reshape(-1, 1)).T @ flat) / total
        size = len(within)
        scale = np.trace(within) / size
        # What rounding leaves of a difference that should be zero is no covariance.
        if scale * size * total <= 1e-9 * np.trace(about_zero):
            return columns
        return np.linalg.solve(within / scale + SHRINKAGE * np.eye(size), columns)

    def spread(self, head: Head) -> float:
        """Root mean square of a head's logits about their mean over the classes."""
        matrix = np.vstack([head.kernel, head.bias]).astype(np.float64)
        matrix = matrix - matrix.mean(axis=1, keepdims=True)
        count = self.second[-1, -1] * matrix.shape[1]
        return float(np.sqrt(np.sum(matrix * (self.second @ matrix)) / max(count, 1.0)))


def _length(vectors: Array) -> Array:
    return np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)


def mix_heads(
    moments: Moments,
    trained: Head,
    task: str,
    share: float,
    *,
    cosine_scale: Optional[float] = None,
) -> Head:
    """A head whose logits are `share` those of the class means, the rest the trained head's.

    Args:
        moments: Of the training images.
        trained: The head so far.
        task: Whose head it is: decides how much photos count.
        share: In (0, 1].
        cosine_scale: None gives the means' logits the spread of the trained ones, so that the
            softmax is as sure of itself as before, and their mean over the classes. A number s
            makes them s times the cosines of `Moments.kernel`, where features are of their usual
            length: for a head that was not trained.

    Returns:
        The new head. Classes of which there is no image take no part and keep what was trained.
    """
    seen = moments.counts.sum(axis=0) > 0
    if not seen.any():
        return trained
    kernel, bias = trained.kernel.astype(np.float64), trained.bias.astype(np.float64)
    of_seen = Head(kernel[:, seen], bias[seen])
    means = moments.kernel(PHOTO_SHARE[task])[:, seen]
    if cosine_scale is not None:
        kernel[:, seen] = share * cosine_scale / moments.length() * means
        kernel[:, seen] += (1.0 - share) * of_seen.kernel
        bias[seen] = (1.0 - share) * of_seen.bias
        return Head(kernel, bias)
    scale = moments.spread(of_seen) / (moments.spread(Head(means, np.zeros(seen.sum()))) or 1.0)
    means = scale * (means - means.mean(axis=1, keepdims=True))
    means += of_seen.kernel.mean(axis=1, keepdims=True)
    kernel[:, seen] = share * means + (1.0 - share) * of_seen.kernel
    bias[seen] = share * of_seen.bias.mean() + (1.0 - share) * of_seen.bias
    return Head(kernel, bias)
