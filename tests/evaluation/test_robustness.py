"""Verification by groups of pictures, by hand."""

import math

import numpy as np
import pytest

from cari_keras.data import demo
from cari_keras.drawn.styles import STYLES
from cari_keras.evaluation.robustness import group_scores
from cari_keras.evaluation.trials import Trials
from cari_keras.records.traits import Trait

#: Six caricatures and six photos of two people.
DRAWN, PHOTOS = [f"c{k}" for k in range(6)], [f"p{k}" for k in range(6)]
PEOPLE = np.array([0, 1] * 3)
CARICATURES = {**dict.fromkeys(DRAWN, True), **dict.fromkeys(PHOTOS, False)}


@pytest.fixture(autouse=True)
def small_groups(monkeypatch):
    monkeypatch.setattr("cari_keras.evaluation.robustness.LEAST_IMAGES", 2)


def crossed(distances):
    same = (PEOPLE[:, None] == PEOPLE[None, :]).ravel()
    return Trials(
        np.asarray(distances, np.float32).ravel(),
        same,
        DRAWN,
        PHOTOS,
        PEOPLE,
        crossed=True,
        second_subjects=PEOPLE,
    )


def listed(distances, same, first, second, people):
    return Trials(np.array(distances, np.float32), np.array(same), first, second, np.array(people))


def test_a_group_that_is_harder_is_seen():
    """Pencil drawings are as far from their person as from others; ink drawings are not."""
    distances = np.where(PEOPLE[:, None] == PEOPLE[None, :], 0.5, 1.0)
    distances[:2] = 1.0
    style = Trait(
        "style",
        ("pencil", "ink", "wash"),
        {"c0": "pencil", "c1": "pencil", "c2": "ink", "c3": "ink"},
    )
    pencil, ink = group_scores(crossed(distances), [style], CARICATURES)
    assert pencil[:6] == ("style", "caricature", "pencil", 2, 6, 6)
    assert (pencil.auc, pencil.tar, pencil.far) == (0.5, 0.0, 0.0)
    assert ink[:6] == ("style", "caricature", "ink", 2, 6, 6)
    assert (ink.auc, ink.tar, ink.far) == (1.0, 1.0, 0.0)


def test_a_pair_of_one_modality_counts_in_the_groups_of_both():
    """Every pair has one picture of each group."""
    trials = listed(
        [0.1, 0.2, 1.0, 1.1],
        [True, True, False, False],
        ["p0", "p2", "p0", "p2"],
        ["p4", "p4", "p1", "p3"],
        [0, 0, 0, 0],
    )
    size = Trait(
        "size", ("small", "large"), {"p0": "small", "p2": "small", "p4": "large", "p1": "large"}
    )
    small, large = group_scores(trials, [size], CARICATURES)
    assert small[:6] == ("size", "", "small", 2, 2, 2)
    assert large[:6] == ("size", "", "large", 2, 2, 1)
    assert large.auc == 1.0


def test_what_says_nothing_is_left_out(monkeypatch):
    distances = np.where(PEOPLE[:, None] == PEOPLE[None, :], 0.5, 1.0)
    alone = Trait("style", ("ink",), dict.fromkeys(DRAWN, "ink"))
    assert group_scores(crossed(distances), [alone], CARICATURES) == []
    monkeypatch.setattr("cari_keras.evaluation.robustness.LEAST_IMAGES", 3)
    few = Trait("style", ("ink", "pencil"), {"c0": "ink", "c1": "ink", "c2": "pencil"})
    assert group_scores(crossed(distances), [few], CARICATURES) == []
    genuine = Trials(np.ones(1, np.float32), np.array([True]), ["p0"], ["p2"], np.zeros(1, int))
    assert group_scores(genuine, [alone], CARICATURES) == []


def test_a_group_of_one_kind_of_pair_has_no_auc():
    trials = listed(
        [0.1, 0.2, 1.0, 1.1],
        [True, True, False, False],
        ["p0", "p0", "p1", "p1"],
        ["p2", "p4", "p2", "p4"],
        [0, 0, 1, 1],
    )
    pose = Trait(
        "pose",
        ("frontal", "turned"),
        {"p0": "frontal", "p1": "turned", "p2": "frontal", "p3": "turned", "p4": "frontal"},
    )
    assert group_scores(trials, [pose], CARICATURES) == []  # one turned picture
    trials = listed(
        [0.1, 1.0, 1.1],
        [True, False, False],
        ["p0", "p1", "p3"],
        ["p2", "p4", "p4"],
        [0, 1, 1],
    )
    frontal, turned = group_scores(trials, [pose], CARICATURES)
    assert (frontal.genuine, turned.genuine) == (1, 0)
    assert math.isnan(turned.auc)
    assert math.isnan(turned.tar)
    assert turned.far == 0.0


def test_the_demo_says_its_styles():
    dataset = demo.load(identities=2, photos=2, caricatures=4)
    drawings = [
        s.path for samples in dataset.splits.values() for s in samples if s.modality == "caricature"
    ]
    (style,) = dataset.traits(drawings)
    assert set(style.of) == set(drawings)
    assert set(style.of.values()) <= set(style.groups) == set(STYLES)
