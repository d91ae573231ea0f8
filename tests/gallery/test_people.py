"""Open set: a threshold that becomes stricter as a gallery grows, and its answers."""

from __future__ import annotations

import numpy as np
import pytest

from cari_keras import Gallery
from cari_keras.errors import ConfigError, GalleryError
from cari_keras.gallery.answers import answers_of
from cari_keras.gallery.growth import growth
from cari_keras.gallery.people import people_of, threshold_of
from tests.helpers.galleries import SmallModel, picture, unit_people, write_people

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
    with pytest.raises(GalleryError, match="600 people give galleries of 300 at most"):
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
    with pytest.raises(GalleryError, match="cannot be told by 6 images of 3 strangers"):
        threshold_of(people_of(embeddings, names), embeddings, names, 0.05)
    one = people_of(embeddings[:2], names[:2])
    with pytest.raises(GalleryError, match="1 people have a name"):
        threshold_of(one, embeddings[:2], names[:2], 0.05)


def test_an_answer_is_a_person_or_nobody():
    faces = np.eye(3, dtype=np.float32)
    people = people_of(faces[:2], np.array(["ann", "bob"]))
    near, far = answers_of(people, people.nearest(faces[[1, 2]], 5), 0.5, None)
    assert (near.identity, near.known, [one.identity for one in near.candidates]) == (
        "bob",
        True,
        ["bob", "ann"],
    )
    assert (far.identity, far.known) == (None, False)
    assert far.people == 2


def test_a_gallery_identifies(tmp_path):
    pytest.importorskip("lancedb")
    gallery = Gallery(tmp_path / "g", SmallModel())
    gallery.add(write_people(tmp_path / "faces", people=12, images=3))
    known = picture(tmp_path / "known.png", 5, number=77)
    (answer,) = gallery.identify([known], modality="caricature")
    assert answer.identity == "person 5"
    assert answer.candidates[0].faces == 6
    assert answer.people == 12
    assert gallery.identify([known], modality="photo", threshold=0.0)[0].identity is None
    gallery.add(known, identity="somebody new")
    assert "somebody new" in gallery.people().names, "a gallery reads its own changes"
    with pytest.raises(ConfigError, match=r"fpir must be in \(0, 1\]. Received: 2"):
        gallery.identify([known], modality="photo", fpir=2)
    with pytest.raises(ConfigError, match="each modality has a threshold of its own"):
        gallery.identify([known], modality="auto")
