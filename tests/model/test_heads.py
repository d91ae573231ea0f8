"""Heads of branches 2 and 3 about branch 1's."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from cari_keras.errors import ConfigError
from cari_keras.model.network import build_network, named_weights, shared_variables

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return build_network(
        4, image_size=80, embedding_size=8, shared_bottleneck=True, head_decay=0.25
    )


def images(count=3):
    return np.random.default_rng(0).normal(size=(count, 80, 80, 3)).astype(np.float32)


def test_all_heads_begin_as_branch_1_s(model):
    """Their own parts begin at zero."""
    outputs = model(images(), training=False)
    for task in ("caricature", "photo"):
        np.testing.assert_array_equal(outputs[f"logits_{task}"], outputs["logits_verification"])


def test_an_own_part_is_added_to_its_branch_alone(model):
    """logits = branch 1's + own kernel on the bottleneck + own bias."""
    own = model.get_layer("logits_photo_own")
    before = own.get_weights()
    rng = np.random.default_rng(1)
    own.set_weights([rng.normal(size=w.shape) for w in before])
    bottleneck = keras.Model(model.input, own.input)(images(), training=False).numpy()
    outputs = model(images(), training=False)
    kernel, bias = own.get_weights()
    expected = outputs["logits_verification"].numpy() + bottleneck @ kernel + bias
    np.testing.assert_allclose(outputs["logits_photo"], expected, atol=1e-4)
    np.testing.assert_array_equal(outputs["logits_caricature"], outputs["logits_verification"])
    # And it is what the coefficient acts on: 0.25 x the sum of squares more.
    loss = float(tf.add_n(model.losses))
    own.set_weights([np.zeros_like(kernel), bias])
    added = loss - float(tf.add_n(model.losses))
    assert added == pytest.approx(0.25 * np.sum(kernel**2), rel=1e-4)
    own.set_weights(before)


def test_own_parts_belong_to_the_branches(model):
    """A rate for the shared layers leaves heads alone."""
    shared = {id(v) for v in shared_variables(model)}
    for name, variable in named_weights(model).items():
        if name.startswith("logits_"):
            assert id(variable) not in shared


def test_other_branches_need_the_same_bottleneck():
    """Branch 1's head can read no other."""
    with pytest.raises(ConfigError, match=r"head_decay needs shared_bottleneck\. Received: 0\.1"):
        build_network(4, image_size=80, head_decay=0.1)
