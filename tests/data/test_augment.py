"""Each image operation, eagerly and inside tf.data, against what its name says."""

import numpy as np
import pytest
import tensorflow as tf

from cari_keras.data.augment import (
    Augmentation,
    augment,
    line_drawing,
    posterise,
    random_color,
    random_crop_and_scale,
    random_drawing,
    random_erase,
    random_flip,
    random_greyscale,
    random_rotation,
    standardize,
)

SIZE = 24
OPERATIONS = {
    "flip": random_flip,
    "crop": lambda image, seed: random_crop_and_scale(image, seed, 0.8),
    "color": lambda image, seed: random_color(image, seed, 0.3),
    "greyscale": lambda image, seed: random_greyscale(image, seed, 0.5),
    "drawing": lambda image, seed: random_drawing(image, seed, 0.7),
    "rotation": lambda image, seed: random_rotation(image, seed, 20.0),
    "erase": lambda image, seed: random_erase(image, seed, 0.7),
    "all": lambda image, seed: augment(
        image, seed, Augmentation(greyscale=0.5, drawing=0.5, rotation=15.0, erase=0.5)
    ),
}


@pytest.fixture(scope="module")
def image():
    """Smooth, coloured, without symmetry; float32 in [0, 255]."""
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE
    channels = [60 + 150 * x, 40 + 100 * y, 200 - 120 * x * y]
    return tf.constant(np.stack(channels, -1), tf.float32)


def seeds(count):
    return [tf.constant([11, i], tf.int64) for i in range(count)]


def test_a_crop_of_a_larger_image_keeps_its_detail(image):
    """A crop comes at the asked size, from the image's own pixels; so does an image without one."""
    small = random_crop_and_scale(image, seeds(1)[0], 0.5, 12)
    assert small.shape == (12, 12, 3)
    large = random_crop_and_scale(image, seeds(1)[0], 0.5)
    np.testing.assert_allclose(small, tf.image.resize(large, [12, 12]), atol=8)
    off = Augmentation(flip=False, crop=1.0, color=0.0, greyscale=0.0)
    whole = augment(image, seeds(1)[0], off, image_size=12)
    np.testing.assert_allclose(whole, tf.image.resize(image, [12, 12], antialias=True))


@pytest.mark.parametrize("name", OPERATIONS)
def test_eager_and_in_a_pipeline_alike(name, image):
    operation = OPERATIONS[name]
    eager = [operation(image, seed).numpy() for seed in seeds(8)]
    pipeline = tf.data.Dataset.from_tensor_slices(tf.stack(seeds(8)))
    mapped = pipeline.map(lambda seed: operation(image, seed), num_parallel_calls=2)
    for expected, found in zip(eager, mapped):
        assert found.shape == (SIZE, SIZE, 3)
        assert found.dtype == tf.float32
        np.testing.assert_allclose(found, expected, atol=1e-3)


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_seed_decides_and_the_range_holds(name, image):
    operation = OPERATIONS[name]
    results = [operation(image, seed).numpy() for seed in seeds(16)]
    np.testing.assert_array_equal(results[0], operation(image, seeds(1)[0]))
    assert any(not np.array_equal(results[0], other) for other in results)
    assert all(r.min() >= 0 and r.max() <= 255 for r in results)


def test_flip_mirrors_half_of_them(image):
    mirrored = image.numpy()[:, ::-1]
    kinds = []
    for seed in seeds(200):
        found = random_flip(image, seed).numpy()
        kinds.append(np.array_equal(found, mirrored))
        assert kinds[-1] or np.array_equal(found, image)
    assert 70 < sum(kinds) < 130


def test_crop_of_the_whole_image_changes_nothing(image):
    for seed in seeds(5):
        whole = random_crop_and_scale(image, seed, 1.0)
        # Up to 5 % of stretch remain, which moves the ramp's values by a few.
        assert np.abs(whole - image).mean() < 5


def test_crop_shows_a_part_of_the_image_enlarged(image):
    ramp = image.numpy()[..., 0]
    step = ramp[0, 1] - ramp[0, 0]
    sides = []
    for seed in seeds(100):
        row = random_crop_and_scale(image, seed, 0.5).numpy()[SIZE // 2, :, 0]
        assert row[0] >= ramp.min() - 1e-3
        assert row[-1] <= ramp.max() + 1e-3
        sides.append((row[-1] - row[0]) / (SIZE - 1) / step)  # the crop's width
    assert 0.45 < min(sides) < 0.6
    assert 0.9 < max(sides) <= 1.0


def test_color_scales_channels_and_saturation(image):
    pixel = tf.reshape(tf.constant([100.0, 120.0, 80.0]), [1, 1, 3])
    found = np.array([random_color(pixel, seed, 0.2).numpy().ravel() for seed in seeds(300)])
    assert np.all(np.abs(found / [100, 120, 80] - 1) < 0.2 + 0.2 * 0.45)
    assert np.all(np.std(found, axis=0) > 5)
    grey = tf.fill([1, 1, 3], 90.0)  # no saturation to change: only the channels' factors act
    found = np.array([random_color(grey, seed, 0.2).numpy().ravel() for seed in seeds(300)])
    assert np.all(found >= 90 * 0.8 - 1e-3)
    assert np.all(found <= 90 * 1.2 + 1e-3)


def test_greyscale_is_luma_for_the_given_share(image):
    luma = image.numpy() @ [0.299, 0.587, 0.114]
    greys = 0
    for seed in seeds(300):
        found = random_greyscale(image, seed, 0.25).numpy()
        if np.array_equal(found, image):
            continue
        greys += 1
        for channel in range(3):
            np.testing.assert_allclose(found[..., channel], luma, rtol=1e-5)
    assert 45 < greys < 105


def test_augment_switched_off_is_the_image_itself():
    pixels = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), np.uint8)
    off = Augmentation(flip=False, crop=1.0, color=0.0, greyscale=0.0)
    np.testing.assert_array_equal(augment(tf.constant(pixels), seeds(1)[0], off), pixels)


def test_standardize_by_hand():
    image = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), np.uint8)
    expected = (image - image.mean()) / image.std()
    np.testing.assert_allclose(standardize(tf.constant(image)), expected, atol=1e-4)
    batch = standardize(tf.constant(np.stack([image, image // 2])))
    np.testing.assert_allclose(batch[0], expected, atol=1e-4)
    np.testing.assert_array_equal(standardize(tf.fill([4, 4, 3], 77.0)), np.zeros((4, 4, 3)))


def test_a_line_drawing_is_dark_at_the_edge_and_white_elsewhere():
    left, right = np.full((SIZE, SIZE // 2, 3), 40.0), np.full((SIZE, SIZE // 2, 3), 180.0)
    drawn = line_drawing(tf.constant(np.concatenate([left, right], 1), tf.float32)).numpy()
    middle = SIZE // 2
    np.testing.assert_allclose(drawn[:, middle - 1 : middle + 1], 0, atol=1e-3)
    np.testing.assert_allclose(drawn[:, : middle - 1], 255, atol=1e-3)
    np.testing.assert_allclose(drawn[:, middle + 1 :], 255, atol=1e-3)


def test_a_line_drawing_of_a_plain_image_is_white():
    drawn = line_drawing(tf.fill([SIZE, SIZE, 3], 90.0))
    np.testing.assert_allclose(drawn, 255, atol=0.01)  # rounding is no edge


def test_posterise_by_hand():
    image = tf.constant([0.0, 63.0, 64.0, 200.0, 255.0])
    np.testing.assert_array_equal(posterise(image, tf.constant(4)), [32, 32, 96, 224, 224])


def test_the_share_of_drawings(image):
    changed = [np.any(random_drawing(image, seed, 0.3) != image) for seed in seeds(200)]
    assert np.mean(changed) == pytest.approx(0.3, abs=0.1)


def test_rotation_about_the_centre_by_a_known_angle(monkeypatch, image):
    """The largest draw of a quarter turn is numpy's rot90; the middle draw changes nothing."""
    for draw, expected in ((1.0, np.rot90(image.numpy())), (0.5, image.numpy())):
        monkeypatch.setattr(tf.random, "stateless_uniform", lambda *_, value=draw: value)
        found = random_rotation(image, seeds(1)[0], 90.0).numpy()
        np.testing.assert_allclose(found, expected, atol=1e-2)


def test_rotation_reflects_at_the_corners():
    white = tf.fill([SIZE, SIZE, 3], 255.0)
    for seed in seeds(5):
        np.testing.assert_allclose(random_rotation(white, seed, 45.0), white)


def test_erase_fills_one_rectangle_with_the_mean(image):
    mean = image.numpy().mean(axis=(0, 1))
    shares = []
    for seed in seeds(60):
        changed = (random_erase(image, seed, 0.5).numpy() != image.numpy()).any(axis=-1)
        if not changed.any():
            continue
        rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
        box = np.ix_(range(rows[0], rows[-1] + 1), range(columns[0], columns[-1] + 1))
        assert changed[box].mean() > 0.95  # all but pixels that had the mean's color
        np.testing.assert_allclose(
            random_erase(image, seed, 0.5).numpy()[changed], np.tile(mean, (changed.sum(), 1)), 1e-4
        )
        shares.append((len(rows) / SIZE, len(columns) / SIZE))
    assert 15 <= len(shares) <= 45
    assert 0.15 <= np.min(shares) <= 0.3
    assert 0.4 <= np.max(shares) <= 0.55
