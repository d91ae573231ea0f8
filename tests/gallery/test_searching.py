"""Searches: exact and approximate, filtered, in batches; and the one of a folder."""

from __future__ import annotations

import numpy as np
import pytest

from cari_keras import Gallery, Only
from cari_keras.errors import ConfigError
from cari_keras.evaluation.allpairs import distance_blocks
from cari_keras.evaluation.nearest import nearest
from cari_keras.evaluation.ranking import rank
from cari_keras.files import sha256_of_file
from cari_keras.gallery import searching
from cari_keras.gallery.rows import FaceRow
from cari_keras.gallery.searching import Searcher, index_when_large
from cari_keras.gallery.table import Table
from tests.helpers.galleries import SmallModel, unit_people, write_people


def by_hand(queries, faces, count):
    distances = ((queries[:, None].astype(float) - faces[None]) ** 2).sum(-1)
    return np.argsort(distances, axis=1, kind="stable")[:, :count]


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_blocks_of_any_size_find_the_same(size):
    faces, _ = unit_people(40, 5)
    queries, _ = unit_people(30, 1, seed=1)
    blocks = [(np.arange(k, min(k + size, 200)), faces[k : k + size]) for k in range(0, 200, size)]
    found = nearest(queries, blocks, 6)
    assert np.array_equal(found.places, by_hand(queries, faces, 6))
    assert np.all(np.diff(found.distances, axis=1) >= 0)


def test_fewer_faces_than_asked_for_and_equal_ones():
    faces = np.eye(3, 8, dtype=np.float32)[[0, 0, 1]]
    found = nearest(faces[:1], [(np.array([5]), faces[:1]), (np.array([2, 9]), faces[1:])], 5)
    assert found.places.tolist() == [[2, 5, 9, -1, -1]]
    assert np.isinf(found.distances[0, 3:]).all()
    assert nearest(faces[:0], [], 2).places.shape == (0, 2)


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A table of 3,000 faces of 600 people; a third are caricatures, and some rows are no faces."""
    pytest.importorskip("lancedb")
    embeddings, names = unit_people(600, 5, size=128)
    table = Table(tmp_path_factory.mktemp("large") / "g")
    with table.writing():
        table.create(128, {"network": "n", "model": "m"})
        rows = [
            FaceRow(
                path=f"/faces/{k}.png",
                identity=names[k],
                modality="caricature" if k % 3 == 0 else "photo",
                embedding=embeddings[k],
            )
            for k in range(len(names))
        ]
        rows += [FaceRow(path=f"/none/{k}.png", face=-1, modality="photo") for k in range(50)]
        table.append(rows)
        table.build_index(16, 4)
    return table, embeddings, names


def places_of(hits):
    return [[int(hit.row.path.split("/")[-1].split(".")[0]) for hit in found] for found in hits]


def test_an_index_is_for_large_galleries_and_finds_what_is_nearest(large):
    """The nearest of all partitions, by whole embeddings: what the exact search finds."""
    table, embeddings, _ = large
    searcher = Searcher(table)
    rng = np.random.default_rng(2)
    queries = embeddings[::75] + 0.05 * rng.normal(size=(40, 128))
    queries = (queries / np.linalg.norm(queries, axis=1, keepdims=True)).astype(np.float32)
    wanted = by_hand(queries, embeddings, 5)
    exact = searcher.hits(queries, 5, exact=True)
    assert places_of(exact) == wanted.tolist()
    about = searcher.hits(queries, 5)
    shared = [len(set(a) & set(b)) for a, b in zip(places_of(about), wanted.tolist())]
    assert np.mean(shared) >= 4.9
    for one, other in zip(exact, about):
        assert one[0].distance == pytest.approx(other[0].distance, abs=1e-5)


@pytest.mark.parametrize("exact", [True, False])
def test_filters_hold_in_both_searches(large, exact):
    table, embeddings, names = large
    query = embeddings[4:5]
    searcher = Searcher(table)
    (drawn,) = searcher.hits(query, 20, Only("caricature"), exact=exact)
    assert len(drawn) == 20
    assert {hit.row.modality for hit in drawn} == {"caricature"}
    (one,) = searcher.hits(query, 20, Only(identities=(names[0],)), exact=exact)
    assert sorted(places_of([one])[0]) == [0, 1, 2, 3, 4]
    assert places_of([one])[0][0] == 4
    assert searcher.hits(query, 3, Only(folder="/nowhere"), exact=exact) == [[]]


def test_faces_that_are_added_later_are_found_without_a_new_index(large):
    table, *_ = large
    new, _ = unit_people(20, 1, seed=3, size=128)
    with table.writing():
        table.append(
            [
                FaceRow(path=f"/late/{10_000 + k}.png", modality="photo", embedding=row)
                for k, row in enumerate(new)
            ]
        )
    assert table.unindexed >= 20
    hits = Searcher(table).hits(new, 1)
    assert places_of(hits) == [[10_000 + k] for k in range(20)]
    with table.writing():
        table.tidy()
    assert table.unindexed == 0
    assert places_of(Searcher(table).hits(new, 1)) == [[10_000 + k] for k in range(20)]
    with table.writing():
        table.delete("starts_with(path, '/late/')")


def test_small_galleries_have_no_index(tmp_path, monkeypatch):
    pytest.importorskip("lancedb")
    gallery = Gallery(tmp_path / "g", SmallModel())
    gallery.add(write_people(tmp_path / "faces", people=20, images=10))
    table = Table(tmp_path / "g")
    assert not table.has_index
    monkeypatch.setattr(searching, "EXACT_FACES", 300)
    with table.writing():
        index_when_large(table)
    assert table.has_index


def test_a_query_is_left_out_where_it_is_asked(tmp_path):
    pytest.importorskip("lancedb")
    root = write_people(tmp_path / "faces")
    gallery = Gallery(tmp_path / "g", SmallModel())
    gallery.add(root)
    query = root / "photo" / "person 1" / "0.png"
    (with_it,) = gallery.search([query], count=2)
    assert with_it[0].row.path == str(query)
    (without,) = gallery.search([query], count=2, leave_out=[sha256_of_file(query)])
    assert without[0].row.key == with_it[1].row.key
    assert len(without) == 2
    with pytest.raises(ConfigError, match=r"have 16 numbers. Received: float64 \[1, 3\]"):
        gallery.search(np.zeros((1, 3)))


def test_rank_1_is_what_evaluation_computes(large):
    """Of probes that are hard enough for some to be named wrongly."""
    table, embeddings, names = large
    probes, owners = unit_people(600, 6, noise=2.5, size=128)  # further faces of the same people
    probes, owners = probes[::9], owners[::9]
    distances = np.concatenate(list(distance_blocks(probes, embeddings)))
    wanted = rank(distances, owners, names, 1)
    hits = Searcher(table).hits(probes, 1, exact=True)
    assert 0.1 < wanted < 0.99
    assert np.mean([hit.row.identity == who for (hit,), who in zip(hits, owners)]) == wanted
