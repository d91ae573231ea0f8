"""Every score as CSV."""

import numpy as np
import pytest

from cari_keras.evaluation import scores
from cari_keras.evaluation.protocols.closed_set import evaluate_closed_set
from cari_keras.evaluation.protocols.gallery import evaluate_gallery
from cari_keras.evaluation.scores import COLUMNS, write_scores
from tests.helpers.matchers import RuleMatcher, one_hot
from tests.helpers.pictures import write_folder_dataset
from tests.helpers.protocols import closed_set_matcher
from tests.helpers.rows import read_rows
from tests.helpers.runs import small_config


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    root = write_folder_dataset(tmp_path_factory.mktemp("people"), images=20)
    config = small_config(data_dir=str(root))
    cache = tmp_path_factory.mktemp("cache")
    return evaluate_closed_set(closed_set_matcher(config), config, cache_dir=str(cache))


def test_pairs_and_names(known, tmp_path):
    (tmp_path / "probes.csv").write_text("of an evaluation before")
    assert [path.name for path in write_scores(known, tmp_path)] == ["pairs.csv", "names.csv"]
    assert not (tmp_path / "probes.csv").exists()
    trials, thresholds = known.folds[0].trials, known.folds[0].thresholds
    rows = read_rows(tmp_path / "pairs.csv")
    assert tuple(rows[0]) == COLUMNS["pairs.csv"]
    assert len(rows) == len(trials.same)
    for k, row in enumerate(rows):
        assert (row["first"], row["second"]) == trials.names(k)
        assert float(row["distance"]) == pytest.approx(trials.distances[k], abs=1e-5)
        assert float(row["threshold"]) == pytest.approx(thresholds[k], abs=1e-5)
        assert row["same"] == str(int(trials.same[k]))
    right = np.mean([row["accepted"] == row["same"] for row in rows])
    assert right == pytest.approx(known.folds[0].metrics["verification_accuracy"])
    names = read_rows(tmp_path / "names.csv")
    assert tuple(names[0]) == COLUMNS["names.csv"]
    for metric in ("photo_identification", "v2c"):
        hits = [row["named"] == row["person"] for row in names if row["metric"] == metric]
        assert np.mean(hits) == pytest.approx(known.folds[0].metrics[metric])
        assert hits == [row["rank"] == "1" for row in names if row["metric"] == metric]


def test_impostors_are_drawn_where_there_are_too_many(known, monkeypatch, tmp_path):
    monkeypatch.setattr(scores, "MOST_IMPOSTORS", 3)
    write_scores(known, tmp_path)
    rows = read_rows(tmp_path / "pairs.csv")
    same = known.folds[0].trials.same
    assert sum(row["same"] == "1" for row in rows) == same.sum()
    assert sum(row["same"] == "0" for row in rows) == 3
    (said,) = scores.left_out(known)
    assert said == f"pairs.csv: fold validation: {int((~same).sum()) - 3} impostor pairs left out"


def test_searches(tmp_path):
    gallery = write_folder_dataset(tmp_path / "a", identities=3, images=2)
    write_folder_dataset(tmp_path / "b", identities=3, images=1)

    def rule(path, label, drawn):  # the drawing of person 2 stands where person 1 does
        person = int(path.split("person_")[1][0])
        return one_hot(min(person, 1) if drawn else person)

    outcome = evaluate_gallery(
        RuleMatcher(rule, small_config()),
        gallery / "photo",
        tmp_path / "b" / "caricature",
        cache_dir=str(tmp_path / "c"),
    )
    write_scores(outcome, tmp_path / "out")
    rows = read_rows(tmp_path / "out" / "probes.csv")
    assert tuple(rows[0]) == COLUMNS["probes.csv"]
    assert [(row["person"], row["nearest_person"], row["rank"]) for row in rows] == [
        ("person_0", "person_0", "1"),
        ("person_1", "person_1", "1"),
        ("person_2", "person_1", "2.5"),
    ]
    assert rows[0]["distance"] == "0.000000"
    assert rows[0]["nearest"].startswith("gallery/person_0/")
