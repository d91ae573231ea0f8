"""Adds new and changed pictures to a gallery, in batches that are committed whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Optional

from cari_keras.cards import card
from cari_keras.errors import ImageError
from cari_keras.gallery.looking import (
    Content,
    Found,
    Source,
    bare_row,
    check_network,
    look,
    network_key,
    read_content,
)
from cari_keras.gallery.only import among, below
from cari_keras.gallery.rows import NO_FACE, FaceRow
from cari_keras.gallery.table import Table
from cari_keras.images.walk import stamp
from cari_keras.progress import Progress
from cari_keras.wording import counted

if TYPE_CHECKING:
    from cari_keras.serving.face_model import FaceModel

#: Pictures of a commit: what a killed `add` loses, at most.
BATCH = 64

#: Columns that tell whether a picture is as it was.
_KNOWN = ("path", "face", "identity", "modality", "sha256", "size", "mtime_ns")


@dataclass
class Change:
    """Counts of what became of pictures.

    Attributes:
        new: Pictures that are new to the gallery.
        changed: Pictures whose file, modality or person changed.
        gone: Pictures whose rows were removed.
        unchanged: Pictures that were as they had been.
        embedded: Pictures that the network looked at; the faces of others were there already.
        faces: Faces on the new and the changed pictures.
        refused: Pictures that show no face or cannot be read, with the reason; before them a line
            for each kind of file that was left out.
    """

    new: int = 0
    changed: int = 0
    gone: int = 0
    unchanged: int = 0
    embedded: int = 0
    faces: int = 0
    refused: list[str] = field(default_factory=list)

    def _repr_html_(self) -> str:
        """What became of the pictures as a small card, for notebooks.

        Example:
            >>> Change(new=2, unchanged=1, faces=3)._repr_html_().count("<div>")
            2
        """
        counts = {"new": self.new, "changed": self.changed, "removed": self.gone}
        counts["unchanged"] = self.unchanged
        told = [counted(count, f"{word} pictures") for word, count in counts.items() if count]
        return card(counted(self.faces, "faces"), [*told, *self.refused])


class Looked(NamedTuple):
    """Pictures that were looked at, for one commit.

    Attributes:
        paths: The pictures that could be read.
        rows: Theirs.
        embedded: How many of them the network looked at.
        refused: Why the others could not be read, a line each; what the gallery has of them stays.
    """

    paths: list[str]
    rows: list[FaceRow]
    embedded: int
    refused: list[str]


class OnBeam(NamedTuple):
    """Pictures are to be looked at on Apache Beam.

    Attributes:
        opened: Gives the network to a worker, as `partial(load_model, "runs/mine")`; is pickled.
        workers: Processes of Beam's own runner, which is taken where `options` name none.
        options: Beam's flags, `--runner=FlinkRunner` and so on.
    """

    opened: Callable[[], FaceModel]
    workers: int = 1
    options: Sequence[str] = ()


#: From pictures to what is on them, in parts.
Looking = Callable[[Sequence[Source]], Iterator[Looked]]


class _Known(NamedTuple):
    """A picture as the gallery has it."""

    source: Source
    sha256: str
    stamp: tuple[int, int]


def add_pictures(
    table: Table,
    model: FaceModel,
    found: Found,
    *,
    thumbnails: bool = True,
    remove_gone: bool = False,
    progress: bool = False,
    looking: Optional[Looking] = None,
) -> Change:
    """Adds pictures to a gallery, and skips those that it has unchanged.

    Every `BATCH` pictures are one commit. Whoever is killed runs the same again.

    Args:
        table: The gallery's, which exists.
        model: The network.
        found: The pictures.
        thumbnails: Whether to keep the faces as small pictures.
        remove_gone: Whether pictures that the gallery has below `found.places`, and that are no
            more there, lose their rows.
        progress: Whether to show a progress bar.
        looking: What looks at pictures; None: this process does.

    Raises:
        GalleryError: It is of another network, or cannot be written.
    """
    table.refresh()
    check_network(table.folder, table.meta, model)
    change = Change(refused=list(found.refused))
    known = _known(table, found.places)
    wanted = [source for source in found.sources if not _same(source, known)]
    change.unchanged = len(found.sources) - len(wanted)
    with Progress(len(wanted), "Looking at pictures", shown=progress) as bar:
        here = partial(_looked_here, table, model, thumbnails=thumbnails)
        for looked in (looking or here)(wanted):
            _commit(table, model, looked, known, change)
            bar.update(len(looked.paths) + len(looked.refused))
    if remove_gone:  # at the end: until then the faces of what only moved are known
        there = {source.path for source in found.sources}
        _remove(table, [path for path in known if path not in there and is_gone(path)], change)
    if wanted or change.gone:
        with table.writing():
            table.tidy()
    return change


def _known(table: Table, places: Sequence[str]) -> dict[str, _Known]:
    """The pictures that a gallery has below some places; a picture's person is its main face's."""
    found = {}
    for row in table.rows(f"face <= 0 AND {below(places)}", _KNOWN):
        source = Source(row.path, row.modality, row.identity)
        found[row.path] = _Known(source, row.sha256, (row.size, row.mtime_ns))
        if row.face == NO_FACE:  # it has nobody's face, whoever it was to be of
            found[row.path] = found[row.path]._replace(source=source._replace(identity=""))
    return found


def _same(source: Source, known: dict[str, _Known]) -> bool:
    had = known.get(source.path)
    if had is None or stamp(Path(source.path)) != had.stamp:
        return False
    faceless = had.source.identity == ""
    return had.source == source or (faceless and had.source.modality == source.modality)


def _looked_here(
    table: Table, model: FaceModel, wanted: Sequence[Source], *, thumbnails: bool
) -> Iterator[Looked]:
    """Looks at pictures in this process; faces that the gallery has are not embedded again."""
    network = network_key(model)
    for part in batches(wanted):
        contents, refused = read_contents(part)
        rows = list(_there_already(table, contents))
        there = {row.path for row in rows}
        others = [content for content in contents if content.source.path not in there]
        rows += look(model, others, network, thumbnails=thumbnails)
        yield Looked(_paths(contents), rows, len(others), refused)


def looked_at(
    model: FaceModel, part: Sequence[Source], network: str, *, thumbnails: bool
) -> Looked:
    """Looks at some of the pictures, whether or not the gallery has them; see `looking.look`."""
    contents, refused = read_contents(part)
    rows = look(model, contents, network, thumbnails=thumbnails)
    return Looked(_paths(contents), rows, len(contents), refused)


def batches(wanted: Sequence[Source]) -> Iterator[Sequence[Source]]:
    """Parts of one commit."""
    for start in range(0, len(wanted), BATCH):
        yield wanted[start : start + BATCH]


def read_contents(part: Sequence[Source]) -> tuple[list[Content], list[str]]:
    """Files as they were read, and why others were not, which the next time may be readable."""
    contents, refused = [], []
    for source in part:
        try:
            contents.append(read_content(source))
        except ImageError as error:
            refused.append(str(error))
    return contents, refused


def _paths(contents: Sequence[Content]) -> list[str]:
    return [content.source.path for content in contents]


def _commit(
    table: Table, model: FaceModel, looked: Looked, known: dict[str, _Known], change: Change
) -> None:
    change.refused += looked.refused
    if not looked.paths:
        return
    with table.writing():
        check_network(table.folder, table.meta, model)
        table.replace(looked.paths, looked.rows)
        table.tidy(now=False)
    change.new += sum(path not in known for path in looked.paths)
    change.changed += sum(path in known for path in looked.paths)
    change.embedded += looked.embedded
    change.faces += sum(row.face != NO_FACE for row in looked.rows)
    change.refused += [f"{row.path}: {row.reason}" for row in looked.rows if row.face == NO_FACE]


def _there_already(table: Table, contents: Sequence[Content]) -> Iterator[FaceRow]:
    """Rows of pictures whose content the gallery has, under this name or another one."""
    if not contents:
        return
    had: dict[tuple[str, str], dict[int, FaceRow]] = {}
    hashes = among("sha256", {content.sha256 for content in contents})
    for row in table.rows(hashes, FaceRow._fields):
        # Of several files of one content the faces are alike.
        had.setdefault((row.sha256, row.modality), {})[row.face] = row
    for content in contents:
        for face, row in had.get((content.sha256, content.source.modality), {}).items():
            told = bare_row(content, row.network, face)
            yield row._replace(
                path=told.path,
                identity=told.identity,
                size=told.size,
                mtime_ns=told.mtime_ns,
            )


def is_gone(path: str) -> bool:
    """Whether there is no such file; one that merely cannot be looked at is not gone."""
    try:
        Path(path).stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def _remove(table: Table, paths: Sequence[str], change: Change) -> None:
    for start in range(0, len(paths), BATCH):
        part = paths[start : start + BATCH]
        with table.writing():
            table.delete(among("path", part))
        change.gone += len(part)
