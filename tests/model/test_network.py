"""The network against the paper's Table 1 as spec.md reads it: shapes, counts, precision."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from cari_keras.errors import ConfigError
from cari_keras.model.network import (
    WEIGHT_HEAD,
    build_network,
    named_weights,
    restrict_to_tasks,
    shared_variables,
    split_variables,
)
from cari_keras.vocabulary import TASKS


def conv(inputs: int, outputs: int, area: int) -> int:
    """Kernel without bias, and BatchNorm's beta and two moving statistics."""
    return inputs * outputs * area + 3 * outputs


def up(inputs: int, outputs: int) -> int:
    """A block's 1x1 back to its width: linear, with a bias."""
    return inputs * outputs + outputs


STEM = (
    conv(3, 32, 9)
    + conv(32, 32, 9)
    + conv(32, 64, 9)
    + conv(64, 80, 1)
    + conv(80, 192, 9)
    + conv(192, 256, 9)
)
BLOCK35 = 3 * conv(256, 32, 1) + 3 * conv(32, 32, 9) + up(96, 256)
REDUCTION_A = conv(256, 384, 9) + conv(256, 192, 1) + conv(192, 192, 9) + conv(192, 256, 9)
BLOCK17 = 2 * conv(896, 128, 1) + 2 * conv(128, 128, 7) + up(256, 896)
REDUCTION_B = 3 * conv(896, 256, 1) + conv(256, 384, 9) + 3 * conv(256, 256, 9)
BLOCK8 = 2 * conv(1792, 192, 1) + 2 * conv(192, 192, 3) + up(384, 1792)


def expected_parameters(a, b, c, identities, width, z=9 * 1792, private=None):
    private = c + 1 if private is None else private
    shared = STEM + a * BLOCK35 + REDUCTION_A + b * BLOCK17 + REDUCTION_B
    shared += (c + 1 - private) * BLOCK8
    bottleneck = 1792 * width + 3 * width
    head = width * identities + identities
    return shared + 3 * (private * BLOCK8 + bottleneck + head) + z * 3 + 3


@pytest.mark.parametrize(
    ("depth", "repeats"),
    [("paper", (1, 1, 1)), pytest.param("facenet", (5, 10, 5), marks=pytest.mark.slow)],
)
def test_parameter_counts_by_hand(depth, repeats):
    model = build_network(195, depth=depth)
    assert model.count_params() == expected_parameters(*repeats, 195, 128)
    assert set(model.output) == {
        "embedding",
        "weight_logits",
        *(f"logits_{task}" for task in TASKS),
    }
    assert model.output["embedding"].shape[1:] == (128,)
    assert model.output["weight_logits"].shape[1:] == (3,)
    for task in TASKS:
        assert model.output[f"logits_{task}"].shape[1:] == (195,)


def test_known_sizes():
    """About 17 million for the paper; the public FaceNet has 22,808,144."""
    assert expected_parameters(1, 1, 1, 195, 128) == 16_865_948
    one_branch = STEM + 5 * BLOCK35 + REDUCTION_A + 10 * BLOCK17 + REDUCTION_B + 6 * BLOCK8
    assert one_branch + 1792 * 128 + 3 * 128 == 22_808_144


def test_the_grid_shrinks_as_in_table_1():
    model = build_network(3)
    for name, shape in {
        "Conv2d_1a_3x3_ReLU": (79, 79, 32),
        "Conv2d_2a_3x3_ReLU": (77, 77, 32),
        "Conv2d_2b_3x3_ReLU": (77, 77, 64),
        "MaxPool_3a_3x3": (38, 38, 64),
        "Conv2d_4a_3x3_ReLU": (36, 36, 192),
        "Conv2d_4b_3x3_ReLU": (17, 17, 256),
        "Block35_1_Activation": (17, 17, 256),
        "Mixed_6a": (8, 8, 896),
        "Block17_1_Activation": (8, 8, 896),
        "Mixed_7a": (3, 3, 1792),
        "verification_Block8_1_Activation": (3, 3, 1792),
        "photo_Block8_2_ScaledAdd": (3, 3, 1792),
        "caricature_AvgPool": (1792,),
        "caricature_Bottleneck": (128,),
        f"{WEIGHT_HEAD}_flatten": (9 * 1792,),
    }.items():
        assert model.get_layer(name).output.shape[1:] == shape, name
    for name, scale in {"Block35_1": 0.17, "Block17_1": 0.10, "photo_Block8_1": 0.20}.items():
        assert model.get_layer(f"{name}_ScaledAdd").scale == scale
    assert model.get_layer("photo_Block8_2_ScaledAdd").scale == 1.0
    names = {layer.name for layer in model.layers}
    assert "photo_Block8_2_Activation" not in names  # the last block is linear
    norms = [x for x in model.layers if isinstance(x, keras.layers.BatchNormalization)]
    assert all((n.epsilon, n.momentum, n.scale) == (1e-3, 0.995, False) for n in norms)


@pytest.mark.parametrize("private", [0, 1, 2])
def test_private_blocks_share_the_others(private):
    model = build_network(4, private_blocks=private, embedding_size=16)
    assert model.count_params() == expected_parameters(1, 1, 1, 4, 16, private=private)


def test_theta_and_psi_are_disjoint_and_complete(network):
    theta, psi = split_variables(network)
    assert [tuple(v.shape) for v in psi] == [(1792, 3), (3,)]  # a 1 x 1 grid at 80 pixels
    identities = [id(v) for v in theta + psi]
    assert len(set(identities)) == len(identities) == len(network.trainable_variables)


def test_shared_variables_are_those_below_the_branches(network):
    shared = {id(v) for v in shared_variables(network)}
    names = {name.split("/")[0] for name, v in named_weights(network).items() if id(v) in shared}
    assert {"Conv2d_1a_3x3", "Block17_1_Conv2d_1x1", "Mixed_7a_Branch_0_Conv2d_1a_3x3"} <= names
    own = ("verification", "caricature", "photo", "logits", "weight_head")
    assert not any(name.startswith(own) for name in names)
    theta, psi = split_variables(network)
    assert 0 < len(shared) < len(theta)
    assert not shared & {id(v) for v in psi}


def test_outputs_of_a_batch(network):
    images = np.random.default_rng(0).normal(size=(3, 80, 80, 3)).astype(np.float32)
    outputs = network(images, training=False)
    np.testing.assert_allclose(np.linalg.norm(outputs["embedding"], axis=1), 1, rtol=1e-5)
    one = network(images[1:2], training=False)
    for name, value in outputs.items():
        assert value.dtype == tf.float32
        assert np.isfinite(value).all()
        # Without training, an image's answer does not depend on its neighbours.
        np.testing.assert_allclose(value[1:2], one[name], atol=1e-4)


def test_a_cosine_head_keeps_unit_vectors():
    """Logits are scaled cosines; an optimizer's step leaves the classes' vectors on the sphere."""
    model = build_network(4, image_size=80, embedding_size=8, cosine_scale=20.0)
    head = model.get_layer("logits_verification")
    images = np.random.default_rng(0).normal(size=(3, 80, 80, 3)).astype(np.float32)
    for _ in range(2):
        np.testing.assert_allclose(np.linalg.norm(head.kernel, axis=0), 1, rtol=1e-5)
        outputs = model(images, training=False)
        cosines = outputs["embedding"].numpy() @ head.kernel.numpy()
        np.testing.assert_allclose(outputs["logits_verification"], 20 * cosines, atol=1e-4)
        optimizer = keras.optimizers.Adam(0.1)
        optimizer.apply_gradients([(tf.ones_like(head.kernel), head.kernel)])


def test_branches_differ(network):
    images = np.random.default_rng(0).normal(size=(2, 80, 80, 3)).astype(np.float32)
    quiet = network(images, training=False)
    assert not np.allclose(quiet["logits_photo"], quiet["logits_caricature"])


@pytest.mark.slow
@pytest.mark.stacks
def test_bfloat16_keeps_variables_and_outputs_in_float32():
    keras.utils.set_random_seed(0)
    single = build_network(5, image_size=80, embedding_size=16)
    mixed = build_network(5, image_size=80, embedding_size=16, precision="bfloat16")
    assert mixed.get_layer("Mixed_6a").output.dtype == "bfloat16"
    assert {tf.as_dtype(w.dtype).name for w in mixed.weights} == {"float32"}
    mixed.set_weights(single.get_weights())
    images = np.random.default_rng(0).normal(size=(2, 80, 80, 3)).astype(np.float32)
    for name, value in mixed(images, training=False).items():
        assert value.dtype == tf.float32
        expected = single(images, training=False)[name].numpy()
        assert np.abs(value - expected).max() < 0.05 * np.abs(expected).max() + 0.02


@pytest.mark.parametrize("tasks", [("photo",), ("caricature", "photo"), ("verification",), TASKS])
def test_restricting_keeps_only_what_the_tasks_need(network, tasks):
    part = restrict_to_tasks(network, tasks)
    expected = {f"logits_{task}" for task in tasks} | {"weight_logits"}
    if "verification" in tasks:
        expected.add("embedding")
    assert set(part.output) == expected
    names = {layer.name for layer in part.layers}
    for task in TASKS:
        assert (f"{task}_Bottleneck" in names) == (task in tasks)
    assert part.get_layer("Mixed_7a") is network.get_layer("Mixed_7a")


def test_weights_have_names_of_their_own(network):
    named = named_weights(network)
    assert len(named) == len(network.weights)
    assert named["Conv2d_1a_3x3/kernel"].shape == (3, 3, 3, 32)
    assert named["verification_Bottleneck_BatchNorm/moving_mean"].shape == (16,)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"depth": "deep"}, "depth must be one of paper, facenet. Received: 'deep'"),
        ({"precision": "float16"}, "precision must be one of .* Received: 'float16'"),
        ({"num_identities": 1}, "num_identities must be at least 2. Received: 1"),
        ({"image_size": 64}, "image_size must be at least 80. Received: 64"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\). Received: 1.0"),
        ({"private_blocks": 3}, "private_blocks must be between 0 and 2 .* Received: 3"),
    ],
)
def test_wrong_arguments_are_named(changes, message):
    with pytest.raises(ConfigError, match=message):
        build_network(**{"num_identities": 3, **changes})


def test_a_shared_bottleneck_serves_all_heads():
    model = build_network(5, image_size=80, embedding_size=16, shared_bottleneck=True)
    weights = named_weights(model)
    assert {n.split("/")[0] for n in weights if "Bottleneck" in n} == {
        "Bottleneck",
        "Bottleneck_BatchNorm",
    }
    shared = {id(v) for v in shared_variables(model)}
    assert id(weights["Bottleneck/kernel"]) not in shared
    assert id(weights["Block8_2_Conv2d_1x1/kernel"]) in shared
    # One linear map for each head, on the same features.
    images = np.random.default_rng(0).normal(size=(2, 80, 80, 3)).astype(np.float32)
    bottleneck = keras.Model(model.input, model.get_layer("Bottleneck_BatchNorm").output)
    features, outputs = bottleneck(images).numpy(), model(images)
    for task in TASKS:
        kernel, bias = (weights[f"logits_{task}/{part}"].numpy() for part in ("kernel", "bias"))
        np.testing.assert_allclose(outputs[f"logits_{task}"], features @ kernel + bias, atol=1e-4)
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    np.testing.assert_allclose(outputs["embedding"], unit, atol=1e-5)
    with pytest.raises(ConfigError, match="private_blocks must be 0 with shared_bottleneck"):
        build_network(5, image_size=80, shared_bottleneck=True, private_blocks=1)
