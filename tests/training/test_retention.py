"""Photos' features held to the pretrained network's: the term by hand, whom it moves, resuming."""

import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

from cari_keras.data.base import Batch
from cari_keras.data.pipeline import training_batches
from cari_keras.errors import ConfigError
from cari_keras.model.build import build_model
from cari_keras.model.checkpoints import as_arrays, load_checkpoint
from cari_keras.model.network import (
    build_network,
    named_weights,
    shared_variables,
    split_at_shared,
)
from cari_keras.presets import PRESETS
from cari_keras.training import trainer as trainer_module
from cari_keras.training.build import build_augmentation, build_step
from cari_keras.training.retention import Retention
from cari_keras.training.runfolder import Checkpoints
from cari_keras.training.trainer import Trainer
from tests.helpers.runs import small_config

pytestmark = pytest.mark.usefixtures("narrow")


def teacher():
    """Looks at one image of two channels: Z' is the image itself."""
    image = keras.Input((1, 2, 2))
    return keras.Model(image, keras.layers.Activation("linear")(image))


def batch(images, is_caricature):
    labels = tf.zeros([len(images)], tf.int32)
    return Batch(tf.constant(images, tf.float32), labels, tf.constant(is_caricature))


def test_the_term_by_hand():
    # Positions' means: (3, 4) against (4, 3), of cosine 24 / 25, then equal directions.
    seen = [[[[2.0, 4.0], [4.0, 4.0]]], [[[1.0, 0.0], [1.0, 0.0]]], [[[0.0, 1.0], [0.0, 1.0]]]]
    z = [[[[4.0, 2.0], [4.0, 4.0]]], [[[7.0, 0.0], [5.0, 0.0]]], [[[1.0, 0.0], [1.0, 0.0]]]]
    term = Retention(teacher(), 2.0)(batch(seen, [False, False, True]), tf.constant(z))
    assert float(term) == pytest.approx(2.0 * (1 - 24 / 25 + 0) / 2, abs=1e-6)


def test_caricatures_are_free():
    images = np.random.default_rng(0).normal(size=(3, 1, 2, 2))
    z = tf.constant(np.random.default_rng(1).normal(size=(3, 1, 2, 2)), tf.float32)
    retention = Retention(teacher(), 1.0)
    with tf.GradientTape() as tape:
        tape.watch(z)
        term = retention(batch(images, [False, True, False]), z)
    gradient = np.abs(tf.convert_to_tensor(tape.gradient(term, z))).max(axis=(1, 2, 3))
    assert gradient[1] == 0
    assert (gradient[[0, 2]] > 0).all()
    assert float(retention(batch(images, [True] * 3), z)) == 0


def steps_of(prepared, **values):
    """A step that has moved away from its teacher, its network, and a batch."""
    config = small_config(pretrained="facenet", learning_rate=0.01, warmup=0.0, **values)
    model = build_model(config, 3)
    step = build_step(config, model, 3)
    augmentation = build_augmentation(config, prepared)
    for given in training_batches(prepared, 8, epoch=0, seed=0, augmentation=augmentation):
        step(given)
    return step, model, given


@pytest.mark.slow
def test_it_is_added_to_what_theta_descends(prepared):
    """Gradients with it less those without are the term's own, and Psi's are as they were."""
    step, model, given = steps_of(prepared, retain=3.0, dropout=0.0)
    shared = {id(v) for v in shared_variables(model)}
    before = as_arrays(named_weights(model))
    both = step.gradients(given)
    held, step.retention = step.retention, None
    for name, variable in named_weights(model).items():
        variable.assign(before[name])  # BatchNorm's statistics moved
    without = step.gradients(given)
    with tf.GradientTape() as tape:
        term = held(given, split_at_shared(model)[0](given.images, training=True))
    own = tape.gradient(term, step.theta)
    assert float(term) > 0.01
    moved = 0
    for variable, a, b, c in zip(step.theta, both.theta, without.theta, own):
        if id(variable) in shared:
            np.testing.assert_allclose(a - b, c, rtol=0.02, atol=1e-3)
            moved += float(tf.reduce_max(tf.abs(c))) > 0
        else:
            assert c is None
    assert moved > 50
    for a, b in zip(both.psi, without.psi):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_batch_without_photos_adds_nothing(precision):
    def shared():
        return split_at_shared(build_network(3, image_size=80, precision=precision))[0]

    z_of, retention = shared(), Retention(shared(), 1.0)

    @tf.function
    def term(given):
        with tf.GradientTape() as tape:
            found = retention(given, z_of(given.images, training=True))
        return found, tape.gradient(found, z_of.trainable_variables)

    images = np.random.default_rng(0).normal(size=(3, 80, 80, 3))
    found, gradients = term(batch(images, [True] * 3))
    assert float(found) == 0
    assert not any(np.asarray(g, np.float32).any() for g in gradients)
    found, gradients = term(batch(images, [True, False, False]))
    assert float(found) > 0.01
    assert all(np.isfinite(np.asarray(g, np.float32)).all() for g in gradients)


@pytest.mark.slow
def test_the_teacher_stays_and_photos_stay_closer_to_it(prepared):
    distances = []
    for retain in (1e-6, 100.0):
        step, model, given = steps_of(prepared, retain=retain)
        fresh = as_arrays(named_weights(build_model(small_config(), 3)))
        for name, variable in step.retention.state.items():
            np.testing.assert_array_equal(variable, fresh[name])
        term = step.retention(given, split_at_shared(model)[0](given.images, training=True))
        distances.append(float(term) / retain)
    assert distances[1] < 0.9 * distances[0]


@pytest.mark.slow
def test_a_run_goes_on_with_the_same_teacher(prepared, tmp_path, monkeypatch):
    """Its teacher is what it began with, not what it has become; frozen epochs need none."""

    def start(config, model):
        for variable in named_weights(model).values():
            variable.assign(0.9 * variable)  # a resumed run must not fall back to the seed's
        return ""

    monkeypatch.setattr(trainer_module, "load_pretrained", start)
    config = small_config(
        pretrained="facenet",
        retain=5.0,
        epochs=3,
        frozen_epochs=1,
        frozen_views=1,
        keep_checkpoints=True,
    )
    Trainer(config, prepared, tmp_path / "whole").fit(progress=False)
    shutil.copytree(tmp_path / "whole", tmp_path / "cut")
    shutil.rmtree(Checkpoints(tmp_path / "cut").paths()[-1])
    resumed = Trainer(config, prepared, tmp_path / "cut", resume=True)
    assert resumed.epoch == 2
    resumed.fit(progress=False)
    first, _ = load_checkpoint(Checkpoints(tmp_path / "whole").paths()[-1])
    second, _ = load_checkpoint(Checkpoints(tmp_path / "cut").paths()[-1])
    assert any(name.startswith("teacher/") for name in first)
    for name, array in first.items():
        np.testing.assert_array_equal(array, second[name], err_msg=name)


def test_there_must_be_something_to_retain():
    with pytest.raises(ConfigError, match="give --pretrained"):
        small_config(retain=1.0)
    preset = PRESETS["cavi-facenet"]()
    assert preset.training.retain
    assert preset.with_values({"pretrained": None}).training.retain == 0


def test_embeddings_are_held_by_hand():
    """The teacher's embedding is the mean over positions, as a direction."""
    z_in = keras.Input((1, 2, 2))
    mean = keras.layers.GlobalAveragePooling2D()(z_in)
    branch = keras.Model(z_in, keras.layers.UnitNormalization()(mean))
    images = [[[[3.0, 4.0], [3.0, 4.0]]], [[[1.0, 0.0], [1.0, 0.0]]], [[[0.0, 2.0], [0.0, 2.0]]]]
    given = batch(images, [False, False, True])
    embedding = tf.constant([[0.8, 0.6], [1.0, 0.0], [1.0, 0.0]])
    retention = Retention(teacher(), 0.0, branch=branch, embedding_weight=5.0)
    for frozen in (True, False):
        z = tf.constant(images) if frozen else tf.zeros([3, 1, 2, 2])
        term = retention(given, z, embedding, frozen=frozen)
        assert float(term) == pytest.approx(5.0 * (1 - 24 / 25) / 2, abs=1e-6)
    alone = Retention(teacher(), 1.0)
    assert not alone.acts(frozen=True)
    assert alone.acts(frozen=False)
    assert retention.acts(frozen=True)
