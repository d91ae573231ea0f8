"""Drawn faces: that they are faces, that they are that person's, and that they repeat."""

from dataclasses import astuple, replace

import numpy as np
import pytest

from cari_keras.drawn import (
    STYLES,
    Identity,
    draw_caricature,
    draw_photo,
    exaggerate,
    plan_caricature,
    plan_photo,
    sample_identity,
)
from cari_keras.drawn.curves import closed_spline, open_spline, ribbon
from cari_keras.drawn.geometry import Pose, build_face
from cari_keras.drawn.head import Expression
from cari_keras.drawn.identity import LIMIT, PARAMETERS

SIZE = 96


def generator(*seed: int) -> np.random.Generator:
    return np.random.default_rng(list(seed))


def difference(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.mean(np.abs(a.astype(float) - b)))


def test_an_identity_has_at_least_15_standard_normal_parameters():
    assert len(PARAMETERS) >= 15
    values = np.array([astuple(sample_identity(generator(i))) for i in range(500)])
    assert np.abs(values).max() <= LIMIT
    np.testing.assert_allclose(values.mean(0), 0, atol=0.2)
    np.testing.assert_allclose(values.std(0), 1, atol=0.15)


def test_exaggerate_multiplies_the_deviation_from_the_mean_face():
    person = Identity(jaw_width=0.5, skin_tone=-1.0)
    assert exaggerate(person, 2.0) == Identity(jaw_width=1.0, skin_tone=-2.0)
    assert exaggerate(person, 1.0) == person
    assert exaggerate(Identity(), 2.5) == Identity()


@pytest.mark.parametrize("name", PARAMETERS)
def test_every_parameter_changes_the_photo(name):
    """Otherwise it would be no part of the identity. The threshold is far above rounding."""
    small, large = (
        draw_photo(
            replace(
                plan_photo(Identity(**{name: value}), generator(3)),
                noise=0.0,
                blur=0.0,
                grey=False,
            ),
            SIZE,
        )
        for value in (-1.5, 1.5)
    )
    assert difference(small, large) > 0.1


@pytest.mark.parametrize(
    ("plan", "draw"), [(plan_photo, draw_photo), (plan_caricature, draw_caricature)]
)
def test_pictures_repeat_and_differ(plan, draw):
    one, other = (sample_identity(generator(i)) for i in (1, 2))
    picture = draw(plan(one, generator(7)), SIZE)
    assert picture.shape == (SIZE, SIZE, 3)
    assert picture.dtype == np.uint8
    np.testing.assert_array_equal(picture, draw(plan(one, generator(7)), SIZE))
    assert difference(picture, draw(plan(one, generator(8)), SIZE)) > 2
    assert difference(picture, draw(plan(other, generator(7)), SIZE)) > 2
    assert picture.std() > 10


def test_every_style_is_drawn_and_looks_like_no_other():
    assert len(STYLES) >= 5
    plan = plan_caricature(sample_identity(generator(0)), generator(0))
    pictures = {s: draw_caricature(replace(plan, style=s), SIZE) for s in STYLES}
    names = list(pictures)
    for i, a in enumerate(names):
        for b in names[:i]:
            assert difference(pictures[a], pictures[b]) > 5, (a, b)
    chosen = {plan_caricature(Identity(), generator(9, i)).style for i in range(60)}
    assert chosen == set(STYLES)


def test_line_drawings_have_no_colour_and_flat_ones_few():
    plan = replace(plan_caricature(Identity(), generator(1)), style="pencil")
    spread = np.ptp(draw_caricature(plan, SIZE).astype(int), axis=-1)
    assert np.median(spread) < 40
    levels = draw_caricature(replace(plan, style="posterised", seed=5), 176)
    _, counts = np.unique(levels.reshape(-1, 3), axis=0, return_counts=True)
    assert np.sort(counts)[::-1][:30].sum() / counts.sum() > 0.8


@pytest.mark.parametrize("amount", [0.0, 1.0, 2.5])
def test_keypoints_lie_as_in_a_face(amount):
    for i in range(40):
        face = build_face(exaggerate(sample_identity(generator(i)), amount), Pose(), Expression())
        left, right, nose, mouth_left, mouth_right = np.array(face.keypoints)
        assert np.all((np.array(face.keypoints) > 0.05) & (np.array(face.keypoints) < 0.95))
        assert left[0] < nose[0] < right[0]
        assert mouth_left[0] < nose[0] < mouth_right[0]
        assert max(left[1], right[1]) < nose[1] < min(mouth_left[1], mouth_right[1])
        low, high = face.curves["outline"].min(0), face.curves["outline"].max(0)
        assert np.all(low > -0.01)
        assert np.all(high < 1.01)
        assert mouth_left[1] < high[1]


def test_keypoints_are_where_the_eyes_are_drawn():
    """In the mean face's photo the eyes' irises are darker than the skin beside the nose."""
    plan = replace(plan_photo(Identity(skin_tone=-1.0, eye_tone=2.0), generator(2)), noise=0.0)
    face = build_face(plan.identity, Pose(), Expression())
    picture = draw_photo(replace(plan, face=face, blur=0.0, light=(0, -0.2, 1)), 160).astype(float)

    def at(x: float, y: float) -> float:
        return picture[round(y * 160) - 2 : round(y * 160) + 2, round(x * 160) - 2 :][:, :4].mean()

    (lx, ly), (rx, ry), (_, ny) = face.keypoints[:3]
    for x, y in ((lx, ly), (rx, ry)):
        assert at(x, y) < 0.75 * at(x, 0.4 * y + 0.6 * ny)


def test_yaw_moves_the_nose_more_than_the_eyes():
    ahead, aside = (build_face(Identity(), Pose(yaw=yaw), Expression()) for yaw in (0.0, 0.4))
    moved = np.array(aside.keypoints)[:, 0] - np.array(ahead.keypoints)[:, 0]
    assert moved[2] > moved[0] > 0
    assert moved[2] > moved[1]


def test_splines_pass_through_their_points():
    points = np.array([(0.0, 0.0), (1.0, 0.5), (2.0, 0.0), (1.0, -1.0)])
    for curve in (closed_spline(points), open_spline(points)):
        for point in points:
            assert np.min(np.linalg.norm(curve - point, axis=1)) < 1e-12
    straight = open_spline([(0, 0), (1, 1), (2, 2)])
    np.testing.assert_allclose(straight[:, 0], straight[:, 1])


def test_a_ribbon_is_as_wide_as_asked():
    line = np.stack([np.linspace(0, 1, 11), np.zeros(11)], -1)
    outline = ribbon(line, 0.2, taper=1.0)
    assert np.ptp(outline[:, 1]) == pytest.approx(0.2)
    assert abs(outline[0, 1]) < 1e-12
