"""A run's thresholds: kept in its folder, so that they are taken from its dataset once."""

from __future__ import annotations

import contextlib
import json
from typing import Any, NamedTuple, Optional

from cari_keras.errors import AlignError, DatasetError
from cari_keras.evaluation.matcher import Matcher
from cari_keras.files import write_json
from cari_keras.serving.endpoints import COMPARED_BY
from cari_keras.serving.thresholds import NO_THRESHOLDS, Thresholds, thresholds_of

THRESHOLDS = "thresholds.json"


class Available(NamedTuple):
    """The thresholds that a run can be used with.

    Attributes:
        thresholds: They; those of nothing where there are none.
        lacks: Why there are none, with the remedy, in one line; empty where there are.
    """

    thresholds: Thresholds
    lacks: str = ""


def read_kept(matcher: Matcher) -> Optional[Thresholds]:
    """The thresholds in a run's folder; None where there are none that were made for it."""
    assert matcher.run is not None
    path = matcher.run / THRESHOLDS
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        if not path.is_file():  # of a named pipe nobody would come to write
            return None
        stored = json.loads(path.read_text(encoding="utf-8"))
        if stored["made_for"] == _made_for(matcher):
            return Thresholds.of_json(stored)
    return None


def kept_thresholds(matcher: Matcher, data_dir: Optional[str] = None) -> Thresholds:
    """A run's thresholds from its folder, or taken now and kept there.

    From its dataset where that is named, which may have changed: a stranger more, for example.

    Raises:
        DatasetError: As for `thresholds_of`.
    """
    assert matcher.run is not None
    kept = read_kept(matcher) if data_dir is None else None
    if kept is not None:
        return kept
    thresholds = thresholds_of(matcher, data_dir=data_dir)
    with contextlib.suppress(OSError):  # a run folder to read from only
        keep_thresholds(matcher, thresholds)
    return thresholds


def keep_thresholds(matcher: Matcher, thresholds: Thresholds) -> None:
    """Writes a run's thresholds into its folder, where `read_kept` finds them.

    Raises:
        OSError: The folder cannot be written.
    """
    assert matcher.run is not None
    write_json(matcher.run / THRESHOLDS, {"made_for": _made_for(matcher), **thresholds.as_json()})


def available_thresholds(matcher: Matcher) -> Available:
    """As `kept_thresholds`; a run that was taken to another machine has none, and is used without.

    What needs no threshold needs no dataset either.
    """
    try:
        return Available(kept_thresholds(matcher))
    except (DatasetError, AlignError, OSError) as error:
        return without_dataset(error)


def without_dataset(error: Exception) -> Available:
    """No thresholds, for what kept a dataset from being read."""
    said = str(error)
    if isinstance(error, OSError):
        said = f"{error.filename}: {error.strerror}"
    if "--data-dir" not in said:
        said += "; name the dataset's folder with --data-dir"
    return Available(NO_THRESHOLDS, f"{said} (data_dir in Python)")


def _made_for(matcher: Matcher) -> dict[str, Any]:
    """What thresholds depend on."""
    return {
        "score": "standing_out",
        "verify": list(COMPARED_BY.values()),  # those of before took the run's `verify_by`
        "weights_sha256": matcher.weights,
        "precision": matcher.config.model.precision,
        "views": matcher.settings.to_dict(),
        # Those of a run that has not seen its validation images are not for one that has.
        **({"final": True} if matcher.config.data.final else {}),
    }
