"""Pairs in the Python interface: what is compared, and what is said of them."""

from dataclasses import replace

import numpy as np
import pytest

from cari_keras.data.augment import standardize
from cari_keras.errors import ConfigError
from cari_keras.evaluation.answering import answering
from cari_keras.serving.opening import face_model_of

pytestmark = pytest.mark.slow


def test_pairs(model, pixels, thresholds):
    calibration = thresholds.verify
    same = model.verify(pixels[0], pixels[0])
    assert same.same is (calibration.threshold >= 0)
    assert same.distance == pytest.approx(0, abs=1e-6)
    assert same.threshold == pytest.approx(calibration.threshold)
    assert same.far == pytest.approx(calibration.far_expected)
    assert same.measured_on == calibration.measured_on
    assert "of 2 people it was not trained on" in same.measured_on
    assert (same.by, same.why) == ("embedding", None)
    told = calibration.curve.probability(np.array([same.distance]))
    assert same.probability == pytest.approx(told[0], abs=1e-5)
    found = model.verify(list(pixels[:3]), list(pixels[3:6]))
    again = [model.verify(a, b) for a, b in zip(pixels[:3], pixels[3:6])]
    assert [f.distance for f in found] == pytest.approx([a.distance for a in again], abs=1e-5)
    assert model.verify([], []) == []
    with pytest.raises(ConfigError, match="3 and 1"):
        model.verify(list(pixels[:3]), [pixels[0]])


def test_pairs_by_identities(model, matcher, pixels, thresholds):
    """Three impostor pairs of the people it knows are too few: it says so, and does not decide."""
    _, answer = answering(matcher.model, matcher.tasks, matcher.settings)
    compared = answer(standardize(pixels[:2]))["compared"].numpy()
    found = model.verify(pixels[0], pixels[1], by="identities")
    assert found.distance == pytest.approx(np.sum((compared[0] - compared[1]) ** 2), abs=1e-4)
    assert found.by == "identities"
    assert found.same is None
    assert found.why == thresholds.verify_identities.undecided
    assert found.threshold == pytest.approx(thresholds.verify_identities.threshold)
    assert found.distance != pytest.approx(model.verify(pixels[0], pixels[1]).distance)
    with pytest.raises(ConfigError, match="by must be one of embedding, identities"):
        model.verify(pixels[0], pixels[1], by="x")
    with pytest.raises(ConfigError, match="two photos are compared by embedding, not by ident"):
        model.verify(pixels[0], pixels[1], by="identities", modality="photo")


def test_a_network_without_a_threshold_by_identities(matcher, thresholds, pixels):
    plain = replace(matcher, settings=replace(matcher.settings, verify_by="embedding"))
    model = face_model_of(plain, thresholds._replace(verify_identities=None), None)
    assert model.verify(pixels[0], pixels[0]).by == "embedding"
    with pytest.raises(ConfigError, match="no threshold by identities, only by embedding"):
        model.verify(pixels[0], pixels[0], by="identities")
    with pytest.raises(ConfigError, match="no threshold for two photos, only for a photo and a"):
        model.verify(pixels[0], pixels[0], modality="photo")
