"""Endpoints: what clients ask, answered by the numbers of a branch, whatever computes these."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, Optional

import tensorflow as tf

from cari_keras.evaluation.open_set import OpenSet
from cari_keras.images.graph import checked_pixels, decoded_pixels
from cari_keras.serving.calibration import Calibration
from cari_keras.serving.rows import by_row, escaped, named_errors, never_empty
from cari_keras.serving.thresholds import Thresholds, standing_out
from cari_keras.vocabulary import VERIFY_BY

#: Endpoints that tell pairs apart -> the names of the two images. The endpoint of that name takes
#: files, as `<name>_bytes`; the one with `PIXELS` behind its name takes pixels.
PAIRS = {
    "verify": ("photo", "caricature"),
    "verify_identities": ("photo", "caricature"),
    "verify_photos": ("photo", "other_photo"),
}
PIXELS = "_pixels"

#: The endpoint of pixels where `serving_default` takes files.
SERVING_PIXELS = f"serving{PIXELS}"

#: What they compare: one of `VERIFY_BY`.
EMBEDDING, IDENTITIES = VERIFY_BY
COMPARED_BY = {"verify": EMBEDDING, "verify_identities": IDENTITIES, "verify_photos": EMBEDDING}

#: How many identities an identification names, best first.
TOP = 5


#: From pixels, uint8 [N, S, S, 3], to the numbers of a branch, float32 [N, ...]: `embedding`, and
#: `compared` where it verifies by identities; or `logits_<task>`.
Look = Callable[[tf.Tensor], dict[str, tf.Tensor]]

#: From two batches of pixels, uint8 [N, S, S, 3], to what is said of each pair.
Pairwise = Callable[[tf.Tensor, tf.Tensor], dict[str, tf.Tensor]]


class Endpoint(NamedTuple):
    """A function that clients call.

    Attributes:
        function: From tensors to a dict of tensors.
        inputs: What it takes, named.
    """

    function: Callable[..., dict[str, tf.Tensor]]
    inputs: list[tf.TensorSpec]


def verification_endpoints(look: Look, size: int, thresholds: Thresholds) -> dict[str, Endpoint]:
    """What branch 1 answers, see `verification_branch`.

    Args:
        look: How it looks at pixels, whichever run-time that computes it.
        size: S, in pixels.
        thresholds: What it decides by.
    """

    def embedding(pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"embedding": look(pixels)["embedding"]}

    def told_apart(
        first: tf.Tensor, second: tf.Tensor, *, output: str, calibration: Calibration
    ) -> dict[str, tf.Tensor]:
        compared = look(tf.concat([first, second], axis=0))[output]
        left, right = tf.split(compared, 2)
        return _said_of(tf.reduce_sum(tf.square(left - right), axis=-1), calibration)

    endpoints = _endpoints(embedding, size)
    for name, calibration in thresholds.of_pairs().items():
        if calibration is not None:
            output = "compared" if COMPARED_BY[name] == IDENTITIES else "embedding"
            tell = partial(told_apart, output=output, calibration=calibration)
            endpoints.update(_pairs(name, tell, size))
    return endpoints


def _said_of(distance: tf.Tensor, calibration: Calibration) -> dict[str, tf.Tensor]:
    """What is said of pairs of some squared distances, float32 [N]."""
    said = {
        "distance": distance,
        "threshold": tf.fill(tf.shape(distance), calibration.threshold),
        "far": tf.fill(tf.shape(distance), calibration.far_expected),
    }
    if calibration.undecided is None:
        said["same"] = distance <= calibration.threshold
    curve = calibration.curve  # of its own, for mypy
    if curve is not None:
        said["probability"] = tf.sigmoid(curve.slope * distance + curve.intercept)
    return said


def identification_endpoints(
    look: Look, size: int, task: str, identities: Sequence[str], known: Optional[OpenSet]
) -> dict[str, Endpoint]:
    """What branch 2 or 3 answers, see `identification_branch`.

    Args:
        look: How it looks at pixels, whichever run-time that computes it.
        size: S, in pixels.
        task: `caricature` or `photo`.
        identities: Names in the order of its labels.
        known: What decides who is known.
    """
    names = [escaped(name) for name in identities]

    def best(pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        logits = look(pixels)[f"logits_{task}"]
        probability = tf.nn.softmax(logits)
        values, places = tf.math.top_k(probability, k=min(TOP, len(names)))
        answers = {"identity": tf.gather(tf.constant(names), places), "probability": values}
        if known is not None:
            score = standing_out(logits)
            answers["score"] = score
            answers["known"] = score >= known.threshold
            answers["threshold"] = tf.fill(tf.shape(score), known.threshold)
            answers["fpir"] = tf.fill(tf.shape(score), known.fpir_unseen)
        return answers

    return _endpoints(best, size)


def _endpoints(
    answer: Callable[[tf.Tensor], dict[str, tf.Tensor]], size: int
) -> dict[str, Endpoint]:
    """One answer to pixels, uint8 [N, S, S, 3], however they come."""

    def of_pixels(image: tf.Tensor) -> dict[str, tf.Tensor]:
        return never_empty(answer, checked_pixels(image, size))

    def of_bytes(image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        decoded = decoded_pixels(image_bytes, size)
        return by_row(never_empty(answer, decoded.pixels), decoded.error)

    return {
        "serving_default": Endpoint(of_pixels, [_pixels("image", size)]),
        "serving_bytes": Endpoint(of_bytes, [_bytes("image_bytes")]),
    }


def _pairs(name: str, told_apart: Pairwise, size: int) -> dict[str, Endpoint]:
    """One answer to the pairs of an endpoint, however they come."""

    def across(photo_bytes: tf.Tensor, caricature_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        return _of_files(
            told_apart, size, photo_bytes=photo_bytes, caricature_bytes=caricature_bytes
        )

    def across_pixels(photo: tf.Tensor, caricature: tf.Tensor) -> dict[str, tf.Tensor]:
        return _of_pixels(told_apart, size, photo=photo, caricature=caricature)

    def photos(photo_bytes: tf.Tensor, other_photo_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        return _of_files(
            told_apart, size, photo_bytes=photo_bytes, other_photo_bytes=other_photo_bytes
        )

    def photos_pixels(photo: tf.Tensor, other_photo: tf.Tensor) -> dict[str, tf.Tensor]:
        return _of_pixels(told_apart, size, photo=photo, other_photo=other_photo)

    of_files: Callable[..., Any]
    of_pixels: Callable[..., Any]
    # The names of the parameters are those of the inputs.
    of_files, of_pixels = (
        (across, across_pixels) if "caricature" in PAIRS[name] else (photos, photos_pixels)
    )
    files = [_bytes(f"{each}_bytes") for each in PAIRS[name]]
    pixels = [_pixels(each, size) for each in PAIRS[name]]
    return {name: Endpoint(of_files, files), f"{name}{PIXELS}": Endpoint(of_pixels, pixels)}


def _of_files(told_apart: Pairwise, size: int, **files: tf.Tensor) -> dict[str, tf.Tensor]:
    with tf.control_dependencies([_equally_many(files)]):
        both = decoded_pixels(tf.concat(list(files.values()), axis=0), size)
    errors = tf.split(both.error, 2)
    names = [name.removesuffix("_bytes") for name in files]
    return by_row(never_empty(told_apart, *tf.split(both.pixels, 2)), named_errors(names, errors))


def _of_pixels(told_apart: Pairwise, size: int, **images: tf.Tensor) -> dict[str, tf.Tensor]:
    with tf.control_dependencies([_equally_many(images)]):
        first, second = (tf.identity(checked_pixels(image, size)) for image in images.values())
    return never_empty(told_apart, first, second)


def _equally_many(pair: Mapping[str, tf.Tensor]) -> tf.Operation:
    return tf.debugging.assert_equal(
        *(tf.shape(each)[0] for each in pair.values()),
        message=f"{' and '.join(pair)} must have the same length",
    )


def _pixels(name: str, size: int) -> tf.TensorSpec:
    return tf.TensorSpec([None, size, size, 3], tf.uint8, name=name)


def _bytes(name: str) -> tf.TensorSpec:
    return tf.TensorSpec([None], tf.string, name=name)
