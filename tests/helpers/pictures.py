"""Small pictures, and folders of them."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np


def write_image(path: Path, color: tuple[int, int, int], size: int = 90, seed: int = 0) -> None:
    """A picture of one RGB colour with some noise, readable and never the same twice."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(-20, 21, (size, size, 3))
    image = np.clip(np.array(color) + noise, 0, 255).astype(np.uint8)
    # OpenCV itself ends the process over a name that is not UTF-8.
    path.write_bytes(cv2.imencode(path.suffix, image[..., ::-1])[1].tobytes())


def write_folder_dataset(root: Path, identities: int = 3, images: int = 6) -> Path:
    """`ROOT/{photo,caricature}/<identity>/*`: identities by hue, modalities by brightness."""
    for i in range(identities):
        for m, modality in enumerate(("photo", "caricature")):
            color = [60 + 90 * m] * 3
            color[i % 3] += 70
            for k in range(images):
                path = root / modality / f"person_{i}" / f"{k}.png"
                write_image(path, tuple(color), seed=1000 * i + 100 * m + k)
    return root


def write_lfw(root: Path) -> Path:
    """Four people of three images, and a list of two folds of 2 x 2 pairs."""
    for person in range(4):
        for k in range(3):
            name = f"P_{person}"
            write_image(root / name / f"{name}_{k + 1:04d}.jpg", (60 * person, 90, 150), seed=k)
    lines = ["2\t2", "P_0\t1\t2", "P_1\t1\t3", "P_0\t1\tP_1\t2", "P_0\t3\tP_1\t1"]
    lines += ["P_2\t1\t2", "P_3\t2\t3", "P_2\t1\tP_3\t2", "P_2\t3\tP_3\t1"]
    path = root.parent / "pairs.txt"
    path.write_text("\n".join(lines) + "\n")
    return path


def png_of_size(width: int, height: int) -> bytes:
    """A PNG whose header promises a size; its data are a few bytes."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)

    def chunk(name: bytes, data: bytes) -> bytes:
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    data = zlib.compress(b"\0" * 1000)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )
