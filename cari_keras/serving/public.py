"""Thresholds of the public weights, from measurements that are kept beside this file.

`facenet_thresholds.json` is written by `scripts/measure_facenet.py` from CaVI's training people,
and says so itself.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Optional

from cari_keras.errors import ConfigError
from cari_keras.model.pretrained import FILE_SHA256
from cari_keras.serving.calibration import MOST_FAR, Calibration, why_undecided
from cari_keras.serving.thresholds import Thresholds

MEASUREMENTS = Path(__file__).with_name("facenet_thresholds.json")

#: The operating point of the highest mean of TAR and 1 - FAR; the others are named by their FAR.
BALANCED = "balanced"


def public_thresholds(*, aligned: bool = True, far: Optional[float] = None) -> Thresholds:
    """What `facenet` decides by.

    Args:
        aligned: Whether faces are cut out of the images, or these are taken whole.
        far: One of the FARs that were measured; None takes the threshold of the highest mean of
            TAR and 1 - FAR, or that of a FAR of 10 % where it accepts more: see `why_undecided`.

    Raises:
        ConfigError: That FAR was not measured.
    """
    content = json.loads(MEASUREMENTS.read_text(encoding="utf-8"))
    assert content["weights_sha256"] == FILE_SHA256, "other weights than these gave the thresholds"
    faces = "aligned" if aligned else "whole"
    found = {m["pairs"]: m for m in content["measurements"] if m["faces"] == faces}
    across, photos = (
        _calibration(found[pairs], far, content["people"])
        for pairs in ("photo-caricature", "photo-photo")
    )
    return Thresholds(across, {}, photos)


def _calibration(measured: dict[str, Any], far: Optional[float], people: int) -> Calibration:
    points = {point["name"]: point for point in measured["points"]}
    wanted = f"FAR {far:g}" if far is not None else BALANCED
    if far is None and points[BALANCED]["far"] > MOST_FAR:
        wanted = f"FAR {MOST_FAR:g}"
    if wanted not in points:
        known = [name.split()[1] for name in points if name != BALANCED]
        raise ConfigError(
            f"for facenet, far must be one of those measured: {', '.join(known)}. Received: {far:g}"
        )
    point = points[wanted]
    kind = {"photo-caricature": "a photo and a caricature", "photo-photo": "two photos"}
    how = {"aligned": "faces aligned", "whole": "pictures whole"}
    told = f"pairs of {kind[measured['pairs']]} of CaVI's {people} training people"
    found = Calibration(
        point["threshold"],
        point["far"],
        point["tar"],
        measured["impostor_pairs"],
        measured["genuine_pairs"],
        f"{told}, {how[measured['faces']]}",
        auc=measured["auc"],
        slope=measured.get("slope"),  # of measurements of before there was one: none
        intercept=measured.get("intercept"),
    )
    return found._replace(undecided=why_undecided(found, asked=far))
