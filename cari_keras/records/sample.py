"""What a record holds: one image of one face."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from cari_keras.vocabulary import Keypoints


@dataclass(frozen=True)
class Sample:
    """One image of one face.

    Attributes:
        path: The image's name within its dataset, unique, with forward slashes.
        identity: The person's name, one of the dataset's `identities`.
        modality: `"photo"` or `"caricature"`.
        source: Where the bytes are: a file's path, or empty where the dataset draws its images or
            has them in records.
        keypoints: Five points, or None.
    """

    path: str
    identity: str
    modality: str
    source: str = ""
    keypoints: Optional[Keypoints] = None
