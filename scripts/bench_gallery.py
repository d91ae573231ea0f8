"""Measures a gallery of generated faces beside brute force in NumPy and FAISS, in one run.

    scripts/bench_gallery.py [--faces 1000000] [--batch 10000] [--folder DIR]

Faces are unit vectors of 128 numbers about people's middles, ten a person, the coordinates' spread
falling off as that of embeddings does. Queries are further faces of these people. Recall is that of
the ten nearest against the exact search. FAISS comes with the extra `test`.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from cari_keras.evaluation.nearest import nearest
from cari_keras.gallery.database import library
from cari_keras.gallery.rows import EMBEDDING, FaceRow
from cari_keras.gallery.searching import (
    BITS,
    PARTITIONS,
    PROBES,
    REFINE,
    Searcher,
    index_when_large,
)
from cari_keras.gallery.table import Table

DIMENSION, PER_PERSON, PART = 128, 10, 50_000

#: Spread of a person's faces about their middle, and how it falls off over the coordinates.
SPREAD, FALL = 0.8, -0.35

COUNT = 10

#: Faces that are added when all is built.
LATE = 1_000

#: Of FAISS's inverted index.
FACES_PER_PART = 2_000


def generated(rng: np.random.Generator, people: int, owners: np.ndarray) -> np.ndarray:
    """float32 [n, 128] of unit norm, of the people that `owners` names."""
    scale = np.arange(1, DIMENSION + 1, dtype=np.float32) ** FALL
    middles = np.random.default_rng(0).normal(size=(people, DIMENSION)).astype(np.float32) * scale
    middles /= np.linalg.norm(middles, axis=1, keepdims=True)
    found = np.empty((len(owners), DIMENSION), np.float32)
    for start in range(0, len(owners), PART):
        part = owners[start : start + PART]
        noise = rng.normal(size=(len(part), DIMENSION)).astype(np.float32) * scale
        noise /= np.linalg.norm(noise, axis=1, keepdims=True)
        rows = middles[part] + SPREAD * noise
        found[start : start + PART] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return found


def arrow_rows(table: Table, first: int, embeddings: np.ndarray, owners: np.ndarray) -> Any:
    """Rows as PyArrow's table, without a Python object for each."""
    arrow, count = library("pyarrow"), len(embeddings)
    paths = [f"/faces/{first + k:09d}.jpg" for k in range(count)]
    given = {
        "key": [f"{path}#0" for path in paths],
        "path": paths,
        "face": np.zeros(count, np.int32),
        "identity": [f"person {owner}" for owner in owners],
        "modality": ["caricature" if k % 3 == 0 else "photo" for k in range(count)],
        "sha256": [f"{first + k:064x}" for k in range(count)],
        EMBEDDING: arrow.FixedSizeListArray.from_arrays(embeddings.ravel(), DIMENSION),
    }
    schema = table.schema
    columns = [
        arrow.array(given[name], schema.field(name).type)
        if name in given and name != EMBEDDING
        else given.get(name, arrow.nulls(count, schema.field(name).type))
        for name in ("key", *FaceRow._fields)
    ]
    return arrow.Table.from_arrays(columns, schema=schema)


def places_of(table: Table) -> dict[int, int]:
    """The database's number of a row -> which face it is."""
    found = {}
    for rows in table.batches("face >= 0", ["path"], numbered=True):
        for row, path in zip(rows["_rowid"].to_pylist(), rows["path"].to_pylist()):
            found[row] = int(path[7:16])
    return found


def seconds(action: Callable[[], Any]) -> tuple[float, Any]:
    begun = time.perf_counter()
    found = action()
    return time.perf_counter() - begun, found


def one_by_one(name: str, search: Callable[[np.ndarray], np.ndarray], queries, truth) -> None:
    """Prints the times of single queries, the first ten left out, and their recall.

    The processor's time is the mean over both cores; a busy machine changes it less than the clock.
    """
    for query in queries[:COUNT]:
        search(query[None])
    taken, right, begun = [], 0, time.process_time()
    for query, wanted in zip(queries, truth):
        took, found = seconds(lambda query=query: search(query[None]))
        taken.append(1000 * took)
        right += len(set(np.ravel(found).tolist()) & set(wanted.tolist()))
    processor = 1000 * (time.process_time() - begun) / len(queries)
    recall = right / truth[: len(queries)].size
    p50, p95 = np.percentile(taken, [50, 95])
    print(
        f"{name:<34} p50 {p50:8.1f} ms  p95 {p95:8.1f} ms  processor {processor:8.1f} ms  "
        f"recall@10 {recall:.4f}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faces", type=int, default=1_000_000)
    parser.add_argument(
        "--queries", type=int, default=200, help="number of queries asked one by one [200]"
    )
    parser.add_argument(
        "--batch", type=int, default=10_000, help="number of queries in the batch [10000]"
    )
    parser.add_argument("--folder", type=Path, help="folder for the gallery [a temporary one]")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(dir=given.folder))
    try:
        measure(folder / "gallery", given.faces, given.queries, given.batch)
    finally:
        shutil.rmtree(folder)


def measure(folder: Path, faces: int, single: int, batch: int) -> None:
    rng, people = np.random.default_rng(1), max(faces // PER_PERSON, 1)
    owners = rng.integers(0, people, faces)
    embeddings = generated(rng, people, owners)
    queries = generated(rng, people, rng.integers(0, people, batch))
    table = Table(folder)

    def build() -> None:
        with table.writing():
            table.create(DIMENSION, {"network": "generated", "model": "generated"})
            for start in range(0, faces, PART):
                rows = slice(start, start + PART)
                table.append_arrow(arrow_rows(table, start, embeddings[rows], owners[rows]))
            index_when_large(table)

    processor = time.process_time()
    took, _ = seconds(build)
    processor = time.process_time() - processor
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{faces:,} faces of {people:,} people; index: {table.has_index}")
    print(
        f"build {took:.1f} s, {processor:.1f} s of the processor, peak memory {peak:.2f} GiB with "
        f"the generated faces; {PARTITIONS} partitions, {BITS} bits, {PROBES} looked into, "
        f"{REFINE * COUNT} compared",
        flush=True,
    )

    searcher = Searcher(table)
    place = places_of(table)
    everyone = [
        (np.arange(start, min(start + PART, faces)), embeddings[start : start + PART])
        for start in range(0, faces, PART)
    ]
    truth = nearest(queries[:single], everyone, COUNT).places

    def in_gallery(query: np.ndarray) -> np.ndarray:
        return np.array([place[row] for row in searcher.nearest(query, COUNT).places[0].tolist()])

    one_by_one("gallery", in_gallery, queries[:single], truth)
    some = slice(0, min(single, 30))
    one_by_one(
        "brute force, NumPy",
        lambda query: nearest(query, everyone, COUNT).places,
        queries[some],
        truth[some],
    )
    flat = faiss.IndexFlatL2(DIMENSION)
    flat.add(embeddings)
    one_by_one(
        "brute force, FAISS", lambda query: flat.search(query, COUNT)[1], queries[some], truth[some]
    )
    parts = max(1, faces // FACES_PER_PART)
    inverted = faiss.IndexIVFFlat(faiss.IndexFlatL2(DIMENSION), DIMENSION, parts)

    def build_faiss() -> None:
        inverted.train(embeddings[:: max(1, faces // (64 * parts))])
        inverted.add(embeddings)

    took, _ = seconds(build_faiss)
    inverted.nprobe = max(1, parts * PROBES // PARTITIONS)
    print(f"FAISS IVF of {parts} parts: build {took:.1f} s", flush=True)
    one_by_one(
        f"FAISS IVF, {inverted.nprobe} parts looked into",
        lambda query: inverted.search(query, COUNT)[1],
        queries[:single],
        truth,
    )
    took, found = seconds(lambda: searcher.nearest(queries, COUNT))
    told = [[place[row] for row in rows] for rows in found.places[:single].tolist()]
    right = np.mean([len(set(a) & set(b)) / COUNT for a, b in zip(told, truth.tolist())])
    print(f"gallery, {batch:,} queries at once: {took:.1f} s, recall@10 {right:.4f}", flush=True)
    took, _ = seconds(lambda: flat.search(queries, COUNT))
    print(f"FAISS brute force, {batch:,} queries at once: {took:.1f} s", flush=True)

    late = generated(np.random.default_rng(2), people, rng.integers(0, people, LATE))
    rows = arrow_rows(table, faces, late, np.zeros(LATE, int))

    def add() -> None:
        with table.writing():
            table.append_arrow(rows)

    def tidy() -> None:
        with table.writing():
            table.tidy()

    known = [*everyone, (np.arange(faces, faces + LATE), late)]
    truth = nearest(late[:single], known, COUNT).places
    for action, name in ((add, "adding"), (tidy, "taking into the index")):
        took, _ = seconds(action)
        print(f"{name} {LATE:,} faces: {took:.2f} s; {table.unindexed:,} are not in the index")
        place.update(places_of(table))
        one_by_one("gallery, asked for late ones", in_gallery, late[:single], truth)


if __name__ == "__main__":
    main()
