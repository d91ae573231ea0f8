"""The evaluator: metrics from predictions with known answers, and over a real network."""

import json
import os

import keras
import numpy as np
import pytest
import tensorflow as tf

from cari_keras.data import folder
from cari_keras.data.augment import standardize
from cari_keras.data.base import Pair
from cari_keras.data.pipeline import evaluation_batches
from cari_keras.data.prepare import prepare
from cari_keras.errors import CheckpointError
from cari_keras.evaluation.answering import PLAIN, AnswerSettings, answering
from cari_keras.evaluation.evaluator import Evaluator, metrics_of, rank1
from cari_keras.evaluation.predictions import Predictions
from cari_keras.evaluation.trials import listed_trials
from cari_keras.evaluation.views import views_of
from cari_keras.files import write_json
from cari_keras.model.network import build_network
from tests.helpers.pictures import write_image


def one_hot(rows, classes=3):
    return np.eye(classes, dtype=np.float32)[rows]


@pytest.fixture
def predictions():
    """Three people, each with a caricature (c) and a photo (p)."""
    return Predictions(
        paths=["c0", "c1", "c2", "p0", "p1", "p2"],
        labels=np.array([0, 1, 2, 0, 1, 2]),
        is_caricature=np.array([True] * 3 + [False] * 3),
        outputs={
            "embedding": one_hot([0, 1, 2, 0, 1, 2]),
            "logits_photo": one_hot([0, 0, 0, 0, 1, 0]),
            "logits_caricature": one_hot([0, 1, 2, 1, 1, 1]),
        },
    )


def test_table_2_by_hand(predictions):
    pairs = [Pair(f"c{i}", f"p{j}", i == j) for i in range(3) for j in range(3)]
    assert metrics_of(predictions, pairs) == {
        "verification_accuracy": 1.0,
        "verification_auc": 1.0,
        "photo_identification": pytest.approx(2 / 3),
        "caricature_identification": 1.0,
        "v2c": pytest.approx(1 / 3),
        "c2v": pytest.approx(1 / 3),
    }


def test_a_threshold_chosen_elsewhere(predictions):
    """Squared distances are 0 for the same person and 2 for two."""
    pairs = [Pair(f"c{i}", f"p{j}", i == j) for i in range(3) for j in range(3)]
    for threshold, expected in ((1.0, 1.0), (3.0, 3 / 9), (-1.0, 6 / 9)):
        found = metrics_of(predictions, pairs, threshold)
        assert found["verification_accuracy"] == pytest.approx(expected)
        assert found["verification_auc"] == 1.0


def test_absent_heads_pairs_and_modalities_leave_their_figures_out(predictions):
    photo_only = {"logits_photo": predictions.outputs["logits_photo"]}
    part = Predictions(predictions.paths, predictions.labels, predictions.is_caricature, photo_only)
    assert set(metrics_of(part, [])) == {"photo_identification", "v2c"}
    no_photos = Predictions(
        predictions.paths[:3],
        predictions.labels[:3],
        predictions.is_caricature[:3],
        {name: value[:3] for name, value in predictions.outputs.items()},
    )
    assert set(metrics_of(no_photos, [])) == {"caricature_identification", "v2c"}


def test_rank1_by_hand():
    logits = np.array([[0.1, 0.9], [0.8, 0.2], [0.4, 0.6]])
    assert rank1(logits, np.array([1, 1, 1])) == pytest.approx(2 / 3)


@pytest.mark.slow
def test_names_that_are_not_utf_8(tmp_path):
    """Of files, and of people, from the folder to the answers."""
    name = os.fsdecode(b"andr\xe9")
    for person in (name, "bob"):
        for modality in ("photo", "caricature"):
            for k in range(4):
                write_image(tmp_path / modality / person / "x.png", (90, 90, 90), seed=k)
                (tmp_path / modality / person / "x.png").rename(
                    tmp_path / modality / person / f"{k}-{name}.png"
                )
    dataset = folder.load(str(tmp_path))
    prepared = prepare(dataset, 80, cache_dir=tmp_path / "cache", workers=1, progress=False)
    model = build_network(2, image_size=80, embedding_size=8)
    found = Evaluator(model, prepared, "validation").predict()
    assert sorted(found.paths) == sorted(s.path for s in dataset.splits["validation"])
    write_json(tmp_path / "names.json", list(prepared.identities))
    assert json.loads((tmp_path / "names.json").read_text()) == list(prepared.identities)
    assert name in prepared.identities


def test_the_smallest_square_is_a_pixel():
    images = tf.constant(np.random.default_rng(0).normal(size=(1, 9, 9, 3)), tf.float32)
    (view,) = views_of(images, test_crops=(0.004,))
    assert view.shape == images.shape


@pytest.mark.slow
def test_over_a_network_the_batch_size_does_not_matter(prepared):
    model = build_network(3, image_size=80, embedding_size=8)
    whole = Evaluator(model, prepared, batch_size=64).predict()
    parts = Evaluator(model, prepared, batch_size=4).predict()
    assert whole.paths == parts.paths
    assert set(whole.outputs) == {
        "embedding",
        "logits_verification",
        "logits_caricature",
        "logits_photo",
    }
    for name, value in whole.outputs.items():
        np.testing.assert_allclose(value, parts.outputs[name], atol=1e-5)
    assert set(Evaluator(model, prepared, tasks=["caricature"])()) == {
        "caricature_identification",
        "c2v",
    }


@pytest.mark.slow
@pytest.mark.stacks
def test_flip_averages_an_image_and_its_mirror(prepared):
    """Logits by their mean, the embedding by the direction of the mean: of one batch, by hand."""
    model = build_network(3, image_size=80, embedding_size=8)
    found = Evaluator(model, prepared, settings=AnswerSettings(True)).predict()
    images = next(iter(evaluation_batches(prepared, "validation", 64)))["image"].numpy()
    own, mirrored = (model(x, training=False) for x in (images, images[:, :, ::-1]))
    for name in ("embedding", "logits_photo"):
        assert np.abs(own[name] - mirrored[name]).max() > 1e-3
    mean = (own["embedding"] + mirrored["embedding"]).numpy() / 2
    mean /= np.linalg.norm(mean, axis=1, keepdims=True)
    np.testing.assert_allclose(found.outputs["embedding"], mean, atol=1e-5)
    expected = (own["logits_photo"] + mirrored["logits_photo"]) / 2
    np.testing.assert_allclose(found.outputs["logits_photo"], expected, atol=1e-4)


@pytest.mark.slow
def test_an_absent_split_has_no_figures(prepared):
    model = build_network(3, image_size=80, embedding_size=8)
    evaluator = Evaluator(model, prepared, "test", settings=AnswerSettings(verify_by="identities"))
    assert evaluator() == {}
    outputs = evaluator.predict().outputs
    assert outputs["embedding"].shape == (0, 8)
    assert outputs["compared"].shape == outputs["logits_photo"].shape == (0, 3)


@pytest.mark.slow
def test_answers_that_are_no_numbers_are_refused(prepared):
    model = build_network(3, image_size=80, embedding_size=8)
    weights = model.get_weights()
    weights[0][...] = np.nan
    model.set_weights(weights)
    with pytest.raises(CheckpointError, match="is not a number for some validation images"):
        Evaluator(model, prepared, "validation").predict()


def test_views_are_central_squares_and_mirror_images():
    rng = np.random.default_rng(0)
    image = rng.uniform(0, 255, (1, 8, 8, 3)).astype(np.float32)
    whole, mirrored, half, half_mirrored = views_of(
        standardize(image), flip_test=True, test_crops=(1.0, 0.5)
    )
    np.testing.assert_array_equal(whole, standardize(image))
    np.testing.assert_array_equal(mirrored, np.asarray(whole)[:, :, ::-1])
    np.testing.assert_array_equal(half_mirrored, np.asarray(half)[:, :, ::-1])
    # Standardising the crop of the image itself gives the same: it undoes any scale and shift.
    expected = standardize(tf.image.resize(image[:, 2:6, 2:6], [8, 8]))
    np.testing.assert_allclose(half, expected, atol=1e-4)


@pytest.mark.slow
def test_answers_of_several_views_are_averaged(prepared):
    model = build_network(3, image_size=80, embedding_size=8)
    together = (
        Evaluator(model, prepared, settings=AnswerSettings(test_crops=(1.0, 0.8))).predict().outputs
    )
    apart = [
        Evaluator(model, prepared, settings=AnswerSettings(test_crops=(side,))).predict().outputs
        for side in (1.0, 0.8)
    ]
    mean = {name: (apart[0][name] + apart[1][name]) / 2 for name in together}
    np.testing.assert_allclose(together["logits_photo"], mean["logits_photo"], atol=1e-5)
    direction = mean["embedding"] / np.linalg.norm(mean["embedding"], axis=1, keepdims=True)
    np.testing.assert_allclose(together["embedding"], direction, atol=1e-5)


@pytest.mark.slow
def test_a_view_counts_by_the_length_of_its_bottleneck(prepared):
    model = build_network(3, image_size=80, embedding_size=8)
    bottleneck = keras.Model(model.input, model.get_layer("embedding").input)
    sides, power = (1.0, 0.7), 3.0
    settings = AnswerSettings(test_crops=sides, view_power=power)
    found = Evaluator(model, prepared, settings=settings).predict()
    (batch,) = evaluation_batches(prepared, "validation", len(found.labels))
    views = views_of(batch["image"], test_crops=sides, image_size=80)
    vectors = [bottleneck(view, training=False).numpy() for view in views]
    # A unit vector times its length to the third: the vector times its length squared.
    summed = sum(v * np.linalg.norm(v, axis=1, keepdims=True) ** (power - 1) for v in vectors)
    expected = summed / np.linalg.norm(summed, axis=1, keepdims=True)
    np.testing.assert_allclose(found.outputs["embedding"], expected, atol=1e-4)
    assert set(found.outputs) == set(Evaluator(model, prepared).predict().outputs)


def test_views_come_at_the_network_s_size():
    """Also the whole image, where images are stored larger."""
    image = np.random.default_rng(0).uniform(0, 255, (2, 12, 12, 3)).astype(np.float32)
    whole, half = views_of(image, test_crops=(1.0, 0.5), image_size=6)
    assert whole.shape == half.shape == (2, 6, 6, 3)
    # Half the side: each pixel is the mean of the two nearest along both axes.
    mean = image.reshape(2, 6, 2, 6, 2, 3).mean(axis=(2, 4))
    np.testing.assert_allclose(whole, standardize(mean), atol=1e-4)
    np.testing.assert_allclose(half, standardize(image[:, 3:9, 3:9]), atol=1e-4)


@pytest.mark.slow
def test_verification_by_identities_compares_who_images_seem_to_be(prepared):
    """What is compared is branch 1's softmax at unit norm; all else is as it was."""
    model = build_network(3, image_size=80, embedding_size=8)
    plain = Evaluator(model, prepared, settings=AnswerSettings(True)).predict().outputs
    predictions = Evaluator(
        model, prepared, settings=AnswerSettings(True, verify_by="identities")
    ).predict()
    found = predictions.outputs
    shares = tf.nn.softmax(plain["logits_verification"]).numpy()
    expected = shares / np.linalg.norm(shares, axis=1, keepdims=True)
    np.testing.assert_allclose(predictions.compared, expected, atol=1e-5)
    trials = listed_trials(predictions, prepared.pairs["validation"])
    rows = dict(zip(predictions.paths, expected))
    first, second = trials.names(3)
    distance = np.sum((rows[first] - rows[second]) ** 2)
    assert trials.distances[3] == pytest.approx(distance, abs=1e-5)
    for name, values in plain.items():
        np.testing.assert_allclose(found[name], values, atol=1e-5)


@pytest.mark.parametrize("settings", [PLAIN, AnswerSettings(True, (1.0, 0.9, 0.8), 4.0)])
def test_the_network_is_in_the_graph_once_whatever_the_number_of_views(settings):
    """A graph of six copies takes six times as long to make, and to load."""
    model = build_network(3, depth="paper", image_size=80, embedding_size=8)
    network, answer = answering(model, ["verification"], settings)
    spec = tf.TensorSpec([None, 96, 96, 3], tf.float32)
    graph = tf.function(answer).get_concrete_function(spec).graph
    found = [op for op in graph.get_operations() if op.type == "Conv2D"]
    assert len(found) == sum(isinstance(one, keras.layers.Conv2D) for one in network.layers)
    # No image's views are taken for another's.
    images = tf.random.stateless_normal([2, 96, 96, 3], (0, 0))
    together = answer(images)["embedding"]
    alone = [answer(images[i : i + 1])["embedding"][0] for i in range(2)]
    np.testing.assert_allclose(together, alone, atol=1e-5)
