"""Opening a trained network: from a run's folder, or from its exports."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any, NamedTuple, Optional

import tensorflow as tf

from cari_keras.config import FACENET
from cari_keras.errors import CheckpointError, ConfigError
from cari_keras.evaluation.matcher import Matcher, judge_of, load_matcher
from cari_keras.files import write_json
from cari_keras.model.network import TASKS
from cari_keras.saved import CONFIG
from cari_keras.serving.branches import PAIRS, branches_of
from cari_keras.serving.calibration import NO_THRESHOLDS, Thresholds, thresholds_of
from cari_keras.serving.export import CARD, hash_of_files, versions
from cari_keras.serving.face_model import Endpoints, FaceModel
from cari_keras.serving.public import public_thresholds

#: A run's thresholds, so that they are taken once.
THRESHOLDS = "thresholds.json"


class _Export(NamedTuple):
    """What an export's card says of it.

    Attributes:
        files: The hash of its files.
        network: Which network it is, in which precision.
        aligned: How faces are cut out, see `Matcher`.
        measured_on: Endpoint -> the pairs that its threshold was measured on.
    """

    files: str
    network: str
    aligned: Optional[dict[str, Any]]
    measured_on: dict[str, str]


def open_model(
    path: Path,
    *,
    align: Optional[bool] = None,
    data_dir: Optional[str] = None,
    thresholds_of: Optional[Path] = None,
) -> FaceModel:
    """See `cari_keras.load_model`."""
    if (path / CONFIG).is_file():
        return _from_run(path, align=align, data_dir=data_dir, judged_by=thresholds_of)
    found = {task: there[-1] for task in TASKS if (there := versions(path / task))}
    if not found and str(path) != FACENET:
        raise CheckpointError(
            f"{path}: neither a run folder nor a folder of exports (nor the word {FACENET})"
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
    thresholds = _kept_thresholds(judge, data_dir) if judge else NO_THRESHOLDS
    return face_model_of(matcher, thresholds, align)


def face_model_of(matcher: Matcher, thresholds: Thresholds, align: Optional[bool]) -> FaceModel:
    """A network that answers by some thresholds; see `load_model` for `align`."""
    endpoints: Endpoints = {
        (branch.name, name): tf.function(endpoint.function, input_signature=endpoint.inputs)
        for branch in branches_of(matcher, thresholds)
        for name, endpoint in branch.endpoints.items()
    }
    key = f"{matcher.weights}-{json.dumps(matcher.views, sort_keys=True)}"
    pairs = thresholds.of_pairs()
    return FaceModel(
        endpoints,
        matcher.side,
        key,
        aligned=matcher.aligned,
        align=align,
        measured_on={name: known.measured_on for name, known in pairs.items() if known},
    )


def _kept_thresholds(matcher: Matcher, data_dir: Optional[str]) -> Thresholds:
    """A run's thresholds from its folder, or taken now and kept there.

    From its dataset where that is named, which may have changed: a stranger more, for example.
    """
    assert matcher.run is not None
    kept = matcher.run / THRESHOLDS
    made_for = {
        "score": "standing_out",
        "weights_sha256": matcher.weights,
        "precision": matcher.config.model.precision,
        "views": json.loads(json.dumps(matcher.views)),
    }
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        stored = json.loads(kept.read_text(encoding="utf-8"))
        if stored["made_for"] == made_for and data_dir is None:
            return Thresholds.of_json(stored)
    thresholds = thresholds_of(matcher, data_dir=data_dir)
    with contextlib.suppress(OSError):  # a run folder to read from only
        write_json(kept, {"made_for": made_for, **thresholds.as_json()})
    return thresholds


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
        pairs = {name: card[name] for name in PAIRS if name in card}
        measured_on = {n: str(v["measured_on"]) for n, v in pairs.items() if "measured_on" in v}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{folder / CARD}: not an export's card ({error})") from error
    if hash_of_files(folder) != recorded:
        raise CheckpointError(f"{folder}: its files do not have the recorded hash; damaged?")
    return _Export(str(recorded), network, aligned, measured_on)


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
        if "serving_default" not in model.signatures:
            raise CheckpointError(f"{folder}: has no signature serving_default; export it anew")
        (spec,) = model.signatures["serving_default"].structured_input_signature[1].values()
    first = next(iter(cards.values()))  # verification's, where that was exported
    return FaceModel(
        endpoints,
        spec.shape[1],
        "-".join(card.files for card in cards.values()),
        aligned=first.aligned,
        align=align,
        measured_on=first.measured_on,
    )
