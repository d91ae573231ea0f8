"""Heads from class means: the kernel by hand and by two passes, mixing, a run that uses them."""

import re
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from cari_keras.data.base import Batch
from cari_keras.data.pipeline import evaluation_batches
from cari_keras.errors import ConfigError
from cari_keras.evaluation.evaluator import metrics_of
from cari_keras.evaluation.matcher import load_matcher
from cari_keras.model.heads import Head, head_arrays, head_inputs, read_heads
from cari_keras.model.network import build_network, named_weights, split_at
from cari_keras.presets import PRESETS
from cari_keras.training.class_means import SHRINKAGE, ClassMeans, Moments, Views, mix_heads
from cari_keras.training.runfolder import Checkpoints
from cari_keras.training.trainer import Trainer
from cari_keras.vocabulary import TASKS, modalities_of
from tests.helpers.runs import small_config

pytestmark = pytest.mark.usefixtures("narrow")


def moments_of(bottleneck, label, is_caricature, num_identities, batch=7):
    found = Moments(num_identities, bottleneck.shape[1])
    for start in range(0, len(label), batch):
        rows = slice(start, start + batch)
        found.add(bottleneck[rows], label[rows], is_caricature[rows])
    return found


def random_images(seed=0, count=60, size=5, num_identities=4):
    draw = np.random.default_rng(seed)
    label = draw.integers(0, num_identities, count)
    is_caricature = draw.random(count) < 0.4
    bottleneck = draw.normal(size=(count, size)) + 3 * np.eye(num_identities, size)[label]
    return bottleneck.astype(np.float32), label, is_caricature


def test_the_kernel_by_hand():
    # One image of each kind, so no covariance: P = I. Class 0: photo (3, 4), caricature
    # (5, 0); class 1: a photo (0, 2) alone; class 2: nothing.
    bottleneck = np.array([[3, 4], [5, 0], [0, 2]], np.float32)
    found = moments_of(bottleneck, np.array([0, 0, 1]), np.array([False, True, False]), 3)
    u = 0.75 * np.array([0.6, 0.8]) + 0.25 * np.array([1.0, 0.0])
    expected = np.stack([u / np.linalg.norm(u), [0, 1], [0, 0]], axis=1)
    np.testing.assert_allclose(found.kernel(0.75), expected, atol=1e-6)


def test_the_logits_are_cosines_after_whitening():
    """By two passes over the images and the covariance's eigenvectors."""
    bottleneck, label, is_caricature = random_images()
    means, deviations = np.zeros((2, 4, 5)), []
    for modality in (0, 1):
        for k in range(4):
            chosen = bottleneck[(label == k) & (is_caricature == modality)].astype(float)
            means[modality, k] = chosen.mean(axis=0)
            deviations.append(chosen - means[modality, k])
    values, vectors = np.linalg.eigh(np.cov(np.concatenate(deviations).T, bias=True))
    whiten = vectors / np.sqrt(values / values.mean() + SHRINKAGE)
    unit = means / np.linalg.norm(means, axis=-1, keepdims=True)
    white_u, white_b = (0.3 * unit[0] + 0.7 * unit[1]) @ whiten, bottleneck @ whiten
    cosines = (white_b @ white_u.T) / np.linalg.norm(white_u, axis=1)
    kernel = moments_of(bottleneck, label, is_caricature, 4).kernel(0.3)
    np.testing.assert_allclose(bottleneck @ kernel, cosines, atol=1e-5)


def test_the_spread_is_that_of_the_logits():
    bottleneck, label, is_caricature = random_images()
    draw = np.random.default_rng(1)
    head = Head(draw.normal(size=(5, 4)), draw.normal(size=4))
    logits = bottleneck @ head.kernel + head.bias
    expected = (logits - logits.mean(axis=1, keepdims=True)).std()
    assert moments_of(bottleneck, label, is_caricature, 4).spread(head) == pytest.approx(expected)


def test_no_covariance_but_of_rounding():
    """One photo and one caricature of each: P = I, so every image is nearest to its own mean."""
    draw = np.random.default_rng(0)
    bottleneck = draw.normal(size=(100, 16)).astype(np.float32)
    label = np.tile(np.arange(50), 2)
    is_caricature = np.repeat([False, True], 50)
    kernel = moments_of(bottleneck, label, is_caricature, 50).kernel(0.5)
    units = bottleneck / np.linalg.norm(bottleneck, axis=1, keepdims=True)
    expected = units[:50] + units[50:]
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(kernel, expected.T, atol=1e-6)


def test_the_mean_of_both_heads():
    """A share of the logits each, alike in spread and mean; the unseen class keeps what it had."""
    bottleneck, label, is_caricature = random_images()
    moments = moments_of(bottleneck, label, is_caricature, 5)
    draw = np.random.default_rng(1)
    trained = Head(9 * draw.normal(size=(5, 5)), draw.normal(size=5))
    means = mix_heads(moments, trained, "photo", 1.0)
    mixed = mix_heads(moments, trained, "photo", 0.25)
    np.testing.assert_allclose(mixed.kernel, 0.25 * means.kernel + 0.75 * trained.kernel)
    np.testing.assert_allclose(mixed.bias, 0.25 * means.bias + 0.75 * trained.bias)
    of_trained, of_means = (bottleneck @ head.kernel + head.bias for head in (trained, means))
    np.testing.assert_allclose(of_means[:, 4], of_trained[:, 4], atol=1e-5)
    of_trained, of_means = of_trained[:, :4], of_means[:, :4]
    about = [logits - logits.mean(axis=1, keepdims=True) for logits in (of_trained, of_means)]
    np.testing.assert_allclose(of_means - about[1], of_trained - about[0], atol=1e-4)
    assert about[1].std() == pytest.approx(about[0].std())
    # One factor for all classes: who is nearest is the means' alone.
    alone = bottleneck @ moments.kernel(0.7)[:, :4]
    ratio = about[1] / (alone - alone.mean(axis=1, keepdims=True))
    np.testing.assert_allclose(ratio, ratio[0, 0], rtol=1e-3)
    nothing = Moments(5, 5)
    assert mix_heads(nothing, trained, "photo", 1.0) is trained


def test_a_head_that_was_not_trained_is_of_cosines_at_the_usual_length():
    features, label, is_caricature = random_images()
    moments = moments_of(features, label, is_caricature, 5)
    nothing = Head(np.zeros((5, 5)), np.full(5, -3.0))
    head = mix_heads(moments, nothing, "caricature", 1.0, cosine_scale=20.0)
    logits = features @ head.kernel + head.bias
    ratio = logits[:, :4] / (features @ moments.kernel(0.3)[:, :4])
    np.testing.assert_allclose(ratio, 20.0 / moments.length(), rtol=1e-5)
    # The class of which there is no image.
    np.testing.assert_allclose(logits[:, 4], -3.0)


def test_the_length_is_that_of_the_whitened_features():
    """By the covariance's eigenvectors; with one image of each kind, as they are."""
    features, label, is_caricature = random_images()
    deviations = []
    for modality in (0, 1):
        for k in range(4):
            chosen = features[(label == k) & (is_caricature == modality)].astype(float)
            deviations.append(chosen - chosen.mean(axis=0))
    values, vectors = np.linalg.eigh(np.cov(np.concatenate(deviations).T, bias=True))
    white = features @ (vectors / np.sqrt(values / values.mean() + SHRINKAGE))
    expected = np.sqrt(np.mean(np.sum(white**2, axis=1)))
    assert moments_of(features, label, is_caricature, 4).length() == pytest.approx(expected)
    two = moments_of(np.array([[3, 4], [0, 1]], np.float32), np.arange(2), np.zeros(2, bool), 2)
    assert two.length() == pytest.approx(np.sqrt(13))


@pytest.mark.parametrize(
    "branches",
    [
        {"shared_bottleneck": True, "head_decay": 1e-3},
        {"shared_bottleneck": True},
        {"shared_bottleneck": True, "head_features": "pooled"},
        {"private_blocks": 1, "head_features": "pooled"},
        {},
    ],
)
def test_heads_are_read_and_written(branches):
    """Each head gives the network's logits from what it reads, and any other when put there."""
    model = build_network(4, image_size=80, embedding_size=8, **branches)
    draw = np.random.default_rng(0)
    for name, variable in named_weights(model).items():
        if name.startswith("logits_"):
            variable.assign(draw.normal(size=variable.shape))
    asked = keras.Model(model.input, {"logits": model.output, "b": head_inputs(model, TASKS)})
    images = draw.normal(size=(2, 80, 80, 3)).astype(np.float32)
    found = read_heads(model, TASKS)
    pooled = branches.get("head_features") == "pooled"
    assert [len(found[task].kernel) for task in TASKS] == [8, *(2 * [448 if pooled else 8])]
    wanted = {
        t: Head(draw.normal(size=h.kernel.shape), draw.normal(size=4)) for t, h in found.items()
    }
    for heads in (found, wanted):
        for name, array in head_arrays(model, heads).items():
            named_weights(model)[name].assign(array)
        answer = asked(images, training=False)
        for task, head in heads.items():
            expected = np.asarray(answer["b"][task]) @ head.kernel + head.bias
            logits = np.asarray(answer["logits"][f"logits_{task}"])
            np.testing.assert_allclose(logits, expected, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(
    "values",
    [
        {"average_decay": 0.5, "shared_bottleneck": True, "head_decay": 1e-3},
        {"average_decay": 0.0, "tasks": ("photo",)},
        {"margin": 0.2},
        # Heads 2 and 3 are never trained.
        {"tasks": ("verification",), "shared_bottleneck": True, "head_features": "pooled"},
    ],
)
def test_a_run_is_judged_by_them_and_trained_as_without(prepared, tmp_path, values):
    ends = {}
    for share in (0.0, 1.0):
        config = small_config(class_means=share, keep_checkpoints=True, **values)
        trainer = Trainer(config, prepared, tmp_path / str(share))
        rows = trainer.fit(progress=False)
        ends[share] = Checkpoints(trainer.run).newest()[1]
    for name, array in ends[0.0].items():
        np.testing.assert_array_equal(array, ends[1.0][name], err_msg=name)

    # What was judged is what was kept.
    matcher = load_matcher(str(trainer.run), {})
    judged = replace(matcher, model=None).predict(prepared, "validation")
    fresh = matcher.evaluator(prepared, "validation").predict()
    for name, answers in judged.outputs.items():
        np.testing.assert_allclose(answers, fresh.outputs[name], atol=1e-4, err_msg=name)
    best = rows[matcher.epoch - 1]
    for name, value in metrics_of(judged, prepared.pairs["validation"]).items():
        assert float(best[name]) == pytest.approx(value, abs=1e-6), name

    # The kept heads are the class means of the kept network's own bottlenecks.
    network = keras.Model(matcher.model.input, head_inputs(matcher.model, ["photo"]))
    head = read_heads(matcher.model, ["photo"])["photo"]
    moments = Moments(*reversed(head.kernel.shape))
    modalities = modalities_of(matcher.tasks)
    for batch in evaluation_batches(prepared, "train", 16, modalities):
        bottleneck = network(batch["image"], training=False)["photo"].numpy()
        moments.add(bottleneck, batch["label"].numpy(), batch["is_caricature"].numpy())
    found, expected = (
        kernel - kernel.mean(axis=1, keepdims=True) for kernel in (head.kernel, moments.kernel(0.7))
    )
    found, expected = found / np.linalg.norm(found), expected / np.linalg.norm(expected)
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_not_with_a_margin():
    with pytest.raises(ConfigError, match="margin"):
        small_config(class_means=0.5, margin=0.2, tasks=("verification",))
    assert PRESETS["cavi-facenet"]().with_values({"margin": 0.2}).training.class_means == 0


@pytest.mark.slow
@pytest.mark.stacks
@pytest.mark.parametrize(
    "branches",
    [{}, {"shared_bottleneck": True}, {"shared_bottleneck": True, "head_features": "pooled"}],
)
def test_views_of_images_and_their_stored_outputs_count_alike(prepared, branches):
    """Whether each head reads features of its own or all read the same."""
    model = build_network(len(prepared.identities), image_size=80, embedding_size=8, **branches)
    draw = np.random.default_rng(0)
    images = draw.normal(size=(6, 80, 80, 3)).astype(np.float32)
    labels, drawn = np.array([0, 0, 1, 1, 0, 1], np.int32), np.arange(6) % 2 == 0
    first = split_at(model, "block35")[0]

    def heads(inputs=None, cut=None):
        views = None
        if inputs is not None:
            batch = Batch(*map(tf.constant, (inputs, labels, drawn)))
            views = Views(lambda: [batch], cut)
        tasks = ("caricature", "photo")
        return ClassMeans(model, prepared, 1.0, tasks=tasks, views=views, batch_size=16)()

    name = "logits_photo/kernel"
    whole, of_images = heads()[name], heads(images)[name]
    stored = heads(first(images, training=False).numpy(), "block35")[name]
    np.testing.assert_allclose(stored, of_images, atol=1e-3 * np.abs(of_images).max())
    assert np.abs(of_images - whole).max() > 1e-2 * np.abs(whole).max()


@pytest.mark.slow
def test_heads_may_begin_as_the_class_means_of_the_pretrained_network(prepared, tmp_path, capsys):
    first = Trainer(small_config(epochs=1), prepared, tmp_path / "first")
    first.fit(progress=False)
    values = {"pretrained": str(first.run), "shared_bottleneck": True, "head_features": "pooled"}
    config = small_config(epochs=1, head_start="class_means", **values)
    trainer = Trainer(config, prepared, tmp_path / "run", progress=True)
    done, total = re.findall(r"class means: (\d+) of (\d+) batch", capsys.readouterr().err)[-1]
    assert done == total
    model = trainer.model
    means = ClassMeans(model, prepared, 1.0, tasks=TASKS, trained=(), cosine_scale=30.0)
    for name, array in means().items():
        np.testing.assert_allclose(named_weights(model)[name], array, atol=1e-3, err_msg=name)
    trainer.fit(progress=False)
    with pytest.raises(ConfigError, match="give --pretrained"):
        small_config(head_start="class_means")
