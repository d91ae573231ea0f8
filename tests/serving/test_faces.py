"""What becomes of any image that is handed over, before a network sees it."""

import base64

import numpy as np
import pytest

from cari_keras.align.finder import find_faces
from cari_keras.errors import ConfigError, ImageError
from cari_keras.images.encode import write_png
from cari_keras.serving.faces import Faces

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
            assert "a picture as base64 text is given as bytes, by base64" in str(raised.value)


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
