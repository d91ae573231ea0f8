"""Datasets that networks are only judged on: their layouts, as their archives have them."""

from __future__ import annotations

from pathlib import Path

import pytest

from cari_keras.data.given import SPLIT
from cari_keras.data.judged import load_judged
from cari_keras.data.judged.cfp import EACH
from cari_keras.errors import ConfigError, DatasetError
from cari_keras.vocabulary import CARICATURE, JUDGED, PHOTO
from tests.helpers.judged import write_cfp, write_lfw_of_faces, write_protocol, write_sketches
from tests.helpers.pictures import write_image
from tests.helpers.places import SHARED

CFP = SHARED / "data" / "cfp"


def names_of(judged):
    """Each pair's two names and whether it is genuine."""
    return [(p.first, p.second, p.same) for p in judged.listed.dataset.pairs[SPLIT]]


def test_every_name_has_a_loader_that_refuses_what_is_not_there(tmp_path):
    for name in JUDGED:
        with pytest.raises(DatasetError, match=f"no such folder; name {name}'s folder with"):
            load_judged(name, tmp_path / "no")
        (tmp_path / "empty").mkdir(exist_ok=True)
        with pytest.raises(DatasetError, match="empty"):
            load_judged(name, tmp_path / "empty")
    with pytest.raises(ConfigError, match="dataset must be one of lfw, cfp"):
        load_judged("base", tmp_path)


def test_lfw(tmp_path):
    root = write_lfw_of_faces(tmp_path / "archive")
    judged = load_judged("lfw", root)
    assert judged.listed.folds == [0, 0, 0, 0, 1, 1, 1, 1]
    assert names_of(judged)[0] == ("Ann_A/Ann_A_0001.jpg", "Ann_A/Ann_A_0002.jpg", True)
    assert names_of(judged)[6] == ("Cid_C/Cid_C_0001.jpg", "Ann_A/Ann_A_0003.jpg", False)
    assert judged.listed.dataset.people == ("Ann_A", "Bob_B", "Cid_C")
    # The pictures may be elsewhere, and those that are missing are counted.
    (root / "lfw").rename(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "Ann_A" / "Ann_A_0002.jpg").unlink()
    part = load_judged("lfw", root, tmp_path / "elsewhere")
    assert part.listed.folds == [0, 0, 0, 1, 1, 1, 1]
    assert part.listed.dataset.report["pairs with a missing image, left out"] == 1


def test_any_list_of_pairs(tmp_path):
    for person in ("ann", "bob"):
        for k in range(2):
            write_image(tmp_path / "mine" / person / f"{k}.png", (90, 90, 90), 20, seed=k)
    (tmp_path / "mine" / "pairs.csv").write_text("ann/0,ann/1,1\nann/0.png,bob/1,0\n")
    judged = load_judged("pairs", tmp_path / "mine")
    assert judged.title == "Pairs of mine"
    assert judged.listed.folds is None
    assert names_of(judged)[1] == ("ann/0.png", "bob/1.png", False)


@pytest.mark.parametrize("published", [True, False])
def test_cfp_by_its_own_lists(tmp_path, published):
    root = write_cfp(tmp_path / "cfp", people=20, published=published)
    write_protocol(root, people=20)
    judged = load_judged("cfp", root)
    inner = "frontal/" if published else ""
    assert judged.notes == ()
    assert judged.listed.folds == sorted([*range(10)] * 4)
    assert names_of(judged)[:4] == [
        (f"001/{inner}01.jpg", f"001/{inner}02.jpg", True),
        (f"002/{inner}01.jpg", f"002/{inner}02.jpg", True),
        (f"001/{inner}01.jpg", f"002/{inner}01.jpg", False),
        (f"001/{inner}02.jpg", f"002/{inner}02.jpg", False),
    ]
    assert judged.listed.dataset.people == tuple(f"{k:03d}" for k in range(1, 21))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("Split/FF/03/same.txt", "1;2\n", r"same.txt:1: expected number,number. Received: '1;2'"),
        ("Split/FF/03/diff.txt", "1,999\n", r"diff.txt:1: .*Pair_list_F.txt has no picture 999"),
        ("Pair_list_F.txt", "1 a.jpg\n", r"F.txt:1: expected \.\.\./<person>/frontal/<picture>"),
        ("Split/FF/10/same.txt", None, r"same.txt: cannot be read .*take CFP's Protocol folder"),
    ],
)
def test_cfp_s_lists_are_refused_where_they_are_damaged(tmp_path, name, text, message):
    root = write_cfp(tmp_path / "cfp", people=20, published=False)
    write_protocol(root, people=20)
    path = root / "Protocol" / name
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(DatasetError, match=message):
        load_judged("cfp", root)


def test_cfp_without_lists_is_drawn_alike_each_time_and_says_so(tmp_path):
    root = write_cfp(tmp_path / "cfp", people=20, pictures=4, published=True)
    judged, again = load_judged("cfp", root), load_judged("cfp", root)
    assert names_of(judged) == names_of(again)
    assert "Protocol is not there: 10 splits were drawn by the seed 0" in judged.notes[0]
    pairs, folds = names_of(judged), judged.listed.folds
    assert not any("profile" in name for first, second, _ in pairs for name in (first, second))
    people = {}
    for (first, second, same), fold in zip(pairs, folds):
        assert (first[:3] == second[:3]) is same
        for person in (first[:3], second[:3]):
            assert people.setdefault(person, fold) == fold  # nobody is in two splits
    assert len(people) == 20
    assert len({frozenset(pair[:2]) for pair in pairs}) == len(pairs)
    # Four pictures make six pairs of one person; two people of four, 14 of their 16.
    assert sum(same for *_, same in pairs) == 20 * 6
    assert sum(not same for *_, same in pairs) == 20 * EACH
    with pytest.raises(DatasetError, match="19 people with two frontal pictures; 10 splits need"):
        load_judged("cfp", write_cfp(tmp_path / "few", people=19, published=False))


@pytest.mark.skipif(not CFP.is_dir(), reason="CFP is not at hand")
def test_the_people_at_hand_of_cfp():
    judged = load_judged("cfp", CFP)
    kinds = [same for *_, same in names_of(judged)]
    assert (sum(kinds), len(kinds)) == (462 * EACH, 2 * 462 * EACH)
    assert len(judged.listed.dataset.people) == 462


def test_sketches(tmp_path):
    root = write_sketches(tmp_path / "cufs")
    write_image(root / "photos" / "z-9.jpg", (9, 9, 9), 20)
    (root / "sketches" / "readme.txt").write_text("notes")
    judged = load_judged("sketches", root)
    dataset = judged.listed.dataset
    found = {(s.identity.lower(), s.modality) for s in dataset.splits[SPLIT]}
    assert found == {
        (f"{who}-01", modality)
        for who in ("f-005", "m-001", "m-002")
        for modality in (PHOTO, CARICATURE)
    }
    assert dataset.crossed == (SPLIT,)
    assert dataset.report == {
        "files that are not images, left out": 1,
        "pictures of people without the other modality, left out": 1,
    }
    for path in (root / "sketches").glob("*.jpg"):
        path.rename(path.with_name(f"q{path.name}"))
    with pytest.raises(DatasetError, match="nobody has both a photo and a sketch"):
        load_judged("sketches", root)


def test_sketches_in_a_folder_of_each_person(tmp_path):
    for kind in ("Photo", "Sketch"):
        for person in ("ann", "bob"):
            write_image(tmp_path / kind / person / "1.png", (90, 90, 90), 20)
    people = load_judged("sketches", Path(tmp_path)).listed.dataset.people
    assert people == ("ann", "bob")
