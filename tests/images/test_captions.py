"""Faces with words below them."""

import numpy as np

from cari_keras.images import captions
from cari_keras.images.captions import Captioned, Line, fitted, sheet_of

FACE = np.full((80, 80, 3), 200, np.uint8)


def test_words_are_readable_and_below(tmp_path):
    """Letters of full height, in their colour; an own row for the seventh face."""
    plain = sheet_of([Captioned(FACE, [Line("")])])
    told = sheet_of([Captioned(FACE, [Line("the same person", "good")])])
    assert plain.shape == told.shape == (311, 280, 3)
    changed = np.argwhere((plain != told).any(axis=2))
    assert changed[:, 0].min() > 270  # below the face
    assert np.ptp(changed[:, 0]) >= 10
    assert np.ptp(changed[:, 1]) > 90
    green = told[changed[:, 0], changed[:, 1]]
    assert (green[:, 1].astype(int) >= green[:, 0]).all()
    many = sheet_of([Captioned(FACE, [Line("x")])] * 7)
    assert many.shape == (2 * 301 + 10, 6 * 270 + 10, 3)


def test_names_that_are_too_long_keep_both_ends():
    text = fitted("a very long name of somebody, and then of the file.png", 200)
    assert captions.font().getlength(text) <= 200
    assert text.startswith("a very")
    assert text.endswith("file.png")
    assert "…" in text
    assert fitted("Zoë Ğ 猫.png", 200) == "Zoë Ğ 猫.png"
    assert fitted("a\udcff.png", 200) == "a\\udcff.png"
    assert captions.font().getname() == ("DejaVu Sans", "Book")
