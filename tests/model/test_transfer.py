"""Starting from trained weights: what goes where; the public network is rebuilt exactly."""

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from cari_keras.data import demo
from cari_keras.data.base import read_image
from cari_keras.errors import CheckpointError, PretrainedError
from cari_keras.images.encode import resize
from cari_keras.model.checkpoints import load_checkpoint, save_checkpoint
from cari_keras.model.network import build_network, named_weights
from cari_keras.model.transfer import Source, describe_transfer, load_source, transfer
from cari_keras.vocabulary import TASKS
from tests.helpers.places import FACENET, SHARED

SIZE = {"image_size": 80, "embedding_size": 16}


def random_arrays(model, seed=0):
    """Arrays for the shared layers and branch 1, named as in the single-branch network."""
    rng = np.random.default_rng(seed)
    return {
        name[len("verification_") :] if name.startswith("verification_") else name: rng.normal(
            size=tuple(v.shape)
        ).astype(np.float32)
        for name, v in named_weights(model).items()
        if not name.startswith(("logits_", "weight_head", "caricature_", "photo_"))
    }


@pytest.fixture
def model():
    return build_network(3, **SIZE)


def features(model, images):
    """The three branches' bottlenecks."""
    outputs = [model.get_layer(f"{task}_Bottleneck_BatchNorm").output for task in TASKS]
    return [x.numpy() for x in tf.keras.Model(model.input, outputs)(images, training=False)]


def test_equal_depths_take_everything_and_branches_start_alike(model):
    arrays = random_arrays(model)
    images = np.random.default_rng(0).normal(size=(2, 80, 80, 3)).astype(np.float32)
    heads = {n: v.numpy() for n, v in named_weights(model).items() if n.startswith("logits_")}
    found = transfer(model, "paper", Source("run", "paper", arrays))
    assert found.fresh == found.unused == []
    named = named_weights(model)
    for task in TASKS:
        kernel = named[f"{task}_Block8_1_Conv2d_1x1/kernel"]
        np.testing.assert_array_equal(kernel, arrays["Block8_1_Conv2d_1x1/kernel"])
    np.testing.assert_array_equal(named["Conv2d_1a_3x3/kernel"], arrays["Conv2d_1a_3x3/kernel"])
    for name, before in heads.items():
        np.testing.assert_array_equal(named[name], before)
    assert len(found.taken) == len(named) - len(heads) - 2
    first, second, third = features(model, images)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first, third)


@pytest.mark.parametrize("private", [0, 1])
def test_shared_block8s_take_the_same_arrays(model, private):
    arrays = random_arrays(model)
    other = build_network(5, private_blocks=private, **SIZE)
    found = transfer(other, "paper", Source("run", "paper", arrays))
    assert found.unused == []
    kernel = named_weights(other)["Block8_1_Conv2d_1x1/kernel"]
    np.testing.assert_array_equal(kernel, arrays["Block8_1_Conv2d_1x1/kernel"])


def test_nothing_is_changed_where_something_does_not_fit(model):
    before = model.get_weights()
    arrays = random_arrays(model)
    cases = [
        ({**arrays, "Conv2d_9/kernel": np.zeros(1)}, "Conv2d_9/kernel has no place"),
        ({**arrays, "Conv2d_1a_3x3/kernel": np.zeros(1)}, r"an array of shape \(1,\) for Conv2d"),
        ({k: v for k, v in arrays.items() if "4a" not in k}, "has nothing for Conv2d_4a_3x3"),
        ({**arrays, "Bottleneck/kernel": np.zeros((1792, 8))}, r"shape \(1792, 8\) for verif"),
    ]
    for wrong, message in cases:
        with pytest.raises(PretrainedError, match=message):
            transfer(model, "paper", Source("run", "paper", wrong))
    with pytest.raises(PretrainedError, match="train with --depth paper"):
        transfer(model, "facenet", Source("run", "paper", arrays))
    for old, new in zip(before, model.get_weights()):
        np.testing.assert_array_equal(old, new)


@pytest.mark.slow
def test_the_paper_depth_takes_first_blocks_and_reductions_from_facenet(model):
    arrays = random_arrays(build_network(2, depth="facenet", **SIZE))
    source = Source("facenet", "facenet", arrays)
    before = named_weights(model)["verification_Block8_2_Conv2d_1x1/kernel"].numpy()
    found = transfer(model, "paper", source)
    named = named_weights(model)
    for name in ("Conv2d_4b_3x3", "Block35_1_Conv2d_1x1", "Block17_1_Branch_1_Conv2d_0c_7x1"):
        np.testing.assert_array_equal(named[f"{name}/kernel"], arrays[f"{name}/kernel"])
    np.testing.assert_array_equal(
        named["photo_Block8_1_Conv2d_1x1/kernel"], arrays["Block8_1_Conv2d_1x1/kernel"]
    )
    # The second and last block8 of this depth is not the second of the other: it has scale 1.
    np.testing.assert_array_equal(named["verification_Block8_2_Conv2d_1x1/kernel"], before)
    assert "photo_Bottleneck/kernel" in found.fresh
    assert "photo_Block8_2_Branch_0_Conv2d_1x1/kernel" in found.fresh
    assert "further blocks have no place in this depth" in describe_transfer(found, source)
    assert "the last block8 and the bottleneck" in describe_transfer(found, source)


def test_a_run_is_read_without_heads_and_other_branches(model, tmp_path):
    arrays = {name: v.numpy() for name, v in named_weights(model).items()}
    save_checkpoint(tmp_path / "best", arrays)
    with pytest.raises(CheckpointError, match=r"config\.json: not a run's configuration"):
        load_source(str(tmp_path))
    (tmp_path / "config.json").write_text(json.dumps({"model": {"depth": "paper"}}))
    source = load_source(str(tmp_path))
    other = build_network(7, **SIZE)
    assert transfer(other, source.depth, source).unused == []
    np.testing.assert_array_equal(
        named_weights(other)["photo_Bottleneck/kernel"], arrays["verification_Bottleneck/kernel"]
    )


def test_a_run_without_verification_gives_the_branch_that_it_trained(model, tmp_path):
    """Its first branch was never trained."""
    arrays = {name: v.numpy() for name, v in named_weights(model).items()}
    save_checkpoint(tmp_path / "best", arrays)
    settings = {"model": {"depth": "paper"}, "training": {"tasks": ["photo"]}}
    (tmp_path / "config.json").write_text(json.dumps(settings))
    source = load_source(str(tmp_path))
    other = build_network(7, **SIZE)
    line = describe_transfer(transfer(other, source.depth, source), source)
    assert line.endswith("the photo branch's in all branches")
    np.testing.assert_array_equal(
        named_weights(other)["verification_Bottleneck/kernel"], arrays["photo_Bottleneck/kernel"]
    )


def test_what_is_not_there(tmp_path):
    with pytest.raises(PretrainedError, match="here `cari-pretrained --from` that file"):
        load_source("facenet")  # tests have no network
    with pytest.raises(PretrainedError, match="nowhere: no such run folder or file"):
        load_source("nowhere")


class PlainFacenet:
    """The public network's forward pass, written out by itself with plain convolutions."""

    def __init__(self, arrays):
        self.arrays = arrays

    def conv(self, x, name, stride=1, padding="SAME"):
        x = tf.nn.conv2d(x, self.arrays[f"{name}/kernel"], stride, padding)
        return tf.nn.relu(self.norm(x, name))

    def norm(self, x, name):
        mean, variance, beta = (
            self.arrays[f"{name}_BatchNorm/{w}"] for w in ("moving_mean", "moving_variance", "beta")
        )
        return (x - mean) / tf.sqrt(variance + 1e-3) + beta

    def tower(self, x, name, steps):
        for step in steps:
            x = self.conv(x, f"{name}_{step}")
        return x

    def residual(self, x, name, towers, scale, relu=True):
        mixed = tf.concat(towers, -1)
        up = tf.nn.conv2d(mixed, self.arrays[f"{name}_Conv2d_1x1/kernel"], 1, "SAME")
        x = x + scale * (up + self.arrays[f"{name}_Conv2d_1x1/bias"])
        return tf.nn.relu(x) if relu else x

    def embed(self, x):
        pool = {"ksize": 3, "strides": 2, "padding": "VALID"}
        x = self.conv(x, "Conv2d_1a_3x3", 2, "VALID")
        x = self.conv(x, "Conv2d_2a_3x3", 1, "VALID")
        x = self.conv(x, "Conv2d_2b_3x3")
        x = tf.nn.max_pool2d(x, **pool)
        x = self.conv(x, "Conv2d_3b_1x1", 1, "VALID")
        x = self.conv(x, "Conv2d_4a_3x3", 1, "VALID")
        x = self.conv(x, "Conv2d_4b_3x3", 2, "VALID")
        for i in range(1, 6):
            n = f"Block35_{i}"
            towers = [
                self.tower(x, f"{n}_Branch_0", ["Conv2d_1x1"]),
                self.tower(x, f"{n}_Branch_1", ["Conv2d_0a_1x1", "Conv2d_0b_3x3"]),
                self.tower(x, f"{n}_Branch_2", ["Conv2d_0a_1x1", "Conv2d_0b_3x3", "Conv2d_0c_3x3"]),
            ]
            x = self.residual(x, n, towers, 0.17)
        a = self.conv(x, "Mixed_6a_Branch_0_Conv2d_1a_3x3", 2, "VALID")
        b = self.tower(x, "Mixed_6a_Branch_1", ["Conv2d_0a_1x1", "Conv2d_0b_3x3"])
        b = self.conv(b, "Mixed_6a_Branch_1_Conv2d_1a_3x3", 2, "VALID")
        x = tf.concat([a, b, tf.nn.max_pool2d(x, **pool)], -1)
        for i in range(1, 11):
            n = f"Block17_{i}"
            steps = ["Conv2d_0a_1x1", "Conv2d_0b_1x7", "Conv2d_0c_7x1"]
            towers = [
                self.tower(x, f"{n}_Branch_0", ["Conv2d_1x1"]),
                self.tower(x, f"{n}_Branch_1", steps),
            ]
            x = self.residual(x, n, towers, 0.10)
        ends = []
        for k, steps in enumerate(
            (["Conv2d_0a_1x1"], ["Conv2d_0a_1x1"], ["Conv2d_0a_1x1", "Conv2d_0b_3x3"])
        ):
            t = self.tower(x, f"Mixed_7a_Branch_{k}", steps)
            ends.append(self.conv(t, f"Mixed_7a_Branch_{k}_Conv2d_1a_3x3", 2, "VALID"))
        x = tf.concat([*ends, tf.nn.max_pool2d(x, **pool)], -1)
        for i in range(1, 7):
            n = f"Block8_{i}"
            steps = ["Conv2d_0a_1x1", "Conv2d_0b_1x3", "Conv2d_0c_3x1"]
            towers = [
                self.tower(x, f"{n}_Branch_0", ["Conv2d_1x1"]),
                self.tower(x, f"{n}_Branch_1", steps),
            ]
            x = self.residual(x, n, towers, 1.0 if i == 6 else 0.20, relu=i < 6)
        x = tf.reduce_mean(x, [1, 2]) @ self.arrays["Bottleneck/kernel"]
        return tf.math.l2_normalize(self.norm(x, "Bottleneck"), axis=-1)


def pictures() -> list[np.ndarray]:
    """Four photographs, where the shared data lies beside the project, and four drawn faces."""
    drawn = demo.load(identities=2, photos=2, caricatures=2, size=160)
    found = [drawn.load(s) for s in (*drawn.splits["train"], *drawn.splits["validation"])][:4]
    photographs = sorted(Path(SHARED / "data" / "photos").glob("*/*.jpg"))[::30][:4]
    return found + [resize(read_image(str(path)), 160) for path in photographs]


@pytest.mark.slow
@pytest.mark.stacks
@pytest.mark.skipif(not FACENET.is_dir(), reason="run cari-pretrained once to have its weights")
def test_the_public_network_is_rebuilt_exactly():
    """Every array of the original has its place, and embeddings of real images are the same."""
    arrays, _ = load_checkpoint(FACENET)
    assert len(arrays) == 490
    model = build_network(2, depth="facenet")
    found = transfer(model, "facenet", Source("facenet", "facenet", arrays))
    assert found.fresh == found.unused == []
    images = tf.stack([tf.image.per_image_standardization(image) for image in pictures()])
    expected = PlainFacenet(arrays).embed(images).numpy()
    embedding = model(images, training=False)["embedding"].numpy()
    assert np.abs(embedding - expected).max() < 1e-4
    distances = np.sum((embedding[:, None] - embedding[None]) ** 2, -1)
    assert distances[np.triu_indices(len(images), 1)].min() > 0.01  # and not all one point


def test_a_bottleneck_of_another_width_stays_random_and_alike_in_all_branches(model):
    arrays = random_arrays(model)
    other = build_network(5, image_size=80, embedding_size=24)
    source = Source("run", "paper", arrays)
    found = transfer(other, "paper", source)
    assert found.unused == []
    assert {name.split("/")[0] for name in found.fresh} == {
        f"{task}_Bottleneck{end}" for task in TASKS for end in ("", "_BatchNorm")
    }
    line = describe_transfer(found, source)
    assert "random: 2 layers (the bottleneck, of another width)" in line
    named = named_weights(other)
    first = named["verification_Bottleneck/kernel"].numpy()
    assert first.std() > 0
    for task in TASKS:
        np.testing.assert_array_equal(named[f"{task}_Bottleneck/kernel"], first)
