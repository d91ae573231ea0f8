"""What each branch answers to a client: its endpoints, as functions of a graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple, Optional

import tensorflow as tf

from cari_keras.data.augment import standardize
from cari_keras.evaluation.answering import answering
from cari_keras.evaluation.matcher import Matcher
from cari_keras.evaluation.open_set import OpenSet
from cari_keras.images.graph import checked_pixels, decoded_pixels
from cari_keras.serving.calibration import Calibration
from cari_keras.serving.rows import by_row, escaped, named_errors, never_empty
from cari_keras.serving.thresholds import NO_THRESHOLDS, Thresholds, standing_out
from cari_keras.stack import keras
from cari_keras.vocabulary import PIXELS_AND_BYTES, VERIFY_BY, check_word

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


class Branch(NamedTuple):
    """A branch of the network, ready to be exported or called.

    Attributes:
        name: A task.
        network: The layers that it needs; the weight head is none of them.
        endpoints: By name; the first is the default one.
    """

    name: str
    network: keras.Model
    endpoints: dict[str, Endpoint]


def verification_branch(matcher: Matcher, thresholds: Thresholds = NO_THRESHOLDS) -> Branch:
    """Branch 1: embeddings, and pairs told apart.

    `serving_default`: `image` uint8 [N, S, S, 3] RGB -> `embedding` float32 [N, d], unit norm.
    `serving_bytes`: `image_bytes` string [N], JPEG, PNG, GIF or BMP -> `embedding`; `valid` bool
    [N] and `error` string [N], as of all endpoints of files: see `rows.by_row`.
    `verify`, with a threshold: `photo_bytes`, `caricature_bytes` string [N] -> `distance` float32
    [N], squared L2 of embeddings; `same` bool [N], unless the threshold does not decide, see
    `why_undecided`; `probability` float32 [N], of one person at a prior of 50 %, where a curve was
    fitted; `threshold`, `far` float32 [N], the same for every pair; `far` is that on people it was
    not chosen on, where that is known.
    `verify_pixels`: `photo`, `caricature` uint8 [N, S, S, 3] -> the same.
    `verify_photos`, `verify_photos_pixels`, with a threshold of two photos: `other_photo` in the
    place of `caricature`.
    `verify_identities`, `verify_identities_pixels`, with a threshold of theirs: as `verify`, but
    `distance` compares what the branch says of the people it knows, see `AnswerSettings`.
    """
    size = matcher.side
    network, answer = answering(matcher.model, ["verification"], matcher.settings)

    def embedding(pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"embedding": answer(standardize(pixels))["embedding"]}

    def told_apart(
        first: tf.Tensor, second: tf.Tensor, *, output: str, calibration: Calibration
    ) -> dict[str, tf.Tensor]:
        compared = answer(standardize(tf.concat([first, second], axis=0)))[output]
        left, right = tf.split(compared, 2)
        return _said_of(tf.reduce_sum(tf.square(left - right), axis=-1), calibration)

    endpoints = _endpoints(embedding, size)
    for name, calibration in thresholds.of_pairs().items():
        if calibration is not None:
            output = "compared" if COMPARED_BY[name] == IDENTITIES else "embedding"
            tell = partial(told_apart, output=output, calibration=calibration)
            endpoints.update(_pairs(name, tell, size))
    return Branch("verification", network, endpoints)


def _said_of(distance: tf.Tensor, calibration: Calibration) -> dict[str, tf.Tensor]:
    """What is said of pairs of some squared distances, float32 [N]."""
    said = {
        "distance": distance,
        "threshold": tf.fill(tf.shape(distance), calibration.threshold),
        "far": tf.fill(tf.shape(distance), calibration.far_expected),
    }
    if calibration.undecided is None:
        said["same"] = distance <= calibration.threshold
    if (curve := calibration.curve) is not None:
        said["probability"] = tf.sigmoid(curve.slope * distance + curve.intercept)
    return said


def identification_branch(matcher: Matcher, task: str, known: Optional[OpenSet] = None) -> Branch:
    """Branch 2 or 3: who is on an image of its modality.

    `serving_default`: `image` uint8 [N, S, S, 3] RGB -> `identity` string [N, 5] and `probability`
    float32 [N, 5], best first (fewer columns where there are fewer identities). With a threshold,
    also `score` float32 [N], see `standing_out`, and `known` bool [N], whether it reaches the
    threshold; `threshold`, `fpir` float32 [N], the same for every image: see `OpenSet`; `fpir` is
    that on strangers it was not chosen on.
    `serving_bytes`: `image_bytes` string [N], JPEG, PNG, GIF or BMP -> the same, and `valid` and
    `error`, see `rows.by_row`. Names are valid UTF-8, see `rows.escaped`.
    """
    size = matcher.side
    network, answer = answering(matcher.model, [task], matcher.settings)
    names = [escaped(name) for name in matcher.identities]

    def best(pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        logits = answer(standardize(pixels))[f"logits_{task}"]
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

    return Branch(task, network, _endpoints(best, size))


def branches_of(matcher: Matcher, thresholds: Thresholds) -> list[Branch]:
    """The branches of a network that were trained."""
    found = [
        identification_branch(matcher, task, thresholds.known.get(task))
        for task in matcher.tasks
        if task != "verification"
    ]
    if "verification" in matcher.tasks:
        found.insert(0, verification_branch(matcher, thresholds))
    return found


def with_default(branch: Branch, default: str) -> Branch:
    """A branch whose `serving_default` takes pixels, or files as `serving_bytes` does.

    Of files, for platforms that call `serving_default` alone; what takes pixels is then called
    `serving_pixels`.

    Raises:
        ConfigError: There is no such default.
    """
    check_word("default", default, PIXELS_AND_BYTES)
    if default == PIXELS_AND_BYTES[0]:
        return branch
    endpoints = dict(branch.endpoints)
    endpoints[SERVING_PIXELS] = endpoints["serving_default"]
    endpoints["serving_default"] = endpoints["serving_bytes"]
    return branch._replace(endpoints=endpoints)


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
