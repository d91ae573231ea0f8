"""The engine on Apache Beam: equal content, and clear errors."""

from __future__ import annotations

from pathlib import Path

import pytest

from cari_keras.align.config import AlignConfig
from cari_keras.align.engine import align_folder
from cari_keras.errors import AlignError, ConfigError
from tests.helpers.commands import last_error, run_command, run_python
from tests.helpers.faces import write_modalities

CONFIG = AlignConfig(image_size=48)


def content(folder: Path) -> dict[str, bytes]:
    """All files but the journal, whose pages differ, by name."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "journal" not in path.name
    }


@pytest.mark.slow
def test_two_processes_of_beam_write_what_the_local_engine_writes(tmp_path):
    pytest.importorskip("apache_beam", reason="needs the extra beam")
    raw = write_modalities(tmp_path / "raw")
    (raw / "photo" / "person 0" / "bad.jpg").write_bytes(b"no picture")
    (raw / "notes.txt").write_text("hello")
    align_folder(raw, tmp_path / "local", CONFIG, workers=2, progress=False)
    how = ["--engine", "beam", "--workers", 2, "--image-size", 48, "--quiet"]
    result = run_command("align", raw, tmp_path / "beam", *how)
    assert result.returncode == 0, result.stderr
    assert content(tmp_path / "beam") == content(tmp_path / "local")
    # What is there already is not done again; Beam's own options are passed on.
    (raw / "photo" / "person 0" / "bad.jpg").unlink()
    result = run_command("align", raw, tmp_path / "beam", *how, "--", "--runner=NoSuchRunner")
    assert result.returncode == 0, result.stderr
    (raw / "photo" / "person 0" / "bad.jpg").write_bytes(b"no picture either")
    result = run_command("align", raw, tmp_path / "beam", *how, "--", "--runner=NoSuchRunner")
    assert "Beam's pipeline failed" in last_error(result)
    assert "NoSuchRunner" in result.stderr


def test_without_apache_beam(tmp_path):
    raw = write_modalities(tmp_path / "raw")
    code = (
        "import sys; sys.modules['apache_beam'] = None\n"
        "from cari_keras.cli.align import main\n"
        f"sys.exit(main([{str(raw)!r}, {str(tmp_path / 'out')!r}, '--engine', 'beam']))"
    )
    error = last_error(run_python("-c", code))
    assert "--engine beam needs apache-beam" in error
    assert "pip install 'cari_keras[beam]'" in error
    assert not (tmp_path / "out").exists()


def test_what_beam_would_not_take(tmp_path, monkeypatch):
    pytest.importorskip("apache_beam", reason="needs the extra beam")
    with pytest.raises(AlignError, match=r"al\[1\]: Beam takes \[, \* and \? for patterns"):
        align_folder(tmp_path, tmp_path / "al[1]", CONFIG, engine="beam")
    raw = write_modalities(tmp_path / "raw", people=1, images=1)
    options = ["--runner=FnApiRunner", "--direct_num_workers=x"]
    with pytest.raises(AlignError, match=r"Beam: .*direct_num_workers: invalid int value: 'x'"):
        align_folder(raw, tmp_path / "out", CONFIG, engine="beam", beam_options=options)
    with pytest.raises(AlignError, match="Beam: the option is not for pipelines"):
        align_folder(raw, tmp_path / "out", CONFIG, engine="beam", beam_options=["--help"])
    (tmp_path / "[x]").mkdir()
    monkeypatch.chdir(tmp_path / "[x]")
    with pytest.raises(AlignError, match=r"\[x\]/out: Beam takes \[, \* and \? for patterns"):
        align_folder(raw, Path("out"), CONFIG, engine="beam")


def test_options_go_with_beam(tmp_path):
    with pytest.raises(ConfigError, match=r"engine must be one of local, beam\. Received: 'x'"):
        align_folder(tmp_path, tmp_path / "out", CONFIG, engine="x")
    with pytest.raises(ConfigError, match="Beam's options need --engine beam"):
        align_folder(tmp_path, tmp_path / "out", CONFIG, beam_options=["--runner=X"])
