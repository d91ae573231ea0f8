"""The styles that caricatures are drawn in: one small function each, registered in `STYLES`.

Every style takes a plan, the generator of its accidents and the canvas's side, and returns float32
[side, side, 3] in about [0, 1]. Adding one means adding a function and its entry.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import cv2
import numpy as np

from cari_keras.arrays import Array
from cari_keras.drawn.curves import ribbon, wobble
from cari_keras.drawn.paint import (
    beard_strength,
    clip_to,
    disc,
    eye_color,
    hair_color,
    mask_of,
    paint,
    skin_color,
    smooth_noise,
)
from cari_keras.drawn.photo import paint_albedo, shading

if TYPE_CHECKING:
    from cari_keras.drawn.caricature import CaricaturePlan


def ink(plan: CaricaturePlan, rng: np.random.Generator, side: int) -> Array:
    """A brush drawing in one dark ink; dark hair is filled."""
    canvas = _paper(rng, side)
    color = _ink_color(rng)
    _lines(canvas, plan, rng, color)
    dark = 1 - hair_color(plan.identity).mean()
    if dark > 0.6:
        paint(canvas, plan.face.curves["hair_front"], color)
    else:
        _hair_strokes(canvas, plan, rng, color, int(6 + 22 * dark))
    return canvas


def flat(plan: CaricaturePlan, rng: np.random.Generator, side: int) -> Array:
    """Flat colours within outlines, as in a printed comic."""
    c, who = plan.face.curves, plan.identity
    canvas = np.empty((side, side, 3), np.float32)
    canvas[:] = rng.uniform(0.2, 1.0, 3)
    skin, hair = _recolor(skin_color(who), plan), _recolor(hair_color(who), plan)
    shade, lips = 0.82 * skin, 0.6 * skin + 0.4 * _recolor(np.array([0.75, 0.15, 0.2]), plan)
    paint(canvas, c["hair_back"], 0.8 * hair)
    paint(canvas, c["neck"], shade)
    paint(canvas, c["shoulders"], rng.uniform(0, 1, 3))
    for name in ("ear_left", "ear_right", "outline"):
        paint(canvas, c[name], skin)
    for side_name in ("left", "right"):
        paint(canvas, c[f"cheek_{side_name}"], 0.75 * skin + 0.25 * lips, 0.6)
    beard = beard_strength(who)
    if beard > 0.35:
        paint(canvas, c["beard"], 0.7 * hair + 0.3 * (1 - beard) * skin)
        paint(canvas, c["moustache"], 0.7 * hair + 0.3 * (1 - beard) * skin)
    paint(canvas, c["nose_ball"], shade, 0.7)
    for part in ("lip_upper", "lip_lower"):
        paint(canvas, c[part], lips)
    paint(canvas, c["mouth_gap"], np.array([0.97, 0.97, 0.94]))
    for i, side_name in enumerate(("left", "right")):
        eye = c[f"eye_{side_name}"]
        paint(canvas, eye, np.ones(3))
        paint(canvas, _iris(plan, i, eye), eye_color(who))
    paint(canvas, c["hair_front"], hair)
    _lines(canvas, plan, rng, 0.12 * hair, fill_iris=False)
    return canvas


def hatching(plan: CaricaturePlan, rng: np.random.Generator, side: int) -> Array:
    """Pen lines, with the shadows and the hair built up from crossing strokes."""
    canvas, color = _paper(rng, side), _ink_color(rng)
    dark = 1 - _tones(plan, side)
    y, x = np.mgrid[:side, :side].astype(np.float32) / side
    bow = 0.01 * smooth_noise(rng, side, (5, 5))
    pitch, lean = rng.uniform(55, 85), rng.uniform(0.5, 1.0)
    strokes = np.zeros((side, side), np.float32)
    for k, threshold in enumerate((0.28, 0.48, 0.68)):
        angle = lean + (0, np.pi / 2, np.pi / 4)[k]
        wave = np.sin(2 * np.pi * pitch * (x * np.cos(angle) + y * np.sin(angle) + bow))
        strength = np.clip((dark - threshold) * 6, 0, 1)
        strokes = np.maximum(strokes, strength * np.clip(wave * 2.0, 0, 1))
    canvas += 0.85 * strokes[..., np.newaxis] * (color.astype(np.float32) - canvas)
    _lines(canvas, plan, rng, color, width=0.75)
    return canvas


def posterised(plan: CaricaturePlan, rng: np.random.Generator, side: int) -> Array:
    """A painting in few tones, as a screen print has."""
    plain = np.ones((side, side, 1), np.float32)
    canvas = paint_albedo(plan.identity, plan.face, side, rng.uniform(0.1, 0.9, 3), plain)
    canvas *= shading(plan.face, side, plan.light, 0.35)[..., np.newaxis]
    canvas = cv2.GaussianBlur(canvas, (0, 0), 0.003 * side)
    person = _person(plan, side)
    canvas = rng.uniform(0, 1, 3).astype(np.float32) * (1 - person) + canvas * person
    levels = int(rng.integers(3, 6))
    steps = (np.floor(np.clip(canvas, 0, 0.999) * levels) + 0.5) / levels
    return _recolor(cv2.medianBlur(steps.astype(np.float32), 3), plan)


def pencil(plan: CaricaturePlan, rng: np.random.Generator, side: int) -> Array:
    """Soft grey strokes over the paper's grain, each line drawn more than once."""
    canvas = _paper(rng, side)
    grain = np.clip(0.75 + 0.35 * rng.standard_normal((side, side), np.float32), 0, 1)
    dark = cv2.GaussianBlur(1 - _tones(plan, side), (0, 0), 0.008 * side)
    lead = np.full(3, rng.uniform(0.12, 0.3), np.float32)
    canvas += (np.clip(dark - 0.12, 0, 1) * 0.8 * grain)[..., np.newaxis] * (lead - canvas)
    drawn = np.ones((side, side, 3), np.float32)
    for _ in range(2):
        _lines(drawn, plan, rng, np.zeros(3), width=0.55, unsteady=1.8)
    soft = cv2.GaussianBlur(drawn, (0, 0), 0.5)
    share = (1 - soft[..., :1]) * (0.55 + 0.45 * grain[..., np.newaxis])
    return canvas + share * (lead - canvas)


Style = Callable[["CaricaturePlan", np.random.Generator, int], Array]

STYLES: dict[str, Style] = {
    "ink": ink,
    "flat": flat,
    "hatching": hatching,
    "posterised": posterised,
    "pencil": pencil,
}


def _lines(
    canvas: Array,
    plan: CaricaturePlan,
    rng: np.random.Generator,
    color: Array,
    *,
    width: float = 1.0,
    unsteady: float = 1.0,
    fill_iris: bool = True,
) -> None:
    """All the face's lines, by an unsteady hand, with a pen of varying pressure."""
    face, who = plan.face, plan.identity
    c, pen, hand = face.curves, 0.045 * face.unit * plan.pen * width, plan.hand * unsteady

    def stroke(curve: Array, thick: float = 1.0, closed: bool = False) -> None:
        if closed:
            curve = np.concatenate([curve, curve[:2]])
        paint(canvas, ribbon(wobble(curve, rng, hand), pen * thick, 0.3 if closed else 0.75), color)

    before = canvas.copy()
    stroke(c["neck"][[0, 3]], 0.9)
    stroke(c["neck"][[1, 2]], 0.9)
    stroke(c["hair_back"], 0.8, closed=True)
    for name in ("left", "right"):
        stroke(c[f"ear_{name}"])
        stroke(c[f"ear_line_{name}"], 0.7)
    paint(canvas, c["outline"], before)  # the face hides what is behind it
    stroke(c["outline"][16:-16], 1.25)
    stroke(c["hair_front"], 0.9, closed=True)
    for i, name in enumerate(("left", "right")):
        stroke(c[f"lid_{name}"], 1.5)
        stroke(c[f"eye_{name}"][13:], 0.5)
        stroke(c[f"fold_{name}"], 0.6)
        stroke(c[f"wing_{name}"], 1.1)
        paint(canvas, wobble(c[f"brow_{name}"], rng, hand), color, 0.92)
        paint(canvas, c[f"nostril_{name}"], color, 0.9)
        pupil = _iris(plan, i, c[f"eye_{name}"], 1.0 if fill_iris else 0.5)
        paint(canvas, pupil, color, 0.9)
        if who.wrinkles > -0.8:
            stroke(c[f"crease_{name}"], 0.55 + 0.15 * min(who.wrinkles, 4))
        if who.wrinkles > 0.6:
            stroke(c[f"bag_{name}"], 0.7)
    if who.wrinkles > 0.8:
        stroke(c["frown_upper"], 0.7)
        stroke(c["frown_lower"], 0.7)
    stroke(c["ridge_left" if plan.light[0] > 0 else "ridge_right"], 0.8)
    stroke(c["nose_base"], 1.0)
    stroke(c["mouth_line"], 1.3)
    stroke(c["lip_upper"][:17], 0.7)
    stroke(c["lip_lower"][17:], 0.9)
    stroke(c["lip_lower"][:17], 0.7)
    stroke(c["chin_line"], 0.7)
    if beard_strength(who) > 0.35:
        for part in ("beard", "moustache"):
            _strokes_within(canvas, c[part], rng, color, 46 if part == "beard" else 16, pen)


def _hair_strokes(
    canvas: Array,
    plan: CaricaturePlan,
    rng: np.random.Generator,
    color: Array,
    count: int,
) -> None:
    """Strokes from the crown to the hairline."""
    hair = plan.face.curves["hair_front"]
    pen = 0.03 * plan.face.unit * plan.pen
    edge = 25  # where the curve turns back along the hairline
    for _ in range(count):
        t = rng.uniform(0.05, 0.95)
        outer = hair[int(t * (len(hair) - edge - 1))]
        inner = hair[-1 - int(t * (edge - 1))]
        near, far = np.sort(rng.uniform(0, 1, 2))
        ends = np.stack([outer + near * (inner - outer), outer + far * (inner - outer)])
        curve = np.linspace(ends[0], ends[1], 5) + rng.normal(0, 0.004, (1, 2))
        paint(canvas, ribbon(wobble(curve, rng, plan.hand), pen, 0.9), color)


def _strokes_within(
    canvas: Array,
    area: Array,
    rng: np.random.Generator,
    color: Array,
    count: int,
    pen: float,
) -> None:
    """Short strokes hanging from random points between an area's outline and its middle."""
    pick = rng.integers(0, len(area), (count, 2))
    share = rng.uniform(0, 1, (count, 1))
    starts = area[pick[:, 0]] * share + np.roll(area[::-1], 1, 0)[pick[:, 0]] * (1 - share)
    inside = area.astype(np.float32)
    for x, y in starts:
        if cv2.pointPolygonTest(inside, (float(x), float(y)), False) > 0:
            end = [x + rng.normal(0, 0.012), y + rng.uniform(0.015, 0.035)]
            paint(canvas, ribbon(np.linspace([x, y], end, 4), 0.7 * pen, 0.9), color)


def _iris(plan: CaricaturePlan, i: int, eye: Array, share: float = 1.0) -> Array:
    x, y, r = plan.face.irises[i]
    return clip_to(disc(np.array([x, y]), share * r), eye)


def _person(plan: CaricaturePlan, side: int) -> Array:
    names = ("shoulders", "neck", "hair_back", "outline", "hair_front", "ear_left", "ear_right")
    return mask_of([plan.face.curves[n] for n in names], side)[..., np.newaxis]


def _tones(plan: CaricaturePlan, side: int) -> Array:
    """The person's lightness under the light, 1 for the paper around: float32 [side, side]."""
    plain = np.ones((side, side, 1), np.float32)
    albedo = paint_albedo(plan.identity, plan.face, side, np.full(3, 0.7), plain)
    luma = albedo @ np.array([0.299, 0.587, 0.114], np.float32)
    light = luma * shading(plan.face, side, plan.light, 0.3) * 1.25
    person = _person(plan, side)[..., 0]
    return 1 - person * (1 - np.clip(light, 0, 1))


def _paper(rng: np.random.Generator, side: int) -> Array:
    """White, cream, grey or tinted paper with a faint unevenness."""
    tint = rng.uniform(0.72, 1.0) + np.array([0.0, -0.02, -0.05]) * rng.uniform(-1, 2.5)
    canvas = np.empty((side, side, 3), np.float32)
    canvas[:] = np.clip(tint, 0, 1)
    return canvas + 0.015 * smooth_noise(rng, side, (7, 7))[..., np.newaxis]


def _ink_color(rng: np.random.Generator) -> Array:
    """Black mostly; sepia, navy and others."""
    return rng.uniform(0.0, 0.12, 3) + (rng.random() < 0.4) * rng.uniform(0.0, 0.35, 3)


def _recolor(color: Array, plan: CaricaturePlan) -> Array:
    """A colour [3], or an image, in the artist's palette: hue turned, saturation changed."""
    angle = np.radians(plan.hue)
    # A rotation about the grey axis (1, 1, 1), with the part across that axis stretched.
    cross = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / np.sqrt(3)
    grey = np.full((3, 3), 1 / 3)
    turned = np.cos(angle) * (np.eye(3) - grey) + np.sin(angle) * cross
    matrix = grey + plan.saturation * turned
    return np.clip(color @ matrix.T.astype(np.float32), 0, 1)
