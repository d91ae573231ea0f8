"""`python -m build`: the source archive makes a wheel that holds all that the package reads."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from cari_keras import __version__
from tests.helpers.places import ROOT


@pytest.mark.slow
def test_a_wheel_holds_the_network_and_the_data_files(tmp_path):
    source, wheels = tmp_path / "source", tmp_path / "wheels"
    source.mkdir()
    for name in ("pyproject.toml", "setup.cfg", "setup.py", "README.md", "LICENSE", "MANIFEST.in"):
        shutil.copy(ROOT / name, source)
    for folder in ("cari_keras", Path("saved_models") / "cavi"):
        shutil.copytree(ROOT / folder, source / folder)
    build = [sys.executable, "-m", "build", "--no-isolation", "-o", wheels, source]
    done = subprocess.run(build, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = wheels.glob("*.whl")
    assert wheel.stat().st_size < 25e6
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
        tops = {name.split("/")[0] for name in archive.namelist()}
    (about,) = tops - {"cari_keras"}
    metadata = (tmp_path / "installed" / about / "METADATA").read_text(encoding="utf-8")
    assert about == f"cari_keras-{__version__}.dist-info"
    for extra in ("beam", "client", "docs", "gallery"):
        assert f"Provides-Extra: {extra}" in metadata

    installed = tmp_path / "installed" / "cari_keras"
    for path in (ROOT / "cari_keras").rglob("*"):
        if path.suffix in {".py", ".j2", ".json"}:
            assert (installed / path.relative_to(ROOT / "cari_keras")).is_file(), path
    found = subprocess.run(
        [sys.executable, "-c", "from cari_keras.shipped import shipped_run; print(shipped_run())"],
        cwd=tmp_path / "installed",
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(found.stdout.strip()) == installed / "saved_models" / "cavi"
