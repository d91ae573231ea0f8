"""CaVI: a tiny tree with every kind of dirt and known answers, and the real one where it lies."""

import os
import re
import shutil
from pathlib import Path

import pytest

from cari_keras.data import cavi
from cari_keras.errors import DatasetError
from tests.helpers.cavi import write_cavi
from tests.helpers.pictures import write_image
from tests.helpers.places import SHARED

REAL = SHARED / "data" / "cavi"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Two listed identities, one unlisted; see the comments for the dirt."""
    images = tmp_path / "CaVI_Dataset"
    seed = 0
    for folder in ("Real", "Caricature"):
        for identity in ("Ann_Lee", "bob_ray", "carl"):
            for k in range(5):
                seed += 1
                write_image(images / folder / identity / f"Pic{k}.jpg", (90, 120, 150), seed=seed)
        (images / folder / "Ann_Lee" / "Thumbs.db").write_bytes(b"junk")
    (images / "Real" / "bob_ray" / "readme.txt").write_text("not an image")
    (images / "Real" / "list.txt").write_text("not an identity")
    (images / "notes.md").write_text("not a modality")
    # Other people's photos, nested in an identity's folder.
    for k in range(3):
        write_image(images / "Real" / "Ann_Lee" / "dora" / f"{k}.jpg", (1, 2, 3), seed=100 + k)
    # Names that differ only in case.
    shutil.copy(images / "Real" / "bob_ray" / "Pic0.jpg", images / "Real" / "bob_ray" / "PIC0.jpg")
    # A training image whose bytes are a validation image's, and one that is a test image's.
    real = images / "Real"
    shutil.copy(real / "Ann_Lee" / "Pic0.jpg", real / "Ann_Lee" / "copy_of_validation.jpg")
    shutil.copy(real / "Ann_Lee" / "Pic1.jpg", real / "Ann_Lee" / "copy_of_test.jpg")
    # The same bytes under two identities, and twice under one.
    write_image(real / "Ann_Lee" / "both.jpg", (50, 60, 70), seed=999)
    shutil.copy(real / "Ann_Lee" / "both.jpg", real / "bob_ray" / "both.jpg")
    shutil.copy(real / "bob_ray" / "Pic4.jpg", real / "bob_ray" / "Pic4_again.jpg")
    lists = tmp_path / "train-test-files"
    lists.mkdir()

    def row(one: str, a: int, other: str, b: int) -> str:
        same = int(one.lower() == other.lower())
        return f"{one} Caricature/{one}\\pic{a}.jpg {other} Real/{other}\\pic{b}.jpg {same}\r\n"

    validation = [row("ann_lee", 0, "ann_lee", 0), row("ann_lee", 0, "Bob_Ray", 0)]
    validation.append(row("bob_ray", 0, "bob_ray", 77))  # missing
    (lists / "validation.txt").write_bytes("".join(validation).encode())
    test = row("ann_lee", 1, "ann_lee", 1) + "\n" + row("bob_ray", 1, "ann_lee", 1)
    (lists / "testing_1.txt").write_bytes(test.encode())
    return tmp_path


def test_every_kind_of_dirt_is_counted(tree):
    dataset = cavi.load(str(tree))
    assert dataset.report == {
        "files beside Real and Caricature, left out": 1,
        "files beside the identities' folders, left out": 1,
        "images nested in another identity's folder, left out": 3,
        "systems' own files, left out": 2,
        "files that are not images, left out": 1,
        "files whose names differ only in case, second left out": 1,
        # Ann: caricatures 0, 1 and photos 0, 1; Bob: caricatures 0, 1 and photo 0.
        "listed images matched to files whose names differ in case": 7,
        "images of the validation list that are missing": 1,
        "identities in no list, taken as strangers": 1,
        "images of strangers": 10,
        "images that two identities share": 2,
        "training images under two identities, left out": 2,
        "training images identical to a validation image, left out": 1,
        "training images identical to a test image, left out": 1,
        "training images identical to another, left out": 1,
        "pairs of the validation list with a missing image, left out": 1,
    }


def test_splits_and_pairs(tree):
    dataset = cavi.load(str(tree))
    assert dataset.identities == ("ann_lee", "bob_ray")
    train = {
        (s.modality, s.identity, s.path.split("/")[-1].lower()) for s in dataset.splits["train"]
    }
    expected = {("caricature", who, f"pic{k}.jpg") for who in dataset.identities for k in (2, 3, 4)}
    expected |= {("photo", who, f"pic{k}.jpg") for who in dataset.identities for k in (2, 3, 4)}
    expected.add(("photo", "bob_ray", "pic1.jpg"))  # only its caricature 1 is listed
    assert train == expected
    assert [(p.first, p.second, p.same) for p in dataset.pairs["validation"]] == [
        ("CaVI_Dataset/Caricature/Ann_Lee/Pic0.jpg", "CaVI_Dataset/Real/Ann_Lee/Pic0.jpg", True),
        # Of PIC0.jpg and Pic0.jpg the first in order.
        ("CaVI_Dataset/Caricature/Ann_Lee/Pic0.jpg", "CaVI_Dataset/Real/bob_ray/PIC0.jpg", False),
    ]
    assert [p.same for p in dataset.pairs["test"]] == [True, False]
    assert dataset.load(dataset.splits["train"][0]).shape == (90, 90, 3)


def test_lists_name_the_folders_of_either_modality(tree):
    """Also where these differ in more than case, for which people of other datasets are one."""
    before = cavi.load(str(tree)).pairs
    (folder,) = (p for p in (tree / "CaVI_Dataset/Real").iterdir() if p.name.lower() == "ann_lee")
    folder.rename(folder.with_name("Ann-Lee"))
    for path in (tree / "train-test-files").iterdir():
        listed = re.sub(rb"(?i)Real/ann_lee", b"Real/Ann-Lee", path.read_bytes())
        path.write_bytes(listed)
    after = cavi.load(str(tree)).pairs
    assert {split: len(pairs) for split, pairs in after.items()} == {
        split: len(pairs) for split, pairs in before.items()
    }


def test_a_broken_link_is_left_out(tree):
    (tree / "CaVI_Dataset" / "Real" / "bob_ray" / "9.jpg").symlink_to("nowhere")
    found = cavi.load(str(tree))
    assert found.report["broken links, left out"] == 1
    (tree / "CaVI_Dataset" / "Real" / "bob_ray" / "9.jpg").unlink()
    assert cavi.load(str(tree)).splits == found.splits


def test_final_adds_the_validation_images_and_nothing_of_the_test_list(tree):
    tuning, final = cavi.load(str(tree)), cavi.load(str(tree), final=True)
    added = {s.path for s in final.splits["train"]} - {s.path for s in tuning.splits["train"]}
    assert added == {s.path for s in tuning.splits["validation"]}
    assert not {s.path for s in final.splits["train"]} & {s.path for s in tuning.splits["test"]}


def test_final_does_not_train_on_what_is_tested_or_contradicts_itself(tree):
    """A validation image's bytes under a test image's name, and under another person's."""
    real = tree / "CaVI_Dataset" / "Real"
    shutil.copy(real / "Ann_Lee" / "Pic1.jpg", real / "Ann_Lee" / "Pic0.jpg")
    shutil.copy(real / "Ann_Lee" / "Pic2.jpg", real / "bob_ray" / "Pic0.jpg")
    (real / "bob_ray" / "PIC0.jpg").unlink()
    final = cavi.load(str(tree), final=True)
    trained = {sample.path for sample in final.splits["train"]}
    assert not trained & {f"CaVI_Dataset/Real/{n}/Pic0.jpg" for n in ("Ann_Lee", "bob_ray")}
    assert "CaVI_Dataset/Caricature/Ann_Lee/Pic0.jpg" in trained
    assert final.report["validation images identical to a test image, left out of training"] == 1
    assert final.report["validation images under two identities, left out of training"] == 1


def test_the_fingerprint_follows_who_has_which_bytes(tree):
    before = cavi.load(str(tree)).fingerprint
    first, second = (tree / "CaVI_Dataset" / "Real" / name for name in ("Ann_Lee", "bob_ray"))
    one, other = (folder / "Pic3.jpg" for folder in (first, second))
    content = one.read_bytes(), other.read_bytes()
    one.write_bytes(content[1])
    other.write_bytes(content[0])
    assert cavi.load(str(tree)).fingerprint != before


def test_the_fingerprint_follows_the_bytes(tree):
    before = cavi.load(str(tree)).fingerprint
    assert cavi.load(str(tree)).fingerprint == before
    write_image(tree / "CaVI_Dataset" / "Real" / "bob_ray" / "Pic3.jpg", (0, 0, 0), seed=5)
    assert cavi.load(str(tree)).fingerprint != before


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a b c", "testing_1.txt:1: expected 'identity caricature identity photo 0|1'"),
        ("a Caricature/a/1.jpg b Real/b/1.jpg 2", "testing_1.txt:1: expected 'identity"),
        ("a Painting/a/1.jpg b Real/b/1.jpg 1", r"expected Real\|Caricature/identity"),
        ("a Real/a/1.jpg b Caricature/b/1.jpg 1", "expected a caricature, then a photo"),
    ],
)
def test_a_malformed_list_is_named_with_its_line(tree, line, message):
    (tree / "train-test-files" / "testing_1.txt").write_text(line + "\n")
    with pytest.raises(DatasetError, match=message.replace("0|1", "0.1")):
        cavi.load(str(tree))


def test_what_is_missing_is_said_with_how_to_get_it(tree, tmp_path):
    for path, message in (
        (None, "--data-dir is needed for CaVI: ask the authors"),
        (str(tmp_path / "nowhere"), "nowhere/CaVI_Dataset: no such folder; ask the authors"),
    ):
        with pytest.raises(DatasetError, match=message):
            cavi.load(path)
    (tree / "train-test-files" / "validation.txt").unlink()
    with pytest.raises(DatasetError, match=r"validation\.txt: no such file; ask the authors"):
        cavi.load(str(tree))


@pytest.mark.slow
@pytest.mark.skipif(not REAL.is_dir(), reason="CaVI is not here")
def test_the_real_dataset():
    dataset = cavi.load(str(REAL))
    assert len(dataset.identities) == 195
    assert dataset.count("train", "photo") == 2807
    assert dataset.count("train", "caricature") == 2661
    assert dataset.count("validation", "photo") == 2111
    assert dataset.count("validation", "caricature") == 909
    assert len(dataset.pairs["validation"]) == 14_407
    assert "test" not in dataset.pairs
    expected = {
        "images nested in another identity's folder, left out": 775,
        "listed images matched to files whose names differ in case": 65,
        "images of the validation list that are missing": 3,
        "images of the test list that are missing": 2207,
        "identities in no list, taken as strangers": 11,
        "images of strangers": 671,
        "images that two identities share": 34,
        "training images identical to a validation image, left out": 17,
        "training images under two identities, left out": 6,
        "training images identical to another, left out": 1,
        "pairs of the validation list with a missing image, left out": 12,
        "pairs of the test list with a missing image, left out": 13_035,
    }
    assert {kind: dataset.report[kind] for kind in expected} == expected


@pytest.mark.skipif(os.geteuid() == 0, reason="root may enter every folder")
def test_folders_that_cannot_be_entered_are_counted_as_that(tmp_path):
    root = write_cavi(tmp_path, with_test=True)
    closed = root / "CaVI_Dataset" / "Real" / "zoe"
    closed.mkdir(mode=0)
    assert cavi.load(str(root)).report["folders that cannot be read, left out"] == 1


def test_a_link_to_a_folder_above_is_counted(tmp_path):
    root = write_cavi(tmp_path, with_test=True)
    (root / "CaVI_Dataset" / "Real" / "ann" / "up").symlink_to(root / "CaVI_Dataset")
    report = cavi.load(str(root)).report
    assert report["links to folders that are read elsewhere, left out"] == 1
