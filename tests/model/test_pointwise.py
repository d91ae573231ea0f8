"""1x1 convolutions: the values and gradients are Keras' own, by another operation."""

import numpy as np
import pytest
import tensorflow as tf

from cari_keras.model import pointwise
from cari_keras.model.network import build_network
from cari_keras.model.pointwise import Conv2D
from cari_keras.stack import keras

POLICIES = {"bfloat16": "mixed_bfloat16", "float32": "float32"}


def layers(dtype, kernel=1, **values):
    """Ours and Keras' own, of one seed."""
    for kind in (Conv2D, keras.layers.Conv2D):
        layer = kind(24, kernel, dtype=POLICIES[dtype], padding="same", **values)
        layer.build((None, 5, 5, 16))
        rng = np.random.default_rng(3)
        layer.set_weights([rng.normal(size=w.shape) for w in layer.get_weights()])
        yield layer


def outputs_and_gradients(layer, dtype, **how):
    x = tf.cast(tf.random.stateless_normal((8, 5, 5, 16), seed=(1, 2)), dtype)
    upstream = tf.random.stateless_normal((8, 5, 5, 24), seed=(3, 4))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x, **how)
        value = tf.reduce_sum(upstream * tf.cast(y, tf.float32))
    wanted = [x, *layer.trainable_variables]
    return [tf.cast(t, tf.float32).numpy() for t in (y, *tape.gradient(value, wanted))]


@pytest.fixture
def calls(monkeypatch):
    """Grows by one with each call of our operation, which does its work."""
    found = []
    real = pointwise.pointwise
    monkeypatch.setattr(pointwise, "pointwise", lambda *given: found.append(1) or real(*given))
    return found


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("dtype", POLICIES)
def test_values_and_gradients_are_keras_own(dtype, bias, calls):
    ours, theirs = layers(dtype, use_bias=bias, activation="relu")
    found = outputs_and_gradients(ours, dtype, training=True)
    assert len(calls) == (dtype == "bfloat16")
    expected = outputs_and_gradients(theirs, dtype)
    assert len(found) == len(expected) == 3 + bias
    np.testing.assert_array_equal(found[0], expected[0])
    for ours_, theirs_ in zip(found[1:], expected[1:]):
        assert ours_.shape == theirs_.shape
        assert np.linalg.norm(ours_ - theirs_) <= 5e-3 * np.linalg.norm(theirs_)


@pytest.mark.parametrize(
    ("values", "how"),
    [({"kernel": 3}, {"training": True}), ({"strides": 2}, {"training": True}), ({}, {})],
)
def test_all_else_is_keras_own_operation(values, how, monkeypatch):
    """Other kernels, strides, and whatever does not train, so that exports hold no gradient."""
    monkeypatch.setattr(pointwise, "pointwise", None)
    ours, theirs = layers("bfloat16", **values)
    x = tf.ones((2, 5, 5, 16), tf.bfloat16)
    np.testing.assert_array_equal(
        tf.cast(ours(x, **how), tf.float32), tf.cast(theirs(x), tf.float32)
    )


def test_the_network_trains_by_it(calls):
    model = build_network(3, image_size=96, precision="bfloat16")
    images = tf.zeros((1, 96, 96, 3))
    del calls[:]
    model(images, training=False)
    assert not calls
    model(images, training=True)
    assert len(calls) == sum(
        isinstance(layer, Conv2D) and tuple(layer.kernel_size) == (1, 1) for layer in model.layers
    )
