"""One decoder for everybody: the same picture gives the same pixels whichever way it takes."""

import cv2
import numpy as np
import pytest
from PIL import Image

from cari_keras.align import aligner
from cari_keras.align.config import AlignConfig
from cari_keras.align.engine import align_folder
from cari_keras.data import cavi
from cari_keras.data.given import SPLIT, load_images
from cari_keras.data.pipeline import split_records
from cari_keras.data.prepare import prepare
from cari_keras.images.decode import decode_image
from cari_keras.images.encode import resize, to_jpeg
from cari_keras.images.graph import decode
from cari_keras.records.schema import parse
from tests.helpers.cavi import write_cavi
from tests.helpers.pictures import write_image
from tests.helpers.places import SHARED


def stored(prepared, split):
    """Path -> the image's bytes as the records hold them."""
    fields = map(parse, split_records(prepared, split))
    return {f["path"].numpy().decode(): f["image"].numpy() for f in fields}


@pytest.mark.parametrize("size", [60, 140])
def test_a_whole_picture_is_the_same_aligned_and_prepared(size, tmp_path, monkeypatch):
    """Pictures of 90 pixels without a face, which cari-align keeps whole by a margin of 0.25."""
    raw = write_cavi(tmp_path / "raw", with_test=False)
    monkeypatch.setattr(aligner, "Detector", lambda: lambda image, thresholds: [])
    monkeypatch.setattr("cari_keras.align.engine.align_files", aligned_here)
    config = AlignConfig(image_size=size, margin=0.25, max_pixels=10**6)
    align_folder(raw, tmp_path / "aligned", config, progress=False)
    found = []
    for folder in (raw, tmp_path / "aligned"):
        dataset = cavi.load(str(folder))
        prepared = prepare(dataset, size, cache_dir=tmp_path / "c", workers=1, progress=False)
        found.append({**stored(prepared, "train"), **stored(prepared, "validation")})
    assert len(found[0]) == 20
    assert found[0] == found[1]


def aligned_here(entries, raw, config, workers):
    one = aligner.Aligner(raw, config)
    for entry in entries:
        yield entry, one(entry)


def test_given_images_are_stored_without_loss(tmp_path):
    for k in range(3):
        write_image(tmp_path / "data" / "someone" / f"{k}.jpg", (90, 120, 60), size=130, seed=k)
    dataset = load_images(tmp_path / "data")
    prepared = prepare(dataset, 80, cache_dir=tmp_path / "c", workers=1, progress=False)
    found = stored(prepared, SPLIT)
    assert len(found) == 3
    for path, encoded in found.items():
        pixels = resize(decode_image((tmp_path / "data" / path).read_bytes()), 80)
        np.testing.assert_array_equal(decode(encoded, 80), pixels)
        assert np.any(decode(to_jpeg(pixels), 80) != pixels), "JPEG would have lost something"


@pytest.mark.skipif(not (SHARED / "data" / "photos").is_dir(), reason="needs the photographs")
def test_the_pixels_are_opencv_s_and_the_graph_s():
    for path in sorted((SHARED / "data" / "photos").rglob("*.jpg"))[:6]:
        content = path.read_bytes()
        pixels = decode_image(content)
        opencv = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
        np.testing.assert_array_equal(pixels, opencv[..., ::-1])
        if not Image.open(path).getexif().get(0x0112, 1) > 1:  # which the graph does not look at
            np.testing.assert_array_equal(decode(content), pixels)
