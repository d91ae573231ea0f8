"""What one picture takes of a server's memory, whatever its few bytes promise."""

import struct
import sys

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.helpers.memory import peaks
from tests.helpers.pictures import write_image

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
]

MEGABYTES = 1_000_000

#: Of one picture, and of a process that has looked at many; docs/serve.md says so.
MOST, MOST_IN_ALL = 300 * MEGABYTES, 450 * MEGABYTES


def stripes(height, width, channels=3):
    row = (np.arange(width)[:, None] // 7 + np.arange(channels) * 40).astype(np.uint8)
    return np.broadcast_to(row, (height, width, channels))


def write_jpeg(path, height, width, *how):
    path.write_bytes(cv2.imencode(".jpg", stripes(height, width), list(how))[1].tobytes())


def test_the_largest_pictures_of_every_format_take_less_than_300_megabytes(exported, tmp_path):
    names = ("big.jpg", "progressive.jpg", "alpha.png", "rgb.png", "a.gif", "a.bmp")
    files = [tmp_path / name for name in names]
    write_jpeg(files[0], 9_999, 10_001)  # which no ratio divides: it is decoded at 1/2
    write_jpeg(files[1], 5_000, 10_000, cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
    for path, channels in ((files[2], 4), (files[3], 3)):
        path.write_bytes(cv2.imencode(".png", stripes(4_000, 5_000, channels))[1].tobytes())
    grey = Image.fromarray(np.ascontiguousarray(stripes(4_000, 5_000, 1)[..., 0]))
    grey.save(files[4])
    grey.save(files[5])
    write_image(tmp_path / "small.png", (9, 99, 199))
    told = peaks(exported / "photo" / "1", tmp_path / "small.png", files)
    assert [one.error for one in told] == [""] * len(files)
    taken = {name: round(one.taken / MEGABYTES) for name, one in zip(names, told)}
    assert max(taken.values()) * MEGABYTES < MOST, taken
    assert max(one.above_model for one in told) < MOST_IN_ALL, told
    # It was decoded: a picture that was not would take next to nothing.
    assert taken["big.jpg"] > 50, taken


def test_what_is_refused_takes_nothing(exported, tmp_path):
    path = tmp_path / "promises.jpg"
    write_jpeg(path, 100, 100)
    content = bytearray(path.read_bytes())
    place = content.index(b"\xff\xc0") + 5
    content[place : place + 4] = struct.pack(">HH", 60_000, 60_000)
    path.write_bytes(content)
    write_image(tmp_path / "small.png", (9, 99, 199))
    (told,) = peaks(exported / "photo" / "1", tmp_path / "small.png", [path])
    assert told.error.startswith("too many pixels (60000 x 60000")
    assert told.above_model < 10 * MEGABYTES
