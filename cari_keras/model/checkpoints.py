"""Checkpoints: plain arrays in one .npz file with its hash beside it, nothing executable.

Names are stack-independent (`layer/weight`), so a file written on one Keras is read on another.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional

import numpy as np

from cari_keras.arrays import Array
from cari_keras.errors import CheckpointError
from cari_keras.files import DAMAGED_ARCHIVE, atomic_path, sha256_of_file, write_json
from cari_keras.model.packed import pack, unpack

ARRAYS = "arrays.npz"
META = "checkpoint.json"


def save_checkpoint(
    folder: Path,
    arrays: Mapping[str, Array],
    meta: Optional[Mapping[str, Any]] = None,
    *,
    packed: bool = False,
) -> str:
    """Writes a checkpoint folder; an existing one is replaced only when the new one is whole.

    Args:
        folder: Where.
        arrays: By `layer/weight`.
        meta: What else to note.
        packed: Whether kernels are stored in 8 bits, see `packed`, in a compressed archive.

    Returns:
        SHA-256 of the file of arrays.
    """
    with atomic_path(folder) as temporary:
        temporary.mkdir()
        if packed:
            write_arrays(temporary / ARRAYS, pack(arrays), zipfile.ZIP_DEFLATED)
        else:
            write_arrays(temporary / ARRAYS, arrays)
        digest = sha256_of_file(temporary / ARRAYS)
        write_json(temporary / META, {**(meta or {}), "sha256": digest})
    return digest


def write_arrays(
    path: Path, arrays: Mapping[str, Array], compression: int = zipfile.ZIP_STORED
) -> None:
    """As numpy's `savez`, which on a full disk leaves an open archive that complains later.

    The same arrays give the same file: entries bear the earliest date that an archive can hold.
    """
    with zipfile.ZipFile(path, "w", compression, allowZip64=True) as archive:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy")
            entry.compress_type = compression
            with archive.open(entry, "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, np.asanyarray(array), allow_pickle=False)


def load_checkpoint(folder: Path) -> tuple[dict[str, Array], dict[str, Any]]:
    """Reads a checkpoint's arrays and meta data.

    Raises:
        CheckpointError: The folder is missing or damaged; arrays whose hash is not the recorded one
            are refused.

    Kernels that were stored in 8 bits come back as float32.
    """
    try:
        meta = read_meta(folder)
        if sha256_of_file(folder / ARRAYS) != meta["sha256"]:
            raise CheckpointError(
                f"{folder / ARRAYS}: does not have its recorded hash; damaged? Copy the "
                "folder again"
            )
        with np.load(folder / ARRAYS, allow_pickle=False) as stored:
            return unpack({name: stored[name] for name in stored.files}), meta
    except (*DAMAGED_ARCHIVE, TypeError) as error:
        raise CheckpointError(f"{folder}: not a readable checkpoint ({error})") from error


def read_meta(folder: Path) -> dict[str, Any]:
    """A checkpoint's meta data alone; its arrays are not looked at.

    Raises:
        OSError: There is none.
        ValueError: It is not JSON.
    """
    meta: dict[str, Any] = json.loads((folder / META).read_text(encoding="utf-8"))
    if "figures" in meta:  # what older runs call them
        meta["metrics"] = meta.pop("figures")
    return meta


def assign(variables: Mapping[str, Any], arrays: Mapping[str, Array], source: str) -> None:
    """Gives every variable the array of its name.

    Raises:
        CheckpointError: An array is missing, left over, or of another shape.
    """
    missing, extra = sorted(set(variables) - set(arrays)), sorted(set(arrays) - set(variables))
    if missing or extra:
        raise CheckpointError(
            f"{source}: the weights of another network ({len(missing)} arrays missing, "
            f"{len(extra)} left over, for example {(missing + extra)[0]})"
        )
    for name, variable in variables.items():
        if tuple(variable.shape) != arrays[name].shape:
            raise CheckpointError(
                f"{source}: {name} has shape {arrays[name].shape}, expected {tuple(variable.shape)}"
            )
    for name, variable in variables.items():
        variable.assign(arrays[name])


def as_arrays(variables: Mapping[str, Any]) -> dict[str, Array]:
    """The values of variables by name."""
    return {name: np.asarray(v) for name, v in variables.items()}
