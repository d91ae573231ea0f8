"""A network's branches: what each of them answers to a client."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Optional

import tensorflow as tf

from cari_keras.data.augment import standardize
from cari_keras.evaluation.answering import answering
from cari_keras.evaluation.matcher import Matcher
from cari_keras.evaluation.open_set import OpenSet
from cari_keras.serving.endpoints import (
    SERVING_PIXELS,
    Endpoint,
    Look,
    identification_endpoints,
    verification_endpoints,
)
from cari_keras.serving.thresholds import NO_THRESHOLDS, Thresholds
from cari_keras.stack import keras
from cari_keras.tracing import traced_once
from cari_keras.vocabulary import PIXELS_AND_BYTES, check_word


class Branch(NamedTuple):
    """A branch of the network, ready to be exported or called.

    Attributes:
        name: A task.
        network: The layers that it needs; the weight head is none of them.
        endpoints: By name; the first is the default one.
        look: The numbers that all endpoints answer by, of pixels uint8 [N, S, S, 3].
    """

    name: str
    network: keras.Model
    endpoints: dict[str, Endpoint]
    look: Look


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
    network, look = _looking(matcher, "verification", ("embedding", "compared"))
    endpoints = verification_endpoints(_once(look, matcher.side), matcher.side, thresholds)
    return Branch("verification", network, endpoints, look)


def _looking(matcher: Matcher, task: str, outputs: Sequence[str]) -> tuple[keras.Model, Look]:
    """The layers that a task needs, and how they look at pixels; outputs that there are."""
    network, answer = answering(matcher.model, [task], matcher.settings)

    def look(pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        found = answer(standardize(pixels))
        return {name: found[name] for name in outputs if name in found}

    return network, look


def _once(look: Look, size: int) -> Look:
    """The network is traced once, not once for each endpoint."""
    return traced_once(look, [tf.TensorSpec([None, size, size, 3], tf.uint8)])


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
    network, look = _looking(matcher, task, [f"logits_{task}"])
    endpoints = identification_endpoints(
        _once(look, matcher.side), matcher.side, task, matcher.identities, known
    )
    return Branch(task, network, endpoints, look)


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
