"""Epochs that train what follows a cut through the network, on stored outputs of what precedes it.

While the first layers stand still, their output for an image does not change, so it is computed
once and kept on disk: a pass over CaVI that takes minutes with all shared layers takes seconds
without.
"""

from __future__ import annotations

import functools
import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from cari_keras.arrays import Array
from cari_keras.data.augment import Augmentation
from cari_keras.data.base import Batch
from cari_keras.data.pipeline import steps_per_epoch, training_batches
from cari_keras.data.prepared import Prepared
from cari_keras.files import atomic_path, finish_writes, write_text
from cari_keras.progress import Progress
from cari_keras.stack import keras
from cari_keras.vocabulary import MODALITIES

#: In the folder: a hash of what its views were made for.
MADE_FOR = "made_for.txt"


class SharedOutputs:
    """What the first layers give for augmented training images, as float16 files in a folder.

    Every view holds one full pass of the training batches, augmented with draws of its own. It is
    computed when it is first asked for; one that an earlier process finished is read.

    Args:
        trunk: The first layers as a model, see `split_at`; used with BatchNorm's moving
            statistics.
        prepared: The prepared dataset.
        folder: Where the views are kept. At 160 pixels each image of each view takes 32 kB cut
            behind the shared layers, 115 kB behind block17, 148 kB behind block35.
        views: How many views there are; epoch e trains on view e modulo `views`.
        batch_size: N.
        seed: The run's seed.
        augmentation: How images are varied.
        modalities: Which images take part.
        check: Called before each batch that is computed; may raise.
        made_for: Describes the images and the layers' weights, when views are asked for; views
            that an earlier process made for others are removed.
        shared: Whether other runs use the folder too, one at a time: there, views of the same
            images, weights and draws are computed once for all of them, and none is removed.
        progress: Show how far a view has come: it takes a minute and more.
    """

    def __init__(
        self,
        trunk: keras.Model,
        prepared: Prepared,
        folder: Path,
        *,
        views: int,
        batch_size: int,
        seed: int,
        augmentation: Augmentation,
        modalities: Sequence[str] = MODALITIES,
        check: Callable[[], None] = lambda: None,
        made_for: Callable[[], str] = lambda: "",
        shared: bool = False,
        progress: bool = False,
    ) -> None:
        self.check, self.progress = check, progress
        self.prepared, self.views = prepared, views
        self._folder, self._shared = folder, shared
        self.batch_size, self.seed = batch_size, seed
        self.augmentation, self.modalities = augmentation, modalities
        self._image_size, self._shape = trunk.input.shape[1], tuple(trunk.output.shape[1:])
        self._forward = tf.function(
            lambda images: tf.cast(trunk(images, training=False), tf.float16),
            input_signature=[tf.TensorSpec([None, *trunk.input.shape[1:]], tf.float32)],
            autograph=False,
        )
        self._describe = made_for

    def batches(self, epoch: int, skip: int = 0, part: tuple[int, int] = (0, 1)) -> Iterator[Batch]:
        """One epoch of batches whose images are float32 [N, *Z], a pure function of the arguments.

        The images of a view are shuffled anew for every epoch.

        Args:
            epoch: The epoch's number.
            skip: Batches to leave out at the start.
            part: (w, W): the w-th of W equal parts of every batch, as worker w of W takes it. A
                view is shuffled as a whole, so each worker computes all of it.
        """
        outputs, labels, is_caricature = self._view(epoch % self.views)
        order = np.random.default_rng([self.seed, epoch]).permutation(len(labels))
        for start in range(skip * self.batch_size, len(order), self.batch_size):
            # In the file's order, which the disk likes and the losses do not see.
            rows = np.sort(order[start : start + self.batch_size])
            rows = np.array_split(rows, part[1])[part[0]]
            yield Batch(
                tf.constant(outputs[rows].astype(np.float32)),
                tf.constant(labels[rows]),
                tf.constant(is_caricature[rows]),
            )

    def each_view(self) -> Iterator[Batch]:
        """The batches of every view, once."""
        for view in range(self.views):
            yield from self.batches(view)

    def delete(self) -> None:
        """Removes the folder, unless other runs share it."""
        if not self._shared:
            shutil.rmtree(self._folder, ignore_errors=True)

    @functools.cached_property
    def _made_for(self) -> str:
        """What the views are made for; not known before a resumed run has its weights."""
        drawn = [self.batch_size, self.seed, self.augmentation, self.modalities, self._image_size]
        # Paths in it may be no UTF-8.
        text = f"{self._describe()} {drawn}".encode(errors="surrogateescape")
        return hashlib.sha256(text).hexdigest()

    def _place(self) -> Path:
        """The folder of this run's views, without any that were made for others.

        What was killed before its first checkpoint begins again, perhaps with other images.
        """
        if self._shared:
            return self._folder / self._made_for[:16]
        stamp = self._folder / MADE_FOR
        if not stamp.is_file() or stamp.read_text(encoding="utf-8") != self._made_for:
            self.delete()
            write_text(stamp, self._made_for)
        return self._folder

    def _view(self, view: int) -> tuple[Any, Array, Array]:
        # Not before: a run that refuses the dataset which it is to go on with keeps its views.
        folder = self._place() / f"view_{view}"
        if not folder.is_dir():
            finish_writes(folder.parent)
            self._compute(folder, view)
        return (
            np.load(folder / "outputs.npy", mmap_mode="r"),
            np.load(folder / "labels.npy"),
            np.load(folder / "is_caricature.npy"),
        )

    def _compute(self, folder: Path, view: int) -> None:
        batches = training_batches(
            self.prepared,
            self.batch_size,
            epoch=view,
            seed=self.seed,
            augmentation=self.augmentation,
            modalities=self.modalities,
            image_size=self._image_size,
        )
        steps = steps_per_epoch(self.prepared, self.batch_size, self.modalities)
        count = steps * self.batch_size
        labels, is_caricature = np.zeros(count, np.int32), np.zeros(count, bool)
        with atomic_path(folder) as temporary:
            temporary.mkdir()
            # Straight to the file: memory does not grow with the number of images. Written, not
            # mapped: on a full disk a mapped file ends the process without a word.
            what = f"storing outputs {view + 1}/{self.views}"
            with (
                (temporary / "outputs.npy").open("wb") as stream,
                Progress(count, what, shown=self.progress) as bar,
            ):
                header = {"descr": "<f2", "fortran_order": False, "shape": (count, *self._shape)}
                np.lib.format.write_array_header_1_0(stream, header)
                for i, batch in enumerate(batches):
                    self.check()
                    rows = slice(i * self.batch_size, (i + 1) * self.batch_size)
                    stream.write(self._forward(batch.images).numpy().astype("<f2").tobytes())
                    labels[rows] = batch.labels.numpy()
                    is_caricature[rows] = batch.is_caricature.numpy()
                    bar.update(len(batch.labels))
            np.save(temporary / "labels.npy", labels)
            np.save(temporary / "is_caricature.npy", is_caricature)
