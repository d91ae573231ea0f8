"""What a run-time changes: its answers to some images beside those of the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple, Optional

import numpy as np
import tensorflow as tf

from cari_keras import drawn
from cari_keras.arrays import Array
from cari_keras.data.pipeline import split_records
from cari_keras.data.prepared import Prepared
from cari_keras.evaluation.curves import tar_at_far
from cari_keras.evaluation.predictions import Predictions
from cari_keras.evaluation.trials import crossed_trials
from cari_keras.images.graph import decode
from cari_keras.progress import Progress
from cari_keras.records.schema import parse
from cari_keras.serving.endpoints import Look
from cari_keras.serving.runtimes.base import Run
from cari_keras.vocabulary import MODALITIES

#: Images of each modality that are compared: so many give 65,536 pairs.
MOST = 256

#: Drawn people, where no dataset is at hand; a photo and a caricature of each.
DRAWN = 8

#: Images that are looked at at once.
BATCH = 8

#: The FAR at which TARs are compared.
FAR = 0.01


class Images(NamedTuple):
    """Images to compare answers on, or to calibrate 8 bits on.

    Attributes:
        pixels: uint8 RGB [n, S, S, 3].
        labels: int [n], who is on each.
        is_caricature: bool [n].
        source: What they are, for people.
        measured: Whether they are real, so that a TAR on them means something.
    """

    pixels: Array
    labels: Array
    is_caricature: Array
    source: str
    measured: bool

    @property
    def told(self) -> str:
        """What they are, in words."""
        return f"{len(self.pixels)} {self.source}"


def drawn_images(side: int) -> Images:
    """Faces that the package draws: a photo and a caricature of each of eight people."""
    pixels, labels = [], []
    for person in range(DRAWN):
        rng = np.random.default_rng([28, person])
        who = drawn.sample_identity(rng)
        pixels += [
            drawn.draw_photo(drawn.plan_photo(who, rng), side),
            drawn.draw_caricature(drawn.plan_caricature(who, rng), side),
        ]
        labels += [person, person]
    caricature = np.tile([False, True], DRAWN)
    return Images(np.stack(pixels), np.array(labels), caricature, "drawn faces", measured=False)


def images_of(prepared: Prepared, split: str, most: int = MOST) -> Images:
    """Images of a split, `most` of each modality at most, drawn by a seed."""
    rng = np.random.default_rng(0)
    pixels, labels, caricature = [], [], []
    for modality in MODALITIES:
        there = prepared.of(split, [modality])
        rows = np.sort(rng.permutation(len(there))[:most])
        chosen = replace(prepared, places={split: {modality: there.take(rows)}})
        for serialized in split_records(chosen, split):
            fields = parse(serialized)
            pixels.append(decode(fields["image"], prepared.image_size).numpy())
            caricature.append(bool(fields["is_caricature"]))
        labels += there.label[rows].tolist()
    return Images(
        np.stack(pixels),
        np.array(labels),
        np.array(caricature),
        f"{split} images of {prepared.name}",
        measured=True,
    )


def answers(run: Run, images: Images, *, progress: bool = False) -> dict[str, Array]:
    """What a branch, or its run-time, says of images: float32 [n, ...] by names, see `Look`."""
    count = len(images.pixels)
    found: list[dict[str, Array]] = []
    with Progress(count, "Comparing the format with the network", shown=progress) as bar:
        for start in range(0, count, BATCH):
            found.append(run(images.pixels[start : start + BATCH]))
            bar.update(min(BATCH, count - start))
    return {name: np.concatenate([part[name] for part in found]) for name in found[0]}


def parity(before: dict[str, Array], after: dict[str, Array], images: Images) -> dict[str, Any]:
    """How answers differ, in plain values.

    Args:
        before: The network's.
        after: The run-time's.
        images: To what.

    Returns:
        - `images`, `source`: how many they were, and what;
        - `largest_embedding_difference`: Euclidean, of embeddings of unit norm;
        - `tar_at_far_1_percent`: `before` and `after`, of every caricature with every photo, shares
          in [0, 1]; None where they are drawn, or are not both genuine and impostor pairs;
        - `equal_top1`: share of images of whom the same identity is likeliest.
    """
    found: dict[str, Any] = {"images": len(images.pixels), "source": images.source}
    if "embedding" in before:
        moved = np.linalg.norm(before["embedding"] - after["embedding"], axis=-1)
        found["largest_embedding_difference"] = float(moved.max())
        tars = [_tar(each["embedding"], images) for each in (before, after)]
        found["tar_at_far_1_percent"] = (
            None if None in tars else dict(zip(("before", "after"), tars))
        )
    for name in (name for name in before if name.startswith("logits_")):
        best = [each[name].argmax(axis=-1) for each in (before, after)]
        found["equal_top1"] = float(np.mean(best[0] == best[1]))
    return found


def _tar(embedding: Array, images: Images) -> Optional[float]:
    """Of every caricature with every photo."""
    if not images.measured:
        return None
    names: Sequence[str] = [str(i) for i in range(len(embedding))]
    trials = crossed_trials(
        Predictions(names, images.labels, images.is_caricature, {"embedding": embedding})
    )
    return tar_at_far(trials.distances, trials.same, FAR).tar if trials.both_kinds else None


def in_tensorflow(look: Look) -> Run:
    """A branch's own layers as a run-time."""
    function = tf.function(look)

    def run(pixels: Array) -> dict[str, Array]:
        return {name: value.numpy() for name, value in function(tf.constant(pixels)).items()}

    return run
