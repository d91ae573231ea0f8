"""Explanations in the Python interface, of a network with its layers and without."""

import numpy as np
import pytest

from cari_keras.data.augment import standardize
from cari_keras.errors import ConfigError, ImageError
from cari_keras.evaluation.answering import PLAIN, AnswerSettings, answering
from cari_keras.evaluation.matcher import Matcher
from cari_keras.model.build import build_model
from cari_keras.progress import Progress
from cari_keras.serving.about import About
from cari_keras.serving.face_model import FaceModel
from cari_keras.serving.opening import face_model_of
from cari_keras.serving.thresholds import NO_THRESHOLDS
from tests.helpers.runs import small_config


@pytest.fixture(scope="module")
def matcher():
    """A small network of random weights."""
    config = small_config(image_size=80, stored_size=96, flip_test=True, test_crops=(0.8,))
    settings = AnswerSettings.of(config)
    network = build_model(config, 3)
    names, tasks = ("ann", "bob", "cid"), ("verification",)
    return Matcher("small", network, config, names, tasks, "0" * 64, None, settings, 96)


@pytest.fixture(scope="module")
def model(matcher):
    return face_model_of(matcher, NO_THRESHOLDS, False)


@pytest.fixture(scope="module")
def export(model):
    """The same as an export is opened: endpoints, and no layers."""
    return FaceModel(model._asker.endpoints, 96, "0" * 64, About("exported"))


def test_by_occlusion(export, pixels):
    one, other = export.embed(list(pixels[:2]))
    with Progress(1, "hiding", shown=False) as told:
        found = export.explain(pixels[0], pixels[1], way="occlusion", progress=told)
        assert told.done == told.total > 200
    assert found.similarity == pytest.approx(float(one @ other), abs=1e-5)
    assert (found.way, found.seed) == ("occlusion", 0)
    check_maps(found)


def test_by_gradient(model, matcher, pixels):
    found = model.explain(pixels[0], pixels[1], seed=3)
    check_maps(found)
    np.testing.assert_array_equal(found.photo_face, model.face(pixels[0]))
    np.testing.assert_array_equal(found.other_face, model.face(pixels[1]))
    _, plain = answering(matcher.model, ["verification"], PLAIN)
    one, other = plain(standardize(pixels[:2]))["embedding"].numpy()
    assert found.similarity == pytest.approx(float(one @ other), abs=1e-5)
    again = model.explain_faces(pixels[0], pixels[1], seed=3)
    np.testing.assert_allclose(found.other, again.other, atol=1e-4)
    another = model.explain_faces(pixels[0], pixels[1], seed=4)
    assert np.abs(found.photo - another.photo).max() > 1e-3


def check_maps(found):
    for each in (found.photo, found.other):
        assert each.shape == (96, 96)
        assert each.dtype == np.float32
        assert each.std() > 0
    assert max(np.abs(found.photo).max(), np.abs(found.other).max()) == 1


def test_exports_take_no_gradient(export, pixels):
    with pytest.raises(ConfigError, match=r"exported: exports are graphs.*--explain-by occlusion"):
        export.explain(pixels[0], pixels[1])


def test_what_cannot_be_explained_is_said_in_a_line(model, pixels):
    with pytest.raises(ConfigError, match="way must be one of gradient, occlusion"):
        model.explain(pixels[0], pixels[1], way="lime")
    for seed in (-1, 0.5, True):
        with pytest.raises(ConfigError, match="seed must be a whole number from 0"):
            model.explain(pixels[0], pixels[1], way="occlusion", seed=seed)
    with pytest.raises(ImageError, match="faces must be uint8"):
        model.explain_faces(pixels[0][:9], pixels[1], way="occlusion")
    with pytest.raises(ImageError, match="other: not a picture"):
        model.explain(pixels[0], b"x", way="occlusion")
