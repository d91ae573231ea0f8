"""Folder datasets: what is found, the split by a seed, the pairs, and the errors."""

import os

import pytest

from cari_keras.data import folder
from cari_keras.data.given import load_images, modality_below
from cari_keras.errors import DatasetError
from tests.helpers.pictures import write_folder_dataset, write_image


def test_every_group_is_split_on_its_own(folder_dataset):
    dataset = folder.load(str(folder_dataset))
    assert dataset.identities == ("person_0", "person_1", "person_2")
    assert dataset.count("train", "photo") == 15
    assert dataset.count("train", "caricature") == 15
    assert dataset.count("validation", "photo") == 3
    assert {s.identity for s in dataset.splits["validation"]} == set(dataset.identities)
    train, validation = ({s.path for s in dataset.splits[n]} for n in ("train", "validation"))
    assert not train & validation


def test_the_seed_decides_the_split(folder_dataset):
    first, again, other = (folder.load(str(folder_dataset), seed=s) for s in (0, 0, 1))
    assert first.splits == again.splits
    assert first.pairs == again.pairs
    assert first.splits != other.splits


def test_a_picture_more_changes_no_other_person_s_split(tmp_path):
    root = write_folder_dataset(tmp_path, identities=3, images=10)
    before = folder.load(str(root)).splits
    for k in range(10, 13):
        write_image(root / "photo" / "person_0" / f"{k}.png", (9, 9, 9), seed=k)
        after = folder.load(str(root)).splits
        trained = {s.path for s in before["train"]} & {s.path for s in after["validation"]}
        assert len(trained) <= 1
        assert all(path.startswith("photo/person_0/") for path in trained)
        before = after


def test_links_are_followed_and_what_is_closed_is_counted(tmp_path, monkeypatch):
    root = write_folder_dataset(tmp_path / "data", identities=2, images=2)
    (root / "photo" / "person_0").rename(tmp_path / "elsewhere")
    (root / "photo" / "person_0").symlink_to(tmp_path / "elsewhere")
    (root / "photo" / "person_1" / "again").symlink_to(root / "photo")
    closed = root / "caricature" / "person_1"
    scandir = os.scandir

    def refuse(path):
        if str(path) == str(closed):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr("cari_keras.images.walk.os.scandir", refuse)
    dataset = folder.load(str(root))
    assert dataset.count("train", "photo") + dataset.count("validation", "photo") == 4
    assert dataset.report == {
        "links to folders that are read elsewhere, left out": 1,
        "folders that cannot be read, left out": 1,
    }
    everything = load_images(root)
    assert len(everything.splits["test"]) == 6
    assert everything.report["folders that cannot be read, left out"] == 1


def test_what_is_not_an_identitys_image_is_counted(tmp_path):
    root = write_folder_dataset(tmp_path, identities=2, images=2)
    (root / "photo" / "person_0" / "notes.txt").write_text("x")
    (root / "photo" / "stray.png").write_bytes(b"x")
    write_image(root / "caricature" / "person_1" / "deeper" / "a.png", (9, 9, 9))
    dataset = folder.load(str(root))
    assert dataset.report == {
        "files that are not images, left out": 1,
        "files not directly in an identity's folder, left out": 2,
    }
    assert sum(len(samples) for samples in dataset.splits.values()) == 8


def test_a_single_image_is_for_training(tmp_path):
    root = write_folder_dataset(tmp_path, identities=2, images=1)
    dataset = folder.load(str(root))
    assert len(dataset.splits["train"]) == 4
    assert not dataset.splits["validation"]


def test_pairs_draw_without_repeats():
    dataset_samples = [
        folder.Sample(f"{modality}/{who}/{i}", who, modality)
        for modality in ("photo", "caricature")
        for who in "ab"
        for i in range(4)
    ]
    pairs = folder.draw_pairs(dataset_samples, 6, seed=0)
    assert len(set(pairs)) == len(pairs) == 8 * 6
    assert sum(p.same for p in pairs) == 24


def test_a_tree_of_photographs_alone(tmp_path):
    for who in "abc":
        for k in range(10):
            write_image(tmp_path / who / f"{k}.png", (90, 90, 90), seed=k)
    (tmp_path / "list.txt").write_text("x")
    dataset = folder.load(str(tmp_path))
    assert dataset.identities == ("a", "b", "c")
    assert dataset.count("train", "photo") == 24
    assert dataset.report == {"files not directly in an identity's folder, left out": 1}
    pairs = dataset.pairs["validation"]
    assert {frozenset((p.first, p.second)) for p in pairs if p.same} == {
        frozenset(s.path for s in dataset.splits["validation"] if s.identity == who) for who in "bc"
    }  # of the first person there is nobody else before
    assert len({frozenset((p.first, p.second)) for p in pairs}) == len(pairs)
    assert all((p.first.split("/")[0] == p.second.split("/")[0]) == p.same for p in pairs)


def test_a_link_s_own_name_says_what_it_holds(tmp_path):
    write_image(tmp_path / "set2" / "ann" / "1.png", (90, 90, 90))
    (tmp_path / "caricature").symlink_to(tmp_path / "set2")
    for name, modality in (("caricature", "caricature"), ("set2", "photo")):
        folder, picture = tmp_path / name, tmp_path / name / "ann" / "1.png"
        assert modality_below(folder, picture) == modality
    inside = tmp_path / "caricature" / "ann" / ".."
    assert modality_below(inside, inside / "ann" / "1.png") == "caricature"


def test_errors_name_the_folder_and_the_layout(tmp_path):
    with pytest.raises(
        DatasetError, match=r"no such folder; expected ROOT/CaVI_.* or ROOT/\{photo,"
    ):
        folder.load(str(tmp_path / "nowhere"))
    with pytest.raises(DatasetError, match=r"no images in .*/<identity>/\* .*; expected ROOT/"):
        folder.load(str(tmp_path))
    (tmp_path / "photo" / "somebody").mkdir(parents=True)
    with pytest.raises(DatasetError, match=r"no images in .*/{photo,caricature}/<identity>/"):
        folder.load(str(tmp_path))
    write_image(tmp_path / "photo" / "somebody" / "0.png", (10, 10, 10))
    with pytest.raises(DatasetError, match=r"are of one identity \(somebody\)"):
        folder.load(str(tmp_path))
