"""Explanations by the network that comes with the package, of drawn people."""

import cv2
import numpy as np
import pytest

from cari_keras import load_model
from cari_keras.drawn import (
    draw_caricature,
    draw_photo,
    plan_caricature,
    plan_photo,
    sample_identity,
)
from tests.helpers.faces import ahead

pytestmark = pytest.mark.slow

SIDE = 224

#: Of hiding and showing: these shares of a face, the likeliest places first.
SHARES = (0.1, 0.2, 0.3, 0.5)


@pytest.fixture(scope="module")
def model():
    return load_model(align=False)


@pytest.mark.parametrize("feature", ["nose_width", "eye_size", "brow_thickness"])
def test_what_differs_is_where_the_map_differs_most(model, feature):
    """A face's map to itself less its map to the other, which has one feature changed."""
    pair = ahead(SIDE, **{feature: -2.0}), ahead(SIDE, **{feature: 2.0})
    found = model.explain_faces(*pair)
    lacks = np.zeros((SIDE, SIDE))
    for face, values in zip(pair, (found.photo, found.other)):
        itself = model.explain_faces(face, face)
        lacks += itself.photo * itself.strongest - values * found.strongest
    differs = np.abs(pair[0].astype(float) - pair[1]).max(axis=-1)
    differs = cv2.GaussianBlur(differs, (0, 0), 0.05 * SIDE)
    row, column = np.unravel_index(lacks.argmax(), lacks.shape)
    assert differs[row, column] > np.quantile(differs, 0.9)


def hidden_in_order(face, values, share, *, shown):
    """The face with the places of the largest values blurred, or with these alone not blurred."""
    chosen = values >= np.quantile(values, 1 - share)
    blurred = cv2.GaussianBlur(face, (0, 0), 0.1 * SIDE)
    return np.where((chosen == shown)[..., None], face, blurred)


def test_hiding_and_showing_by_the_map_beats_random_maps(model):
    """The curves of deletion and of insertion, by their means."""
    rng = np.random.default_rng(21)
    who = sample_identity(rng)
    photo = draw_photo(plan_photo(who, rng), SIDE)
    drawing = draw_caricature(plan_caricature(who, rng), SIDE)
    found = model.explain_faces(photo, drawing)
    noise = [cv2.GaussianBlur(rng.normal(size=(SIDE, SIDE)), (0, 0), 14) for _ in range(3)]
    maps = [found.photo, *noise]
    for shown, better in ((False, np.less), (True, np.greater)):
        faces = [hidden_in_order(photo, m, s, shown=shown) for m in maps for s in SHARES]
        embeddings = model.embed_faces(np.stack([*faces, drawing]))
        curves = (embeddings[:-1] @ embeddings[-1]).reshape(len(maps), -1).mean(axis=1)
        assert better(curves[0], curves[1:]).all(), curves
