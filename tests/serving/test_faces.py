"""What becomes of any image that is handed over, before a network sees it."""

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from cari_keras.align.config import AlignConfig
from cari_keras.align.finder import find_faces
from cari_keras.errors import ConfigError, ImageError
from cari_keras.images.decode import RefusedError
from cari_keras.images.encode import write_png
from cari_keras.serving.faces import Faces
from cari_keras.serving.handed import pixels_of, several

GREY = np.full((30, 30, 3), 128, np.uint8)


@pytest.mark.parametrize("modality", ["Caricature", "drawing", "", None, ["photo"], np.zeros(2)])
def test_a_modality_is_one_of_the_known(modality):
    for ask in (
        lambda: Faces(20)(GREY, modality),
        lambda: Faces(20).all([GREY], modality),
        lambda: Faces(20).all([], modality),
        lambda: find_faces(lambda *_: [], GREY, modality),
    ):
        with pytest.raises(ConfigError, match=r"modality must be one of photo, caricature\. R"):
            ask()


PICTURE = bytes(range(256)) * 40


@pytest.mark.parametrize(
    "image",
    [
        base64.b64encode(PICTURE).decode(),
        "data:image/png;base64," + base64.b64encode(PICTURE[:90]).decode(),
        base64.urlsafe_b64encode(PICTURE[:240]).decode(),
        PICTURE,
        bytearray(PICTURE),
        list(PICTURE),
        np.zeros((300, 300), np.uint8),
        np.zeros((3, 300, 300), np.float32),
    ],
)
def test_no_error_repeats_what_was_handed_over(image):
    for ask, name in (
        (lambda: Faces(20)(image, "photo"), ""),
        (lambda: Faces(20).all([GREY, image], "photo"), "images[1]"),
    ):
        with pytest.raises(ImageError) as raised:
            ask()
        assert len(str(raised.value)) < 300
        assert str(raised.value).startswith(name)
        if isinstance(image, str):
            assert "decode base64 text to bytes with base64" in str(raised.value)


def test_one_modality_may_be_seen_whole_where_faces_are_cut_out():
    faces = Faces(20, AlignConfig(image_size=20), whole="caricature")
    (cut,) = faces.every(GREY, "caricature")
    assert (cut.pixels == 128).all()
    assert cut.place is None
    assert cut.shape == (30, 30)
    with pytest.raises(ImageError, match="no face found"):
        faces(GREY, "photo")


def test_others_are_seen_beside_those_that_cannot_be(tmp_path):
    write_png(GREY, tmp_path / "a.png")
    (tmp_path / "broken.jpg").write_bytes(b"")
    images = [GREY, tmp_path / "broken.jpg", GREY[..., 0], tmp_path / "a.png"]
    seen = Faces(20).all(images, "photo", errors="skip")
    assert seen.total == 4
    assert seen.rows.tolist() == [0, 3]
    assert seen.faces.shape == (2, 20, 20, 3)
    assert seen.refused == {
        1: f"images[1], {tmp_path / 'broken.jpg'}: empty file",
        2: "images[2]: must be uint8 RGB [height, width, 3]. Received: uint8 [30, 30]",
    }
    with pytest.raises(ImageError, match=r"images\[1\], .*broken.jpg: empty file"):
        Faces(20).all(images, "photo")
    with pytest.raises(
        ConfigError, match=r"errors must be one of raise, skip\. Received: 'ignore'"
    ):
        Faces(20).all(images, "photo", errors="ignore")
    assert Faces(20).all([], "photo").faces.shape == (0, 20, 20, 3)


def test_an_image_is_the_same_however_it_is_handed_over(tmp_path):
    """As a path, bytes of three kinds, an open file wherever it stands, Pillow's, and pixels."""
    pixels = np.random.default_rng(0).integers(0, 256, (24, 20, 3), np.uint8)
    path = tmp_path / "a.png"
    write_png(pixels, path)
    content = path.read_bytes()
    written = io.BytesIO()
    written.write(content)  # and not gone back to its beginning
    opened = Image.open(path)
    with path.open("rb") as stream:
        given = [
            *(path, str(path), content, bytearray(content), memoryview(content)),
            *(written, stream, opened, Image.fromarray(pixels)),
        ]
        for image in given:
            np.testing.assert_array_equal(pixels_of(image), pixels, err_msg=str(type(image)))


def test_a_pillow_image_is_turned_and_laid_on_white_and_stays_as_it_was():
    clear = Image.new("P", (4, 2), 0)
    clear.info["transparency"] = 0
    assert (pixels_of(clear) == 255).all()
    assert clear.info["transparency"] == 0
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    file = io.BytesIO()
    Image.new("RGB", (4, 2), "teal").save(file, "JPEG", exif=exif)
    assert pixels_of(Image.open(file)).shape == (4, 2, 3)
    assert pixels_of(Image.new("1", (3, 2), 1)).tolist() == [[[255] * 3] * 3] * 2


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (io.StringIO("text"), "is open as text; open the file with mode 'rb'"),
        (io.BytesIO(), "empty|not a picture"),
        (Image.new("RGB", (0, 3)), r"has no pixels \(0 x 3\)"),
        (3, "must be a path, a file's bytes, an open file, .* Received: int"),
        (None, "Received: NoneType"),
    ],
)
def test_what_is_no_image_is_said(image, message):
    with pytest.raises(RefusedError, match=message):
        pixels_of(image)


def test_several_images_are_told_from_one():
    one = [GREY, "ab", b"ab", Path("a"), io.BytesIO(b"ab"), Image.new("RGB", (2, 2)), 3]
    assert [several(image) for image in one] == [None] * len(one)
    assert several(np.stack([GREY, GREY]))[1].shape == GREY.shape
    for images in (["a", "b"], ("a", "b"), iter("ab"), (name for name in "ab"), {"a": 1, "b": 2}):
        assert several(images) == ["a", "b"]


@pytest.mark.parametrize(
    "faces",
    [
        np.zeros((2, 30, 30, 3), np.uint8),
        np.zeros((2, 20, 20, 3), np.float32),
        np.zeros((20, 20, 3), np.uint8),
        [np.zeros((20, 20, 3), np.uint8)],
        None,
    ],
)
def test_faces_that_were_not_made_here_are_refused_in_short(faces):
    Faces(20).check_made(np.zeros((0, 20, 20, 3), np.uint8))
    with pytest.raises(ImageError, match=r"faces must be uint8 RGB \[n, 20, 20, 3\]") as raised:
        Faces(20).check_made(faces)
    assert len(str(raised.value)) < 400


def test_a_picture_as_text_is_named_as_such_in_bytes_too(tmp_path):
    write_png(GREY, tmp_path / "a.png")
    text = base64.b64encode((tmp_path / "a.png").read_bytes())
    for given, said in (
        (text, "a PNG as base64 text"),
        (b"data:image/png;base64," + text, "a dat"),
    ):
        with pytest.raises(ImageError, match=said):
            Faces(20)(given, "photo")
