"""CaVI's lists of pairs, `validation.txt` and `testing_1.txt`."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from cari_keras.errors import DatasetError
from cari_keras.images.layouts import CAVI_FOLDERS
from cari_keras.vocabulary import CARICATURE, PHOTO

HOW_TO_GET = (
    "ask the authors of CaVINet (Garg et al., 2018) for CaVI and unpack it so that "
    "DATA_DIR/CaVI_Dataset/Real and DATA_DIR/train-test-files exist"
)

Key = tuple[str, str, str]  # modality, identity, file name, the last two in lower case


class ListLine(NamedTuple):
    """One line of a list: a caricature, a photo, and both as written."""

    caricature: Key
    photo: Key
    same: bool
    written: tuple[str, str]


def read_list(path: Path) -> list[ListLine]:
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
                f"{path}:{number}: expected 'identity caricature identity photo 0|1'. "
                f"Received: {line.strip()!r}"
            )
        caricature, photo = _key(words[1], path, number), _key(words[3], path, number)
        if (caricature[0], photo[0]) != (CARICATURE, PHOTO):
            raise DatasetError(f"{path}:{number}: expected a caricature, then a photo")
        rows.append(ListLine(caricature, photo, words[4] == "1", (words[1], words[3])))
    return rows


def _key(written: str, path: Path, number: int) -> Key:
    parts = written.replace("\\", "/").lower().split("/")
    if len(parts) != 3 or parts[0] not in CAVI_FOLDERS:
        raise DatasetError(
            f"{path}:{number}: expected Real|Caricature/identity\\file. Received: {written!r}"
        )
    return key_of(CAVI_FOLDERS[parts[0]], *parts[1:])


def key_of(modality: str, folder: str, name: str) -> Key:
    """An image's key, whatever the case and the form of Unicode of its folder and its name."""
    identity, file = (unicodedata.normalize("NFC", part).lower() for part in (folder, name))
    return modality, identity, file


def unique_keys(rows: Iterable[ListLine]) -> list[Key]:
    """Every image of the rows, once, in order."""
    return sorted({key for row in rows for key in row[:2]})
