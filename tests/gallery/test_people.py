"""A gallery's answers: a person, or nobody of it."""

from __future__ import annotations

import numpy as np
import pytest

from cari_keras import Gallery
from cari_keras.errors import ConfigError, GalleryError
from cari_keras.evaluation.templates import people_of
from cari_keras.gallery.answers import answers_of
from tests.helpers.galleries import SmallModel, picture, write_people


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


def test_too_small_a_gallery_calls_nobody_unknown(tmp_path):
    pytest.importorskip("lancedb")
    gallery = Gallery(tmp_path / "g", SmallModel())
    gallery.add(write_people(tmp_path / "faces", people=2, images=2))
    with pytest.raises(
        GalleryError, match=r"the gallery can call nobody unknown: .* 4 images .*; add pe"
    ):
        gallery.threshold("photo", 0.05)
