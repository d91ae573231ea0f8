"""Every format and mode: the same pixels, or the same refusal, whichever way a file takes."""

from __future__ import annotations

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, features

from cari_keras.images import decode as decoding
from cari_keras.images import pixels
from cari_keras.images.decode import RefusedError, decode_image
from cari_keras.images.kinds import kind_of
from tests.helpers.graphs import graphs, refusal

SIDE = 48


def scene(height: int = SIDE, width: int = SIDE) -> np.ndarray:
    """Smooth colours, all above 40, with a black cross."""
    rng = np.random.default_rng(5)
    small = rng.integers(60, 230, (4, 4, 3), dtype=np.uint8)
    image = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    image[height // 3], image[:, width // 3] = 0, 0
    return image


def saved(image: Image.Image, kind: str, **how: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format=kind, **how)
    return stream.getvalue()


def png(width: int, height: int, depth: int, kind: int, rows: bytes, *chunks: tuple) -> bytes:
    """A PNG of one's own making: rows as they are before compression, each after a 0."""

    def chunk(name: bytes, data: bytes) -> bytes:
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def with_exif(turn: int, order: str = "<", *, before: bytes = b"") -> bytes:
    """A TIFF's bytes that hold an orientation, after another entry."""
    mark = {"<": b"II*\0", ">": b"MM\0*"}[order]
    entries = struct.pack(f"{order}HHII", 0x010F, 2, 4, 0)
    entries += struct.pack(f"{order}HHIHH", 0x0112, 3, 1, turn, 0)
    return mark + struct.pack(f"{order}IH", 8, 2) + entries + b"\0" * 4 + before


def jpeg_with(exif: bytes, *segments: tuple[int, bytes]) -> bytes:
    """A JPEG with segments, then one of EXIF, before its own."""
    content = saved(Image.fromarray(scene()), "JPEG", quality=95)
    made = b""
    for kind, data in (*segments, (0xE1, b"Exif\0\0" + exif)):
        made += struct.pack(">BBH", 0xFF, kind, len(data) + 2) + data
    return content[:2] + made + content[2:]


def grey_rows(values: np.ndarray, depth: int) -> bytes:
    """Rows of a grey PNG whose values have `depth` bits."""
    if depth == 16:
        return b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    bits = np.unpackbits(values.astype(np.uint8)[..., None], axis=-1)[..., -depth:]
    return b"".join(b"\0" + np.packbits(row.reshape(-1)).tobytes() for row in bits)


def grey_with_clear(depth: int) -> tuple[bytes, np.ndarray]:
    """A grey PNG whose black is clear, and what is to come out of it."""
    largest = (1 << depth) - 1
    values = np.arange(SIDE * SIDE).reshape(SIDE, SIDE) * 7 % min(largest + 1, 999)
    values = values * (largest // max(int(values.max()), 1))
    shown = values >> 8 if depth == 16 else values * 255 // largest
    shown = np.where(shown == 0, 255, shown).astype(np.uint8)
    content = png(SIDE, SIDE, depth, 0, grey_rows(values, depth), (b"tRNS", struct.pack(">H", 0)))
    return content, np.repeat(shown[..., None], 3, axis=2)


def sixteen_bit_rgb() -> tuple[bytes, np.ndarray]:
    """An RGB PNG of 16 bits, one colour of which is clear."""
    values = scene().astype(np.uint16) * 257
    values[5:9] = (0x1234, 0x5678, 0x9ABC)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    clear = struct.pack(">HHH", 0x1234, 0x5678, 0x9ABC)
    shown = scene().copy()
    shown[5:9] = 255
    return png(SIDE, SIDE, 16, 2, rows, (b"tRNS", clear)), shown


def on_white(image: Image.Image) -> np.ndarray:
    image = image.convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    return np.asarray(Image.alpha_composite(white, image).convert("RGB"))


RGB = Image.fromarray(scene())
BLACK_CLEAR = np.where((scene() == 0).all(-1, keepdims=True), 255, scene()).astype(np.uint8)
ALPHA = Image.fromarray(np.dstack([scene(), np.where((scene() == 0).all(-1), 0, 255)]).astype("u1"))
GREY = Image.fromarray(scene()[..., 0])
PALETTE = RGB.quantize(16)
ROUGH = 40

#: Name -> bytes, what comes out, and by how much that may differ, of 255.
READ = {
    "png": (saved(RGB, "PNG"), scene(), 0),
    "png rgba": (saved(ALPHA, "PNG"), BLACK_CLEAR, 0),
    "png grey and alpha": (saved(ALPHA.convert("LA"), "PNG"), on_white(ALPHA.convert("LA")), 1),
    "png rgb with clear black": (saved(RGB, "PNG", transparency=(0, 0, 0)), BLACK_CLEAR, 0),
    "png 16 bit rgb with a clear colour": (*sixteen_bit_rgb(), 0),
    "png palette with a clear entry": (
        saved(PALETTE, "PNG", transparency=3),
        on_white(Image.open(io.BytesIO(saved(PALETTE, "PNG", transparency=3)))),
        1,
    ),
    "png palette": (saved(PALETTE, "PNG"), np.asarray(PALETTE.convert("RGB")), 0),
    **{f"png {d} bit grey with clear black": (*grey_with_clear(d), 0) for d in (1, 2, 4, 8, 16)},
    "png 16 bit grey, dark": (
        png(SIDE, SIDE, 16, 0, grey_rows(np.full((SIDE, SIDE), 200), 16)),
        np.zeros((SIDE, SIDE, 3), np.uint8),
        0,
    ),
    "png 16 bit grey": (
        saved(Image.fromarray(scene()[..., 0].astype(np.uint16) * 256), "PNG"),
        np.repeat(scene()[..., :1], 3, axis=2),
        0,
    ),
    "jpeg": (saved(RGB, "JPEG", quality=95), scene(), ROUGH),
    "jpeg progressive": (saved(RGB, "JPEG", quality=95, progressive=True), scene(), ROUGH),
    "jpeg grey": (saved(GREY, "JPEG"), np.repeat(scene()[..., :1], 3, 2), ROUGH),
    "jpeg cmyk": (saved(RGB.convert("CMYK"), "JPEG", quality=95), scene(), ROUGH),
    "jpeg cmyk, not of Adobe": (
        saved(Image.eval(RGB.convert("CMYK"), lambda ink: 255 - ink), "JPEG", quality=95).replace(
            b"Adobe", b"other"
        ),
        scene(),
        ROUGH,
    ),
    "jpeg and more bytes": (saved(RGB, "JPEG", quality=95) + b"junk" * 50, scene(), ROUGH),
    "tiff": (saved(RGB, "TIFF"), scene(), 0),
    "tiff rgba": (saved(ALPHA, "TIFF"), BLACK_CLEAR, 0),
    "tiff premultiplied": (saved(ALPHA.convert("RGBa").convert("RGBA"), "TIFF"), BLACK_CLEAR, 0),
    "tiff grey and alpha": (saved(ALPHA.convert("LA"), "TIFF"), on_white(ALPHA.convert("LA")), 1),
    "tiff cmyk": (saved(RGB.convert("CMYK"), "TIFF"), scene(), 1),
    "tiff float": (
        saved(Image.fromarray(scene()[..., 0].astype(np.float32) / 255), "TIFF"),
        np.repeat(scene()[..., :1], 3, axis=2),
        1,
    ),
    "tiff float to 255": (
        saved(Image.fromarray(scene()[..., 0].astype(np.float32)), "TIFF"),
        np.repeat(scene()[..., :1], 3, axis=2),
        0,
    ),
    "tiff 16 bit": (
        saved(Image.fromarray(scene()[..., 0].astype(np.uint16) * 256), "TIFF"),
        np.repeat(scene()[..., :1], 3, axis=2),
        0,
    ),
    "tiff 1 bit": (
        saved(GREY.convert("1"), "TIFF"),
        np.asarray(GREY.convert("1").convert("RGB")),
        0,
    ),
    "gif": (saved(PALETTE, "GIF"), np.asarray(PALETTE.convert("RGB")), 0),
    "gif with a clear entry": (
        saved(PALETTE, "GIF", transparency=3),
        on_white(Image.open(io.BytesIO(saved(PALETTE, "PNG", transparency=3)))),
        0,
    ),
    "gif animated": (
        saved(PALETTE, "GIF", save_all=True, append_images=[RGB.rotate(90).quantize(16)]),
        np.asarray(PALETTE.convert("RGB")),
        0,
    ),
    "webp animated": (
        saved(RGB, "WEBP", save_all=True, append_images=[RGB.rotate(90)], lossless=True),
        scene(),
        0,
    ),
    "webp rgba": (saved(ALPHA, "WEBP", lossless=True), BLACK_CLEAR, 0),
    "gif interlaced": (saved(PALETTE, "GIF", interlace=1), np.asarray(PALETTE.convert("RGB")), 0),
    "bmp": (saved(RGB, "BMP"), scene(), 0),
    "bmp palette": (saved(PALETTE, "BMP"), np.asarray(PALETTE.convert("RGB")), 0),
    "bmp grey": (saved(GREY, "BMP"), np.repeat(scene()[..., :1], 3, axis=2), 0),
    "ppm": (saved(RGB, "PPM"), scene(), 0),
    "pgm": (saved(GREY, "PPM"), np.repeat(scene()[..., :1], 3, axis=2), 0),
}


@pytest.mark.parametrize("name", READ)
def test_every_format_gives_its_pixels_and_exports_the_same(name: str):
    content, expected, most = READ[name]
    found = decode_image(content)
    assert found.dtype == np.uint8
    assert np.abs(found.astype(int) - expected).max() <= most
    kind = kind_of(content)
    if kind in ("JPEG", "PNG", "GIF", "BMP"):
        np.testing.assert_array_equal(graphs(content, SIDE), found)
    else:
        assert refusal(content) == f"exports cannot read {kind} (save it as JPEG or PNG)"


@pytest.mark.parametrize("turn", range(10))
@pytest.mark.parametrize("order", ["<", ">"])
def test_pictures_are_turned_alike(turn: int, order: str):
    exif = with_exif(turn, order)
    rows = b"".join(b"\0" + row.tobytes() for row in scene())
    colours = (b"tRNS", struct.pack(">HHH", 0, 0, 0))
    for content in (
        jpeg_with(exif),
        jpeg_with(exif, (0xE0, b"JFIF\0" + b"\0" * 9), (0xE1, b"http://ns.adobe.com/xap/1.0/\0x")),
        png(SIDE, SIDE, 8, 2, rows, (b"eXIf", exif), colours),
        png(SIDE, SIDE, 8, 2, rows, colours, (b"tEXt", b"a\0b"), (b"eXIf", exif)),
    ):
        found = decode_image(content)
        np.testing.assert_array_equal(graphs(content, SIDE), found)
        shown = np.where((scene() == 0).all(-1, keepdims=True), 255, scene())
        if content[:2] != b"\xff\xd8":
            np.testing.assert_array_equal(found, turned(shown, turn))
        assert np.array_equal(found, decode_image(made_plain(content))) == (turn not in range(2, 9))


def turned(image: np.ndarray, turn: int) -> np.ndarray:
    """By Pillow, whose rotations count against the clock."""
    method = pixels._TURNS.get(turn)
    picture = Image.fromarray(image)
    return np.asarray(picture if method is None else picture.transpose(method))


def made_plain(content: bytes) -> bytes:
    """The file without what is said of its rotation."""
    if content[:2] == b"\xff\xd8":
        return content.replace(b"Exif\0\0", b"none\0\0")
    rows = b"".join(b"\0" + row.tobytes() for row in scene())
    return png(SIDE, SIDE, 8, 2, rows, (b"tRNS", struct.pack(">HHH", 0, 0, 0)))


@pytest.mark.parametrize(
    "exif", [b"", b"II*\0", b"II*\0\xff\xff\xff\xff", b"MM\0*" + b"\0" * 4, with_exif(6)[:20]]
)
def test_exif_that_says_nothing_turns_nothing(exif: bytes):
    content = jpeg_with(exif)
    np.testing.assert_array_equal(graphs(content, SIDE), decode_image(content))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("kind", "code"), [(3, "HH"), (4, "I"), (8, "hH"), (9, "i"), (1, "BBH")])
@pytest.mark.parametrize("count", [1, 2])
def test_whole_numbers_of_other_types_are_read_alike(order, kind, code, count):
    """An orientation is to be of type 3, but programs write others."""
    value = struct.pack(f"{order}{code}", *(6, 0, 0)[: len(code)])
    mark = {"<": b"II*\0", ">": b"MM\0*"}[order]
    entry = struct.pack(f"{order}HHI", 0x0112, kind, count) + value
    exif = mark + struct.pack(f"{order}IH", 8, 1) + entry + b"\0" * 4
    for content in (jpeg_with(exif), jpeg_with(b"Exif\0\0" + exif)):
        np.testing.assert_array_equal(graphs(content, SIDE), decode_image(content))


def test_a_rotation_beside_exif_is_not_looked_at():
    """Servers do not, and most programs that show pictures."""
    xmp = b'http://ns.adobe.com/xap/1.0/\0<x tiff:Orientation="6"/>'
    content = jpeg_with(b"", (0xE1, xmp))
    np.testing.assert_array_equal(graphs(content, SIDE), decode_image(content))


def small_frame() -> bytes:
    """A GIF whose frame is a corner of the picture."""
    content = bytearray(saved(PALETTE, "GIF"))
    content[6:10] = struct.pack("<HH", 2 * SIDE, 2 * SIDE)
    return bytes(content)


def cut(kind: str, count: int) -> bytes:
    return saved(RGB, kind)[:-count]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 8, 12, 13, 100, 500])
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_what_is_cut_short_is_refused_by_all(kind: str, count: int):
    with pytest.raises(RefusedError, match=r"truncated picture|damaged picture"):
        decode_image(cut(kind, count))
    assert refusal(cut(kind, count)) == "damaged or truncated picture"


@pytest.mark.parametrize("count", [3, 100, 500])
@pytest.mark.parametrize("kind", ["GIF", "BMP"])
def test_exports_refuse_what_is_cut_short_within_the_picture(kind: str, count: int):
    assert refusal(cut(kind, count)) == "damaged or truncated picture"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<!DOCTYPE html><html>", "not a picture (an HTML page)"),
        (b"%PDF-1.4", "not a picture (a PDF)"),
        (b"\0" * 900, "not a picture (only zeros)"),
        (b"text", "not a picture"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 90, "HEIC cannot be decoded here (pip"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL cannot be read (save it as PNG)"),
        (saved(RGB, "TIFF")[:9], "damaged picture (or a kind of TIFF"),
    ],
)
def test_what_is_not_read_is_named(content: bytes, said: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(decoding.importlib, "import_module", no_such_module)
    with pytest.raises(RefusedError) as caught:
        decode_image(content)
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty file"),
        (b"<!DOCTYPE html><html>", "not a picture (an HTML page)"),
        (b"text", "not a picture"),
        (
            b"iVBORw0KGgoAAA",
            "not a picture (a PNG as base64 text; base64.b64decode gives its bytes)",
        ),
        (b"\0\0\0\x18ftypheic", "exports cannot read HEIC or AVIF (save it as JPEG or PNG)"),
        (saved(RGB.convert("1"), "BMP"), "a BMP of a kind that cannot be read (save it as PNG)"),
        (b"BM\0\0\0\0\0\0\0\0", "a BMP of a kind that cannot be read (save it as PNG)"),
        (b"GIF89a", "damaged or truncated picture"),
        (b"\xff\xd8\xff", "damaged or truncated picture"),
        (b"\x89PNG\r\n\x1a\n", "damaged or truncated picture"),
        (small_frame(), "a GIF of a kind that cannot be read: its first frame is smaller than"),
    ],
)
def test_exports_name_what_they_do_not_read(content: bytes, said: str):
    assert refusal(content).startswith(said)


def no_such_module(name: str) -> None:
    raise ImportError(name)


def test_cielab_is_named():
    stream = saved(Image.fromarray(scene()).convert("LAB"), "TIFF")
    with pytest.raises(
        RefusedError, match=r"of a kind that cannot be read \(LAB; save it as PNG\)"
    ):
        decode_image(stream)


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")
def test_avif_is_read_where_pillow_can():
    found = decode_image(saved(RGB, "AVIF", quality=95))
    assert np.abs(found.astype(int) - scene()).mean() < 5
