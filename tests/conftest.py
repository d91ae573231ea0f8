"""What the tests share: a small folder dataset on disk, prepared, and small networks."""

from __future__ import annotations

import contextlib
import gc
import os
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pytest

from cari_keras.model.pretrained import cached_facenet
from cari_keras.runtime import in_order
from tests.helpers.memory import give_back, in_use
from tests.helpers.pictures import write_folder_dataset
from tests.helpers.places import FACENET

_ORDER = contextlib.ExitStack()


#: What takes longest comes first, so that no process works on alone at the end.
LONGEST = (
    *("test_cluster", "test_survival", "test_face_model", "test_runfolder", "test_trainer"),
    *("test_engine", "test_retention", "test_final", "test_train", "test_figure2", "test_frozen"),
    *("test_evaluate", "test_client", "test_table2", "test_faces", "test_compare", "test_readme"),
    *("test_export", "test_parity", "test_public", "test_levers", "test_stacks"),
)

#: Below so many bytes in use, a test process does not look for what it may give back.
ROOMY = 3 << 30


def pytest_configure(config: pytest.Config) -> None:
    """Gradients are added up in one order, as `cari-train` has it."""
    if config.getoption("numprocesses", None):
        return  # TensorFlow is for the processes that this one starts
    _ORDER.enter_context(in_order())
    # Graphs are made of millions of small objects that live long; looking through them for those
    # that nobody needs took a tenth of the time.
    gc.set_threshold(50_000, 20, 100)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    place = {name: i for i, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.stem, len(place)))


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


@pytest.fixture(scope="module", autouse=True)
def _memory_given_back() -> Iterator[None]:
    """A file's graphs are cleared away, and their memory given back, before the next file's.

    Without it a process of the full suite grows to 6 GB and more.
    """
    yield
    if not Path("/proc/self/status").exists() or in_use() > ROOMY:
        give_back()


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


@pytest.fixture(scope="session")
def network():
    """The paper's depth at the smallest size; tests must not change its weights."""
    import keras

    from cari_keras.model.network import build_network

    keras.utils.set_random_seed(0)
    return build_network(5, image_size=80, embedding_size=16)
