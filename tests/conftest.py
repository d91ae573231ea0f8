"""What the tests share: a small folder dataset on disk, prepared, and small networks."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import cv2
import numpy as np
import pytest

from cari_keras.config import Config
from cari_keras.model.pretrained import cached_facenet
from cari_keras.presets import PRESETS
from cari_keras.runtime import in_order

#: The data that may lie beside the project; tests that use it skip where it is absent.
SHARED = Path(__file__).resolve().parents[2] / "shared"

#: The public weights in the user's own cache; tests that use them skip where they are absent.
FACENET = cached_facenet()


_ORDER = contextlib.ExitStack()


def pytest_configure() -> None:
    """Gradients are added up in one order, as `cari-train` has it."""
    _ORDER.enter_context(in_order())


def pytest_unconfigure() -> None:
    _ORDER.close()


def _another_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    # With a patch of its own: a test may undo those of its `monkeypatch`.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CARI_KERAS_CACHE", str(tmp_path_factory.mktemp("cache")))
        # Nor does one reach a network: what is not in its cache cannot be fetched.
        patch.setenv("PIP_NO_INDEX", "1")
        patch.setenv("PIP_CONFIG_FILE", os.devnull)
        patch.delenv("PIP_FIND_LINKS", raising=False)
        yield


@pytest.fixture(scope="session", autouse=True)
def _cache_of_fixtures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nor does a fixture of more than one test touch the user's own cache."""
    yield from _another_cache(tmp_path_factory)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test touches the user's own cache."""
    yield from _another_cache(tmp_path_factory)


@pytest.fixture
def facenet() -> None:
    """The public weights in the test's own cache; the test is skipped where nobody fetched them."""
    if not FACENET.is_dir():
        pytest.skip("the public weights are not in the cache")
    place = cached_facenet()
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(FACENET)


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


@pytest.fixture(scope="session")
def folder_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder_dataset(tmp_path_factory.mktemp("folder"))


@pytest.fixture(scope="session")
def prepared(folder_dataset: Path, tmp_path_factory: pytest.TempPathFactory):
    """The folder dataset as records of 80 pixels: 30 training images, 6 for validation."""
    from cari_keras.data import folder
    from cari_keras.data.prepare import prepare

    return prepare(
        folder.load(str(folder_dataset)),
        80,
        cache_dir=tmp_path_factory.mktemp("prepared"),
        workers=1,
        progress=False,
    )


def small_config(**values: object) -> Config:
    """Settings of a run of seconds on the folder dataset."""
    return PRESETS["cavi-scratch"]().with_values(
        {
            "dataset": "folder",
            "image_size": 80,
            "batch_size": 8,
            "epochs": 2,
            "embedding_size": 8,
            "precision": "float32",
            "bn_momentum": 0.9,
            "average_decay": 0.9,
            **values,
        }
    )


@pytest.fixture(scope="session")
def network():
    """The paper's depth at the smallest size; tests must not change its weights."""
    import keras

    from cari_keras.model.network import build_network

    keras.utils.set_random_seed(0)
    return build_network(5, image_size=80, embedding_size=16)
