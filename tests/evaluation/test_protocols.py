"""The protocols on tiny trees with known answers."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from cari_keras.errors import CheckpointError, ConfigError, DatasetError
from cari_keras.evaluation.predictions import Predictions
from cari_keras.evaluation.protocols import closed_set
from cari_keras.evaluation.protocols.closed_set import evaluate_closed_set
from cari_keras.evaluation.protocols.fold_runs import FoldRuns, holds_folds
from cari_keras.evaluation.protocols.gallery import evaluate_gallery
from cari_keras.evaluation.protocols.pairs import evaluate_pairs
from cari_keras.evaluation.protocols.webcaricature import evaluate_webcaricature
from cari_keras.evaluation.tables import tables_of
from tests.helpers.matchers import RuleMatcher, one_hot, web_config
from tests.helpers.pictures import write_folder_dataset, write_image, write_lfw
from tests.helpers.protocols import by_person, closed_set_matcher, evaluate
from tests.helpers.runs import small_config
from tests.helpers.webcaricature import PEOPLE, fold_of, halves

ALL = [str(k) for k in range(1, 11)]


@pytest.mark.slow
def test_ten_folds_of_a_perfect_network(tree):
    outcome, matcher = evaluate(tree, "unrestricted", ALL, by_person)
    found = outcome.summaries()
    for figure in ("val_at_far_0.001", "val_at_far_0.01", "verification_auc"):
        assert found[figure].mean == 1.0
        assert found[figure].std == 0.0
        assert len(found[figure].folds) == 10
    assert found["far_achieved_0.01"].mean == 0.0
    assert "verification_accuracy" not in found
    assert matcher.asked == ["test", "train"] * 10
    # Fold 1 has two people: 3 x 4 and 3 x 3 genuine pairs of 6 caricatures with 7 photos.
    assert outcome.folds[0].counts["genuine pairs"] == 21
    assert outcome.folds[0].counts["impostor pairs"] == 21
    assert not outcome.folds[0].points[0].point.resolved
    assert outcome.remarks()[0] == (
        "A FAR of 0.1% cannot be told from 0 with 15 to 21 impostor pairs (10 of 10 folds)."
    )
    assert outcome.title == "WebCaricature, unrestricted, view 2, folds 1 to 10"


def test_a_network_of_heads_alone_has_nothing_to_compare(tree, tmp_path):
    """Its branch 1 was never trained; said before any image is looked at."""

    def config_of(fold):
        return web_config(tree, "unrestricted", fold)

    matcher = RuleMatcher(by_person, config_of("1"))
    matcher.tasks = ("photo", "caricature")
    for ask in (
        lambda: evaluate_webcaricature(lambda fold: matcher, config_of, ["1"]),
        lambda: evaluate_pairs(matcher, tmp_path, tmp_path / "pairs.csv"),
        lambda: evaluate_gallery(matcher, tmp_path / "known", tmp_path / "asked"),
    ):
        with pytest.raises(ConfigError, match="a rule was not trained for verification"):
            ask()
    assert matcher.asked == []


def test_a_network_that_knows_only_whom_it_was_trained_on(tree):
    """Strangers all fall on one point: accepted by any threshold, and the FAR achieved says so."""

    def rule(path, label, drawn):
        return one_hot(label if label < 18 else 63)

    outcome, _ = evaluate(tree, "unrestricted", ["4"], rule)
    metrics = outcome.folds[0].metrics
    assert metrics["val_at_far_0.01"] == 1.0
    assert metrics["far_achieved_0.01"] == 1.0
    assert metrics["tar_at_far_0.01"] == 0.0
    assert metrics["verification_auc"] == 0.5


def test_restricted_pairs(tree):
    outcome, _ = evaluate(tree, "restricted", ["dev"], by_person)
    assert outcome.folds[0].metrics["verification_accuracy"] == 1.0
    assert outcome.folds[0].counts["genuine pairs"] == 4
    assert outcome.slug == "webcaricature-restricted-dev"
    assert "view 1" in outcome.title


@pytest.mark.slow
def test_galleries_of_ten_folds(tree):
    """A network that takes every stranger for the next one of the fold: Rank-1 0, Rank-10 1."""
    outcome, _ = evaluate(tree, "identification", ALL, by_person, legacy=True)
    found = outcome.summaries()
    assert found["c2p_rank_1"].mean == found["p2c_rank_10"].mean == 1.0

    def shifted(path, label, drawn):
        # Photos of person k stand where caricatures of person k + 1 do, and a little where k's do.
        place = 10 + (label - 10 + (0 if drawn else 1)) % 10
        return one_hot(place) + 0.1 * one_hot(10 + (label - 10) % 10)

    outcome, _ = evaluate(tree, "identification", ["2"], shifted)
    metrics = outcome.folds[0].metrics
    assert metrics["c2p_rank_1"] == metrics["p2c_rank_1"] == 0.0
    assert metrics["c2p_rank_10"] == metrics["p2c_rank_10"] == 1.0
    assert outcome.folds[0].cmcs["C2P"][1] == 1.0
    assert outcome.folds[0].counts["C2P probes"] == sum(p[1] for p in halves(PEOPLE, 2)[1])


def test_known_people(folder_dataset, tmp_path):
    config = small_config(data_dir=str(folder_dataset))
    outcome = evaluate_closed_set(
        closed_set_matcher(config), config, cache_dir=str(tmp_path), legacy=True
    )
    metrics = outcome.folds[0].metrics
    assert list(metrics)[:5] == [
        "verification_accuracy",
        "photo_identification",
        "caricature_identification",
        "v2c",
        "c2v",
    ]
    assert metrics["photo_identification"] == metrics["c2v"] == 1.0
    assert metrics["caricature_identification"] == metrics["v2c"] == pytest.approx(2 / 3)
    assert outcome.intervals["photo_identification"].low == 1.0
    assert outcome.intervals["v2c"].low < 2 / 3 < outcome.intervals["v2c"].high
    assert outcome.intervals["verification_auc"].resamples > 0
    assert "Verification" in str(tables_of(outcome)[0])
    with pytest.raises(DatasetError, match="no images of the test split"):
        evaluate_closed_set(
            closed_set_matcher(config),
            config,
            split="test",
            cache_dir=str(tmp_path),
        )


def test_the_test_split_takes_its_threshold_from_the_validation_pairs(
    folder_dataset, tmp_path, monkeypatch
):
    """Validation pairs part at 1; a test set whose genuine pairs lie beyond is all rejected."""
    from cari_keras.data import folder

    dataset = folder.load(str(folder_dataset))
    both = {**dataset.splits, "test": dataset.splits["train"][::2]}
    pairs = folder.draw_pairs(both["test"], 4, 0)
    assert pairs
    dataset = replace(dataset, splits=both, pairs={**dataset.pairs, "test": pairs})
    monkeypatch.setattr(closed_set, "load_faces", lambda config, **how: dataset)
    tested = {sample.path for sample in both["test"]}

    def rule(path, label, drawn):
        spread = drawn and path in tested  # the test's caricatures are orthogonal to everything
        return one_hot(40 + label) if spread else one_hot(label)

    config = small_config(data_dir=str(folder_dataset))
    matcher = RuleMatcher(rule, config, dataset.identities)
    outcome = evaluate_closed_set(matcher, config, cache_dir=str(tmp_path))
    assert outcome.folds[0].name == "test"
    genuine = np.mean([pair.same for pair in pairs])
    assert outcome.folds[0].metrics["verification_accuracy"] == pytest.approx(1 - genuine)
    assert outcome.folds[0].metrics["val_at_far_0.01"] == 0.0
    assert matcher.asked == ["test", "validation"]


@pytest.mark.slow
def test_lfw_s_folds(tmp_path):
    listed = write_lfw(tmp_path / "lfw")
    matcher = RuleMatcher(by_person, small_config())
    outcome = evaluate_pairs(matcher, tmp_path / "lfw", listed, cache_dir=str(tmp_path))
    assert [fold.name for fold in outcome.folds] == ["1", "2"]
    assert outcome.summaries()["verification_accuracy"].mean == 1.0
    assert outcome.summaries()["verification_accuracy"].std == 0.0
    # A network that tells fold 2's people apart only beyond the threshold of fold 1.
    near = {"P_2": one_hot(2), "P_3": one_hot(2) + 0.5 * one_hot(3)}

    def rule(path, label, drawn):
        return near.get(path.split("/")[0], one_hot(label))

    outcome = evaluate_pairs(
        RuleMatcher(rule, small_config()), tmp_path / "lfw", listed, cache_dir=str(tmp_path)
    )
    assert outcome.folds[1].metrics["verification_accuracy"] == 0.5
    assert outcome.folds[0].metrics["verification_accuracy"] == 1.0


def test_lfw_with_the_images_of_one_fold(tmp_path):
    listed = write_lfw(tmp_path / "lfw")
    for person in ("P_2", "P_3"):
        shutil.rmtree(tmp_path / "lfw" / person)
    matcher = RuleMatcher(by_person, small_config())
    with pytest.raises(DatasetError, match="has images of only one fold's pairs"):
        evaluate_pairs(matcher, tmp_path / "lfw", listed, cache_dir=str(tmp_path))


def test_pairs_in_one_folder_have_no_people_to_tell_apart(tmp_path):
    for k in range(4):
        write_image(tmp_path / "flat" / f"{k}.jpg", (60 * k, 90, 150), seed=k)
    (tmp_path / "flat" / "broken.jpg").write_bytes(b"no image")
    rows = "0.jpg,1.jpg,1\n\n2.jpg,3.jpg,1\n0.jpg,2.jpg,0\n1.jpg,3.jpg,0\n0.jpg,broken.jpg,0\n"
    (tmp_path / "list.csv").write_text(rows)
    matcher = RuleMatcher(lambda path, label, drawn: one_hot(int(path[0]) // 2), small_config())
    outcome = evaluate_pairs(
        matcher, tmp_path / "flat", tmp_path / "list.csv", cache_dir=str(tmp_path)
    )
    assert outcome.folds[0].metrics["verification_auc"] == 1
    assert np.isnan(outcome.folds[0].metrics["verification_accuracy"])
    assert outcome.intervals == {}
    notes = " ".join(outcome.notes)
    assert "All images lie in one folder" in notes
    assert "1 pair with an unreadable image, left out." in notes


def test_a_fold_without_images_is_told_and_not_counted(tree, tmp_path):
    root = tmp_path / "web"
    shutil.copytree(tree, root)
    for person in fold_of(PEOPLE, 2):
        shutil.rmtree(root / "OriginalImages" / person[0])
    outcome, _ = evaluate(
        root, "unrestricted", ["1", "2"], by_person, cache_dir=str(tmp_path / "cache")
    )
    summary = outcome.summaries()["verification_auc"]
    assert summary.folds[0] == 1
    assert np.isnan(summary.folds[1])
    assert (summary.mean, summary.std) == (1, None)
    told = "No verification_auc in fold 2, which lacks pairs or images for it"
    assert told in " ".join(outcome.remarks())


def test_pairs_of_one_s_own(tmp_path):
    write_lfw(tmp_path / "lfw")
    path = tmp_path / "mine.csv"
    path.write_text(
        "first,second,same\nP_0/P_0_0001.jpg,P_0/P_0_0002.jpg,1\nP_1/P_1_0001,P_1/P_1_0002,1\n"
        "P_0\\P_0_0001.jpg,P_1/P_1_0002.jpg,0\nP_1/P_1_0001.jpg,./P_0/P_0_0003.jpg,0\n"
        "P_0/absent.jpg,P_1/P_1_0001.jpg,0\n"
    )
    matcher = RuleMatcher(by_person, small_config())
    outcome = evaluate_pairs(matcher, tmp_path / "lfw", path, cache_dir=str(tmp_path))
    assert outcome.folds[0].metrics["verification_accuracy"] == 1.0
    assert outcome.folds[0].counts == {"genuine pairs": 2, "impostor pairs": 2}
    assert "1 pair with a missing image, left out." in outcome.notes


def test_no_image_that_can_be_read(tmp_path):
    root = write_folder_dataset(tmp_path / "data", identities=2, images=1)
    for path in root.rglob("*.png"):
        path.write_bytes(b"rubbish")
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("photo/person_0/0.png,photo/person_1/0.png,0\n")
    matcher, cache = RuleMatcher(by_person, small_config()), str(tmp_path / "cache")
    with pytest.raises(DatasetError, match="data: no listed pair has two images that can be read"):
        evaluate_pairs(matcher, root, pairs, cache_dir=cache)
    with pytest.raises(DatasetError, match="photo: no image can be read"):
        evaluate_gallery(matcher, root / "photo", root / "caricature", cache_dir=cache)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty; expected"),
        ("a,b\n", "csv:1: expected path,path,1|0"),
        ("a,b,1\na,b,2\n", "csv:2: expected path,path,1|0"),
        ("x,y,same\n", "no pairs; expected"),
        ("a,b,2\na,b,1\n", "csv:1: expected path,path,1|0"),
        ("a,b,1\n\n\na,b,3\n", "csv:4: expected path,path,1|0"),
        ('a,"b,1\n' + "c,d,0\n" * 30000, "csv:1: not a line of a CSV"),
        ("1 2\nA 1 2\n", "1 fold of 2 x 2 pairs announced, and the file has 1 line"),
        ("1\nA 1 2\nA one B 2\n", "csv:3: expected Name 1 2"),
        (
            "no.jpg,nothing.jpg,1\n",
            "holds both images of no listed pair; the first pair lacks 'no.jpg'",
        ),
    ],
)
def test_bad_lists_of_pairs(text, message, tmp_path):
    write_lfw(tmp_path / "lfw")
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(DatasetError, match=message.replace("|", "\\|")):
        evaluate_pairs(RuleMatcher(by_person, small_config()), tmp_path / "lfw", path)


def test_spellings_of_gallery_and_probes_are_one_person_s(tmp_path):
    gallery = write_folder_dataset(tmp_path / "a", identities=3, images=2) / "photo"
    probe = write_folder_dataset(tmp_path / "b", identities=3, images=1) / "caricature"
    for k in range(3):
        (probe / f"person_{k}").rename(probe / f"Person {k} ")

    def rule(path, label, drawn):
        return one_hot(int(path.lower().replace("_", " ").split("person ")[1][0]))

    matcher = RuleMatcher(rule, small_config())
    outcome = evaluate_gallery(matcher, gallery, probe, cache_dir=str(tmp_path / "cache"))
    assert outcome.people == ("Person 0", "Person 1", "Person 2")
    assert outcome.folds[0].metrics["gallery_rank_1"] == 1.0


def test_a_gallery_of_one_s_own(tmp_path):
    gallery = write_folder_dataset(tmp_path / "a", identities=3, images=2)
    write_folder_dataset(tmp_path / "b", identities=4, images=1)
    probe = tmp_path / "b" / "caricature"

    def rule(path, label, drawn):  # labels of each folder by itself: the fourth person is new
        return one_hot(int(path.split("person_")[1][0]))

    matcher = RuleMatcher(rule, small_config())
    outcome = evaluate_gallery(
        matcher, gallery / "photo", probe, cache_dir=str(tmp_path / "c"), legacy=True
    )
    metrics, counts = outcome.folds[0].metrics, outcome.folds[0].counts
    assert metrics == {"gallery_rank_1": 1.0, "gallery_rank_10": 1.0}
    assert counts["gallery images"] == 6
    assert counts["probes"] == 3
    assert counts["probes left out: no image, or nobody like them in the gallery"] == 1
    assert "gallery: at most ten people, so that Rank-10 is 100%." in outcome.remarks()
    assert outcome.intervals["gallery_rank_1"].low == 1
    with pytest.raises(DatasetError, match="share a folder"):
        evaluate_gallery(matcher, probe, tmp_path / "a" / ".." / "b" / "caricature")
    with pytest.raises(DatasetError, match="share a folder, so probes would find themselves"):
        evaluate_gallery(matcher, gallery, gallery / "photo")
    write_image(tmp_path / "d" / "somebody" / "1.png", (1, 2, 3))
    with pytest.raises(DatasetError, match="shares no person with"):
        evaluate_gallery(matcher, gallery / "photo", tmp_path / "d", cache_dir=str(tmp_path / "c"))
    with pytest.raises(DatasetError, match="no such folder"):
        evaluate_gallery(matcher, tmp_path / "none", probe)


def test_which_run_is_a_fold_s(tmp_path):
    assert not holds_folds(tmp_path)
    (tmp_path / "fold-2").mkdir()
    (tmp_path / "fold-dev").mkdir()
    assert holds_folds(tmp_path)
    runs = FoldRuns(str(tmp_path), {}, {})
    assert runs.folds(None) == ["2"]
    with pytest.raises(ConfigError, match="is not averaged with the folds of view 2"):
        runs.folds(["dev", "2"])
    assert runs.folds(["3", "3", "1"]) == ["3", "1"]
    with pytest.raises(
        ConfigError, match=r"must be all, dev, or numbers from 1 to 10\. Received: 12"
    ):
        runs.folds(["12"])
    with pytest.raises(CheckpointError, match="fold-7: no trained run; train it with cari-train"):
        runs.matcher("7")
    assert FoldRuns("facenet", {}, {}).folds(None) == ["dev"]
    with pytest.raises(CheckpointError, match="nope: neither a run's folder nor a folder of runs"):
        FoldRuns(str(tmp_path / "nope"), {}, {}).folds(None)


def test_results_are_plain_json_without_nan(tree):
    outcome, _ = evaluate(tree, "unrestricted", ["1", "2"], by_person, legacy=True)
    text = json.dumps(outcome.to_dict(), allow_nan=False)
    found = json.loads(text)
    assert found["metrics"]["val_at_far_0.01"]["folds"] == {"1": 1.0, "2": 1.0}
    assert found["operating_points"]["1"][0]["impostors"] == 21
    assert found["operating_points"]["1"][0]["resolved"] is False
    assert set(found["published_code_arithmetic"]) == {
        "legacy_accuracy",
        "legacy_val_at_far_0.001",
        "legacy_val_at_far_0.01",
    }
    assert isinstance(outcome.predictions, Predictions)
