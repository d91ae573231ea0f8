"""Exaggeration: the mean face, where keypoints go, what is refused."""

import sys

import numpy as np
import pytest
import tensorflow as tf

from cari_keras.data import exaggerate as module
from cari_keras.data.augment import Augmentation
from cari_keras.data.base import Sample
from cari_keras.data.exaggerate import exaggerate, fit, mean_face, sparse_image_warp
from cari_keras.data.pipeline import training_batches
from cari_keras.data.records import serialize
from cari_keras.errors import ConfigError, DatasetError
from cari_keras.training.build import build_augmentation
from tests.conftest import small_config

MEAN = ((-0.8, -0.7), (0.8, -0.7), (0.0, 0.0), (-0.6, 0.7), (0.6, 0.7))
SEED = tf.constant([1, 2], tf.int64)


def with_addons():
    return pytest.importorskip("tensorflow_addons", reason="not made for this TensorFlow")


def turned(points, scale, degrees, shift):
    angle = np.deg2rad(degrees)
    matrix = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return (scale * np.asarray(points) @ matrix + shift).astype(np.float32)


def test_the_mean_face_is_laid_over_by_a_similarity():
    points = turned(MEAN, 0.3, 25, [0.4, 0.6])
    np.testing.assert_allclose(fit(tf.constant(points), MEAN), points, atol=1e-6)
    # Least squares: no other scale, angle or shift is nearer to points that are no such image.
    points[2] += 0.1
    found = fit(tf.constant(points), MEAN).numpy()
    best = np.sum((found - points) ** 2)
    centre = found.mean(0)
    for scale, degrees, shift in ((1.02, 0, 0), (0.98, 0, 0), (1, 1, 0), (1, -1, 0), (1, 0, 0.01)):
        other = turned(found - centre, scale, degrees, centre + shift)
        assert np.sum((other - points) ** 2) > best


def test_the_mean_of_faces_of_any_place_and_size(tmp_path):
    path = str(tmp_path / "faces.tfrecord")
    faces = [turned(MEAN, 0.2, 0, [0.4, 0.5]), turned(MEAN, 0.1, 0, [0.6, 0.3]), None]
    with tf.io.TFRecordWriter(path) as out:
        for face in faces:
            points = None if face is None else tuple(map(tuple, face.tolist()))
            out.write(serialize(Sample("a", "b", "photo", keypoints=points), b"", 0))
    found = np.array(mean_face(tf.data.TFRecordDataset([path]), "these"))
    expected = np.array(MEAN) - np.mean(MEAN, axis=0)
    expected /= np.sqrt(np.mean(np.sum(expected**2, axis=1)))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def dots(points, size=64):
    """A black image with a white spot at each point."""
    y, x = np.mgrid[:size, :size]
    image = np.zeros((size, size))
    for px, py in np.asarray(points) * size - 0.5:
        image += 255 * np.exp(-((x - px) ** 2 + (y - py) ** 2) / 4)
    return tf.constant(np.repeat(np.minimum(image, 255)[..., None], 3, 2), tf.float32)


def test_spots_go_where_keypoints_go(monkeypatch):
    with_addons()
    points = turned(MEAN, 0.22, 10, [0.5, 0.5])
    points[2] += [0.06, -0.04]  # the nose is what is odd about this face
    monkeypatch.setattr(tf.random, "stateless_uniform", lambda *_: 1.0)
    moved = 2 * points - fit(tf.constant(points), MEAN).numpy()
    assert np.abs(moved - points).max() > 0.04
    found = exaggerate(dots(points), tf.constant(points), SEED, 1.0, MEAN).numpy()[..., 0]
    for x, y in moved * 64 - 0.5:
        window = found[round(y) - 2 : round(y) + 3, round(x) - 2 : round(x) + 3]
        assert window.max() > 200
        row, column = np.unravel_index(window.argmax(), window.shape)
        assert abs(round(y) - 2 + row - y) <= 1
        assert abs(round(x) - 2 + column - x) <= 1


def test_the_mean_face_itself_and_one_without_keypoints_stay():
    with_addons()
    points = turned(MEAN, 0.22, 10, [0.5, 0.5])
    image = dots(points)
    np.testing.assert_allclose(
        exaggerate(image, tf.constant(points), SEED, 2.0, MEAN), image, atol=0.5
    )
    missing = tf.fill([5, 2], float("nan"))
    np.testing.assert_array_equal(exaggerate(image, missing, SEED, 2.0, MEAN), image)


def test_eager_and_in_a_pipeline_alike():
    with_addons()
    points = turned(MEAN, 0.2, -8, [0.5, 0.5])
    points[3] += 0.05
    image = dots(points)
    seeds = tf.constant([[1, i] for i in range(4)], tf.int64)
    eager = [exaggerate(image, tf.constant(points), seed, 1.0, MEAN) for seed in seeds]
    mapped = tf.data.Dataset.from_tensor_slices(seeds).map(
        lambda seed: exaggerate(image, tf.constant(points), seed, 1.0, MEAN)
    )
    for a, b in zip(eager, mapped):
        np.testing.assert_allclose(a, b, atol=1e-2)
    assert np.abs(eager[0] - eager[1]).max() > 1


def test_without_the_addons_the_message_says_where_they_are(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_addons.image", None)
    with pytest.raises(ConfigError, match=r"needs tensorflow-addons, which exists for TensorFlow"):
        sparse_image_warp()


def test_a_dataset_without_keypoints_is_refused(prepared, monkeypatch):
    monkeypatch.setattr(module, "sparse_image_warp", lambda: None)
    monkeypatch.setattr("cari_keras.training.build.sparse_image_warp", lambda: None)
    with pytest.raises(DatasetError, match="needs keypoints, and none of its training images"):
        build_augmentation(small_config(exaggerate=0.5), prepared)


@pytest.mark.slow
def test_training_batches_of_the_demo_are_warped(tmp_path):
    with_addons()
    from cari_keras.data import demo
    from cari_keras.data.prepare import prepare

    faces = demo.load(identities=2, photos=4, caricatures=4)
    ready = prepare(faces, 96, cache_dir=tmp_path, workers=1, progress=False)
    plain = {"flip": False, "crop": 1.0, "color": 0.0, "greyscale": 0.0}
    config = small_config(exaggerate=1.0, image_size=96, **plain)
    warped = build_augmentation(config, ready)
    assert len(warped.mean_face) == 5
    arguments = {"batch_size": 4, "epoch": 0, "seed": 0}
    a = next(iter(training_batches(ready, augmentation=warped, **arguments)))
    b = next(iter(training_batches(ready, augmentation=Augmentation(**plain), **arguments)))
    np.testing.assert_array_equal(a.labels, b.labels)
    changed = np.abs(a.images - b.images).mean(axis=(1, 2, 3))
    assert (changed > 1e-3).all()
