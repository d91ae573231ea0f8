"""Opening exports: by TensorFlow, or by the run-time that they were written for."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple, Optional

import tensorflow as tf

from cari_keras.align.config import AlignConfig
from cari_keras.errors import CheckpointError
from cari_keras.evaluation.open_set import OpenSet
from cari_keras.images.encode import to_png
from cari_keras.serving.about import About
from cari_keras.serving.answers import Limit, limit_of_images, limit_of_pairs
from cari_keras.serving.asking import Endpoints
from cari_keras.serving.endpoints import (
    EMBEDDING,
    IDENTITIES,
    PAIRS,
    PIXELS,
    SERVING_PIXELS,
    Endpoint,
    identification_endpoints,
    verification_endpoints,
)
from cari_keras.serving.export import CARD, hash_of_files, read_card, versions
from cari_keras.serving.face_model import FaceModel
from cari_keras.serving.faces import Faces
from cari_keras.serving.runtimes.base import looking
from cari_keras.serving.runtimes.registry import runtime_of
from cari_keras.serving.thresholds import Thresholds
from cari_keras.vocabulary import FORMATS, LEFT_WHOLE


class _Export(NamedTuple):
    """What an export's card says of it.

    Attributes:
        files: The hash of its files.
        network: Which network it is, in which precision.
        aligned: How faces are cut out, see `Matcher`.
        limits: What it decides by, see `FaceModel.thresholds`.
        identities: Names of the people; None where they are not held.
        origin: See `serving.origin`; empty for exports of versions before it.
        form: One of `FORMATS`.
        card: All of it.
    """

    files: str
    network: str
    aligned: Optional[dict[str, Any]]
    limits: dict[str, Limit]
    identities: Optional[tuple[str, ...]]
    origin: dict[str, Any]
    form: str
    card: dict[str, Any]


def _checked(folder: Path) -> _Export:
    """What an export's card says; its files must have the recorded hash.

    Raises:
        CheckpointError: There is no card, or the files are not those it was written for.
    """
    try:
        card = read_card(folder)
        recorded, of = card["files_sha256"], card["network"]
        network = f"{of['weights_sha256']} {of.get('precision')}"
        aligned = card["preprocessing"].get("aligned")
        # Of before there was a choice, by what the run verified by.
        by = of.get("verify_by", EMBEDDING)
        limits = {name: limit_of_pairs(card[name], by) for name in PAIRS if name in card}
        if "known" in card:
            limits[f"identify_{card['branch']}"] = limit_of_images(card["known"])
        names = card.get("names")
        identities = None if names is None else tuple(map(str, names))
        origin = dict(card.get("origin", {}))
        form = str(card.get("format", FORMATS[0]))
        if form not in FORMATS:
            raise ValueError(f"of the unknown format {form}")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{folder / CARD}: not an export's card ({error})") from error
    if hash_of_files(folder) != recorded:
        raise CheckpointError(f"{folder}: its files do not have the recorded hash; damaged?")
    return _Export(str(recorded), network, aligned, limits, identities, origin, form, card)


def faces_of(folder: Path, branch: str) -> Faces:
    """What finds and cuts out faces as a branch is to see them, for clients of its server.

    Args:
        folder: Holds the exports.
        branch: One of `TASKS`.

    Raises:
        CheckpointError: There is no export of the branch, or its card does not say how.
    """
    there = versions(folder / branch)
    if not there:
        raise CheckpointError(f"{folder / branch}: no export; name a folder that cari-export wrote")
    try:
        card = read_card(there[-1])
        side, aligned = int(card["side"]), card["preprocessing"]["aligned"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"{there[-1] / CARD}: does not say how faces are cut out; export the network "
            f"again ({error})"
        ) from error
    aligned = aligned or {}
    return Faces(side, AlignConfig.of_crops(aligned, side), whole=aligned.get(LEFT_WHOLE))


def _through_files(of_bytes: Any) -> Any:
    """An endpoint of pixels from one of files: as PNG, so that nothing is lost."""

    def of_pixels(**images: tf.Tensor) -> Any:
        files = {
            f"{name}_bytes": tf.constant([to_png(image) for image in pixels.numpy()])
            for name, pixels in images.items()
        }
        return of_bytes(**files)

    return of_pixels


def _of_saved_model(folder: Path) -> tuple[dict[str, Any], int]:
    """Its endpoints by name, and the side in pixels of the images that they take.

    Raises:
        CheckpointError: It cannot be read, or has no signature of pixels.
    """
    try:
        model = tf.saved_model.load(str(folder))
    except (OSError, ValueError, tf.errors.OpError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"{folder}: not a readable export ({reason})") from error
    found = dict(model.signatures.items())
    for name in PAIRS:  # exports without pairs of pixels
        if name in found and f"{name}{PIXELS}" not in found:
            found[f"{name}{PIXELS}"] = _through_files(found[name])
    if "serving_default" not in found:
        raise CheckpointError(
            f"{folder}: has no signature serving_default; export the network again"
        )
    # Where the default takes files.
    found["serving_default"] = found.get(SERVING_PIXELS, found["serving_default"])
    (spec,) = found["serving_default"].structured_input_signature[1].values()
    return found, int(spec.shape[1])


def _of_runtime(branch: str, folder: Path, export: _Export) -> tuple[dict[str, Any], int]:
    """As `_of_saved_model`, of another format: it gives the numbers, the card what decides.

    Raises:
        CheckpointError: The file or the card cannot be read.
        ConfigError: The run-time is not installed.
    """
    look = looking(runtime_of(export.form).opened(folder))
    card = export.card
    endpoints: dict[str, Endpoint]
    try:
        side = int(card["side"])
        if branch == "verification":
            pairs = {name: _without_by(card[name]) for name in PAIRS if name in card}
            stored = {**pairs, "known": {}}
            endpoints = verification_endpoints(look, side, Thresholds.of_json(stored))
        else:
            known = OpenSet(**card["known"]) if "known" in card else None
            names = export.identities or ()
            endpoints = identification_endpoints(look, side, branch, names, known)
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{folder / CARD}: not an export's card ({error})") from error
    return {name: endpoint.function for name, endpoint in endpoints.items()}, side


def _without_by(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name != "by"}


def open_exports(folders: dict[str, Path], *, align: Optional[bool]) -> FaceModel:
    """A network from the newest versions of its branches; see `load_model`.

    Raises:
        CheckpointError: One is damaged, or they are of different networks.
        ConfigError: The run-time that they were written for is not installed.
    """
    endpoints: Endpoints = {}
    cards = {folder: _checked(folder) for folder in folders.values()}
    if len({card.network for card in cards.values()}) > 1:
        listed = " and ".join(str(folder) for folder in cards)
        raise CheckpointError(
            f"{listed}: exports of different networks; export them all from one network, "
            "or each into a folder of its own"
        )
    sides = set()
    for branch, folder in folders.items():
        if cards[folder].form == FORMATS[0]:
            found, side = _of_saved_model(folder)
        else:
            found, side = _of_runtime(branch, folder, cards[folder])
        endpoints.update({(branch, name): function for name, function in found.items()})
        sides.add(side)
    first = next(iter(cards.values()))  # verification's, where that was exported
    limits = {name: limit for card in cards.values() for name, limit in card.limits.items()}
    if "verify" in limits and limits["verify"].by == IDENTITIES:  # by those alone, then
        limits["verify_identities"] = limits["verify"]
        for ending in ("", PIXELS):
            endpoints["verification", f"verify_identities{ending}"] = endpoints[
                "verification", f"verify{ending}"
            ]
    about = About(
        name=str(next(iter(folders.values())).parent.parent),
        aligned=first.aligned,
        identities=first.identities,
        limits=limits,
        origin=first.origin,
    )
    key = "-".join(card.files for card in cards.values())
    return FaceModel(endpoints, sides.pop(), key, about, align=align)
