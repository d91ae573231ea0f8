"""Dropout: what it keeps, and that its masks follow the counter alone."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from cari_keras.model.dropout import Dropout
from cari_keras.model.network import build_network, named_weights


def masks(layer, counters, shape=(64, 50)):
    found = []
    for counter in counters:
        layer.counter.assign(counter)
        found.append(np.asarray(layer(tf.ones(shape), training=True)))
    return found


def built(rate=0.4, seed=3):
    layer = Dropout(rate, seed)
    layer.build((None, 50))
    return layer


def test_it_drops_its_share_and_keeps_the_mean():
    outputs = np.stack(masks(built(), range(50)))
    np.testing.assert_allclose(np.unique(outputs), [0, 1 / 0.6], rtol=1e-6)
    assert np.mean(outputs == 0) == pytest.approx(0.4, abs=0.01)  # 160,000 draws: 8 sigma
    assert outputs.mean() == pytest.approx(1.0, abs=0.02)


def test_masks_depend_on_seed_and_counter_alone():
    first, second, again = masks(built(), [7, 8, 7])
    np.testing.assert_array_equal(first, again)
    assert (first != second).any()
    np.testing.assert_array_equal(masks(built(), [7])[0], first)
    assert (masks(built(seed=4), [7])[0] != first).any()


@pytest.mark.parametrize(("rate", "training"), [(0.0, True), (0.4, False), (0.4, None)])
def test_it_is_the_identity_elsewhere(rate, training):
    x = tf.constant(np.random.default_rng(0).random((3, 50), np.float32))
    np.testing.assert_array_equal(built(rate)(x, training=training), x)


def test_the_gradient_is_the_mask():
    layer, x = built(), tf.ones((2, 50))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x, training=True)
    np.testing.assert_array_equal(tape.gradient(y, x), y)


def test_in_a_network_branches_drop_differently_and_counters_are_no_weights():
    model = build_network(3, image_size=80, dropout=0.5)
    layers = [layer for layer in model.layers if isinstance(layer, Dropout)]
    assert len({layer.seed for layer in layers}) == len(layers) == 3
    assert not [name for name in named_weights(model) if "counter" in name]
    assert {layer.rate for layer in layers} == {0.5}
    ones = [np.asarray(layer(tf.ones((2, 300)), training=True)) for layer in layers]
    assert all((a != b).any() for a, b in itertools.combinations(ones, 2))
    images = tf.constant(np.random.default_rng(0).standard_normal((2, 80, 80, 3), np.float32))
    quiet = [model(images, training=False)["logits_photo"] for _ in range(2)]
    np.testing.assert_array_equal(*quiet)
    loud = []
    for counter in (0, 0, 1):
        for layer in layers:
            layer.counter.assign(counter)
        loud.append(model(images, training=True)["logits_photo"])
    np.testing.assert_array_equal(loud[0], loud[1])
    assert np.any(loud[1] != loud[2])
