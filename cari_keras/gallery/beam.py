"""Embeds very many pictures for a gallery on Apache Beam, on any of its runners.

The pictures and the gallery lie where all workers reach them. The workers read, find faces and
embed them, each with a network of its own; this process commits what they found, so that the table
has one writer. Faces that the gallery has under another name are embedded again: only the
workers know a file's hash.

Imported by `contents` alone, where it is asked for: apache-beam comes with the extra `beam`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import apache_beam as beam
from filelock import Timeout

from cari_keras.align.pipelines import piped
from cari_keras.errors import AlignError, GalleryError
from cari_keras.files import lock_file
from cari_keras.gallery.adding import Looked, OnBeam, batches, looked_at
from cari_keras.gallery.database import library
from cari_keras.gallery.looking import Source, network_key
from cari_keras.gallery.rows import of_arrow, schema_of, to_arrow
from cari_keras.gallery.table import Table

if TYPE_CHECKING:
    from cari_keras.serving.face_model import FaceModel

#: Commits of one pipeline: what a killed run repeats, at most.
COMMITS_PER_PIPELINE = 150

#: Where workers leave what they found, below the gallery.
STAGING = ".beam"


class LookAtPictures(beam.DoFn):
    """From the pictures of a commit, as JSON, to their rows, as JSON.

    Args:
        opened: Gives the network; pickled to the workers.
        network: Its key, as the gallery has it.
        dimension: d of its embeddings.
        thumbnails: Whether to keep the faces as small pictures.
    """

    def __init__(
        self, opened: Callable[[], FaceModel], network: str, dimension: int, thumbnails: bool
    ) -> None:
        self.opened, self.network = opened, network
        self.dimension, self.thumbnails = dimension, thumbnails

    def setup(self) -> None:
        """Opens the network, once a worker."""
        self.model = self.opened()
        if network_key(self.model) != self.network:
            raise GalleryError("a worker's network differs from the gallery's")

    def process(self, line: str) -> Iterator[str]:
        part = [Source(*source) for source in json.loads(line)]
        looked = looked_at(self.model, part, self.network, thumbnails=self.thumbnails)
        arrow = library("pyarrow")
        table = to_arrow(arrow, looked.rows, schema_of(arrow, self.dimension))
        sink = arrow.BufferOutputStream()
        with arrow.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
        rows = base64.b64encode(sink.getvalue()).decode()
        yield json.dumps({**looked._asdict(), "rows": rows})


def look_on_beam(
    table: Table, on: OnBeam, wanted: Sequence[Source], *, thumbnails: bool
) -> Iterator[Looked]:
    """Looks at pictures in pipelines, in whatever order they are done.

    Args:
        table: The gallery's.
        on: How.
        wanted: The pictures.
        thumbnails: Whether to keep the faces as small pictures.

    Raises:
        GalleryError: A pipeline failed, Beam refuses an option's value, or another process has
            pipelines for this gallery.
    """
    try:
        lock = lock_file(table.folder / f"{STAGING}.lock", wait=False)
    except Timeout as error:
        raise GalleryError(
            f"{table.folder}: another process adds to it with Beam; wait for that "
            "process, or add without Beam"
        ) from error
    except OSError as error:
        raise GalleryError(f"{table.folder}: cannot be written ({error.strerror})") from error
    arrow = library("pyarrow")
    try:
        lines = piped(
            [json.dumps(part) for part in batches(wanted)],
            LookAtPictures(on.opened, table.meta["network"], table.dimension, thumbnails),
            workers=on.workers,
            staging=table.folder / STAGING,
            options=on.options,
            most=COMMITS_PER_PIPELINE,
        )
        for line in lines:
            found = json.loads(line)
            with arrow.ipc.open_stream(base64.b64decode(found["rows"])) as stream:
                yield Looked(**{**found, "rows": list(of_arrow(stream.read_all()))})
    except AlignError as error:
        raise GalleryError(f"{table.folder}: {error}") from error
    finally:
        lock.release()
