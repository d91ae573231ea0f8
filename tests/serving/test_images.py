"""Files become the same pixels in the graph as in preparation, by OpenCV, to one level of 255."""

import cv2
import numpy as np
import pytest
import tensorflow as tf

from cari_keras.data.encoding import resize, to_jpeg
from cari_keras.data.records import decode
from cari_keras.serving.images import decoded_pixels
from tests.conftest import SHARED

CAVI = SHARED / "data/cavi/CaVI_Dataset/Caricature/Aamir_Khan"


def scene(height, width):
    """Smooth, with edges and colours, so that decoders and filters have something to differ on."""
    rng = np.random.default_rng(height)
    small = rng.integers(0, 256, (9, 11, 3), dtype=np.uint8)
    image = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.ascontiguousarray(cv2.circle(image, (width // 2, height // 2), height // 4, (9,) * 3))


def as_png(image):
    return cv2.imencode(".png", image[..., ::-1])[1].tobytes()


@pytest.mark.parametrize("side", [(200, 300), (96, 96), (50, 40), (40, 300), (97, 96), (1000, 700)])
@pytest.mark.parametrize("encoded", [to_jpeg, as_png])
def test_any_size(side, encoded):
    content = encoded(scene(*side))
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    np.testing.assert_array_equal(decode(content).numpy(), pixels)
    found = decoded_pixels(tf.constant([content]), 96).numpy()[0]
    assert np.abs(found.astype(int) - resize(pixels, 96)).max() <= 1


def test_images_of_several_sizes_keep_their_places():
    images = [scene(120, 130), scene(300, 200), scene(96, 96)]
    found = decoded_pixels(tf.constant([as_png(image) for image in images]), 96).numpy()
    for pixels, image in zip(found, images):
        assert np.abs(pixels.astype(int) - resize(image, 96)).max() <= 1


@pytest.mark.skipif(not CAVI.is_dir(), reason="needs ../shared")
def test_real_drawings():
    for path in sorted(CAVI.glob("*.jpg"))[:20]:
        content = path.read_bytes()
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
        found = decoded_pixels(tf.constant([content]), 160).numpy()[0]
        assert np.abs(found.astype(int) - resize(pixels, 160)).max() <= 1
