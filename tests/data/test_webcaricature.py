"""WebCaricature: the lists in every variant, and the splits of every fold of every protocol."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from cari_keras.data.webcaricature import dataset as webcaricature
from cari_keras.data.webcaricature.folds import folds_of
from cari_keras.data.webcaricature.lists import (
    ImageName,
    ListedPair,
    Subject,
    plain,
    read_images,
    read_pair_folds,
    read_pairs,
    read_subject_folds,
    read_subjects,
)
from cari_keras.errors import DatasetError
from cari_keras.records.sample import Sample
from tests.helpers.places import SHARED
from tests.helpers.webcaricature import PEOPLE, Variant, fold_of, halves, write_images, write_lists

REAL = SHARED / "data" / "webcaricature"

VARIANTS = {
    "official": Variant(),
    "lf": Variant(newline="\n"),
    "tabs": Variant(trailing_tab=True),
    "folds first": Variant(folds_first=True),
    "underscores": Variant(underscores=True),
    "endings": Variant(ending=True),
    "all": Variant("\n", True, True, True, True, True),
}


def names(people):
    return {plain(person[0]) for person in people}


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    return write_images(write_lists(tmp_path_factory.mktemp("web")))


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
def test_every_variant_reads_the_same(variant, tmp_path):
    def read(root):
        lists = root / "EvaluationProtocols"
        pairs, people = lists / "FaceVerification/Restricted", lists / "FaceVerification"
        shelf = lists / "FaceIdentification/C2P/FR_Gallery_C2P3.txt"
        return (
            read_subject_folds(people / "UnRestricted/UnRestrictedView2.txt"),
            read_subjects(people / "UnRestricted/UnRestrictedView1_DevTest.txt"),
            read_pair_folds(pairs / "RestrictedView2.txt"),
            read_pairs(pairs / "RestrictedView1_DevTrain.txt"),
            read_images(shelf),
        )

    found = read(write_lists(tmp_path / "variant", variant=variant))
    assert found == read(write_lists(tmp_path / "official"))
    folds, dev_test, pair_folds, dev_pairs, gallery = found
    assert [len(fold) for fold in folds] == [2] * 10
    assert folds[0] == [Subject(plain(p[0]), p[1], p[2]) for p in fold_of(PEOPLE, 1)]
    assert len(dev_test) == 10
    assert [len(fold) for fold in pair_folds] == [8] * 10
    assert sum(pair.same for pair in dev_pairs) == 4
    assert gallery[0] == ImageName("person of k town", "P00001")


@pytest.mark.parametrize("variant", [Variant(counts=False), Variant("\n", False, True)])
def test_lists_without_counts(variant, tmp_path):
    lists = write_lists(tmp_path / "a", variant=variant) / "EvaluationProtocols"
    other = write_lists(tmp_path / "b") / "EvaluationProtocols"
    for reader, name in (
        (read_pair_folds, "FaceVerification/Restricted/RestrictedView2.txt"),
        (read_pairs, "FaceVerification/Restricted/RestrictedView1_DevTest.txt"),
        (read_subjects, "FaceIdentification/FR_Train4.txt"),
        (read_images, "FaceIdentification/P2C/FR_Probe_P2C10.txt"),
    ):
        assert reader(lists / name) == reader(other / name)
    with pytest.raises(DatasetError, match="count on a line before"):
        read_subject_folds(lists / "FaceVerification/UnRestricted/UnRestrictedView2.txt")


def test_pairs_by_hand(tmp_path):
    path = tmp_path / "pairs.txt"
    path.write_bytes(
        b"1\r\nAdele Laurie Blue Adkins\tC00001\tP00001\r\n"
        b"Elizabeth Taylor\tC00039\tJennifer Aniston\tP00006\t\r\n"
    )
    adele, taylor = (
        ImageName("adele laurie blue adkins", "C00001"),
        ImageName("elizabeth taylor", "C00039"),
    )
    assert read_pairs(path) == [
        ListedPair(adele, ImageName("adele laurie blue adkins", "P00001"), True),
        ListedPair(taylor, ImageName("jennifer aniston", "P00006"), False),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty; expected"),
        ("3\nA\tC00001\tP00001\n", "txt:1: 3 matched and as many mismatched .* 1 and 0 follow"),
        ("0\nA\tC00001\tP00001\n", "txt:1: a count must be positive"),
        ("2 1\nA\tC00001\tP00001\n", "as many matched as mismatched pairs. Received: '2 1'"),
        # The half of mismatched pairs is missing; three of a kind and one of the other.
        ("1\nA\tC00001\tP00001\n", "and 1 and 0 follow; restore"),
        (
            "2\n" + "".join(f"A\tC0000{k}\tP00001\n" for k in "123") + "A\tC00004\tB\tP00001\n",
            "3 and 1 follow",
        ),
        ("A\tC00001\n", "txt:1: expected Name<TAB>caricature"),
        ("A\tP00001\tP00002\n", "txt:1: expected Name<TAB>caricature"),
        (2 * "1\nA\tC00001\tP00001\nA\tC00001\tB\tP00001\n", "2 lists"),
    ],
)
def test_malformed_lists_name_file_and_line(text, message, tmp_path):
    path = tmp_path / "pairs.txt"
    path.write_text(text)
    with pytest.raises(DatasetError, match=message):
        read_pairs(path)
    with pytest.raises(DatasetError, match="cannot be read"):
        read_pairs(tmp_path / "missing.txt")


@pytest.mark.skipif(not REAL.is_dir(), reason="WebCaricature's real lists are not here")
def test_the_real_list():
    subjects = read_subjects(REAL / "FR_Train_dev.txt")
    assert len(subjects) == 126
    assert subjects[0] == Subject("judge judy", 15, 18)
    train = Counter(plain(line.split("/")[0]) for line in (REAL / "train.txt").open())
    assert {s.name: s.caricatures + s.photos for s in subjects} == dict(train)


@pytest.fixture(scope="module")
def real_people():
    if not REAL.is_dir():
        pytest.skip("WebCaricature's real lists are not here")
    counts: dict[str, Counter[str]] = {}
    for line in (REAL / "landmarks.txt").open():
        *_, name, file = line.split()[0].split("/")
        counts.setdefault(name.replace("_", " "), Counter())[file[0]] += 1
    return [(name, count["C"], count["P"]) for name, count in sorted(counts.items())]


def test_lists_of_the_real_size(real_people, tmp_path):
    assert (len(real_people), sum(p[1] for p in real_people)) == (252, 6042)
    lists = write_lists(tmp_path, real_people, pairs=790) / "EvaluationProtocols"
    folds = read_pair_folds(lists / "FaceVerification/Restricted/RestrictedView2.txt")
    assert [len(fold) for fold in folds] == [1580] * 10
    people = read_subject_folds(lists / "FaceVerification/UnRestricted/UnRestrictedView2.txt")
    assert {s.name for fold in people for s in fold} == names(real_people)
    assert sum(s.photos for fold in people for s in fold) == 5974


@pytest.mark.slow
def test_a_tree_of_the_real_size(real_people, tmp_path):
    """12,016 files: every image is found, every person's number is the lists'."""
    root = write_lists(tmp_path, real_people, pairs=790)
    one = write_images(tmp_path / "one", [("A", 1, 1)])
    picture = one / "OriginalImages" / "A" / "C00001.jpg"
    for name, caricatures, photos in real_people:
        folder = root / "OriginalImages" / name
        folder.mkdir(parents=True)
        for kind, count in (("C", caricatures), ("P", photos)):
            for k in range(count):
                (folder / f"{kind}{k + 1:05d}.jpg").hardlink_to(picture)
    found = webcaricature.load(str(root), protocol="unrestricted", fold="1")
    assert sum(len(samples) for samples in found.splits.values()) == 12016
    assert len(found.strangers) == 26
    assert found.report == {"images without landmarks, which are taken whole": 12016}
    found = webcaricature.load(str(root), protocol="identification", fold="10")
    assert (len(found.identities), len(found.strangers)) == (126, 126)
    assert len(found.galleries["C2P"].gallery) == 126


@pytest.mark.parametrize("fold", ["dev", "1", "7", "10"])
def test_unrestricted_folds(tree, fold):
    found = webcaricature.load(str(tree), protocol="unrestricted", fold=fold)
    split = "validation" if fold == "dev" else "test"
    test = halves(PEOPLE, 0)[1] if fold == "dev" else fold_of(PEOPLE, int(fold))
    assert set(found.strangers) == names(test)
    assert set(found.identities) == names(PEOPLE) - names(test)
    assert set(found.splits) == {"train", split}
    assert found.crossed == ("train", split)
    assert found.count(split, "photo") == sum(person[2] for person in test)
    assert found.count("train", "caricature") == sum(p[1] for p in PEOPLE) - sum(p[1] for p in test)
    assert not found.report
    assert ("validation" in found.pairs) == (fold == "dev")


@pytest.mark.parametrize("fold", ["dev", "3"])
def test_restricted_folds(tree, fold):
    found = webcaricature.load(str(tree), protocol="restricted", fold=fold)
    split = "validation" if fold == "dev" else "test"
    assert [pair.same for pair in found.pairs[split]] == [True] * 4 + [False] * 4
    assert len(found.pairs["train"]) == (8 if fold == "dev" else 72)
    for which in ("train", split):
        in_pairs = {path for pair in found.pairs[which] for path in (pair.first, pair.second)}
        assert in_pairs == {sample.path for sample in found.splits[which]}
    assert not set(found.identities) & set(found.strangers)
    for pair in found.pairs[split]:
        assert (Path(pair.first).name[0], Path(pair.second).name[0]) == ("C", "P")
        assert (Path(pair.first).parent == Path(pair.second).parent) == pair.same


@pytest.mark.parametrize("fold", ["dev", "10"])
def test_identification_folds(tree, fold):
    found = webcaricature.load(str(tree), protocol="identification", fold=fold)
    train, test = halves(PEOPLE, 0 if fold == "dev" else 10)
    assert set(found.identities) == names(train)
    assert set(found.strangers) == names(test)
    gallery, probes = found.galleries["C2P"]
    assert len(gallery) == len(test)
    assert len(probes) == sum(person[1] for person in test)
    assert {Path(path).name[0] for path in gallery} == {"P"}
    gallery, probes = found.galleries["P2C"]
    assert len(probes) == sum(person[2] for person in test)


def test_people_in_training_and_evaluation_are_only_evaluated(tree, tmp_path):
    """Restricted lists need not be disjoint in people; ours then are."""
    root = tmp_path / "web"
    write_lists(root)
    (root / "OriginalImages").symlink_to(tree / "OriginalImages")
    (root / "FacialPoints").symlink_to(tree / "FacialPoints")
    lists = root / "EvaluationProtocols/FaceVerification/Restricted"
    train = (lists / "RestrictedView1_DevTrain.txt").read_text()
    shared = "Judge Judy\tC00001\tP00001\nJay-z\tC00001\tP00001\n"
    (lists / "RestrictedView1_DevTest.txt").write_text(shared)
    found = webcaricature.load(str(root), protocol="restricted")
    assert "Judge Judy" in train
    assert set(found.strangers) == {"judge judy", "jay-z"}
    assert not set(found.identities) & set(found.strangers)
    assert found.report["training images of people who are evaluated, left out"] > 0


def test_what_is_missing_is_counted(tree, tmp_path):
    root = write_images(write_lists(tmp_path / "web"))
    (root / "OriginalImages/Jay-z/C00001.jpg").unlink()
    for stray in ("Jay-z/notes.txt", ".DS_Store", "Jay-z/sub/P00001.jpg"):
        (root / "OriginalImages" / stray).parent.mkdir(exist_ok=True)
        (root / "OriginalImages" / stray).write_text("x")
    (root / "FacialPoints/Judge Judy/P00002.txt").unlink()
    found = webcaricature.load(str(root), protocol="unrestricted", fold="2")
    assert found.report == {
        "files that are not OriginalImages/<Name>/{C,P}00001.jpg, left out": 2,
        "systems' own files, left out": 1,
        "images without landmarks, which are taken whole": 1,
        "people whose number of images differs from the lists'": 1,
    }
    found = webcaricature.load(str(root), protocol="restricted", fold="2")
    assert found.report["listed images that are missing"] == 1
    assert found.report["pairs with a missing image, left out"] == 2
    whole = webcaricature.load(str(tree), protocol="unrestricted", fold="2")
    assert found.fingerprint != whole.fingerprint


def test_a_count_before_each_half(tmp_path):
    text = "".join(f"1\nA\tC0000{k}\tP00001\n1\nA\tC0000{k}\tB\tP00001\n" for k in range(1, 4))
    (tmp_path / "pairs.txt").write_text(text)
    folds = read_pair_folds(tmp_path / "pairs.txt")
    assert [[pair.same for pair in fold] for fold in folds] == [[True, False]] * 3


def test_two_files_on_a_line_are_no_image(tmp_path):
    (tmp_path / "list.txt").write_text("A B\tC00001\nA\tC00001 C00002\n")
    with pytest.raises(DatasetError, match=r"list\.txt:2: expected Name<TAB>file"):
        read_images(tmp_path / "list.txt")


@pytest.mark.skipif(not REAL.is_dir(), reason="needs ../shared")
def test_real_landmarks_cut_real_faces(tmp_path):
    """Five of the published points in a file of seventeen: the box is theirs, x1.5 and x1.2."""
    lines = (REAL / "landmarks.txt").read_text().splitlines()
    for line in lines[:: len(lines) // 40]:
        path, *values = line.split()
        person, name = Path(path).parts[-2:]
        five = np.array(values, float).reshape(5, 2)
        points = np.tile(five[2], (17, 1))
        points[8:10], points[10:12], points[14], points[16] = five[0], five[1], five[3], five[4]
        where = tmp_path / "FacialPoints" / person / f"{Path(name).stem}.txt"
        where.parent.mkdir(parents=True, exist_ok=True)
        where.write_text("\r\n".join(f"{x:.7e} {y}" for x, y in points))
        side = int(points.max()) + 50
        picture = np.full((side, side, 3), 128, np.uint8)
        low, high = points.min(axis=0), points.max(axis=0)
        (left, top), (right, bottom) = low.astype(int), high.astype(int) + 1
        picture[top:bottom, left:right] = (20, 200, 90)
        image = tmp_path / "OriginalImages" / person / name
        image.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(image), picture)
        found = webcaricature.WebCaricature("w", (), {}, {}, root=str(tmp_path))
        sample = Sample(f"OriginalImages/{person}/{name}", person, "photo", str(image))
        face = found.load(sample).astype(int)
        # The points' own box: 1 / 1.8 of the crop's, which is the square about it.
        width, height = (high - low) * [1.5, 1.2]
        expected = width * height / 1.8 / max(width, height) ** 2
        share = (np.abs(face - 128).max(axis=-1) > 40).mean()
        whole_pixels = 2 / min(high - low)
        assert share == pytest.approx(expected, abs=0.02 + whole_pixels), path


def test_landmarks_of_another_form_are_told(tree, tmp_path):
    root = write_images(write_lists(tmp_path / "web"))
    (root / "FacialPoints/Judge Judy/P00002.txt").write_text("1 2\n3 4\n")
    found = webcaricature.load(str(root), protocol="unrestricted", fold="2")
    sample = next(
        s
        for samples in found.splits.values()
        for s in samples
        if s.path.endswith("Judge Judy/P00002.jpg")
    )
    with pytest.raises(DatasetError, match=r"P00002\.txt: not 17 lines of 'x y'; correct the file"):
        found.load(sample)


def test_images_are_cut_out_by_their_landmarks(tree):
    found = webcaricature.load(str(tree))
    for sample in found.splits["train"][:6]:
        image = found.load(sample).astype(int)
        assert image.shape[0] == image.shape[1]
        grey = np.abs(image - 128).max(axis=-1) < 30
        assert grey.mean() < 0.05  # of the picture, three quarters are grey


def test_mistakes(tree, tmp_path):
    with pytest.raises(DatasetError, match="--data-dir is needed"):
        webcaricature.load(None)
    with pytest.raises(DatasetError, match="no such folder; ask the authors"):
        webcaricature.load(str(tmp_path))
    (tmp_path / "OriginalImages").symlink_to(tree / "OriginalImages")
    with pytest.raises(DatasetError, match=r"UnRestrictedView1_DevTrain\.txt: cannot be read"):
        webcaricature.load(str(tmp_path))
    with pytest.raises(DatasetError, match="10 folds; --fold 11"):
        webcaricature.load(str(tree), fold="11")


def test_folds_of_each_protocol(tree, tmp_path):
    for protocol in ("restricted", "unrestricted", "identification"):
        assert folds_of(str(tree), protocol) == [str(k) for k in range(1, 11)]
    with pytest.raises(DatasetError, match=r"FR_Train1\.txt"):
        folds_of(str(tmp_path), "identification")


def test_labels_of_strangers_follow_those_of_identities(tree, tmp_path):
    from cari_keras.data.prepare import prepare

    found = webcaricature.load(str(tree), protocol="restricted", fold="3")
    assert dataclasses.replace(found, strangers=("z",)).people[-1] == "z"
    prepared = prepare(found, 80, cache_dir=tmp_path, workers=1, progress=False)
    from cari_keras.data.pipeline import evaluation_batches

    labels = np.concatenate([b["label"] for b in evaluation_batches(prepared, "test", 8)])
    first = len(found.identities)
    assert set(labels.tolist()) == {first, first + 1}
