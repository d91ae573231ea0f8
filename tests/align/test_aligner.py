"""Every kind of file, and the row it gets."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from cari_keras.align.aligner import Aligner
from cari_keras.align.config import AlignConfig
from cari_keras.images.crop import Face
from cari_keras.images.decode import RefusedError, read_picture
from cari_keras.images.layouts import Entry
from tests.helpers.faces import face
from tests.helpers.pictures import png_of_size

pytestmark = pytest.mark.slow


def test_what_nobody_thought_of_rejects_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The reason names the error."""
    (tmp_path / "anna").mkdir()
    (tmp_path / "anna" / "0.png").write_bytes(encoded("PNG", picture()))
    aligner = Aligner(tmp_path, AlignConfig(layout="photos"))

    def fail(*_: object) -> None:
        raise cv2.error("bad size")

    monkeypatch.setattr(aligner, "_look", fail)
    outcome = aligner(Entry("anna/0.png", "anna", "photo"))
    assert outcome.examples == []
    assert outcome.rows[0]["reason"] == "cannot be aligned (error: bad size)"
    assert outcome.rows[0]["width"] == 200

    def run_out(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(aligner, "_look", run_out)
    with pytest.raises(MemoryError):  # no fault of the file's
        aligner(Entry("anna/0.png", "anna", "photo"))


LIMITS = {"max_bytes": 10_000_000, "max_pixels": 4_000_000}


def encoded(kind: str, image: Image.Image, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def picture() -> Image.Image:
    return Image.fromarray(face())


def sixteen_bit() -> bytes:
    grey = cv2.cvtColor(face(), cv2.COLOR_RGB2GRAY).astype(np.uint16) * 257
    return cv2.imencode(".png", grey)[1].tobytes()


def rotated() -> bytes:
    """Lies on its side, with the EXIF tag that sets it upright."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded("JPEG", picture().rotate(90, expand=True), quality=95, exif=exif)


def transparent() -> bytes:
    image = picture().convert("RGBA")
    image.putalpha(Image.new("L", image.size, 250))
    return encoded("PNG", image)


#: File name -> its bytes: all show the same face, so all are to be found.
GOOD: dict[str, Callable[[], bytes]] = {
    "exif.jpg": rotated,
    "grey.jpg": lambda: encoded("JPEG", picture().convert("L"), quality=95),
    "rgba.png": transparent,
    "sixteen.png": sixteen_bit,
    "palette.gif": lambda: encoded("GIF", picture().convert("P")),
    "palette.png": lambda: encoded("PNG", picture().convert("P")),
    "cmyk.jpg": lambda: encoded("JPEG", picture().convert("CMYK"), quality=95),
    "web.webp": lambda: encoded("WEBP", picture(), quality=95),
    "tagged.tiff": lambda: encoded("TIFF", picture()),
    "UPPER.JPG": lambda: encoded("JPEG", picture(), quality=95),
    "no_ending": lambda: encoded("PNG", picture()),
    "wrong ending.jpg": lambda: encoded("PNG", picture()),
    "имя 名前.png": lambda: encoded("PNG", picture()),
    "Thumbs.db.png": lambda: encoded("PNG", picture()),
}

#: File name -> its bytes, and the reason in its row.
BAD: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty.jpg": (lambda: b"", "empty file"),
    "Thumbs.db": (lambda: b"\xd0\xcf\x11\xe0" + b"\0" * 500, "not a picture"),
    "text.jpg": (lambda: b"not a picture at all", "not a picture"),
    "page.pdf": (lambda: b"%PDF-1.4\n%%EOF", "not a picture (a PDF)"),
    "figure.eps": (
        lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        "not a picture (PostScript)",
    ),
    "truncated.jpg": (lambda: encoded("JPEG", picture())[:3000], "truncated picture"),
    "damaged.png": (lambda: encoded("PNG", picture())[:-5000] + b"\0" * 5000, "damaged picture"),
    "thin.png": (
        lambda: encoded("PNG", Image.new("RGB", (1, 300))),
        "too small (1 x 300, the least side is 20)",
    ),
    "huge.png": (
        lambda: png_of_size(16_000, 10_000),
        "too many pixels (16000 x 10000, the limit is 4000000)",
    ),
    "200 megapixels.png": (lambda: png_of_size(20_000, 10_000), "too many pixels"),
    "bomb.png": (lambda: png_of_size(60_000, 60_000), "too many pixels"),
    "heavy.jpg": (
        lambda: b"\0" * 10_000_001,
        "too many bytes (10000001, the limit is 10000000)",
    ),
    "nobody.png": (lambda: encoded("PNG", Image.new("RGB", (200, 200), "teal")), "no face found"),
}


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("raw") / "ann"
    folder.mkdir()
    for name, make in [*GOOD.items(), *((name, make) for name, (make, _) in BAD.items())]:
        (folder / name).write_bytes(make())
    (folder / "link.png").symlink_to(folder / "no_ending")
    (folder / "broken link.jpg").symlink_to(folder / "nowhere")
    return folder.parent


@pytest.fixture(scope="module")
def aligner(raw: Path) -> Aligner:
    return Aligner(raw, AlignConfig(layout="photos", image_size=64, **LIMITS))


@pytest.mark.parametrize("name", [*GOOD, "link.png"])
def test_a_face_is_found_in_every_kind_of_picture(aligner: Aligner, name: str):
    """The same face at the same place, upright, whatever the file."""
    (row,), (example,) = aligner(Entry(f"ann/{name}", "ann", "photo"))
    assert (row["status"], row["source"], row["face"]) == ("aligned", "mtcnn", 0)
    assert (row["width"], row["height"]) == (200, 200)
    assert row["confidence"] >= 0.9
    # MTCNN sees a grey face's box a little differently.
    within = 8 if row["path"].endswith(("grey.jpg", "sixteen.png")) else 4
    (plain,), _ = aligner(Entry("ann/no_ending", "ann", "photo"))
    for key in ("left", "top", "right", "bottom", "nose_x", "mouth_left_y", "crop_nose_x"):
        assert row[key] == pytest.approx(plain[key], abs=within)
    assert len(row["sha256"]) == 64
    from cari_keras.images.graph import decode
    from cari_keras.records.schema import parse

    fields = parse(example)
    assert fields["path"].numpy().decode() == f"ann/{name}"
    assert fields["label"] == -1
    assert decode(fields["image"]).shape == (64, 64, 3)
    np.testing.assert_allclose(
        fields["keypoints"].numpy()[2] * 64, [row["crop_nose_x"], row["crop_nose_y"]], atol=0.01
    )


@pytest.mark.parametrize("name", [*BAD, "broken link.jpg"])
def test_every_kind_of_bad_file_gets_its_row(aligner: Aligner, name: str):
    """One row with the reason, and no record."""
    reason = BAD[name][1] if name in BAD else "broken link"
    (row,), examples = aligner(Entry(f"ann/{name}", "ann", "photo"))
    assert (row["status"], row["reason"]) == ("rejected", reason)
    assert not examples


def test_a_file_without_permission_and_a_pipe_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Neither is waited for."""
    import os

    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(RefusedError, match="not a regular file"):
        read_picture(tmp_path / "pipe.jpg", **LIMITS)
    path = tmp_path / "locked.jpg"
    path.write_bytes(encoded("JPEG", picture()))

    def locked(self: Path, *_: object) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", locked)
    with pytest.raises(RefusedError, match=r"cannot be read \(Permission denied\)"):
        read_picture(path, **LIMITS)


def test_transparency_is_white_and_16_bits_keep_their_upper_half(tmp_path: Path):
    """Pixel values by hand."""
    clear = Image.new("RGBA", (30, 30), (10, 20, 30, 0))
    (tmp_path / "clear.png").write_bytes(encoded("PNG", clear))
    assert (read_picture(tmp_path / "clear.png", **LIMITS).pixels == 255).all()
    deep = np.full((30, 30), 0x12FF, np.uint16)
    (tmp_path / "deep.png").write_bytes(cv2.imencode(".png", deep)[1].tobytes())
    assert (read_picture(tmp_path / "deep.png", **LIMITS).pixels == 0x12).all()


def made_with(aligner: Aligner, faces: list[Face], **values: object) -> Aligner:
    """The aligner with other settings, whose detector finds the given faces."""
    other = object.__new__(Aligner)
    other.raw = aligner.raw
    other.config = AlignConfig(**{**aligner.config.to_dict(), **values})
    from cari_keras.images.layouts import LAYOUTS

    other.layout = LAYOUTS[other.config.layout]
    other.detector = lambda image, thresholds: faces
    return other


def test_all_faces_or_the_main_one(aligner: Aligner):
    """Each face has a row and a record of its own name."""
    points = np.array([[80, 80], [120, 80], [100, 100], [85, 120], [115, 120.0]])
    two = [
        Face(np.array([0.0, 0, 40, 40]), points / 4, 0.99),
        Face(np.array([60.0, 60, 140, 140]), points, 0.95),
    ]
    entry = Entry("ann/no_ending", "ann", "photo")
    rows, examples = made_with(aligner, two)(entry)
    assert [row["left"] for row in rows] == [60]
    rows, examples = made_with(aligner, two, all_faces=True)(entry)
    assert [(row["face"], row["left"]) for row in rows] == [(0, 0), (1, 60)]
    from cari_keras.records.schema import parse

    names = [parse(example)["path"].numpy().decode() for example in examples]
    assert names == ["ann/no_ending", "ann/no_ending#1"]


def test_what_the_dataset_knows_is_used_when_no_face_is_found(aligner: Aligner, tmp_path: Path):
    """WebCaricature's landmarks; the whole picture in CaVI; else there is no face."""
    image = encoded("PNG", picture())
    for name in ("OriginalImages/A B/C00001.png", "CaVI_Dataset/Caricature/A/1.png"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(image)
    points = np.random.default_rng(0).uniform(60, 140, (17, 2))
    landmarks = tmp_path / "FacialPoints" / "A B" / "C00001.txt"
    landmarks.parent.mkdir(parents=True)
    np.savetxt(landmarks, points)
    entry = Entry("OriginalImages/A B/C00001.png", "A B", "caricature")
    none = made_with(aligner, [], layout="webcaricature", align="box")
    none.raw = tmp_path
    (row,), _ = none(entry)
    width = points[:, 0].max() - points[:, 0].min()
    assert row["source"] == "landmarks"
    assert row["right"] - row["left"] == pytest.approx(1.5 * width, abs=0.02)
    landmarks.unlink()
    (row,), examples = none(entry)
    assert (row["status"], row["reason"], len(examples)) == ("rejected", "no face found", 0)

    none = made_with(aligner, [], layout="cavi")
    none.raw = tmp_path
    (row,), _ = none(Entry("CaVI_Dataset/Caricature/A/1.png", "A", "caricature"))
    assert (row["status"], row["source"]) == ("aligned", "whole")
    assert "nose_x" not in row
