"""Aligns a folder: what is new, changed or gone since the last run, and nothing else.

The aligned folder holds records/*.tfrecord, manifest.csv, dataset.json, contact_sheet.png and the
dataset's lists. They are a function of the raw folder and the settings alone, whatever
interruptions and additions led to them.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Optional

from cari_keras.align.aligner import FileResult, rejected
from cari_keras.align.bookkeeping import copy_lists
from cari_keras.align.config import ENGINES, LOCAL, AlignConfig
from cari_keras.align.counts import FolderCounts, count_rows
from cari_keras.align.journal import DamagedError, Journal
from cari_keras.align.merge import NEW, finish_move, write_shards
from cari_keras.align.pipelines import check_beam
from cari_keras.align.pool import Done, align_files
from cari_keras.align.sheet import write_sheet
from cari_keras.errors import AlignError, ConfigError
from cari_keras.files import user_path, write_json
from cari_keras.images.layouts import (
    NOBODYS,
    Entry,
    Layout,
    elsewhere,
    find_layout,
    list_entries,
    shapes,
)
from cari_keras.images.names import is_systems
from cari_keras.images.remarks import nothing_placed, remarks
from cari_keras.process import usable_cores
from cari_keras.progress import Progress
from cari_keras.records.manifest import (
    FOLDER,
    INDEX,
    JOURNAL,
    MANIFEST,
    SCHEMA_VERSION,
    SHEET,
    write_manifest,
)
from cari_keras.records.shards import shard_names
from cari_keras.vocabulary import MODALITIES, check_word
from cari_keras.wording import counted

#: Where Beam's workers leave what they found, below the aligned folder.
STAGING = ".beam"

#: From files, raw folder, settings and number of workers to what became of each file.
Align = Callable[[Sequence[Entry], Path, AlignConfig, int], Iterator[Done]]

_SECONDS_BETWEEN_COMMITS = 1.0


def align_folder(
    raw: Path,
    aligned: Path,
    config: AlignConfig,
    *,
    workers: Optional[int] = None,
    overwrite: bool = False,
    progress: bool = True,
    engine: str = "local",
    beam_options: Sequence[str] = (),
) -> FolderCounts:
    """Aligns every picture of a folder.

    Args:
        raw: The folder with pictures.
        aligned: The folder to write; an interrupted run is gone on with, a finished one is brought
            up to date.
        config: The settings.
        workers: Processes; as many as there are cores by default.
        overwrite: Start again, where the folder was made with other settings.
        progress: Whether to show a progress bar on standard error.
        engine: One of `ENGINES`: processes of this machine, or Apache Beam. What is written is the
            same.
        beam_options: Beam's flags; by default its own runner works on this machine.

    Returns:
        The counts.

    Raises:
        AlignError: A folder is missing, holds something else, was made with other settings, or is
            being written by another process; or apache-beam is missing, or its pipeline failed.
    """
    raw, aligned = user_path(raw), user_path(aligned)
    align = _engine(engine, aligned, beam_options)
    layout = find_layout(raw, config.layout)
    config = AlignConfig(**{**config.to_dict(), "layout": layout.name})
    _check_folders(raw, aligned)
    entries = list_entries(raw, layout)
    _check_places(raw, entries)
    aligned.mkdir(parents=True, exist_ok=True)
    journal = _empty_journal(aligned) if overwrite else Journal(aligned)
    try:
        if overwrite:
            _clear(aligned)
        _check_settings(journal, aligned, config)
        finish_move(aligned, journal)
        copy_lists(raw, aligned, layout.bookkeeping)
        changed = _bring_up_to_date(
            journal, raw, entries, layout, config, aligned, workers, progress, align
        )
        counts = count_rows(journal.rows(), _notes(entries, layout))
        if changed or not (aligned / INDEX).is_file():
            write_shards(aligned, journal)
            _write_rest(journal, raw, layout, config, aligned, counts)
        return counts
    except sqlite3.OperationalError as error:  # the journal's, such as a full disk
        raise AlignError(
            f"{aligned}: {error}; the finished part is saved: remove the cause, then run "
            "the same command"
        ) from error
    finally:
        journal.close()


def _engine(name: str, aligned: Path, beam_options: Sequence[str]) -> Align:
    """What aligns files, by name; Beam is imported only here."""
    check_word("engine", name, ENGINES)
    if name == LOCAL:
        if beam_options:
            raise ConfigError("Beam's options need --engine beam")
        return align_files
    check_beam(aligned)
    from cari_keras.align import beam

    return partial(beam.align_files, staging=aligned / STAGING, options=beam_options)


def _check_folders(raw: Path, aligned: Path) -> None:
    source, target = raw.resolve(), aligned.resolve()
    if target == source or source in target.parents:
        raise AlignError(
            f"{aligned}: lies in {raw}, so its crops would be taken for raw pictures; name a "
            "folder beside it"
        )
    if aligned.exists() and not aligned.is_dir():
        raise AlignError(f"{aligned}: not a folder")
    there = aligned.iterdir() if aligned.is_dir() else ()
    others = any(not is_systems(path.name) for path in there)
    if others and not (aligned / JOURNAL).is_file():
        raise AlignError(f"{aligned}: holds other things; choose an empty folder")


def _check_places(raw: Path, entries: Sequence[Entry]) -> None:
    """Once for a whole folder, where its files would each say the same."""
    if any(entry.modality for entry in entries):
        return
    raise AlignError(f"{raw}: {nothing_placed(entries)}; {shapes()}{elsewhere(raw)}")


def _notes(entries: Sequence[Entry], layout: Layout) -> list[str]:
    """What is to be known of a folder beside the counts of its files."""
    found = [counted(count, kind) for kind, count in remarks(entries, layout).items()]
    if not layout.bookkeeping and any(entry.refused == NOBODYS for entry in entries):
        found.append(f"files {NOBODYS}: {shapes()}")
    return found


def _empty_journal(aligned: Path) -> Journal:
    """A folder's journal, emptied and never removed.

    So nobody else comes in between, and a folder of which no more than this was done is still
    known for one that cari-align wrote.
    """
    try:
        journal = Journal(aligned)
        journal.begin_again()
    except DamagedError:
        (aligned / f"{JOURNAL}-journal").unlink(missing_ok=True)
        (aligned / JOURNAL).write_bytes(b"")
        journal = Journal(aligned)
    return journal


def _clear(aligned: Path) -> None:
    """Removes what cari-align wrote beside its journal, and nothing else."""
    for name in (INDEX, MANIFEST, SHEET):
        (aligned / name).unlink(missing_ok=True)
    for name in (FOLDER, NEW, STAGING):
        shutil.rmtree(aligned / name, ignore_errors=True)


def _check_settings(journal: Journal, aligned: Path, config: AlignConfig) -> None:
    wanted = {"schema_version": SCHEMA_VERSION, **config.to_dict()}
    made_with = journal.fact("settings")
    if made_with is None:
        journal.note("settings", wanted)
        return
    changed = [
        f"{name} {made_with.get(name)}, not {value}"
        for name, value in wanted.items()
        if made_with.get(name) != value
    ]
    if changed:
        raise AlignError(
            f"{aligned}: was made with {'; '.join(changed)}; choose another folder, or "
            "give --overwrite to align every file again"
        )


def _bring_up_to_date(
    journal: Journal,
    raw: Path,
    entries: Sequence[Entry],
    layout: Layout,
    config: AlignConfig,
    aligned: Path,
    workers: Optional[int],
    progress: bool,
    align: Align,
) -> bool:
    """Aligns what is new or changed, forgets what is gone; says whether there was any of it."""
    stamps = {entry.path: _stamp(raw, entry, layout) for entry in entries}
    known = journal.stamps()
    gone = [path for path in known if path not in stamps]
    todo = [entry for entry in entries if known.get(entry.path) != stamps[entry.path]]
    if not gone and not todo:
        return False
    (aligned / INDEX).unlink(missing_ok=True)
    for path in gone:
        journal.forget(path)
    pictures = []
    for entry in todo:
        if entry.refused:
            journal.add(
                entry.path, stamps[entry.path], FileResult([rejected(entry, entry.refused)], [])
            )
        else:
            pictures.append(entry)
    journal.commit()
    found = align(pictures, raw, config, workers or len(usable_cores()))
    _note(journal, found, stamps, len(pictures), progress)
    return True


def _note(
    journal: Journal,
    found: Iterator[Done],
    stamps: dict[str, str],
    pictures: int,
    progress: bool,
) -> None:
    """Takes what became of the pictures into the journal, as it comes."""
    counts = {"aligned": 0, "rejected": 0}
    done = len(stamps) - pictures
    bar = Progress(len(stamps), "Aligning", initial=done, shown=progress)
    due = time.monotonic() + _SECONDS_BETWEEN_COMMITS
    with bar:
        for entry, outcome in found:
            journal.add(entry.path, stamps[entry.path], outcome)
            counts["aligned" if outcome.examples else "rejected"] += 1
            bar.note(", ".join(f"{n} {what}" for what, n in counts.items()))
            bar.update()
            if time.monotonic() > due:
                journal.commit()
                due = time.monotonic() + _SECONDS_BETWEEN_COMMITS
    journal.commit()


def _stamp(raw: Path, entry: Entry, layout: Layout) -> str:
    """Changes whenever the file, or that of its landmarks, may have."""
    parts = [entry.refused, _stamp_of(raw / entry.path)]
    if layout.landmarks and not entry.refused:
        parts.append(_stamp_of(raw / layout.landmarks(entry.path)))
    return " ".join(parts)


def _stamp_of(path: Path) -> str:
    try:
        status = path.stat()
    except OSError as error:
        return str(error.errno)
    readable = "" if os.access(path, os.R_OK) else " unreadable"
    return f"{status.st_size} {status.st_mtime_ns}{readable}"


def _write_rest(
    journal: Journal,
    raw: Path,
    layout: Layout,
    config: AlignConfig,
    aligned: Path,
    counts: FolderCounts,
) -> None:
    write_manifest(aligned, journal.rows())
    write_sheet(aligned, raw, config, journal.rows)
    content: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "settings": config.to_dict(),
        "identities": counts.identities,
        "counts": counts.counts,
        "shards": {m: shard_names(journal.count(m), m) for m in MODALITIES},
    }
    write_json(aligned / INDEX, content)
