"""Files become the same pixels in the graph as in preparation, by OpenCV, to one level of 255."""

import io
import struct
import warnings
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from PIL import Image

from cari_keras.images.decode import RefusedError, decode_image
from cari_keras.images.encode import resize, to_jpeg
from cari_keras.images.graph import decode
from tests.helpers.graphs import decoded, graphs, refusal
from tests.helpers.pictures import png_of_size
from tests.helpers.places import SHARED

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
    found = graphs(content)
    assert np.abs(found.astype(int) - resize(pixels, 96)).max() <= 1


def as_file(image, **how):
    stream = io.BytesIO()
    image.save(stream, **how)
    return stream.getvalue()


def transparent_files():
    """A dark stroke on nothing: with alpha, grey with alpha, a palette with a clear entry."""
    strokes = Image.fromarray(scene(120, 130)).convert("RGBA")
    alpha = Image.fromarray((np.indices((120, 130)).sum(0) % 256).astype(np.uint8))
    strokes.putalpha(alpha)
    palette = Image.fromarray(scene(120, 130)).quantize(8)
    return {
        "rgba": as_file(strokes, format="PNG"),
        "grey": as_file(strokes.convert("LA"), format="PNG"),
        "palette": as_file(palette, format="PNG", transparency=3),
        "opaque palette": as_file(palette, format="PNG"),
        "opaque grey": as_file(strokes.convert("L"), format="PNG"),
    }


@pytest.mark.parametrize("kind", transparent_files())
def test_transparency_is_laid_on_white(kind):
    content = transparent_files()[kind]
    image = Image.open(io.BytesIO(content)).convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    expected = np.asarray(Image.alpha_composite(white, image).convert("RGB")).astype(int)
    read = decode_image(content)
    assert np.abs(read - expected).max() <= 1
    found = graphs(content)
    assert np.abs(found.astype(int) - resize(read, 96)).max() <= 1


@pytest.mark.parametrize(
    ("format", "mode", "how"),
    [
        ("JPEG", "RGB", {"quality": 100, "subsampling": 0}),
        ("PNG", "RGB", {}),
        ("PNG", "RGBA", {}),
        ("WEBP", "RGB", {"lossless": True}),
        ("WEBP", "RGBA", {"lossless": True}),
    ],
)
def test_exif_is_obeyed(format, mode, how):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    image = Image.fromarray(scene(24, 40)).convert(mode)
    turned = as_file(image, format=format, exif=exif, **how)
    expected = np.rot90(scene(24, 40), -1).astype(int)
    read = decode_image(turned)
    assert np.abs(read - expected).mean() < 1
    if format != "WEBP":  # which TensorFlow does not read
        found = graphs(turned).astype(int)
        assert np.abs(found - resize(read, 96)).max() <= 1


def promising_jpeg(width, height):
    """A JPEG whose header promises a size."""
    content = bytearray(to_jpeg(scene(30, 30)))
    place = content.index(b"\xff\xc0") + 5
    content[place : place + 4] = struct.pack(">HH", height, width)
    return bytes(content)


@pytest.mark.parametrize("make", [png_of_size, promising_jpeg])
def test_more_pixels_than_memory_holds_are_not_decoded(make):
    content = make(60_000, 60_000)
    with pytest.raises(RefusedError, match="too many pixels"):
        decode_image(content)
    assert refusal(content).startswith("too many pixels (60000 x 60000, the limit is ")
    content = make(20_000, 5_001)
    with pytest.raises(RefusedError, match=r"pixels \(20000 x 5001, the limit is 100000000"):
        decode_image(content)


def test_sides_that_opencv_does_not_decode_are_no_crash():
    content = as_file(Image.new("L", (2**20 + 1, 1), 77), format="BMP")
    np.testing.assert_array_equal(resize(decode_image(content), 40), 77)


def test_warnings_are_the_programs_own_after_threads_have_read():
    content = as_file(Image.fromarray(scene(60, 60)).convert("RGBA"), format="PNG")
    before = list(warnings.filters)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(decode_image, [content] * 200))
        list(pool.map(lambda c: decode_image(c, max_pixels=10**6), [content] * 200))
    assert warnings.filters == before


def test_a_stroke_on_nothing_can_be_seen():
    clear = np.zeros((40, 40, 4), np.uint8)
    clear[10:20, :, 3] = 255  # black everywhere, opaque in a stripe
    content = cv2.imencode(".png", clear)[1].tobytes()
    for pixels in (decode_image(content), graphs(content, 40)):
        np.testing.assert_array_equal(np.unique(pixels[10:20]), 0)
        np.testing.assert_array_equal(np.unique(pixels[20:]), 255)


def test_images_of_several_sizes_keep_their_places():
    images = [scene(120, 130), scene(300, 200), scene(96, 96)]
    found = decoded([as_png(image) for image in images], 96)
    for pixels, image in zip(found.pixels.numpy(), images):
        assert np.abs(pixels.astype(int) - resize(image, 96)).max() <= 1


@pytest.mark.parametrize("side", [(1600, 1616), (1601, 1616), (3216, 3200)])
def test_a_jpeg_much_larger_than_needed_is_decoded_at_a_ratio(side):
    """At 1/2, not at all, and at 1/4; only at the circle's hard edge do levels differ by a few."""
    content = to_jpeg(scene(*side))
    apart = np.abs(graphs(content).astype(int) - resize(decode_image(content), 96))
    assert np.mean(apart > 1) < 0.005
    assert apart.max() <= (1 if side[0] % 2 else 8)


def test_a_progressive_jpeg_is_decoded_up_to_what_its_coefficients_take():
    """Of 4:2:0, libjpeg keeps 3 bytes a pixel until the last scan."""
    small = as_file(Image.fromarray(scene(300, 400)), format="JPEG", progressive=True)
    np.testing.assert_allclose(graphs(small, 96), resize(decode_image(small), 96), atol=1)

    def promising(width, height):
        content = bytearray(small)
        place = content.index(b"\xff\xc2") + 5
        content[place : place + 4] = struct.pack(">HH", height, width)
        return bytes(content)

    assert "(150 MB of coefficients at most; save it as a baseline" in refusal(
        promising(10_000, 5_001)
    )
    assert "progressive" not in refusal(promising(10_000, 5_000))


def test_one_bad_file_spoils_no_other_and_none_is_no_error():
    good = as_png(scene(120, 130))
    found = decoded([good, b"", good[:200], b"x", good], 96)
    empty = decoded([], 96)
    assert [error.decode() for error in found.error.numpy()] == [
        "",
        "empty file",
        "damaged or truncated picture",
        "not a picture",
        "",
    ]
    for row in (0, 4):
        np.testing.assert_array_equal(found.pixels[row], graphs(good))
    assert not found.pixels.numpy()[1:4].any()
    assert empty.pixels.shape == (0, 96, 96, 3)
    assert empty.error.shape == (0,)


@pytest.mark.skipif(not CAVI.is_dir(), reason="needs ../shared")
def test_real_drawings():
    for path in sorted(CAVI.glob("*.jpg"))[:20]:
        content = path.read_bytes()
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
        found = graphs(content, 160)
        assert np.abs(found.astype(int) - resize(pixels, 160)).max() <= 1
