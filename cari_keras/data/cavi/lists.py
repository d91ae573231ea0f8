"""CaVI's lists of pairs, `validation.txt` and `testing_1.txt`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from cari_keras.data.base import CARICATURE, PHOTO
from cari_keras.errors import DatasetError

#: Folder of the official layout, in lower case -> modality.
FOLDERS = {"real": PHOTO, "caricature": CARICATURE}
HOW_TO_GET = (
    "ask the authors of CaVINet (Garg et al., 2018) for CaVI and unpack it so that "
    "DATA_DIR/CaVI_Dataset/Real and DATA_DIR/train-test-files exist"
)

Key = tuple[str, str, str]  # modality, identity, file name, the last two in lower case


class Row(NamedTuple):
    """One line of a list: a caricature, a photo, and both as written."""

    caricature: Key
    photo: Key
    same: bool
    written: tuple[str, str]


def read_list(path: Path) -> list[Row]:
    """A list's rows.

    Raises:
        DatasetError: It is missing, or a line is malformed.
    """
    if not path.is_file():
        raise DatasetError(f"{path}: no such file; {HOW_TO_GET}")
    rows = []
    text = path.read_text(encoding="utf-8", errors="replace")
    for number, line in enumerate(text.split("\n"), 1):
        words = line.split()
        if not words:
            continue
        if len(words) != 5 or words[4] not in ("0", "1"):
            raise DatasetError(
                f"{path}:{number}: expected 'identity caricature identity photo 0|1', "
                f"received {line.strip()!r}"
            )
        caricature, photo = _key(words[1], path, number), _key(words[3], path, number)
        if (caricature[0], photo[0]) != (CARICATURE, PHOTO):
            raise DatasetError(f"{path}:{number}: expected a caricature, then a photo")
        rows.append(Row(caricature, photo, words[4] == "1", (words[1], words[3])))
    return rows


def _key(written: str, path: Path, number: int) -> Key:
    parts = written.replace("\\", "/").lower().split("/")
    if len(parts) != 3 or parts[0] not in FOLDERS:
        raise DatasetError(
            f"{path}:{number}: expected Real|Caricature/identity\\file, received {written!r}"
        )
    return FOLDERS[parts[0]], parts[1], parts[2]


def unique_keys(rows: Iterable[Row]) -> list[Key]:
    """Every image of the rows, once, in order."""
    return sorted({key for row in rows for key in row[:2]})
