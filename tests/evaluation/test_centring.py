"""Embeddings without what only tells drawings from photos."""

import numpy as np
import pytest

from cari_keras.errors import ConfigError
from cari_keras.evaluation import matcher
from cari_keras.evaluation.answering import PLAIN, AnswerSettings
from cari_keras.evaluation.centring import ENOUGH, centred, modality_means, take_off
from cari_keras.evaluation.matcher import load_matcher
from cari_keras.evaluation.predictions import Predictions, network_key
from cari_keras.evaluation.trials import crossed_trials
from cari_keras.evaluation.verification import auc
from tests.helpers.matchers import RuleMatcher
from tests.helpers.runs import small_config

PEOPLE, IMAGES = 10, 6


def answers(offset, seed=0):
    """Ten people, six photos and six caricatures of each; the latter lie off by `offset`."""
    rng = np.random.default_rng(seed)
    of_person = rng.normal(size=(PEOPLE, 16))
    labels = np.tile(np.arange(PEOPLE), 2 * IMAGES)
    drawn = np.arange(len(labels)) >= len(labels) // 2
    found = of_person[labels] + 0.8 * rng.normal(size=(len(labels), 16))
    found[drawn] += offset * np.linspace(-1, 1, 16)
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    paths = [str(i) for i in range(len(labels))]
    return Predictions(paths, labels, drawn, {"embedding": found.astype(np.float32)})


def auc_of(predictions):
    trials = crossed_trials(predictions)
    return auc(trials.distances, trials.same)


def test_what_tells_modalities_apart_is_taken_off():
    given = answers(offset=4.0)
    found = centred(given)
    embedding = found.outputs["embedding"]
    np.testing.assert_allclose(np.linalg.norm(embedding, axis=1), 1.0, atol=1e-6)
    apart = modality_means(embedding, given.is_caricature)
    before = modality_means(given.outputs["embedding"], given.is_caricature)
    assert np.linalg.norm(apart[0] - apart[1]) < 0.2 * np.linalg.norm(before[0] - before[1])
    assert auc_of(found) > auc_of(given) + 0.05


def test_means_by_hand():
    embeddings = np.array([[3.0, 4.0]] * ENOUGH + [[1.0, 0.0]] * (ENOUGH - 1), np.float32) / 5
    drawn = np.arange(len(embeddings)) >= ENOUGH
    means = modality_means(embeddings, drawn)
    # Of too few caricatures the mean says who they are.
    np.testing.assert_allclose(means, [[0.6, 0.8], [0.0, 0.0]], atol=1e-6)
    moved = take_off(np.array([[1.0, 0.8], [0.0, 1.0]]), np.array([False, True]), means)
    np.testing.assert_allclose(moved, [[1.0, 0.0], [0.0, 1.0]], atol=1e-6)


def test_kept_answers_do_not_depend_on_it():
    config = small_config()
    keys = [
        network_key(config, "a" * 64, ["verification"], settings)
        for settings in (PLAIN, AnswerSettings(centre="collection"))
    ]
    assert keys[0] == keys[1]
    assert AnswerSettings(centre="collection").to_dict()["centre"] == "collection"


def test_it_is_for_embeddings(monkeypatch):
    fake = RuleMatcher(None, small_config())
    monkeypatch.setattr(matcher, "_of_run", lambda name, changes, precision: fake)
    fake.settings = AnswerSettings(verify_by="identities", centre="collection")
    with pytest.raises(ConfigError, match="--verify-by embedding"):
        load_matcher("run", {})
    fake.settings = AnswerSettings(centre="collection")
    assert load_matcher("run", {}) is fake
    fake.tasks = ("photo",)
    with pytest.raises(ConfigError, match="was not trained for verification"):
        load_matcher("run", {})
