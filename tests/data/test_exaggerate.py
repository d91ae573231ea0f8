"""Exaggeration: the mean face, where keypoints go, the two warps, what is refused."""

import sys

import numpy as np
import pytest
import tensorflow as tf

from cari_keras.data import demo
from cari_keras.data import exaggerate as module
from cari_keras.data.augment import Augmentation
from cari_keras.data.exaggerate import exaggerate, fit, mean_face
from cari_keras.data.pipeline import training_batches
from cari_keras.data.prepare import prepare
from cari_keras.data.warp import addons_warp, find_warp, scipy_warp
from cari_keras.errors import DatasetError
from cari_keras.records.sample import Sample
from cari_keras.records.schema import serialize
from cari_keras.training.build import build_augmentation
from tests.helpers.runs import small_config

MEAN = ((-0.8, -0.7), (0.8, -0.7), (0.0, 0.0), (-0.6, 0.7), (0.6, 0.7))
SEED = tf.constant([1, 2], tf.int64)


def with_addons():
    return pytest.importorskip("tensorflow_addons", reason="not made for this TensorFlow")


@pytest.fixture(params=[scipy_warp, addons_warp])
def warp(request, monkeypatch):
    """Each warp that is there, and exaggeration by it."""
    if request.param is addons_warp:
        with_addons()
    monkeypatch.setattr(module, "find_warp", lambda: request.param)
    return request.param


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


@pytest.mark.usefixtures("warp")
def test_spots_go_where_keypoints_go(monkeypatch):
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


@pytest.mark.usefixtures("warp")
def test_the_mean_face_itself_and_one_without_keypoints_stay():
    points = turned(MEAN, 0.22, 10, [0.5, 0.5])
    image = dots(points)
    np.testing.assert_allclose(
        exaggerate(image, tf.constant(points), SEED, 2.0, MEAN), image, atol=0.5
    )
    missing = tf.fill([5, 2], float("nan"))
    np.testing.assert_array_equal(exaggerate(image, missing, SEED, 2.0, MEAN), image)


@pytest.mark.usefixtures("warp")
def test_eager_and_in_a_pipeline_alike():
    points = turned(MEAN, 0.2, -8, [0.5, 0.5])
    points[3] += 0.05
    image = dots(points)
    seeds = tf.constant([[1, i] for i in range(4)], tf.int64)
    eager = [exaggerate(image, tf.constant(points), seed, 1.0, MEAN) for seed in seeds]
    mapped = tf.data.Dataset.from_tensor_slices(seeds).map(
        lambda seed: exaggerate(image, tf.constant(points), seed, 1.0, MEAN)
    )
    for a, b, again in zip(eager, mapped, mapped):
        np.testing.assert_allclose(a, b, atol=1e-2)
        np.testing.assert_array_equal(b, again)
    assert np.abs(eager[0] - eager[1]).max() > 1


def test_points_move_corners_stay_and_borders_go_on(warp):
    """On a slope, of which each value says where it was taken from."""
    slope = np.mgrid[:20, :30].transpose(1, 2, 0).astype(np.float32)
    target = np.array([[5, 6], [12, 8], [9, 20], [15, 25], [3, 14]])
    source = target + np.array([[1.5, -2], [0, 0.25], [-0.5, 3], [30, 1], [-1, -40]])
    arguments = [tf.constant(points, tf.float32) for points in (slope, source, target)]
    found = warp(*arguments).numpy()
    assert found.dtype == np.float32
    assert found.shape == slope.shape
    np.testing.assert_allclose(found[tuple(target.T)], np.clip(source, 0, [19, 29]), atol=0.01)
    np.testing.assert_allclose(found[::19, ::29], slope[::19, ::29], atol=0.01)


def test_the_warps_agree(monkeypatch):
    """Within what `scipy_warp` says, on faces of the demo."""
    with_addons()
    faces = demo.load(identities=20, photos=2, caricatures=2, size=192)
    samples = np.random.default_rng(0).choice(np.array(faces.splits["train"], object), 20, False)
    mean = module._normalised(np.mean([sample.keypoints for sample in samples], axis=0))
    rounding, beyond = [], []

    def compared(*arguments):
        found = scipy_warp(*arguments)
        exact = addons_warp(*(tf.cast(tensor, tf.float64) for tensor in arguments))
        rounding.append(np.abs(addons_warp(*arguments) - found))
        beyond.append(np.abs(exact - tf.cast(found, tf.float64)))
        return found

    monkeypatch.setattr(module, "find_warp", lambda: compared)
    for number, sample in enumerate(samples):
        image = tf.constant(faces.load(sample), tf.float32)
        seed = tf.constant([3, number])
        found = exaggerate(image, tf.constant(sample.keypoints, tf.float32), seed, 1.0, mean)
        assert np.abs(found - image).max() > 1
    assert np.max(rounding) < 0.25
    assert np.mean(rounding, axis=(1, 2, 3)).max() < 0.01
    assert np.max(beyond) < 0.001


def test_the_addons_are_taken_where_they_are(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_addons.image", None)
    assert find_warp() is scipy_warp
    monkeypatch.undo()
    with_addons()
    assert find_warp() is addons_warp


def test_a_dataset_without_keypoints_is_refused(prepared):
    with pytest.raises(DatasetError, match="needs keypoints, and none of its training images"):
        build_augmentation(small_config(exaggerate=0.5), prepared)


@pytest.mark.slow
@pytest.mark.usefixtures("warp")
def test_training_batches_of_the_demo_are_warped(tmp_path):
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
    again = next(iter(training_batches(ready, augmentation=warped, **arguments)))
    np.testing.assert_array_equal(a.images, again.images)
