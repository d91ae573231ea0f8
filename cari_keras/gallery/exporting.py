"""A gallery's faces as a file for other programs."""

from __future__ import annotations

import csv
from pathlib import Path

from cari_keras.errors import ConfigError
from cari_keras.files import atomic_path
from cari_keras.gallery.database import library
from cari_keras.gallery.only import Only
from cari_keras.gallery.rows import LENGTHS, SMALL, FaceRow
from cari_keras.gallery.table import Table

#: Kinds of file, by their ending.
ENDINGS = (".csv", ".parquet")


def export(table: Table, path: Path, only: Only) -> int:
    """Writes faces, atomically: as CSV without embeddings and thumbnails, as Parquet with them.

    Args:
        table: The gallery's.
        path: Where to; its ending says the kind.
        only: Which faces.

    Returns:
        How many faces were written.

    Raises:
        ConfigError: The ending is neither `.csv` nor `.parquet`.
    """
    if path.suffix not in ENDINGS:
        raise ConfigError(f"{path}: name a file that ends in {' or '.join(ENDINGS)}")
    with atomic_path(path) as temporary:
        if path.suffix == ".csv":
            return _csv(table, temporary, only)
        return _parquet(table, temporary, only)


def _csv(table: Table, path: Path, only: Only) -> int:
    count = 0
    with path.open("w", encoding="utf-8", newline="") as stream:
        lines = csv.writer(stream)
        lines.writerow(SMALL)
        for row in table.rows(only.sql(), SMALL):
            lines.writerow([_cell(getattr(row, name)) for name in SMALL])
            count += 1
    return count


def _cell(value: object) -> object:
    return (
        " ".join(f"{number:.2f}" for number in value.tolist())
        if hasattr(value, "tolist")
        else value
    )


def _parquet(table: Table, path: Path, only: Only) -> int:
    count, arrow = 0, library("pyarrow")
    fields = [table.schema.field(name) for name in FaceRow._fields]
    for place, field in enumerate(fields):
        if field.name in LENGTHS:  # some are missing, which Parquet keeps of other lists alone
            fields[place] = field.with_type(arrow.list_(arrow.float32()))
    schema = arrow.schema(fields)
    with library("pyarrow.parquet").ParquetWriter(str(path), schema) as writer:
        for batch in table.batches(only.sql(), FaceRow._fields):
            columns = [
                arrow.array(batch[field.name].to_pylist(), field.type)
                if field.name in LENGTHS
                else batch[field.name]
                for field in fields
            ]
            writer.write_batch(arrow.RecordBatch.from_arrays(columns, schema=schema))
            count += batch.num_rows
    return count
