"""Keras as others have set it up: whatever it is, the package computes the same."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from cari_keras.data.base import Batch
from cari_keras.model.network import build_network
from cari_keras.sections import TrainingConfig
from cari_keras.stack import keras, plain_settings
from cari_keras.training.optimizers import make_optimizer
from cari_keras.training.step import TrainStep
from tests.helpers.places import ROOT


@contextlib.contextmanager
def another_set_up():
    """Everything that Keras lets one set for all layers, set otherwise."""
    backend, policies = keras.backend, keras.mixed_precision
    before = backend.floatx(), backend.epsilon(), backend.image_data_format()
    policy = policies.global_policy()
    set_all("float64", 0.1, "channels_first")
    policies.set_global_policy("mixed_float16")
    try:
        yield
        found = backend.floatx(), backend.epsilon(), backend.image_data_format()
        assert found == ("float64", 0.1, "channels_first"), "the user's own settings stay"
        assert policies.global_policy().name == "mixed_float16"
    finally:
        set_all(*before)
        policies.set_global_policy(policy)


def set_all(floatx, epsilon, data_format):
    keras.backend.set_floatx(floatx)
    keras.backend.set_epsilon(epsilon)
    keras.backend.set_image_data_format(data_format)


def trained():
    """What a network answers, before and after two steps; types and numbers."""
    keras.utils.set_random_seed(0)
    model = build_network(
        3,
        image_size=80,
        embedding_size=4,
        shared_bottleneck=True,
        precision="bfloat16",
        cosine_scale=30.0,
    )
    settings = TrainingConfig()
    optimizers = (make_optimizer(settings, for_weights=for_weights) for for_weights in (0, 1))
    step = TrainStep(model, 3, settings, *optimizers)
    images = tf.constant(np.random.default_rng(0).normal(size=(4, 80, 80, 3)), tf.float32)
    batch = Batch(images, tf.constant([0, 1, 2, 0]), tf.constant([False, True, False, True]))
    answers = dict(model(images, training=False))
    told = [np.array(step(batch).numbers().row(), np.float32) for _ in range(2)]
    kinds = {variable.dtype for variable in step.state().values()}
    return {name: value.numpy() for name, value in answers.items()}, told, set(map(str, kinds))


@pytest.mark.slow
@pytest.mark.stacks
def test_networks_and_steps_do_not_depend_on_keras_settings():
    expected, told, kinds = trained()
    with another_set_up():
        found, told_there, kinds_there = trained()
    assert kinds_there == kinds
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)
    np.testing.assert_array_equal(told_there, told)


@pytest.mark.slow
@pytest.mark.stacks
def test_the_detector_does_not_depend_on_keras_settings():
    from cari_keras.align.detector import Detector
    from tests.helpers.faces import face

    picture = face("photo")
    (expected,) = Detector()(picture)
    with another_set_up():
        (found,) = Detector()(picture)
    np.testing.assert_array_equal(found.box, expected.box)
    np.testing.assert_array_equal(found.keypoints, expected.keypoints)


def test_a_policy_that_is_plain_already_is_left_alone(monkeypatch):
    assert keras.mixed_precision.global_policy().name == "float32"
    monkeypatch.setattr(keras.mixed_precision, "set_global_policy", pytest.fail)
    with plain_settings():
        assert keras.backend.image_data_format() == "channels_last"


IMPORT = "from cari_keras.stack import keras; print(keras.backend.backend())"


def run(code, tmp_path, floatx="float64", **environment):
    """In a process whose user has a keras.json for another project."""
    place = tmp_path / ".keras"
    place.mkdir()
    (place / "keras.json").write_text(
        f'{{"floatx": "{floatx}", "epsilon": 0.1, "backend": "torch", '
        '"image_data_format": "channels_first"}'
    )
    own = {"PYTHONPATH": str(ROOT), "HOME": str(tmp_path), "TF_CPP_MIN_LOG_LEVEL": "3"}
    kept = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", code],
        env={**kept, **own, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.stacks
def test_another_backend_in_keras_json_is_not_asked_for(tmp_path):
    done = run(IMPORT, tmp_path)
    assert done.stdout == "tensorflow\n"
    assert "cari_keras has imported" not in done.stderr


@pytest.mark.stacks
def test_another_backend_in_the_environment_is_told_of_in_python(tmp_path):
    code = f"{IMPORT}; import os; print(os.environ['KERAS_BACKEND'])"
    done = run(code, tmp_path, KERAS_BACKEND="jax", TF_USE_LEGACY_KERAS="1")
    assert done.stdout == "tensorflow\njax\n"
    three = keras.__version__.startswith("3")
    assert ("KERAS_BACKEND is jax, but cari_keras has imported" in done.stderr) == three


REFUSED = """
import cari_keras.errors
try:
    {what}
except cari_keras.errors.ConfigError as error:
    print(error)
"""


@pytest.mark.stacks
@pytest.mark.parametrize(
    "what",
    [
        "import cari_keras.stack",
        "from cari_keras.runtime import load_tensorflow; load_tensorflow()",
        "from cari_keras import load_model; load_model('nowhere')",
    ],
)
def test_a_keras_json_that_keras_refuses_is_named(what, tmp_path):
    done = run(REFUSED.format(what=what), tmp_path, floatx="float8")
    assert done.stdout.startswith("Keras refuses a setting in its file keras.json")


@pytest.mark.stacks
@pytest.mark.parametrize("content", ["[]", "null", '{"floatx": null}', '{"floatx": ["a"]}'])
def test_a_keras_json_of_another_form_is_named_too(content, tmp_path):
    place = tmp_path / "home"
    place.mkdir()
    (place / "keras.json").write_text(content)
    done = run(REFUSED.format(what="import cari_keras.stack"), tmp_path, KERAS_HOME=str(place))
    assert done.stdout.startswith("Keras refuses a setting in its file keras.json")


@pytest.mark.stacks
def test_keras_on_another_backend_already_is_refused_in_one_line(tmp_path):
    code = (
        "import sys, keras, cari_keras.errors; keras.backend.backend = lambda: 'torch'\n"
        "try: import cari_keras.stack\n"
        "except cari_keras.errors.ConfigError as error: print(error)"
    )
    done = run(code, tmp_path, KERAS_BACKEND="tensorflow")
    said = "Keras was imported with KERAS_BACKEND torch"
    assert done.stdout.startswith(said)
    assert done.stdout.endswith("set KERAS_BACKEND=tensorflow before Keras is imported\n")
