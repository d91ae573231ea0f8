"""Sorting faces into people: groups, how good they are, their names and sheets."""

from __future__ import annotations

import numpy as np
import pytest

from cari_keras import Gallery, Only
from cari_keras.errors import ConfigError, GalleryError
from cari_keras.evaluation.clusters import b_cubed
from cari_keras.gallery import groups
from cari_keras.gallery.groups import group
from cari_keras.gallery.sheets import write_sheets
from cari_keras.images.decode import decode_image
from cari_keras.vocabulary import GROUPED_BY
from tests.helpers.galleries import SmallModel, unit_people, write_people


def test_b_cubed_by_hand():
    """Of a group of three with two people in it, and one of a face."""
    found = b_cubed(np.array([4, 4, 4, 7]), np.array(["a", "a", "b", "b"]))
    assert found.precision == pytest.approx((2 / 3 + 2 / 3 + 1 / 3 + 1) / 4)
    assert found.recall == pytest.approx((1 + 1 + 0.5 + 0.5) / 4)
    together = b_cubed(np.zeros(4, int), np.arange(4))
    assert (together.precision, together.recall) == (0.25, 1)
    alone = b_cubed(np.full(4, -1), np.array([0, 0, 1, 1]))
    assert (alone.precision, alone.recall) == (1, 0.5)


@pytest.mark.parametrize("way", GROUPED_BY)
def test_people_of_both_modalities_are_told_apart(way):
    """Though all drawings lie to one side of all photos."""
    embeddings, names = unit_people(40, 6, noise=0.3)
    drawn = np.arange(len(names)) % 2 == 1
    embeddings[drawn] += 0.15
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    found = group(embeddings, drawn, way=way)
    good = b_cubed(found.labels, names)
    assert good.precision > 0.9
    assert good.recall > 0.9
    sizes = np.bincount(found.labels[found.labels >= 0])
    assert list(sizes) == sorted(sizes, reverse=True)
    assert len(sizes) == found.groups


def test_few_faces_and_too_many(monkeypatch):
    one = np.eye(1, 4, dtype=np.float32)
    for faces in (one[:0], one):
        found = group(faces, np.zeros(len(faces), bool))
        assert (found.labels.tolist(), found.groups) == ([-1] * len(faces), 0)
    monkeypatch.setattr(groups, "MOST_FOR_HDBSCAN", 1)
    with pytest.raises(GalleryError, match=r"2 faces are too many for hdbscan .* use neighbours"):
        group(np.eye(2, dtype=np.float32), np.zeros(2, bool), way="hdbscan")


def test_groups_of_a_gallery_have_the_names_that_it_knows(tmp_path):
    pytest.importorskip("lancedb")
    model = SmallModel()
    gallery = Gallery(tmp_path / "g", model)
    heap = write_people(tmp_path / "heap", people=14, images=4)
    gallery.add(heap, people="none")
    found = gallery.group()
    assert found.names == (None,) * found.grouping.groups
    assert "no face in the gallery has a name" in found.why
    known = write_people(tmp_path / "known", people=14, images=2)
    for person in range(0, 14, 2):
        for kind in ("photo", "caricature"):
            place = known / kind / f"person {person}"
            gallery.add(place, identity=f"name {person}", modality=kind)
    found = gallery.group(fpir=0.1)
    truth = np.array([row.path.split("/")[-2] for row in found.rows])
    assert len(truth) == 14 * 8
    assert b_cubed(found.grouping.labels, truth).precision > 0.9
    assert found.why == ""
    assert len({name for name in found.names if name}) >= 6
    for number, name in enumerate(found.names):
        if name:
            people = set(truth[found.grouping.labels == number])
            assert people == {name.replace("name", "person")}
    sheets = write_sheets(found, tmp_path / "sheets")
    assert len(sheets) == found.grouping.groups
    assert decode_image(sheets[0].read_bytes()).shape[2] == 3
    assert any("name_" in path.name for path in sheets)
    with pytest.raises(ConfigError, match="way must be one of neighbours, hdbscan"):
        gallery.group(Only(), way="k-means")
