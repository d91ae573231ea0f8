"""Environments that lack what others have: a home, a known user, a locale of UTF-8."""

from __future__ import annotations

import os

import pytest

from tests.helpers.bare import UNKNOWN_USER, run_bare
from tests.helpers.pictures import write_image

#: Asks for a folder of the cache, as training and searching do.
CACHE = """
import sys
from cari_keras.cli.flags import run_program
from cari_keras.files import cache_place, usable_cache

def main(arguments):
    print(usable_cache(cache_place(None, "datasets")))
    return 0

sys.exit(run_program("cari-test", main, []))
"""


@pytest.mark.parametrize(
    ("before", "environment", "said"),
    [
        (
            UNKNOWN_USER,
            {},
            "no folder is known for the cache (HOME is not set); name one in CARI_KERAS_CACHE",
        ),
        ("", {"HOME": "/proc/nowhere"}, "/proc/nowhere/.cache/cari_keras/datasets: the cache can"),
        (UNKNOWN_USER, {"CARI_KERAS_CACHE": "~/x"}, "no folder is known for the cache"),
    ],
)
def test_without_a_place_for_the_cache_one_line_names_the_remedy(
    before, environment, said, tmp_path
):
    done = run_bare(before + CACHE, cwd=tmp_path, **environment)
    assert (done.returncode, done.stdout) == (2, b"")
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith(f"cari-test: error: {said}")
    assert "CARI_KERAS_CACHE" in line
    assert not list(tmp_path.iterdir()), "nothing called ~ is made"


def test_a_cache_that_is_named_is_used_without_a_home(tmp_path):
    done = run_bare(UNKNOWN_USER + CACHE, cwd=tmp_path, CARI_KERAS_CACHE=str(tmp_path / "c"))
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode() == f"{tmp_path}/c/datasets\n"


@pytest.mark.stacks
def test_keras_makes_no_folder_where_no_home_is_known(tmp_path):
    code = (
        "import os\nfrom cari_keras.runtime import load_tensorflow\nload_tensorflow()\n"
        "from cari_keras.stack import keras\nkeras.layers.Dense(1)\n"
        "assert 'KERAS_HOME' not in os.environ"
    )
    done = run_bare(UNKNOWN_USER + code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert not list(tmp_path.iterdir())


#: Prints and writes names as they are found in a folder.
NAMES = """
import sys
from pathlib import Path
from cari_keras.cli.flags import run_program
from cari_keras.errors import DatasetError
from cari_keras.files import write_json
from cari_keras.images.walk import pictures

def main(arguments):
    found = [str(path.name) for path in pictures(Path(arguments[0])).paths]
    print("\\n".join(found))
    write_json(Path(arguments[0]) / "names.json", found)
    raise DatasetError(f"{arguments[0]}: refused")

sys.exit(run_program("cari-test", main, sys.argv[1:]))
"""

#: Environments whose text is no UTF-8.
LOCALES = [
    {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    {"LC_ALL": "C"},
    {"LANG": "xx_YY.nonsense"},
    {"PYTHONIOENCODING": "ascii"},
    {"PYTHONIOENCODING": "latin-1"},
]


@pytest.mark.parametrize("environment", LOCALES, ids=str)
def test_names_in_any_letters_are_read_and_written_in_any_locale(environment, tmp_path):
    folder = tmp_path / "Zo\u00eb"
    for name in (b"\xe5\xbc\xa0.png", b"latin-1 \xe9.png", b"plain.png"):
        write_image(folder / os.fsdecode(name), (9, 9, 9))
    done = run_bare(NAMES, folder, cwd=tmp_path, HOME=str(tmp_path), **environment)
    assert done.returncode == 2
    assert done.stdout.splitlines()[1] == b"plain.png"
    assert len(done.stdout.splitlines()) == 3
    (line,) = done.stderr.splitlines()
    assert line.startswith(b"cari-test: error: ")
    assert line.endswith(b": refused")
    assert (folder / "names.json").read_bytes().count(b".png") == 3
