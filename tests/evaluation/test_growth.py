"""Templates of people, a threshold that becomes stricter as a gallery grows, and its curve."""

from __future__ import annotations

import numpy as np
import pytest

from cari_keras.errors import ConfigError
from cari_keras.evaluation.growth import growth, growth_of, over_folds
from cari_keras.evaluation.predictions import Predictions
from cari_keras.evaluation.templates import people_of, threshold_of
from tests.helpers.galleries import unit_people

#: Of galleries: people, of whom there are enough to tell 5 %.
SIZES = (40, 160, 640)


def test_a_template_is_the_mean_of_all_faces():
    faces = np.array([[1, 0], [0, 1], [1, 0]], np.float32)
    people = people_of(faces, np.array(["b", "b", "a"]))
    assert people.names == ("a", "b")
    assert people.faces.tolist() == [1, 2]
    assert people.templates == pytest.approx(np.array([[1, 0], [0.5**0.5, 0.5**0.5]]))


@pytest.fixture(scope="module")
def measured():
    """Of each size: the threshold, and what it does to people whom the gallery never had."""
    strangers, _ = unit_people(2_000, 1, noise=0.9, seed=9)
    found = []
    for size in SIZES:
        embeddings, names = unit_people(size, 5, noise=0.9, seed=size)
        people = people_of(embeddings, names)
        limit = threshold_of(people, embeddings, names, 0.05)
        nearest = people.nearest(strangers, 1).distances[:, 0]
        found.append((-limit.threshold, np.mean(nearest <= -limit.threshold), nearest, limit))
    return found


def test_the_threshold_is_stricter_the_more_people_there_are(measured):
    limits = [one[0] for one in measured]
    assert limits[0] > limits[1] > limits[2]


def test_strangers_are_taken_for_somebody_as_often_as_was_asked(measured):
    """At every size; a threshold of the smallest gallery lets many more pass in the largest."""
    for _, rate, _, limit in measured:
        assert 0.02 <= rate <= 0.09
        assert limit.fpir <= 0.05
    smallest, largest = measured[0][0], measured[-1][2]
    assert np.mean(largest <= smallest) > 0.15


def test_growth_on_people_who_are_in_no_gallery():
    embeddings, names = unit_people(600, 4, noise=0.9)
    points = growth(embeddings, names, [40, 100, 300])
    assert [point.people for point in points] == [40, 100, 300]
    assert points[0].threshold > points[-1].threshold
    assert all(0.01 <= point.fpir <= 0.1 for point in points)
    assert points[-1].fpir_fixed > 0.1 > points[-1].fpir
    assert points[0].fpir_fixed == points[0].fpir
    assert points[-1].fnir >= points[0].fnir
    with pytest.raises(ConfigError, match="600 people give galleries of at most 300 people"):
        growth(embeddings, names, [301])


def test_known_people_are_judged_without_the_face_that_is_asked_about():
    """Else every face would lie in its own template, and nobody would ever be missed."""
    embeddings, names = unit_people(60, 2, noise=3.0)
    limit = threshold_of(people_of(embeddings, names), embeddings, names, 0.05)
    assert limit.tpir < 0.5
    clear, names = unit_people(60, 2, noise=0.1)
    assert threshold_of(people_of(clear, names), clear, names, 0.05).tpir == 1


def test_too_small_a_gallery_calls_nobody_unknown():
    embeddings, names = unit_people(3, 2)
    with pytest.raises(ConfigError, match="cannot be measured on 6 images of 3 strangers"):
        threshold_of(people_of(embeddings, names), embeddings, names, 0.05)
    one = people_of(embeddings[:2], names[:2])
    with pytest.raises(ConfigError, match="1 people have a name"):
        threshold_of(one, embeddings[:2], names[:2], 0.05)


def answers(people, images, seed=0):
    """Of a network: a third of each person's images are caricatures."""
    embeddings, names = unit_people(people, images, noise=0.9, seed=seed)
    drawn = np.arange(len(names)) % 3 == 0
    labels = np.unique(names, return_inverse=True)[1]
    paths = [f"{k}.png" for k in range(len(names))]
    return Predictions(paths, labels, drawn, {"embedding": embeddings})


def test_each_modality_has_a_curve_of_a_gallery_of_both():
    found = growth_of(answers(80, 9), deals=5)
    # Of 40 people in the gallery; of five there are 15 caricatures, too few for 5 %.
    assert [point.people for point in found["photo"]] == [5, 8, 12, 18, 27, 40]
    assert [point.people for point in found["caricature"]] == [8, 12, 18, 27, 40]
    for points in found.values():
        assert points[0].threshold > points[-1].threshold
        assert points[-1].fpir_fixed > points[-1].fpir
        assert points[-1].fpir == pytest.approx(0.05, abs=0.04)
        assert 0 < points[-1].fnir < 1
    alone = answers(80, 9)
    photos = growth_of(alone.only(~alone.is_caricature), deals=5)
    assert list(photos) == ["photo"]
    assert photos["photo"][-1].threshold != found["photo"][-1].threshold, "templates are of both"


def test_too_few_people_have_no_curve():
    assert growth_of(answers(2, 3), deals=2) == {}


def test_the_mean_over_folds_is_of_sizes_that_all_have():
    one, other = growth_of(answers(80, 9), deals=2), growth_of(answers(40, 9, seed=1), deals=2)
    mean = over_folds([one, other])
    assert [point.people for point in mean["photo"]] == [5, 8, 12, 18]
    assert mean["photo"][0].fpir == pytest.approx(
        (one["photo"][0].fpir + other["photo"][0].fpir) / 2
    )
    assert over_folds([one, {}]) == {}
