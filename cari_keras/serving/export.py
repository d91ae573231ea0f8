"""Branches as SavedModels, each with what TensorFlow Serving needs beside it."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

import keras
import numpy as np

from cari_keras.data.encoding import to_jpeg
from cari_keras.evaluation.matcher import Matcher
from cari_keras.files import atomic_path, sha256_of_file, write_json
from cari_keras.serving.branches import Branch, branches_of, pixel_side
from cari_keras.serving.calibration import Thresholds
from cari_keras.serving.server_files import write_server_files
from cari_keras.serving.warmup import write_warmup

#: Beside the model: where it comes from and how it looks at images.
CARD = "export.json"


def export(matcher: Matcher, thresholds: Thresholds, folder: Path) -> list[Path]:
    """Writes `folder/{verification,caricature,photo}/<version>/` and the server's configuration.

    The version is the next that is free in all of them. A version appears whole, by a rename, since
    the server polls the folders.

    Args:
        matcher: The network; branches that were not trained are left out.
        thresholds: What it decides by.
        folder: Usually `saved_models/`.

    Returns:
        The folders of the new versions.
    """
    branches = branches_of(matcher, thresholds)
    version = next_version(folder, [branch.name for branch in branches])
    written = []
    for branch in branches:
        path = folder / branch.name / str(version)
        with atomic_path(path) as temporary:
            _write_model(branch, temporary)
            size = pixel_side(matcher)
            write_warmup(temporary, branch.name, _examples(branch, size))
            write_json(temporary / CARD, card(matcher, thresholds, branch, temporary))
        written.append(path)
    write_server_files(folder, [branch.name for branch in branches])
    return written


def next_version(folder: Path, names: Sequence[str]) -> int:
    """One more than the highest version of any of the models, from 1."""
    found = [int(p.name) for name in names for p in (folder / name).glob("*") if p.name.isdigit()]
    return max(found, default=0) + 1


def _write_model(branch: Branch, path: Path) -> None:
    archive = keras.export.ExportArchive()
    archive.track(branch.network)
    for name, endpoint in branch.endpoints.items():
        archive.add_endpoint(name, endpoint.function, input_signature=endpoint.inputs)
    # Keras tells on standard output what it wrote.
    with contextlib.redirect_stdout(io.StringIO()):
        archive.write_out(str(path))


def card(matcher: Matcher, thresholds: Thresholds, branch: Branch, path: Path) -> dict[str, Any]:
    """What export.json says: run, figures, preprocessing, hash of the variables."""
    from cari_keras import __version__

    found: dict[str, Any] = {
        "cari_keras": __version__,
        "branch": branch.name,
        "network": matcher.describe(),
        "validation": matcher.figures,
        "preprocessing": {
            "image": f"uint8 RGB, {pixel_side(matcher)} x {pixel_side(matcher)}",
            "image_bytes": "JPEG or PNG; areas averaged where both sides shrink, else bilinear, "
            "whatever the aspect",
            "standardisation": "each image to zero mean and unit variance",
        },
        "identities": len(matcher.identities),
        "variables_sha256": hash_of_variables(path),
    }
    if branch.name == "verification" and thresholds.verify:
        found["verify"] = thresholds.verify._asdict()
    if branch.name in thresholds.known:
        found["known"] = thresholds.known[branch.name]._asdict()
    return found


def hash_of_variables(path: Path) -> Optional[str]:
    """SHA-256 of a SavedModel's variables; None where there are none."""
    files = sorted((path / "variables").glob("variables.data-*"))
    return sha256_of_file(files[0]) if files else None


def _examples(branch: Branch, size: int) -> dict[str, dict[str, np.ndarray]]:
    """A small request for every endpoint, of grey noise."""
    pixels = np.random.default_rng(0).integers(0, 256, (1, size, size, 3), dtype=np.uint8)
    encoded = np.array([to_jpeg(pixels[0])], dtype=object)
    return {
        name: {spec.name: pixels if spec.dtype == "uint8" else encoded for spec in endpoint.inputs}
        for name, endpoint in branch.endpoints.items()
    }
