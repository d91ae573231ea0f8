"""Branches as files that a server or another run-time opens, each with its card."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Optional

import numpy as np
import tensorflow as tf

from cari_keras.arrays import Array
from cari_keras.errors import ConfigError
from cari_keras.evaluation.matcher import Matcher
from cari_keras.files import atomic_path, lock_file, sha256_of_file, user_path, write_json
from cari_keras.images.encode import to_jpeg
from cari_keras.images.walk import files_of
from cari_keras.runtime import file_errors
from cari_keras.serving.branches import Branch, branches_of, with_default
from cari_keras.serving.endpoints import COMPARED_BY
from cari_keras.serving.forms import SAVED_MODEL, Form
from cari_keras.serving.origin import origin_of
from cari_keras.serving.parity import answers, in_tensorflow, parity
from cari_keras.serving.runtimes.registry import runtime_of
from cari_keras.serving.server_files import write_server_files
from cari_keras.serving.thresholds import Thresholds
from cari_keras.serving.warmup import write_warmup
from cari_keras.stack import keras
from cari_keras.vocabulary import FORMATS, PIXELS_AND_BYTES, TASKS

#: Beside the model: where it comes from and how it looks at images.
CARD = "export.json"


def export(
    matcher: Matcher,
    thresholds: Thresholds,
    folder: Path,
    judge: Optional[Matcher] = None,
    *,
    default: str = PIXELS_AND_BYTES[0],
    keep: Optional[int] = None,
    form: Form = SAVED_MODEL,
) -> list[Path]:
    """Writes `folder/{verification,caricature,photo}/<version>/`; for SavedModels, server's files.

    The version is the next that is free in all of them. A version appears whole, by a rename, since
    the server polls the folders; those of the branches appear together, when all are written, so
    that names and embeddings do not come from different networks meanwhile.

    Args:
        matcher: The network; branches that were not trained are left out.
        thresholds: What it decides by.
        folder: Usually `saved_models/`.
        judge: Whose validation images the thresholds come from, see `judge_of`.
        default: What `serving_default` takes, one of `PIXELS_AND_BYTES`.
        keep: How many versions of each model stay, the newest; older ones are removed. None: all.
        form: The format, and what its answers are compared on.

    Returns:
        The folders of the new versions.

    Raises:
        ConfigError: `keep` is less than 1, or there is no such default; the folder has exports of
            another format; or what writes the format is not installed.
        OSError: The folder cannot be written, or its disk is full; with a path's name.
    """
    if keep is not None and keep < 1:
        raise ConfigError(f"keep must be at least 1, since the new version stays. Received: {keep}")
    folder = user_path(folder)
    branches = [with_default(branch, default) for branch in branches_of(matcher, thresholds)]
    folder.mkdir(parents=True, exist_ok=True)
    with lock_file(folder / ".lock", wait=True):  # no other process exports into it meanwhile
        _check_format(folder, form.name)
        version = next_version(folder, TASKS)
        written = [folder / branch.name / str(version) for branch in branches]
        names = {branch.name for branch in branches}
        served = [task for task in TASKS if task in names or versions(folder / task)]
        with contextlib.ExitStack() as together:
            for branch, path in zip(branches, written):
                together.enter_context(_never_empty(path.parent))
                temporary = together.enter_context(atomic_path(path))
                told = _write(branch, temporary, matcher.side, form)
                found = card(matcher, thresholds, branch, temporary, judge)
                write_json(temporary / CARD, {**found, **told})
            if form.name == SAVED_MODEL.name:
                write_server_files(folder, served, tf.__version__)
        for path in written:
            _prune(path.parent, keep)
    return written


def _write(branch: Branch, path: Path, side: int, form: Form) -> dict[str, Any]:
    """Writes a branch, and returns what its card says of the format."""
    told: dict[str, Any] = {"format": form.name}
    if form.name == SAVED_MODEL.name:
        _write_model(branch, path)
        write_warmup(path, branch.name, _examples(branch, side))
    else:
        runtime = runtime_of(form.name)
        calibrated, compared = form.calibration, form.compared
        runtime.write(branch.look, side, path, None if calibrated is None else calibrated.pixels)
        told |= {"int8": None if calibrated is None else calibrated.told}
        if compared is not None:
            before = answers(in_tensorflow(branch.look), compared, progress=form.progress)
            after = answers(runtime.opened(path), compared, progress=form.progress)
            told["parity"] = parity(before, after, compared)
    return {**told, "size_bytes": sum((path / file).stat().st_size for file in files_of(path))}


def _check_format(folder: Path, name: str) -> None:
    """Raises ConfigError for a folder of another format: a server reads what it finds there."""
    for path in (path for task in TASKS for path in versions(folder / task)):
        there = FORMATS[0]
        with contextlib.suppress(OSError, ValueError, AttributeError):
            there = read_card(path).get("format", there)
        if there != name:
            raise ConfigError(f"{folder}: has exports as {there}; name another folder for {name}")


def _prune(model: Path, keep: Optional[int]) -> None:
    """Removes all versions of a model but the newest `keep`."""
    for path in versions(model)[:-keep] if keep else []:
        # Renamed first, so that a server sees a whole version or none.
        with tempfile.TemporaryDirectory(prefix=".old.", dir=model) as holder:
            path.replace(Path(holder) / path.name)


@contextlib.contextmanager
def _never_empty(folder: Path) -> Iterator[None]:
    """A model's folder is not left without a version where the first one cannot be written."""
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # one with a version in it stays
            folder.rmdir()


def versions(model: Path) -> list[Path]:
    """A model's versions, the newest last."""
    found = [path for path in model.glob("*") if path.name.isascii() and path.name.isdigit()]
    return sorted(found, key=lambda path: int(path.name))


def next_version(folder: Path, names: Sequence[str]) -> int:
    """One more than the highest version of any of the models, from 1."""
    found = [int(path.name) for name in names for path in versions(folder / name)]
    return max(found, default=0) + 1


def _write_model(branch: Branch, path: Path) -> None:
    archive = keras.export.ExportArchive()
    archive.track(branch.network)
    for name, endpoint in branch.endpoints.items():
        # As in `face_model_of`: no endpoint has Python's control flow over tensors.
        function = tf.autograph.experimental.do_not_convert(endpoint.function)
        archive.add_endpoint(name, function, input_signature=endpoint.inputs)
    # Keras tells on standard output what it wrote.
    with contextlib.redirect_stdout(io.StringIO()), file_errors(path):
        archive.write_out(str(path))


def read_card(path: Path) -> dict[str, Any]:
    """What the card of an export's version says."""
    found: dict[str, Any] = json.loads((path / CARD).read_text(encoding="utf-8"))
    return found


def card(
    matcher: Matcher,
    thresholds: Thresholds,
    branch: Branch,
    path: Path,
    judge: Optional[Matcher] = None,
) -> dict[str, Any]:
    """What export.json says: run, metrics, preprocessing, hash of the other files."""
    from cari_keras import __version__

    found: dict[str, Any] = {
        "cari_keras": __version__,
        "branch": branch.name,
        "side": matcher.side,
        "network": matcher.describe(),
        "validation": matcher.metrics,
        "preprocessing": {
            "image": f"uint8 RGB, {matcher.side} x {matcher.side}",
            "image_bytes": "JPEG, PNG, GIF or BMP, transparency laid on white; areas averaged "
            "where both sides shrink, else bilinear, whatever the aspect; turned as EXIF says",
            "aligned": matcher.aligned,
            "standardisation": "each image to zero mean and unit variance",
        },
        "identities": len(matcher.identities),
        "names": list(matcher.identities),
        "names_escaped": r"what is not UTF-8 in a name is answered as its escape, \udcXX",
        "origin": origin_of(matcher),
        "files_sha256": hash_of_files(path),
    }
    if branch.name == "verification":
        pairs = thresholds.of_pairs()
        found.update(
            {
                name: {"by": COMPARED_BY[name], **known._asdict()}
                for name, known in pairs.items()
                if known
            }
        )
    if branch.name in thresholds.known:
        found["known"] = thresholds.known[branch.name]._asdict()
    if judge is not None:
        found["thresholds_of"] = {"name": judge.name, "weights_sha256": judge.weights}
    return found


def hash_of_files(path: Path) -> str:
    """SHA-256 of an export's files, graph and variables, by name; its card is left out.

    So is what systems leave in any folder.

    It tells damage and mixed-up files. It is no signature: who can write the files can write the
    card, so exports are to be taken from people one trusts.
    """
    files = [file for file in files_of(path) if file.as_posix() != CARD]
    listed = [(file.as_posix(), sha256_of_file(path / file)) for file in files]
    return hashlib.sha256(json.dumps(listed).encode()).hexdigest()


def _examples(branch: Branch, size: int) -> dict[str, dict[str, Array]]:
    """A small request for every endpoint, of grey noise."""
    pixels = np.random.default_rng(0).integers(0, 256, (1, size, size, 3), dtype=np.uint8)
    encoded = np.array([to_jpeg(pixels[0])], dtype=object)
    return {
        name: {spec.name: pixels if spec.dtype == "uint8" else encoded for spec in endpoint.inputs}
        for name, endpoint in branch.endpoints.items()
    }
