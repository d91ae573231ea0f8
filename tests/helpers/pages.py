"""A network for the page that answers at once, and a browser to see the page with."""

from __future__ import annotations

import contextlib
import json
import shutil
import struct
import zlib
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from cari_keras.evaluation.probability import ProbabilityCurve
from cari_keras.explaining.explanation import Explanation
from cari_keras.explaining.occlusion import occlusion_map, places
from cari_keras.serving.about import ModelCard
from cari_keras.serving.answers import Candidate, Identification, Limit, Verification
from tests.helpers.faces import write
from tests.helpers.galleries import SIDE, SmallModel

#: The largest squared distance that is called one person.
THRESHOLD = 0.5


class PageModel(SmallModel):
    """Tells pictures apart by what they look like; the answers are real, if of a small rule."""

    identities = ("ann", "bob")
    thresholds: ClassVar = {
        "verify": Limit(
            THRESHOLD, "pairs", far=0.01, by="embedding", curve=ProbabilityCurve(-4.0, 2.0)
        )
    }
    card = ModelCard("small", {"Answers": "verification", "Licence": "none <needed>"})

    def verify_faces(self, photos, others, *, modality="caricature"):
        distances = np.sum((self.embed_faces(photos) - self.embed_faces(others)) ** 2, axis=1)
        return [
            Verification(d <= THRESHOLD, d, THRESHOLD, 0.01, "pairs", probability=1 - d / 4)
            for d in distances.tolist()
        ]

    def identify_faces(self, faces, modality):
        share = float(faces.mean()) / 255
        found = [Candidate("ann", share), Candidate("bob", 1 - share)]
        return [Identification(found, known=share > 0.4, fpir=0.05)]

    def explain_faces(self, photo, other, *, way, progress):
        one, another = self.embed_faces(np.stack([photo, other]))
        progress.total = 2 * (1 + len(places(SIDE, 0)))
        maps = [
            occlusion_map(face, target, self.embed_faces, seed=0, progress=progress)
            for face, target in ((photo, another), (other, one))
        ]
        return Explanation.of(maps, (photo, other), float(one @ another), way, 0)


def pattern(person: int, number: int = 0, side: int = 64) -> np.ndarray:
    """A picture of a person: their own squares, with some noise. uint8 RGB [side, side, 3]."""
    squares = np.random.default_rng(person).integers(30, 226, (4, 4, 3))
    noise = np.random.default_rng([person, number]).integers(-15, 16, (side, side, 3))
    return (np.kron(squares, np.ones((side // 4, side // 4, 1), int)) + noise).astype(np.uint8)


def write_pictures(folder):
    """Files by name: two of person 1, one of person 2, one that shows both, and no picture."""
    found = {
        "one.png": pattern(1),
        "drawn.png": pattern(1, 1),
        "other.png": pattern(2),
        "both.png": np.concatenate([pattern(2), pattern(1)], axis=1),
    }
    paths = {name: write(folder / name, image) for name, image in found.items()}
    paths["text.png"] = folder / "text.png"
    paths["text.png"].write_text("no picture")
    return paths


def bomb(path: Path, side: int) -> Path:
    """A PNG of a few bytes that says it has side x side pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    content = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + content)
    return path


@contextlib.contextmanager
def browser():
    """Headless Chromium by Selenium, with what it asks for and complains of; else a skip."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="needs Selenium")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("needs chromium and chromedriver (apt install chromium chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in ("headless=new", "no-sandbox", "disable-dev-shm-usage", "window-size=1400,1400"):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    found = webdriver.Chrome(options, webdriver.ChromeService(driver))
    try:
        yield found
    finally:
        found.quit()


def requests_of(driver) -> list[str]:
    """The addresses that the page has asked for since they were last read."""
    entries = [json.loads(e["message"])["message"] for e in driver.get_log("performance")]
    sent = [e["params"] for e in entries if e["method"] == "Network.requestWillBeSent"]
    return [each["request"]["url"] for each in sent]
