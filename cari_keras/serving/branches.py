"""What each branch answers to a client: its endpoints, as functions of a graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Optional

import keras
import tensorflow as tf

from cari_keras.data.augment import standardize
from cari_keras.evaluation.answering import answering
from cari_keras.evaluation.matcher import Matcher
from cari_keras.evaluation.open_set import OpenSet
from cari_keras.serving.calibration import Calibration, Thresholds, standing_out
from cari_keras.serving.images import checked_pixels, decoded_pixels

#: Endpoints that tell pairs apart -> the names of what they take.
PAIRS = {
    "verify": ("photo_bytes", "caricature_bytes"),
    "verify_photos": ("photo_bytes", "other_photo_bytes"),
}

#: How many identities an identification names, best first.
TOP = 5


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


def verification_branch(
    matcher: Matcher,
    calibration: Optional[Calibration] = None,
    of_photos: Optional[Calibration] = None,
) -> Branch:
    """Branch 1: embeddings, and pairs told apart.

    `serving_default`: `image` uint8 [N, S, S, 3] RGB -> `embedding` float32 [N, d], unit norm.
    `serving_bytes`: `image_bytes` string [N], JPEG or PNG -> `embedding`.
    `verify`, with a calibration: `photo_bytes`, `caricature_bytes` string [N] -> `distance` float32
    [N], squared L2; `same` bool [N]; `threshold`, `far` float32 [N], the same for every pair.
    `verify_photos`, with one of two photos: `photo_bytes`, `other_photo_bytes` -> likewise.

    Where a run verifies by identities, `verify` compares those, see `Evaluator`, while `embedding`
    is the embedding all the same.
    """
    size = matcher.side
    network, answer = answering(matcher.model, ["verification"], **matcher.views)

    def embedding(pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"embedding": answer(standardize(pixels))["embedding"]}

    def told_apart(
        first: tf.Tensor, second: tf.Tensor, names: Sequence[str], calibration: Calibration
    ) -> dict[str, tf.Tensor]:
        alike = tf.debugging.assert_equal(
            tf.shape(first),
            tf.shape(second),
            message=f"{' and '.join(names)} must have the same length",
        )
        with tf.control_dependencies([alike]):
            both = tf.concat([first, second], axis=0)
        answers = answer(standardize(decoded_pixels(both, size)))
        left, right = tf.split(answers.get("compared", answers["embedding"]), 2)
        distance = tf.reduce_sum(tf.square(left - right), axis=-1)
        return {
            "distance": distance,
            "same": distance <= calibration.threshold,
            "threshold": tf.fill(tf.shape(distance), calibration.threshold),
            "far": tf.fill(tf.shape(distance), calibration.far),
        }

    def verify(photo_bytes: tf.Tensor, caricature_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        assert calibration is not None
        return told_apart(photo_bytes, caricature_bytes, PAIRS["verify"], calibration)

    def verify_photos(photo_bytes: tf.Tensor, other_photo_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        assert of_photos is not None
        return told_apart(photo_bytes, other_photo_bytes, PAIRS["verify_photos"], of_photos)

    endpoints = _endpoints(embedding, size)
    for function, known in ((verify, calibration), (verify_photos, of_photos)):
        if known is not None:
            name = function.__name__
            endpoints[name] = Endpoint(function, [_bytes(each) for each in PAIRS[name]])
    return Branch("verification", network, endpoints)


def identification_branch(matcher: Matcher, task: str, known: Optional[OpenSet] = None) -> Branch:
    """Branch 2 or 3: who is on an image of its modality.

    `serving_default`: `image` uint8 [N, S, S, 3] RGB -> `identity` string [N, 5] and `probability`
    float32 [N, 5], best first (fewer columns where there are fewer identities). With a threshold,
    also `score` float32 [N], see `standing_out`, and `known` bool [N], whether it reaches the
    threshold; `threshold`, `fpir` float32 [N], the same for every image: see `OpenSet`; `fpir` is
    that on strangers it was not chosen on.
    `serving_bytes`: `image_bytes` string [N], JPEG or PNG -> the same.
    """
    size = matcher.side
    views = {name: value for name, value in matcher.views.items() if name != "verify_by"}
    network, answer = answering(matcher.model, [task], **views)
    names = [name.encode("utf-8", "surrogateescape") for name in matcher.identities]

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
        found.insert(0, verification_branch(matcher, thresholds.verify, thresholds.verify_photos))
    return found


def _endpoints(
    answer: Callable[[tf.Tensor], dict[str, tf.Tensor]], size: int
) -> dict[str, Endpoint]:
    """One answer to pixels, uint8 [N, S, S, 3], however they come."""

    def of_pixels(image: tf.Tensor) -> dict[str, tf.Tensor]:
        return answer(checked_pixels(image, size))

    def of_bytes(image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        return answer(decoded_pixels(image_bytes, size))

    image = tf.TensorSpec([None, size, size, 3], tf.uint8, name="image")
    return {
        "serving_default": Endpoint(of_pixels, [image]),
        "serving_bytes": Endpoint(of_bytes, [_bytes("image_bytes")]),
    }


def _bytes(name: str) -> tf.TensorSpec:
    return tf.TensorSpec([None], tf.string, name=name)
