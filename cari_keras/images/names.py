"""What names say: what systems leave behind, who a person is, which modality a folder holds."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Optional

from cari_keras.vocabulary import CARICATURE, PHOTO

#: Folders and files that systems and their programs leave anywhere, in lower case. Names that begin
#: with a dot are theirs as well.
SYSTEM_NAMES = frozenset(
    {
        *("@eadir", "@tmp", "@recycle", "@recently-snapshot", "#recycle", "#snapshot"),
        *("__macosx", "__pycache__", "lost+found", "icon\r", "network trash folder"),
        *("$recycle.bin", "recycler", "system volume information", "temporary items"),
        *("thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "picasa.ini"),
    }
)

#: What a Synology station hangs on the names of files.
_SYSTEM_ENDINGS = ("@synoeastream", "@synoresource")

#: A folder's name as `plain_name` gives it -> the modality it holds.
_MODALITY_FOLDERS = {
    **dict.fromkeys(("photo", "photos", "photograph", "photographs"), PHOTO),
    **dict.fromkeys(("caricature", "caricatures"), CARICATURE),
}


def is_systems(name: str) -> bool:
    """Whether a file or folder of this name is a system's own, no picture and nobody's folder.

    Example:
        >>> [is_systems(name) for name in ("Thumbs.db", "._a.jpg", "@eaDir", "@ann", "a.jpg")]
        [True, True, True, False, False]
    """
    plain = name.lower()
    return plain.startswith(".") or plain in SYSTEM_NAMES or plain.endswith(_SYSTEM_ENDINGS)


def plain_name(name: str) -> str:
    """A person's name without what spellings of it differ in.

    These are case, Unicode's forms, characters that are not seen, which apostrophe it is, and
    spaces, `_`, dashes and dots.

    Example:
        >>> plain_name("Will_Smith") == plain_name(" will  smith")
        True
        >>> plain_name("Zo\u00eb") == plain_name("ZOE\u0308 ")
        True
        >>> plain_name("O'Neal") == plain_name("O\u2019NEAL")
        True
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    folded = folded.replace("i\u0307", "i")  # the small letter of the Turkish I with a dot
    seen = "".join(c for c in folded if unicodedata.category(c) != "Cf")
    seen = re.sub("[\u2018\u2019\u02bc`]", "'", seen)
    return " ".join(re.split(r"[\s_.\-\u2010-\u2015]+", seen)).strip() or name


def one_spelling(names: Iterable[str]) -> dict[str, str]:
    """Every written name -> the one spelling of that person's, without spaces at the ends.

    Of several the first in order is taken, which has capitals before small letters.
    """
    chosen: dict[str, str] = {}
    written = sorted(set(names))
    for name in written:
        chosen.setdefault(plain_name(name), unicodedata.normalize("NFC", name).strip() or name)
    return {name: chosen[plain_name(name)] for name in written}


def several_spellings(names: Iterable[str]) -> dict[str, list[str]]:
    """Who is written in more than one way: the spelling taken -> all of them."""
    found: dict[str, list[str]] = {}
    for name, taken in one_spelling(names).items():
        found.setdefault(taken, []).append(name)
    return {taken: written for taken, written in found.items() if len(written) > 1}


def modality_of_folder(name: str) -> Optional[str]:
    """The modality that a folder of this name holds, None where the name does not say.

    Example:
        >>> modality_of_folder("Caricatures"), modality_of_folder("Photo"), modality_of_folder("a")
        ('caricature', 'photo', None)
    """
    return _MODALITY_FOLDERS.get(plain_name(name))
