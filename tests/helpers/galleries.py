"""A network for galleries that needs neither training nor TensorFlow, and pictures for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cari_keras.errors import ImageError
from cari_keras.images.crop import Face
from cari_keras.images.decode import RefusedError
from cari_keras.images.encode import resize
from cari_keras.serving.faces import Cut
from cari_keras.serving.handed import pixels_of
from tests.helpers.faces import write

SIDE, DIMENSION = 8, 16


class SmallModel:
    """Embeds what a picture looks like: a fixed random projection of its pixels.

    A picture that is twice as wide as high shows two faces, its left and its right half; one that
    is three times as high as wide shows none.
    """

    size, lacks = SIDE, ""

    def __init__(self, seed: int = 0) -> None:
        self.key, self.name = f"random-{seed}", f"network {seed}"
        self.weights = np.random.default_rng(seed).normal(size=(SIDE * SIDE * 3, DIMENSION))
        self.looked_at = 0

    def every_face(self, image, modality="photo", *, name="image"):
        self.looked_at += 1
        try:
            pixels = pixels_of(image)
        except RefusedError as error:
            raise ImageError(f"{name}: {error}") from error
        height, width = pixels.shape[:2]
        if height == 3 * width:
            raise ImageError(f"{name}: no face found")
        if width != 2 * height:
            return [Cut(resize(pixels, SIDE), None, (height, width))]
        cuts = []
        for left in (0, height):
            box = np.array([left, 0, left + height, height], float)
            part = np.ascontiguousarray(pixels[:, left : left + height])
            place = Face(box, np.zeros((5, 2)), 0.9)
            cuts.append(Cut(resize(part, SIDE), place, (height, width)))
        return cuts

    def face(self, image, modality="photo"):
        return self.every_face(image, modality)[0].pixels

    def embed_faces(self, faces):
        flat = (faces.reshape(-1, SIDE * SIDE * 3) / 255 - 0.5) @ self.weights
        return (flat / np.linalg.norm(flat, axis=1, keepdims=True)).astype(np.float32)

    def embed(self, images, *, modality="photo"):
        return self.embed_faces(np.stack([self.face(image, modality) for image in images]))


def picture(path: Path, person: int, number: int = 0) -> Path:
    """A picture of a person: their own pattern, with some noise."""
    pattern = np.random.default_rng(person).integers(30, 226, (4, 4, 3))
    noise = np.random.default_rng([person, number]).integers(-25, 26, (16, 16, 3))
    image = (np.kron(pattern, np.ones((4, 4, 1), int)) + noise).astype(np.uint8)
    return write(path, image)


def write_people(root: Path, people: int = 3, images: int = 3) -> Path:
    """`root/{photo,caricature}/<identity>/*.png`."""
    for m, modality in enumerate(("photo", "caricature")):
        for person in range(people):
            for number in range(images):
                path = root / modality / f"person {person}" / f"{number}.png"
                picture(path, person, 100 * m + number)
    return root


def unit_people(people: int, images: int, *, noise: float = 0.5, seed: int = 0, size: int = 32):
    """Embeddings of people: float32 [people x images, size] of unit norm, and names [n]."""
    rng = np.random.default_rng(seed)
    middles = rng.normal(size=(people, 1, size))
    middles /= np.linalg.norm(middles, axis=-1, keepdims=True)
    found = middles + noise * rng.normal(size=(people, images, size)) / np.sqrt(size)
    found /= np.linalg.norm(found, axis=-1, keepdims=True)
    names = np.repeat([f"{seed}-{k:05d}" for k in range(people)], images)
    return found.reshape(-1, size).astype(np.float32), names
