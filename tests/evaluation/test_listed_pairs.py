"""Lists of pairs: names that may be two images, pairs of one kind alone, and odd ones."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from cari_keras.data.given import SPLIT, load_pairs, read_pair_list
from cari_keras.errors import DatasetError
from cari_keras.evaluation.protocols.pairs import evaluate_pairs
from cari_keras.evaluation.tables import tables_of
from tests.helpers.matchers import RuleMatcher
from tests.helpers.pictures import write_lfw
from tests.helpers.protocols import by_person
from tests.helpers.runs import small_config


def list_of_pairs(folder: Path, *lines: str) -> Path:
    """A list of pairs as a user writes it."""
    path = folder / "listed.csv"
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def test_a_name_that_may_be_two_images_is_refused_with_both(tmp_path):
    images = tmp_path / "lfw"
    write_lfw(images)
    shutil.copy(images / "P_0/P_0_0001.jpg", images / "P_0/P_0_0001.png")
    path = list_of_pairs(tmp_path, "P_0/P_0_0001,P_0/P_0_0002.jpg,1")
    matcher = RuleMatcher(by_person, small_config())
    both = r"P_0/P_0_0001 may mean P_0/P_0_0001.jpg or P_0/P_0_0001.png; write the whole name"
    with pytest.raises(DatasetError, match=both):
        evaluate_pairs(matcher, images, path)
    list_of_pairs(tmp_path, "P_0/P_0_0001.png,P_0/P_0_0002,1", "P_0/P_0_0001.jpg,P_1/P_1_0001,0")
    outcome = evaluate_pairs(matcher, images, path, cache_dir=str(tmp_path / "cache"))
    assert outcome.folds[0].trials.first == ["P_0/P_0_0001.png", "P_0/P_0_0001.jpg"]


@pytest.mark.parametrize(("same", "kind"), [("1", "genuine"), ("0", "impostor")])
def test_pairs_of_one_kind_are_given_no_figures(tmp_path, same, kind):
    write_lfw(tmp_path / "lfw")
    people = [(0, 0), (1, 1)] if same == "1" else [(0, 1), (1, 0)]
    lines = [f"P_{i}/P_{i}_0001,P_{j}/P_{j}_0002,{same}" for i, j in people]
    path = list_of_pairs(tmp_path, *lines)
    matcher = RuleMatcher(by_person, small_config())
    outcome = evaluate_pairs(matcher, tmp_path / "lfw", path, cache_dir=str(tmp_path / "cache"))
    assert np.isnan(list(outcome.folds[0].metrics.values())).all()
    assert outcome.remarks()[0].startswith(f"Fold all has only {kind} pairs")
    shown = "".join(map(str, tables_of(outcome)))
    assert "100.00" not in shown
    assert "Operating points" not in shown


def test_what_is_odd_about_listed_pairs_is_counted(tmp_path):
    write_lfw(tmp_path / "lfw")
    path = list_of_pairs(
        tmp_path,
        "P_0/P_0_0001.jpg,./P_0/P_0_0001,1",  # itself
        "P_0/P_0_0001.jpg,P_0/P_0_0002.jpg,1",
        "P_0/P_0_0002,P_0\\P_0_0001,1",  # again
        "P_0/P_0_0002,P_1/P_1_0001,0",
        "P_1/P_1_0001,P_0/P_0_0002,1",  # not as before
    )
    dataset, _ = load_pairs(tmp_path / "lfw", read_pair_list(path))
    assert len(dataset.pairs[SPLIT]) == 5
    assert dataset.report == {
        "listed pairs of an image with itself": 1,
        "pairs that are listed again": 1,
        "pairs listed both as one person and as two": 1,
    }


def test_a_list_s_names_are_found_in_either_form_of_unicode(tmp_path):
    images = tmp_path / "lfw"
    write_lfw(images)
    (images / "P_0").rename(images / "Zoe\u0308")
    path = list_of_pairs(tmp_path, "Zo\u00eb/P_0_0001,P_1/P_1_0001,0")
    dataset, _ = load_pairs(images, read_pair_list(path))
    assert dataset.people == ("P_1", "Zo\u00eb")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a,b,true\n", r":1: expected path,path,1\|0"),
        (b"a,b,1.0\n", r":1: expected path,path,1\|0"),
        ("1\nA\t\u00b2\t2\nA\t1\tB\t1\n".encode(), ":2: expected Name 1 2"),
        ("a,b,1\n".encode("utf-16"), "not text in UTF-8 .*; save the file as UTF-8"),
        (b",b,1\n", r"the first pair lacks '' \(names"),
    ],
)
def test_lists_in_another_notation_are_refused_with_the_one_that_is_read(
    content, message, tmp_path
):
    write_lfw(tmp_path / "lfw")
    path = tmp_path / "listed.csv"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=message):
        load_pairs(tmp_path / "lfw", read_pair_list(path))


def test_a_list_that_is_not_there_is_named_in_the_system_s_words(tmp_path):
    for path, said in (
        (tmp_path / "no", "No such file or directory"),
        (tmp_path, "Is a directory"),
    ):
        with pytest.raises(DatasetError, match=rf"{path}: cannot be read \({said}\)$"):
            read_pair_list(path)
