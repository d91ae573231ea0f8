"""The protocol of people never seen: metrics, thresholds from others, intervals, other pictures."""

import json

import numpy as np
import pytest

from cari_keras.cli.evaluate import main
from cari_keras.errors import ConfigError, DatasetError
from cari_keras.evaluation.curves import eer, tar_at_far, threshold_at_far
from cari_keras.evaluation.intervals import CrossedPairs, interval_over_folds
from cari_keras.evaluation.predictions import Predictions
from cari_keras.evaluation.protocols.strangers import evaluate_strangers, score_fold
from cari_keras.evaluation.scores import write_scores
from cari_keras.evaluation.scoring import identify_drawn
from cari_keras.evaluation.tables import metrics_table
from cari_keras.evaluation.trials import crossed_trials, photo_trials
from cari_keras.evaluation.verification import auc, best_threshold
from tests.helpers.matchers import RuleMatcher
from tests.helpers.pictures import write_folder_dataset
from tests.helpers.rows import read_rows
from tests.helpers.runs import small_config


def answers(people=8, each=6, noise=1.0, seed=0, dimension=16):
    """Photos and caricatures about a direction of each person's own."""
    rng = np.random.default_rng(seed)
    own = rng.normal(size=(people, dimension))
    labels = np.repeat(np.arange(people), 2 * each)
    drawn = np.tile(np.repeat([False, True], each), people)
    embedding = own[labels] + noise * rng.normal(size=(len(labels), dimension))
    embedding /= np.linalg.norm(embedding, axis=1, keepdims=True)
    paths = [f"{i}.jpg" for i in range(len(labels))]
    return Predictions(paths, labels, drawn, {"embedding": embedding.astype(np.float32)})


def test_pairs_of_two_photos_are_each_there_once():
    found = photo_trials(answers(people=3, each=2))
    assert len(found.same) == 6 * 5 / 2
    assert found.same.sum() == 3
    assert ((found.first_subjects == found.second_subjects) == found.same).all()


def test_thresholds_are_those_of_other_people():
    judged, others = answers(seed=0), answers(seed=1, noise=0.3)
    fold = score_fold("1", judged, others)
    own, theirs = crossed_trials(judged), crossed_trials(others)
    threshold = best_threshold(theirs.distances, theirs.same, balanced=True)
    assert fold.metrics["genuine_accuracy"] == np.mean(own.distances[own.same] <= threshold)
    assert fold.metrics["impostor_accuracy"] == np.mean(own.distances[~own.same] > threshold)
    at_far = threshold_at_far(theirs.distances, theirs.same, 0.01)
    assert fold.metrics["val_at_far_0.01"] == np.mean(own.distances[own.same] <= at_far)
    assert fold.metrics["val_at_far_0.01"] != fold.metrics["tar_at_far_0.01"]
    assert fold.metrics["photos_verification_auc"] > 0.5
    assert {"c2p_rank_1", "p2c_rank_10", "photos_val_at_far_0.001"} <= set(fold.metrics)


def test_galleries_are_drawn_by_the_seed_and_hold_one_image_of_each_person():
    judged = answers()
    found = identify_drawn(judged, draws=5)
    assert found.counts["C2P gallery images"] == found.counts["P2C gallery people"] == 8
    assert found.counts["C2P probes"] == 48
    again, other = identify_drawn(judged, draws=5), identify_drawn(judged, draws=5, seed=1)
    assert found.metrics == again.metrics
    assert found.metrics != other.metrics
    perfect = identify_drawn(answers(noise=0.0), draws=2)
    assert set(perfect.metrics.values()) == {1.0}


def test_people_of_one_modality_are_in_no_gallery():
    judged = answers()
    kept = judged.only(~((judged.labels == 0) & judged.is_caricature))
    found = identify_drawn(kept, draws=2)
    assert found.counts["C2P gallery people"] == 7
    assert found.counts["P2C probes"] == 42


def test_a_draw_of_everybody_once_gives_the_metrics_themselves():
    trials = crossed_trials(answers(people=20, each=8))
    pairs = CrossedPairs.of(trials)
    tar, far = pairs.draw(np.ones(20, np.float32))
    last = np.searchsorted(far, 0.01, side="right") - 1
    exact = tar_at_far(trials.distances, trials.same, 0.01).tar
    assert tar[last] == pytest.approx(exact, abs=0.01)
    assert far[-1] == tar[-1] == 1.0
    assert far[0] <= 1 / np.sum(~trials.same)


def test_intervals_are_about_the_metrics_and_narrow_with_more_people():
    few, many = (crossed_trials(answers(people=n)) for n in (6, 30))
    widths = []
    for trials in (few, many):
        found = interval_over_folds([CrossedPairs.of(trials)], [0.01], resamples=200)
        low, high, level, resamples = found["verification_auc"]
        assert low <= auc(trials.distances, trials.same) <= high
        assert (level, resamples) == (0.95, 200)
        low, high = found["verification_eer"][:2]
        assert low - 0.01 <= eer(trials.distances, trials.same) <= high + 0.01
        widths.append(high - low)
    assert widths[1] < widths[0]


def test_a_person_drawn_twice_makes_no_impostor_of_themselves():
    pairs = CrossedPairs.of(crossed_trials(answers(people=2)))
    one = np.array([2.0, 0.0], np.float32)
    _, far = pairs.draw(one)
    assert np.isnan(far).all(), "there is no pair of two people among one person's copies"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_folder_dataset(tmp_path_factory.mktemp("people"), identities=6)


def by_name(path, label, drawn):
    """The same direction for a person's photos and caricatures, whatever their label."""
    rng = np.random.default_rng(int(path.split("person_")[1].split("/")[0]))
    return rng.normal(size=8)


def test_each_fold_is_judged_on_its_own_people(root, tmp_path):
    def config_of(fold):
        return small_config(data_dir=str(root), unseen_fold=f"{fold}/3", cache_dir=str(tmp_path))

    asked = {}

    def matcher_of(fold):
        return asked.setdefault(fold, RuleMatcher(by_name, config_of(fold)))

    found = evaluate_strangers(matcher_of, config_of, ["1", "2", "3"])
    assert [fold.counts["people"] for fold in found.folds] == [2, 2, 2]
    assert found.summaries()["verification_auc"].mean == 1.0
    assert found.summaries()["c2p_rank_1"].folds == (1.0, 1.0, 1.0)
    assert {fold: each.asked for fold, each in asked.items()} == {
        k: ["unseen", "train"] for k in "123"
    }
    assert any("that the network was trained on" in note for note in found.notes)
    write_scores(found, tmp_path)
    rows = read_rows(tmp_path / "probes.csv")
    shown = {(row["fold"], row["person"]) for row in rows}
    assert sorted(fold for fold, _ in shown) == ["1", "1", "2", "2", "3", "3"]
    assert all(f"/{row['person']}/" in row["probe"] for row in rows)
    beside = evaluate_strangers(matcher_of, config_of, ["1", "2", "3"], baselines={"a rule": found})
    table = metrics_table(beside)
    assert table.columns[-2:] == ["a rule", "ratio"]
    assert table.rows[0][-1] == "1.00"
    assert json.dumps(beside.to_dict()["baselines"]["a rule"]["metrics"])


def test_another_collections_pictures_of_the_same_people(root, tmp_path):
    other = tmp_path / "other"
    for modality in ("photo", "caricature"):
        for person in sorted((root / modality).iterdir()):
            target = other / modality / person.name.replace("_", " ").title().replace(" ", "_")
            target.mkdir(parents=True)
            for picture in sorted(person.iterdir())[:2]:
                (target / picture.name).write_bytes(picture.read_bytes())

    def config_of(fold):
        return small_config(data_dir=str(root), unseen_fold=f"{fold}/3", cache_dir=str(tmp_path))

    def rule(path, label, drawn):
        return by_name(path.lower(), label, drawn)

    found = evaluate_strangers(
        lambda fold: RuleMatcher(rule, config_of(fold)), config_of, ["2", "3"], collection=other
    )
    write_scores(found, tmp_path / "scores")
    rows = read_rows(tmp_path / "scores" / "probes.csv")
    assert {row["fold"] for row in rows} == {"2", "3"}
    assert all(f"/{row['person']}/" in row["probe"].lower() for row in rows)
    assert found.folds[0].counts["photos"] == 4
    assert found.folds[0].counts["people"] == 2
    assert "in other" in found.title
    nobody = tmp_path / "nobody"
    write_folder_dataset(nobody)
    for modality in ("photo", "caricature"):
        for person in list((nobody / modality).iterdir()):
            person.rename(person.with_name(f"x{person.name}"))
    with pytest.raises(DatasetError, match="shows none of the 2 people held out"):
        evaluate_strangers(
            lambda fold: RuleMatcher(rule, config_of(fold)), config_of, ["2"], collection=nobody
        )


def test_a_run_is_not_judged_by_people_it_was_trained_on(root, tmp_path):
    config = small_config(data_dir=str(root), cache_dir=str(tmp_path))
    matcher = RuleMatcher(by_name, config)
    matcher.run, matcher.name = tmp_path, "runs/x"
    with pytest.raises(ConfigError, match="held nobody out, so unseen fold 1/3 cannot"):
        evaluate_strangers(
            lambda fold: matcher, lambda fold: config.with_values({"unseen_fold": "1/3"}), ["1"]
        )
    matcher.config = config.with_values({"unseen_fold": "2/3"})
    with pytest.raises(ConfigError, match="held out 2/3"):
        evaluate_strangers(
            lambda fold: matcher, lambda fold: config.with_values({"unseen_fold": "1/3"}), ["1"]
        )


def test_flags_that_do_not_go_together(root, capsys):
    given = ["facenet", "--dataset", "folder", "--data-dir", str(root), "--unseen-fold", "1/3"]
    assert main([*given, "--verify-by", "identities"]) != 0
    assert "not among the identities that the network knows" in capsys.readouterr().err
    assert main([*given, "--legacy"]) != 0
    assert main([*given[:-2], "--collection", str(root)]) != 0
    assert "a run that held nobody out" in capsys.readouterr().err
    assert main([*given[:-1], "0/3"]) != 0
    assert "unseen_fold must be k/K" in capsys.readouterr().err


def test_folds_may_lack_pairs_of_a_kind():
    alone = score_fold("1", answers(people=1), answers(seed=1))
    assert "photos_verification_auc" not in alone.metrics
    photos = answers().only(~answers().is_caricature)
    found = score_fold("1", photos, photos).metrics
    assert found["photos_val_at_far_0.01"] > 0
    assert np.isnan(found["verification_auc"])
    assert "val_at_far_0.01" not in found


def test_draws_of_one_person_are_left_out():
    found = interval_over_folds(
        [CrossedPairs.of(crossed_trials(answers(people=2, noise=0.01)))], [0.01], resamples=100
    )
    assert found["tar_at_far_0.01"][:2] == (1.0, 1.0)
    assert found["tar_at_far_0.01"].resamples < 100


def test_there_are_no_intervals_where_nothing_can_be_drawn():
    assert CrossedPairs.of(crossed_trials(answers(people=1))) is None
    everybody = answers(people=301, each=1)
    assert CrossedPairs.of(crossed_trials(everybody)) is None
