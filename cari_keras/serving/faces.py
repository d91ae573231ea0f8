"""Any image a user may hand over, as the pixels that the endpoints take."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Optional

import numpy as np

from cari_keras.align.config import AlignConfig
from cari_keras.align.finder import find_faces, main_face
from cari_keras.arrays import Array
from cari_keras.errors import ImageError, shown
from cari_keras.images.crop import Face, crop, place_face
from cari_keras.images.decode import MIN_SIDE, RefusedError
from cari_keras.images.encode import resize
from cari_keras.serving.handed import Image, name_of, pixels_of
from cari_keras.vocabulary import AUTO, PHOTO, check_modality, check_word

#: What becomes of images that cannot be looked at: the first one raises, or each is left out.
ON_ERROR = ("raise", "skip")


class Seen(NamedTuple):
    """What was seen of several images.

    Attributes:
        total: How many images there were.
        faces: Of those that can be looked at, uint8 RGB [k, S, S, 3].
        rows: Which these are, int [k].
        refused: Position of each of the others -> why, naming it.
    """

    total: int
    faces: Array
    rows: Array
    refused: dict[int, str]


class Cut(NamedTuple):
    """A face of an image, as the endpoints take it.

    Attributes:
        pixels: uint8 RGB [S, S, 3].
        place: Where it was found, in pixels of the upright image; None where the image is whole.
        shape: Height and width of the upright image in pixels.
    """

    pixels: Array
    place: Optional[Face]
    shape: tuple[int, int]


@contextlib.contextmanager
def _naming(image: Image, name: str) -> Iterator[None]:
    """Why an image is refused, with its name, or with `name` where it has none."""
    try:
        yield
    except RefusedError as error:
        raise ImageError(f"{name_of(image) or name}: {error}") from error


class Faces:
    """Turns images into squares of one size.

    Args:
        size: S.
        align: Find the main face of each image and cut it out by these settings, as `cari-align`
            does; files are then read as it does. None: the whole image is read, and resized
            whatever its aspect, as evaluation does.
        whole: The modality of which whole images are read all the same.
    """

    def __init__(
        self, size: int, align: Optional[AlignConfig] = None, *, whole: Optional[str] = None
    ) -> None:
        self.size, self.align, self.whole = size, align, whole
        self._detector: Any = None
        # The detector's own networks are not known to be safe in several threads.
        self._lock = threading.Lock()

    def __call__(self, image: Image, modality: str, *, name: str = "the image") -> Array:
        """uint8 RGB [S, S, 3].

        Args:
            image: The image.
            modality: Its modality; see `known_modality`.
            name: What it is called in messages where it has no name of its own.

        Raises:
            ImageError: The image cannot be read, is not an image, or shows no face to align.
            ConfigError: There is no such modality.
        """
        modality = self.known_modality(modality)
        with _naming(image, name):
            return self._face(image, modality)

    def all(
        self, images: Sequence[Image], modality: str, *, name: str = "images", errors: str = "raise"
    ) -> Seen:
        """Looks at several images.

        Args:
            images: They.
            modality: Of all of them; see `known_modality`.
            name: What they are called where one is named by its index.
            errors: One of `ON_ERROR`.

        Raises:
            ImageError: One cannot be looked at, and `errors` is `raise`; its index is named.
            ConfigError: There is no such modality, or no such way with errors.
        """
        modality = self.known_modality(modality)
        check_word("errors", errors, ON_ERROR)
        found, rows, refused = [], [], {}
        for row, image in enumerate(images):
            try:
                found.append(self._face(image, modality))
                rows.append(row)
            except RefusedError as error:
                called = ", ".join(filter(None, (f"{name}[{row}]", name_of(image))))
                refused[row] = f"{called}: {error}"
                if errors == "raise":
                    raise ImageError(refused[row]) from error
        faces = np.stack(found) if found else np.zeros((0, self.size, self.size, 3), np.uint8)
        return Seen(len(images), faces, np.array(rows, int), refused)

    def known_modality(self, word: str) -> str:
        """The modality that images are looked at as: `photo` or `caricature`.

        Args:
            word: One of them; or `auto` where whole images are taken, which are then looked at
                alike.

        Raises:
            ConfigError: There is no such modality; or it is `auto`, and faces are looked for.
        """
        if self.align is None and isinstance(word, str) and word == AUTO:
            return PHOTO
        check_modality(word, "the search for faces demands more confidence of photos")
        return word

    def check_made(self, faces: Any) -> None:
        """Whether several faces are as `__call__` makes them.

        Raises:
            ImageError: They are not uint8 [n, S, S, 3].
        """
        shape = (self.size, self.size, 3)
        fits = isinstance(faces, np.ndarray) and faces.dtype == np.uint8 and faces.ndim == 4
        if not fits or faces.shape[1:] != shape:
            raise ImageError(
                f"faces must be uint8 RGB [n, {self.size}, {self.size}, 3], as `face` and `look` "
                f"give them; `embed`, `verify` and `identify` take any image. Received: "
                f"{shown(faces)}"
            )

    def every(self, image: Image, modality: str, *, name: str = "the image") -> list[Cut]:
        """Every face of an image, its main one first; one where whole images are taken.

        Args:
            image: The image.
            modality: Its modality; see `known_modality`.
            name: What it is called in messages where it has no name of its own.

        Raises:
            ImageError: As for `__call__`.
            ConfigError: There is no such modality.
        """
        modality = self.known_modality(modality)
        with _naming(image, name):
            return self._cuts(image, modality)

    def _face(self, image: Image, modality: str) -> Array:
        """As `__call__`, with a RefusedError that does not name the image."""
        return self._cuts(image, modality, main_only=True)[0].pixels

    def _cuts(self, image: Image, modality: str, *, main_only: bool = False) -> list[Cut]:
        pixels = self._read(image)
        height, width = pixels.shape[:2]
        config = self.align
        if config is None or modality == self.whole:
            return [Cut(resize(pixels, self.size), None, (height, width))]
        found = self._found(pixels, modality, config)
        main = main_face(found, height, width)
        others = [] if main_only else [face for face in found if face is not main]
        side, margin = config.image_size, config.margin
        return [
            Cut(crop(pixels, place_face(face, config.align, side, margin)), face, (height, width))
            for face in (main, *others)
        ]

    def _read(self, image: Image) -> Array:
        if self.align is None:
            return pixels_of(image)
        return pixels_of(image, max_pixels=self.align.max_pixels, min_side=MIN_SIDE)

    def _found(self, pixels: Array, modality: str, config: AlignConfig) -> list[Face]:
        with self._lock:
            if self._detector is None:
                from cari_keras.align.detector import Detector

                self._detector = Detector()
            _, found = find_faces(self._detector, pixels, modality, max_side=config.max_side)
        if not found:
            raise RefusedError(
                "no face found; if the picture is a face already, cut out like the "
                "training images, --no-align (align=False) takes it whole"
            )
        return found
