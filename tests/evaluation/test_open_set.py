"""Thresholds for strangers: by hand, at their edges, and as strangers never seen meet them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cari_keras.errors import ConfigError
from cari_keras.evaluation.open_set import open_set, threshold_at_fpir


def test_by_hand():
    """Of ten strangers' images at most two may reach the threshold: it lies above 0.6."""
    strangers = np.array([0.9, 0.8, 0.6, 0.5, 0.4, 0.3, 0.2, 0.2, 0.1, 0.1], np.float32)
    who = ["a"] * 5 + ["b"] * 5
    scores = np.array([0.95, 0.7, 0.6, 0.99], np.float32)
    right = np.array([True, True, True, False])
    found = open_set(scores, right, strangers, who, 0.2)
    assert 0.6 < found.threshold < 0.6001
    assert found.fpir == 0.2
    assert found.tpir == 0.5  # 0.6 is not accepted, 0.99 is the wrong name
    assert found.closed_set == 0.75
    assert (found.strangers, found.stranger_images, found.known_images) == (2, 10, 4)
    # Each half may give one: b's threshold, just over 0.2, accepts all of a; a's, over 0.8, none.
    assert found.fpir_unseen == 0.5


def test_float32_scores_are_told_apart():
    """A threshold in float64 just above 0.3 is 0.3 again in float32."""
    scores = np.array([0.5, 0.3, 0.3], np.float32)
    threshold = threshold_at_fpir(scores, 0.5)
    assert threshold == np.float32(threshold)
    assert np.sum(scores >= np.float32(threshold)) == 1


@settings(deadline=None)
@given(
    st.lists(st.floats(0, 1, width=32), min_size=1, max_size=30),
    st.floats(0.01, 1),
)
def test_no_more_than_asked_for_and_no_lower_threshold_would_do(scores, fpir):
    values = np.array(scores, np.float32)
    threshold = np.float32(threshold_at_fpir(values, fpir))
    assert np.mean(values >= threshold) <= fpir + 1e-9  # rounded at the twelfth digit
    below = values[values < threshold]
    if len(below):
        assert np.mean(values >= below.max()) > fpir


def test_what_cannot_be_told_is_refused():
    known = np.ones(3, np.float32), np.ones(3, bool)
    few, who = np.linspace(0, 1, 10, dtype=np.float32), ["a"] * 5 + ["b"] * 5
    with pytest.raises(ConfigError, match="at least two people and 20 images are needed"):
        open_set(*known, few, who, 0.05)
    with pytest.raises(ConfigError, match="10 images of 1 strangers"):
        open_set(*known, few, ["a"] * 10, 0.5)
    with pytest.raises(ConfigError, match=r"fpir must be in \(0, 1\]. Received: 0"):
        open_set(*known, few, who, 0)
    # Without a wish: the least that can be told.
    assert open_set(*known, few, who).fpir == 0.1
