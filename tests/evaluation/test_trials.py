"""Scored pairs: listed ones and crossed ones say the same of the same pairs."""

import numpy as np
import pytest

from cari_keras.data.base import Pair
from cari_keras.evaluation.predictions import Predictions
from cari_keras.evaluation.trials import crossed_trials, listed_trials


@pytest.fixture
def predictions():
    rng = np.random.default_rng(0)
    embedding = rng.normal(size=(7, 4)).astype(np.float32)
    embedding /= np.linalg.norm(embedding, axis=1, keepdims=True)
    names = ["c0", "p0", "c1", "p1", "p2", "c2", "p3"]
    labels = np.array([0, 0, 1, 1, 2, 2, 0])
    return Predictions(
        names, labels, np.array([n[0] == "c" for n in names]), {"embedding": embedding}
    )


def test_crossed_is_every_listed_pair(predictions):
    label = dict(zip(predictions.paths, predictions.labels))
    pairs = [
        Pair(c, p, bool(label[c] == label[p]))
        for c in ("c0", "c1", "c2")
        for p in ("p0", "p1", "p2", "p3")
    ]
    listed, crossed = listed_trials(predictions, pairs), crossed_trials(predictions)
    np.testing.assert_allclose(crossed.distances, listed.distances, atol=1e-6)
    np.testing.assert_array_equal(crossed.same, listed.same)
    np.testing.assert_array_equal(crossed.subjects, listed.subjects)
    assert [crossed.names(k) for k in range(12)] == [listed.names(k) for k in range(12)]
    assert crossed.names(5) == ("c1", "p1")


def test_only_some_of_a_list(predictions):
    listed = listed_trials(predictions, [Pair("c0", "p0", True), Pair("c1", "p2", False)])
    part = listed.only(np.array([False, True]))
    assert part.names(0) == ("c1", "p2")
    assert part.subjects.tolist() == [1]
    with pytest.raises(ValueError, match="only listed"):
        crossed_trials(predictions).only(np.ones(12, bool))


def test_what_is_compared_can_be_chosen():
    """What the network verifies by, unless said otherwise."""
    embedding, compared = np.eye(2, dtype=np.float32), np.ones((2, 2), np.float32) / 2**0.5
    drawn = np.array([True, False])
    outputs = {"embedding": embedding, "compared": compared}
    both = Predictions(["c", "p"], np.array([0, 0]), drawn, outputs)
    pairs = [Pair("c", "p", True)]
    for by, distance in (("embedding", 2.0), ("identities", 0.0), (None, 0.0)):
        for found in (listed_trials(both, pairs, by), crossed_trials(both, by)):
            np.testing.assert_allclose(found.distances, [distance], atol=1e-6)
    plain = Predictions(["c", "p"], np.array([0, 0]), drawn, {"embedding": embedding})
    assert listed_trials(plain, pairs).distances == 2.0
    with pytest.raises(KeyError):
        listed_trials(plain, pairs, "identities")
