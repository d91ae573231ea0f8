"""A tree in WebCaricature's layout, for the protocols and the report."""

from pathlib import Path

import pytest

from tests.helpers.webcaricature import write_images, write_lists


@pytest.fixture(scope="session")
def tree(tmp_path_factory) -> Path:
    return write_images(write_lists(tmp_path_factory.mktemp("web")))
