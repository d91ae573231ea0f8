"""Drawn people to try the page on: they need no data and show nobody."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cari_keras.drawn import draw_caricature, draw_photo, plan_caricature, plan_photo
from cari_keras.drawn.identity import sample_identity
from cari_keras.images.encode import write_png

#: Side of the pictures, in pixels.
_SIDE = 320


def write_examples(folder: Path) -> list[tuple[str, str]]:
    """Writes pictures of two drawn people.

    Args:
        folder: Where to; made if it is not there.

    Returns:
        Pairs of a photo and a caricature: of one person, and of two.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(3)
    one, another = sample_identity(rng), sample_identity(rng)
    pictures = {
        "photo": draw_photo(plan_photo(one, rng), _SIDE),
        "caricature": draw_caricature(plan_caricature(one, rng), _SIDE),
        "caricature of another": draw_caricature(plan_caricature(another, rng), _SIDE),
    }
    paths = {}
    for name, picture in pictures.items():
        paths[name] = folder / f"{name}.png"
        write_png(picture, paths[name])
    photo = str(paths["photo"])
    return [(photo, str(paths[name])) for name in ("caricature", "caricature of another")]
