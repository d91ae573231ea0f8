"""Opening a trained network: from a run's folder, or from its exports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Optional

import tensorflow as tf

from cari_keras.errors import CheckpointError, ConfigError, quoted, shown
from cari_keras.evaluation.matcher import Matcher, judge_of, load_matcher
from cari_keras.process import check_not_forked
from cari_keras.runtime import eagerly
from cari_keras.saved import CONFIG
from cari_keras.serving.about import About
from cari_keras.serving.answers import Limit, limit_of_images, limit_of_pairs
from cari_keras.serving.asking import Endpoints
from cari_keras.serving.branches import branches_of
from cari_keras.serving.endpoints import COMPARED_BY
from cari_keras.serving.export import versions
from cari_keras.serving.exported import open_exports
from cari_keras.serving.face_model import FaceModel
from cari_keras.serving.kept import available_thresholds, kept_thresholds, read_kept
from cari_keras.serving.origin import origin_of
from cari_keras.serving.public import public_thresholds
from cari_keras.serving.thresholds import NO_THRESHOLDS, Thresholds
from cari_keras.vocabulary import FACENET, TASKS


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
            f"{shown(str(path))}: neither a run folder nor a folder of exports, nor the "
            f"word {FACENET}"
        )
    if thresholds_of is not None or data_dir is not None:
        what = "exports hold" if found else "the public weights have"
        raise ConfigError(
            f"{path}: {what} their own thresholds; leave data_dir and thresholds_of out"
        )
    return open_exports(found, align=align) if found else _of_public_weights(align)


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
            f"{run}: was trained on its validation images too (--final), so its dataset "
            "gives no thresholds; name another run's with thresholds_of"
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
    # No endpoint has Python's control flow over tensors; to look for it takes a second.
    endpoints: Endpoints = {
        (branch.name, name): tf.function(
            endpoint.function, input_signature=endpoint.inputs, autograph=False
        )
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
