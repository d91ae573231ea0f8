"""Opening a trained network: from a run's folder, or from its exports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple, Optional

import tensorflow as tf

from cari_keras.errors import CheckpointError, ConfigError, quoted, shown
from cari_keras.evaluation.matcher import Matcher, judge_of, load_matcher
from cari_keras.images.encode import to_png
from cari_keras.process import check_not_forked
from cari_keras.runtime import eagerly
from cari_keras.saved import CONFIG
from cari_keras.serving.about import About
from cari_keras.serving.answers import Limit, limit_of_images, limit_of_pairs
from cari_keras.serving.asking import Endpoints
from cari_keras.serving.branches import (
    COMPARED_BY,
    EMBEDDING,
    IDENTITIES,
    PAIRS,
    PIXELS,
    SERVING_PIXELS,
    branches_of,
)
from cari_keras.serving.export import CARD, hash_of_files, versions
from cari_keras.serving.face_model import FaceModel
from cari_keras.serving.kept import available_thresholds, kept_thresholds, read_kept
from cari_keras.serving.origin import origin_of
from cari_keras.serving.public import public_thresholds
from cari_keras.serving.thresholds import NO_THRESHOLDS, Thresholds
from cari_keras.vocabulary import FACENET, TASKS


class _Export(NamedTuple):
    """What an export's card says of it.

    Attributes:
        files: The hash of its files.
        network: Which network it is, in which precision.
        aligned: How faces are cut out, see `Matcher`.
        limits: What it decides by, see `FaceModel.thresholds`.
        identities: Names of the people; None where they are not held.
        origin: See `serving.origin`; empty for exports of versions before it.
    """

    files: str
    network: str
    aligned: Optional[dict[str, Any]]
    limits: dict[str, Limit]
    identities: Optional[tuple[str, ...]]
    origin: dict[str, Any]


@eagerly()
def open_model(
    path: Path,
    *,
    align: Optional[bool] = None,
    data_dir: Optional[str] = None,
    thresholds_of: Optional[Path] = None,
) -> FaceModel:
    """See `cari_keras.load_model`."""
    check_not_forked()
    if not (align is None or isinstance(align, bool)):
        raise ConfigError(f"align must be True, False or None. Received: {quoted(align)}")
    try:
        is_run = (path / CONFIG).is_file()
    except OSError as error:  # a name that no file can have
        raise CheckpointError(f"{shown(str(path))}: cannot be read ({error.strerror})") from error
    if is_run:
        return _from_run(path, align=align, data_dir=data_dir, judged_by=thresholds_of)
    found = {task: there[-1] for task in TASKS if (there := versions(path / task))}
    if not found and str(path) != FACENET:
        raise CheckpointError(
            f"{shown(str(path))}: neither a run folder nor a folder of exports (nor the word "
            f"{FACENET})"
        )
    if thresholds_of is not None or data_dir is not None:
        what = "exports hold" if found else "the public weights have"
        raise ConfigError(
            f"{path}: {what} their own thresholds; leave data_dir and thresholds_of out"
        )
    return _from_exports(found, align=align) if found else _of_public_weights(align)


def _of_public_weights(align: Optional[bool]) -> FaceModel:
    """Verification without any training; the thresholds are those of how images are cut out."""
    matcher = load_matcher(FACENET, {})
    align = True if align is None else align
    return face_model_of(matcher, public_thresholds(aligned=align), align)


def _from_run(
    run: Path, *, align: Optional[bool], data_dir: Optional[str], judged_by: Optional[Path]
) -> FaceModel:
    matcher = load_matcher(str(run), {})
    judge = judge_of(matcher, None if judged_by is None else str(judged_by))
    if judge is None and data_dir is not None:
        raise ConfigError(
            f"{run}: was trained on its validation images too (--final), so its dataset gives no "
            "thresholds; name another run's"
        )
    if judge is None:  # those that somebody measured for it, on people it has not seen
        return face_model_of(matcher, read_kept(matcher) or NO_THRESHOLDS, align)
    if data_dir is not None or judged_by is not None:  # asked for, and missed where not there
        return face_model_of(matcher, kept_thresholds(judge, data_dir), align)
    thresholds, lacks = available_thresholds(judge)
    return face_model_of(matcher, thresholds, align, lacks=lacks)


def face_model_of(
    matcher: Matcher, thresholds: Thresholds, align: Optional[bool], *, lacks: str = ""
) -> FaceModel:
    """A network that answers by some thresholds; see `load_model` and `FaceModel` for the rest."""
    endpoints: Endpoints = {
        (branch.name, name): tf.function(endpoint.function, input_signature=endpoint.inputs)
        for branch in branches_of(matcher, thresholds)
        for name, endpoint in branch.endpoints.items()
    }
    key = f"{matcher.weights}-{json.dumps(matcher.settings.to_dict(), sort_keys=True)}"
    about = About(
        matcher.name,
        matcher.aligned,
        lacks,
        matcher.identities,
        limits_of(thresholds),
        matcher.model,
        origin_of(matcher),
    )
    return FaceModel(endpoints, matcher.side, key, about, align=align)


def limits_of(thresholds: Thresholds) -> dict[str, Limit]:
    """What a network decides by, see `FaceModel.thresholds`."""
    pairs, known = thresholds.of_pairs(), thresholds.known
    found = {
        name: limit_of_pairs(calibration._asdict(), COMPARED_BY[name])
        for name, calibration in pairs.items()
        if calibration
    }
    for task in (task for task in TASKS if task in known):
        found[f"identify_{task}"] = limit_of_images(known[task]._asdict())
    return found


def _checked(folder: Path) -> _Export:
    """What an export's card says; its files must have the recorded hash.

    Raises:
        CheckpointError: There is no card, or the files are not those it was written for.
    """
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
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
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{folder / CARD}: not an export's card ({error})") from error
    if hash_of_files(folder) != recorded:
        raise CheckpointError(f"{folder}: its files do not have the recorded hash; damaged?")
    return _Export(str(recorded), network, aligned, limits, identities, origin)


def _through_files(of_bytes: Any) -> Any:
    """An endpoint of pixels from one of files: as PNG, so that nothing is lost."""

    def of_pixels(**images: tf.Tensor) -> Any:
        files = {
            f"{name}_bytes": tf.constant([to_png(image) for image in pixels.numpy()])
            for name, pixels in images.items()
        }
        return of_bytes(**files)

    return of_pixels


def _from_exports(folders: dict[str, Path], *, align: Optional[bool]) -> FaceModel:
    endpoints: Endpoints = {}
    cards = {folder: _checked(folder) for folder in folders.values()}
    if len({card.network for card in cards.values()}) > 1:
        listed = " and ".join(str(folder) for folder in cards)
        raise CheckpointError(
            f"{listed}: of different networks; export one anew, or each elsewhere"
        )
    for branch, folder in folders.items():
        try:
            model = tf.saved_model.load(str(folder))
        except (OSError, ValueError, tf.errors.OpError) as error:
            reason = str(error).splitlines()[0]
            raise CheckpointError(f"{folder}: not a readable export ({reason})") from error
        for name, function in model.signatures.items():
            endpoints[branch, name] = function
        for name in PAIRS:  # exports without pairs of pixels
            if name in model.signatures and f"{name}{PIXELS}" not in model.signatures:
                endpoints[branch, f"{name}{PIXELS}"] = _through_files(model.signatures[name])
        if "serving_default" not in model.signatures:
            raise CheckpointError(f"{folder}: has no signature serving_default; export it anew")
        # Where the default takes files.
        name = SERVING_PIXELS if SERVING_PIXELS in model.signatures else "serving_default"
        endpoints[branch, "serving_default"] = model.signatures[name]
        (spec,) = model.signatures[name].structured_input_signature[1].values()
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
    return FaceModel(endpoints, spec.shape[1], key, about, align=align)
