"""Whole folders: what is written, and that interruptions and additions leave no trace."""

from __future__ import annotations

import contextlib
import csv
import json
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from cari_keras.align import merge, pool
from cari_keras.align.config import AlignConfig
from cari_keras.align.engine import align_folder
from cari_keras.align.journal import Journal
from cari_keras.errors import AlignError, ConfigError
from cari_keras.images.layouts import Entry
from cari_keras.records import shards
from cari_keras.records.manifest import FOLDER, JOURNAL, read_manifest, write_manifest
from cari_keras.records.shards import read_record
from tests.helpers.faces import content, face, write, write_modalities

pytestmark = pytest.mark.slow

CONFIG = AlignConfig(image_size=48)


def align(raw: Path, aligned: Path, config: AlignConfig = CONFIG, **options: object):
    return align_folder(raw, aligned, config, **{"workers": 2, "progress": False, **options})


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_modalities(tmp_path_factory.mktemp("raw"))
    (root / "photo" / "person 0" / "bad.jpg").write_bytes(b"no picture")
    (root / "notes.txt").write_text("hello")
    return root


@pytest.fixture(scope="module")
def aligned(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("aligned") / "out"
    align(raw, folder)
    return folder


def test_every_file_is_in_the_manifest_and_every_face_in_the_records(raw: Path, aligned: Path):
    """Counts by hand: 4 photos, 4 caricatures, one bad file, one file in nobody's folder."""
    rows = list(read_manifest(aligned))
    assert {row["path"] for row in rows} == {
        path.relative_to(raw).as_posix() for path in raw.rglob("*") if path.is_file()
    }
    assert len(rows) == 10
    reasons = {row["path"]: row["reason"] for row in rows if row["status"] == "rejected"}
    assert reasons == {
        "photo/person 0/bad.jpg": "not a picture",
        "notes.txt": "not in an identity's folder",
    }
    index = json.loads((aligned / "dataset.json").read_text())
    assert index["schema_version"] == 1
    assert index["identities"] == 2
    assert index["settings"]["layout"] == "modalities"
    assert index["counts"]["photo"] == {
        "faces": 4, "files": 5, "mtcnn": 4, "rejected: not a picture": 1
    }  # fmt: skip
    assert index["counts"]["elsewhere"] == {
        "files": 1, "rejected: not in an identity's folder": 1
    }  # fmt: skip
    import tensorflow as tf

    from cari_keras.records.schema import parse

    assert set(index["shards"]) == {"photo", "caricature"}
    for modality, names in index["shards"].items():
        assert names == [f"{modality}-00000-of-00001.tfrecord"]
        found = [
            parse(record)["path"].numpy().decode()
            for record in tf.data.TFRecordDataset([str(aligned / "records" / n) for n in names])
        ]
        assert found == sorted(r["path"] for r in rows if r["modality"] == modality and r["shard"])


def test_each_row_leads_to_its_record(aligned: Path):
    """Shard and offset give the record of that path."""
    import tensorflow as tf

    for row in read_manifest(aligned):
        if row["shard"]:
            with (aligned / FOLDER / row["shard"]).open("rb") as stream:
                record = read_record(stream, int(row["offset"]))
            feature = tf.train.Example.FromString(record).features.feature
            assert feature["path"].bytes_list.value[0].decode() == row["path"]


def test_a_finished_folder_is_left_as_it_is(
    raw: Path, aligned: Path, monkeypatch: pytest.MonkeyPatch
):
    """No worker starts, no file is written."""
    before = {path: path.stat().st_mtime_ns for path in aligned.rglob("*") if path.name[0] != "."}

    def no_worker(*_: object) -> None:
        raise AssertionError("a worker was started")

    monkeypatch.setattr(pool, "ProcessPoolExecutor", no_worker)
    summary = align(raw, aligned)
    assert summary.counts["caricature"]["faces"] == 4
    assert before == {p: p.stat().st_mtime_ns for p in aligned.rglob("*") if p.name[0] != "."}


def test_additions_changes_and_removals_end_as_if_they_had_always_been(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Only what is new is aligned; the folder's bytes are those of a run from the start."""
    monkeypatch.setattr(shards, "SHARD_SIZE", 3)
    monkeypatch.setattr(merge, "SHARD_SIZE", 3)  # several shards, all of which shift
    tree = tmp_path / "raw"
    shutil.copytree(raw, tree)
    align(tree, tmp_path / "grown")
    write(tree / "photo" / "anna" / "0.png", face("photo", 2))
    write(tree / "caricature" / "person 1" / "0.png", face("caricature", 2))
    (tree / "photo" / "person 0" / "1.png").unlink()
    read: list[str] = []
    original = pool.align_files

    def watched(entries: list[Entry], *arguments: object):
        read.extend(entry.path for entry in entries)
        return original(entries, *arguments)

    monkeypatch.setattr("cari_keras.align.engine.align_files", watched)
    align(tree, tmp_path / "grown")
    assert read == ["caricature/person 1/0.png", "photo/anna/0.png"]
    align(tree, tmp_path / "fresh", workers=1)
    assert content(tmp_path / "grown") == content(tmp_path / "fresh")


def files_done(aligned: Path) -> int:
    """How many files another process has noted so far."""
    place = f"file:{aligned / JOURNAL}?mode=ro&immutable=1"  # which asks for no lock
    try:
        with contextlib.closing(sqlite3.connect(place, uri=True)) as db:
            return int(db.execute("SELECT COUNT(*) FROM file").fetchone()[0])
    except sqlite3.Error:  # there is no journal yet, or no table in it; it is being written
        return 0


def test_a_run_killed_at_any_moment_goes_on_to_the_same_bytes(
    raw: Path, aligned: Path, tmp_path: Path
):
    """kill -9, each time as soon as more files are done than before.

    What is cut off while results are written is below.
    """
    out = tmp_path / "out"
    command = [sys.executable, "-m", "cari_keras.cli.align", str(raw), str(out), "--quiet"]
    command += ["--image-size", "48", "--workers", "2"]
    seen = [0]
    for _ in range(3):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
        done = seen[-1]
        while done <= seen[-1] and process.poll() is None:
            time.sleep(0.02)
            done = files_done(out)
        process.kill()
        process.wait()
        seen.append(done)
    assert 0 < seen[1] < 10  # the first is killed at its work
    align(raw, out)
    assert content(out) == content(aligned)


@pytest.mark.parametrize(
    "step",
    [
        "cari_keras.align.engine.write_shards",
        "cari_keras.align.journal.Journal.move",
        "pathlib.Path.rename",
        "cari_keras.align.journal.Journal.release",
        "cari_keras.align.engine.write_manifest",
        "cari_keras.align.engine.write_sheet",
    ],
)
def test_a_run_that_dies_while_it_writes_goes_on_to_the_same_bytes(
    raw: Path, aligned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
):
    """A file is gone and each step of the end fails once; the next run ends as if nothing was."""
    tree, out = tmp_path / "raw", tmp_path / "out"
    shutil.copytree(raw, tree)  # with its times, so nothing counts as changed
    shutil.copytree(aligned, out)
    (tree / "photo" / "person 1" / "0.png").unlink()

    def die(*_: object, **__: object) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(step, die)
        with pytest.raises(RuntimeError, match="killed"):
            align(tree, out)
    assert not (out / "dataset.json").exists()
    monkeypatch.setattr(pool, "ProcessPoolExecutor", die)  # nothing is aligned again
    align(tree, out)
    expected = tmp_path / "expected"
    shutil.copytree(aligned, expected)
    align(tree, expected)
    assert content(out) == content(expected)
    assert "photo/person 1/0.png" not in (out / "manifest.csv").read_text()


def test_a_file_that_comes_while_shards_are_being_moved_is_kept(
    raw: Path, aligned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The interrupted move is finished first; the new record is not dropped with the moved ones."""
    tree, out = tmp_path / "raw", tmp_path / "out"
    shutil.copytree(raw, tree)
    shutil.copytree(aligned, out)
    (tree / "photo" / "person 1" / "0.png").unlink()

    def die(*_: object) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.rename", die)
        with pytest.raises(RuntimeError, match="killed"):
            align(tree, out)
    write(tree / "photo" / "anna" / "0.png", face("photo", 2))
    align(tree, out)
    align(tree, tmp_path / "fresh")
    assert content(out) == content(tmp_path / "fresh")


def test_other_settings_are_refused_unless_told_to_start_again(
    raw: Path, aligned: Path, tmp_path: Path
):
    """The message names what differs; --overwrite removes what was written and nothing else."""
    out = tmp_path / "out"
    shutil.copytree(aligned, out)
    (out / "mine.txt").write_text("keep me")
    other = AlignConfig(image_size=48, margin=0.1, align="box")
    with pytest.raises(AlignError, match=r"margin 0\.6, not 0\.1; align similarity, not box"):
        align(raw, out, other)
    assert content(out).keys() == {*content(aligned), "mine.txt"}
    align(raw, out, other, overwrite=True)
    assert json.loads((out / "dataset.json").read_text())["settings"]["margin"] == 0.1
    assert (out / "mine.txt").read_text() == "keep me"


def test_folders_that_would_harm_are_refused(raw: Path, tmp_path: Path):
    """Within the raw folder; over other files; a file; while another process writes."""
    with pytest.raises(AlignError, match="crops would be taken for raw pictures"):
        align(raw, raw / "aligned")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    with pytest.raises(AlignError, match="holds other things"):
        align(raw, tmp_path / "full")
    with pytest.raises(AlignError, match="not a folder"):
        align(raw, tmp_path / "full" / "x")
    (tmp_path / "busy").mkdir()
    journal = Journal(tmp_path / "busy")
    with pytest.raises(AlignError, match="another cari-align is working there"):
        align(raw, tmp_path / "busy")
    journal.close()
    with pytest.raises(ConfigError, match=r"margin must be in \[0, 10\]. Received: -1"):
        AlignConfig(margin=-1)


def test_a_damaged_journal_says_how_to_go_on(raw: Path, tmp_path: Path):
    """--overwrite."""
    (tmp_path / ".journal.sqlite").write_bytes(b"no database at all, but long enough" * 40)
    with pytest.raises(AlignError, match=r"damaged .* start again with --overwrite"):
        align(raw, tmp_path)


def test_starting_again_waits_for_nobody_and_may_be_cut_short(
    raw: Path, aligned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A folder in use is not touched; one that was half cleared is gone on with."""
    out = tmp_path / "out"
    shutil.copytree(aligned, out)
    journal = Journal(out)
    with pytest.raises(AlignError, match="another cari-align is working there"):
        align(raw, out, overwrite=True)
    journal.close()
    assert content(out) == content(aligned)

    def die(*_: object, **__: object) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr("shutil.rmtree", die)
        with pytest.raises(RuntimeError, match="killed"):
            align(raw, out, overwrite=True)
    align(raw, out)
    assert content(out) == content(aligned)


def test_a_damaged_journal_is_replaced_where_told_to_start_again(
    raw: Path, aligned: Path, tmp_path: Path
):
    (tmp_path / ".journal.sqlite").write_bytes(b"no database at all, but long enough" * 40)
    align(raw, tmp_path, overwrite=True)
    assert content(tmp_path) == content(aligned)


def test_lists_follow_the_raw_folder_when_no_picture_changes(tmp_path: Path):
    """Those that come later, change or go; read-only ones are replaced as well."""
    raw, lists = tmp_path / "raw", tmp_path / "raw" / "train-test-files"
    write(raw / "CaVI_Dataset" / "Real" / "anna" / "0.png", face("photo", 0))
    align(raw, tmp_path / "out")
    copies = tmp_path / "out" / "train-test-files"
    assert not copies.exists()
    lists.mkdir()
    for text in ("one", "two"):
        (lists / "validation.txt").unlink(missing_ok=True)
        (lists / "validation.txt").write_text(text)
        (lists / "validation.txt").chmod(0o444)
        align(raw, tmp_path / "out")
        assert (copies / "validation.txt").read_text() == text
        assert (copies / "validation.txt").stat().st_mode & 0o200
    (lists / "validation.txt").rename(lists / "other.txt")
    align(raw, tmp_path / "out")
    assert [path.name for path in copies.iterdir()] == ["other.txt"]


def test_landmarks_that_come_later_have_their_effect(tmp_path: Path):
    raw, out = tmp_path / "raw", tmp_path / "out"
    write(raw / "OriginalImages" / "anna" / "C00001.png", np.full((90, 90, 3), 128, np.uint8))
    align(raw, out)
    assert [row["reason"] for row in read_manifest(out)] == ["no face found"]
    points = raw / "FacialPoints" / "anna" / "C00001.txt"
    points.parent.mkdir(parents=True)
    np.savetxt(points, np.random.default_rng(0).uniform(20, 70, (17, 2)))
    align(raw, out)
    assert [row["source"] for row in read_manifest(out)] == ["landmarks"]


def test_names_with_any_byte_come_back(tmp_path: Path):
    """`Icon` with a carriage return is what macOS calls the picture of a folder."""
    rows = [{"path": name, "status": "rejected"} for name in ("Icon\r", "a\nb", 'a"b,c', "\udcff")]
    write_manifest(tmp_path, rows)
    assert [row["path"] for row in read_manifest(tmp_path)] == [row["path"] for row in rows]


def test_a_journal_that_cannot_grow_is_one_line(raw: Path, tmp_path: Path, monkeypatch):
    def full(*_):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr("cari_keras.align.engine.finish_move", full)
    with pytest.raises(
        AlignError, match=r"out: database or disk is full; the finished part is saved"
    ):
        align_folder(raw, tmp_path / "out", AlignConfig(), progress=False)


def test_the_manifest_is_plain_csv(aligned: Path):
    """Any reader of CSV reads it; numbers are numbers."""
    with (aligned / "manifest.csv").open(newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["status"] == "aligned"]
    assert len(rows) == 8
    for row in rows:
        assert 0 <= float(row["crop_nose_x"]) <= 48
        assert float(row["right"]) > float(row["left"])
        assert len(row["sha256"]) == 64
