"""The line that says what training did for strangers."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from cari_keras.evaluation.answering import PLAIN
from cari_keras.evaluation.predictions import Predictions
from cari_keras.evaluation.protocols import beside
from tests.helpers.runs import small_config


def answering(noise):
    """Embeddings of four people's photos and caricatures, with so much noise."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(4), 6)
    drawn = np.tile([False, True], 12)
    embedding = np.eye(4)[labels] + noise * rng.normal(size=(24, 4))
    embedding /= np.linalg.norm(embedding, axis=1, keepdims=True)
    found = Predictions([f"{i}" for i in range(24)], labels, drawn, {"embedding": embedding})
    return lambda *_, **__: found


@pytest.mark.parametrize(
    ("noise", "begins"), [(0.1, "For people whom the run was"), (3.0, "WORSE THAN UN")]
)
def test_it_says_which_of_the_two_is_better(monkeypatch, noise, begins):
    config = small_config(pretrained="facenet")
    tasks = config.training.tasks
    matcher = SimpleNamespace(
        name="runs/x", config=config, tasks=tasks, settings=PLAIN, predict=answering(noise)
    )
    monkeypatch.setattr(
        beside, "load_matcher", lambda name, views: SimpleNamespace(predict=answering(0.5))
    )
    prepared = SimpleNamespace(count=lambda split: 24)
    assert beside.beside_public(matcher, prepared).startswith(begins)
    nobody = SimpleNamespace(count=lambda split: 0)
    assert beside.beside_public(matcher, nobody) == ""
    matcher.config = replace(config, model=replace(config.model, pretrained=None))
    assert beside.beside_public(matcher, prepared) == ""


def test_nothing_is_said_of_a_single_stranger():
    one = answering(0.1)().only(np.arange(24) < 6)
    config = small_config(pretrained="facenet")
    matcher = SimpleNamespace(
        name="x", config=config, tasks=config.training.tasks, predict=lambda *_, **__: one
    )
    assert beside.beside_public(matcher, SimpleNamespace(count=lambda split: 6)) == ""
