"""Maps of two faces by functions of pixels, which answer at once and whose answers are known."""

import cv2
import numpy as np
import pytest
import tensorflow as tf

from cari_keras.explaining.explanation import Explanation
from cari_keras.explaining.gradients import Halves, cut, gradient_map
from cari_keras.explaining.occlusion import BLUR, blurred, occlusion_map, places
from cari_keras.progress import Progress
from cari_keras.stack import keras
from tests.helpers.faces import ahead

SIDE, CELLS = 96, 24


def squares(pixels):
    return tf.nn.avg_pool2d(pixels, SIDE // CELLS, SIDE // CELLS, "VALID") / 255


def of_squares(features):
    """A face's details as its embedding: small squares of it less their mean, of unit norm."""
    flat = tf.reshape(features, [-1, CELLS * CELLS * 3])
    return tf.math.l2_normalize(flat - tf.reduce_mean(flat, axis=-1, keepdims=True), axis=-1)


def embed(faces):
    return of_squares(squares(tf.constant(faces, tf.float32))).numpy()


def by_occlusion(face, other, seed=0):
    total = 1 + len(places(SIDE, seed))
    with Progress(total, "hiding", shown=False) as progress:
        found = occlusion_map(face, embed(other[None])[0], embed, seed=seed, progress=progress)
        assert progress.done == total
    return found


def by_gradient(face, other, seed=0):
    return gradient_map(face, embed(other[None])[0], Halves(squares, of_squares), seed=seed)


WAYS = pytest.mark.parametrize("mapped", [by_occlusion, by_gradient])


@WAYS
@pytest.mark.parametrize("feature", ["hair_tone", "beard"])
def test_what_differs_lowers_the_similarity_most(mapped, feature):
    low, high = ahead(SIDE, **{feature: -2.0}), ahead(SIDE, **{feature: 2.0})
    differs = np.abs(low.astype(float) - high).max(axis=-1)
    differs = cv2.GaussianBlur(differs, (0, 0), 0.05 * SIDE)
    against = -np.minimum(mapped(low, high), mapped(high, low))
    row, column = np.unravel_index(against.argmax(), against.shape)
    assert against.max() > 0
    assert differs[row, column] > np.quantile(differs, 0.9)


@WAYS
def test_a_seed_gives_a_map_and_another_one_a_map_like_it(mapped):
    one, another = ahead(SIDE), ahead(SIDE, beard=2.0)
    found = mapped(one, another, 7)
    assert found.dtype == np.float32
    assert found.shape == (SIDE, SIDE)
    np.testing.assert_array_equal(found, mapped(one, another, 7))
    other = mapped(one, another, 8)
    assert not np.array_equal(found, other)
    assert np.corrcoef(found.ravel(), other.ravel())[0, 1] > 0.9


def test_the_layer_is_the_last_wide_one_with_enough_places_on_the_way():
    image = keras.Input((64, 64, 3))
    first = keras.layers.Conv2D(4, 3, 4, padding="same", name="sixteen")(image)
    branch = keras.layers.Conv2D(2, 3, 2, padding="same", name="branch")(first)
    eight = keras.layers.Conv2D(6, 3, 2, padding="same", name="eight")(first)
    wide = keras.layers.Concatenate(name="wide")([branch, eight])
    last = keras.layers.ReLU(name="last")(wide)
    beside = keras.layers.Conv2D(90, 3, name="beside")(last)
    four = keras.layers.Conv2D(9, 3, 2, padding="same", name="four")(last)
    pool = keras.layers.GlobalAveragePooling2D()
    network = keras.Model(image, {"embedding": pool(four), "logits": pool(beside)})
    images = tf.random.stateless_uniform([2, 64, 64, 3], [0, 1])
    first, second = cut(network)
    features = first(images)
    np.testing.assert_allclose(features, keras.Model(image, last)(images), atol=1e-6)
    np.testing.assert_allclose(second(features), network(images)["embedding"], atol=1e-6)


def test_gradients_add_up_to_what_the_features_bring():
    """The axiom of completeness."""
    face, other = ahead(SIDE), ahead(SIDE, mouth_width=2.0)
    target, nothing = embed(other[None])[0], blurred(face, BLUR * SIDE)
    bring = float((embed(face[None]) - embed(nothing[None]))[0] @ target)
    sums = [by_gradient(face, other, seed).sum() for seed in range(8)]
    cells = np.mean(sums) / (SIDE // CELLS) ** 2
    assert cells == pytest.approx(bring, rel=0.1)


def test_a_hidden_region_counts_where_it_is():
    """An embedding that is one corner's brightness alone."""
    face = np.full((SIDE, SIDE, 3), 100, np.uint8)
    face[:16, :16] = 255

    def corner(faces):
        bright = faces[:, :16, :16].mean(axis=(1, 2, 3)) / 255
        return np.stack([bright, np.sqrt(1 - bright**2)], -1).astype(np.float32)

    with Progress(1, "hiding", shown=False) as progress:
        target = np.array([1, 0], np.float32)
        found = occlusion_map(face, target, corner, seed=0, progress=progress)
    assert found[8, 8] > 0.05
    assert np.abs(found[60:, 60:]).max() < 0.01 * found[8, 8]


def test_an_explanation_is_scaled_and_drawn(tmp_path):
    face = ahead(SIDE)
    values = np.zeros((SIDE, SIDE), np.float32)
    values[10:30, 10:30], values[60:80, 60:80] = 0.5, -0.25
    found = Explanation.of((values, values / 2), (face, face), 0.75, "occlusion", 0)
    assert (found.photo.max(), found.photo.min(), found.strongest) == (1.0, -0.5, 0.5)
    assert found.other.max() == 0.5
    assert repr(found) == "<Explanation by occlusion: cosine 0.750, 96 x 96 pixels>"
    found.save(tmp_path / "why.png")
    page = cv2.imread(str(tmp_path / "why.png"))[..., ::-1].astype(int)
    np.testing.assert_array_equal(page, found.picture())
    third = page[10:270, 550:810]  # the photo's map, 260 pixels wide
    raised, lowered = third[40:60, 40:60].mean((0, 1)), third[170:210, 170:210].mean((0, 1))
    assert raised[2] > raised[0] > raised[1]  # purple
    assert lowered[0] > lowered[2]  # orange
    assert np.ptp(third[120:140, 120:140], axis=-1).max() == 0  # grey where nothing speaks
    same = Explanation.of((0 * values, 0 * values), (face, face), 1.0, "gradient", 0)
    assert not same.photo.any()
    assert same.strongest == 0
