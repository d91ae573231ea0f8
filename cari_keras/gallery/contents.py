"""The contents of a gallery: adds, updates, removes, lists and exports pictures."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional, Union

import numpy as np

from cari_keras.errors import AlignError, GalleryError
from cari_keras.evaluation.templates import People
from cari_keras.files import user_path
from cari_keras.gallery.adding import Change, Looking, OnBeam, add_pictures, is_gone
from cari_keras.gallery.looking import (
    Found,
    Source,
    check_network,
    network_key,
    sources_of,
)
from cari_keras.gallery.only import EVERY, Only, among
from cari_keras.gallery.rows import SMALL, FaceRow
from cari_keras.gallery.searching import Searcher, index_when_large
from cari_keras.gallery.table import Table
from cari_keras.vocabulary import AUTO, FROM_FOLDER, NAMED_BY, check_word
from cari_keras.wording import counted

if TYPE_CHECKING:
    from cari_keras.serving.face_model import FaceModel

#: What is named where pictures are: folders and files.
Places = Union[str, "os.PathLike[str]", Iterable[Union[str, "os.PathLike[str]"]]]

#: The table in which a gallery is made anew for another network.
_NEXT = "next"


#: The beginning of an address as object storage has it; a slash of it may be lost on the way.
_ADDRESS = re.compile(r"([a-z][a-z0-9+]+):/+")


class Contents:
    """The faces of a gallery; `Gallery` adds the questions about them."""

    def __init__(
        self, path: Union[str, os.PathLike[str]], model: Optional[FaceModel] = None
    ) -> None:
        self.path, self._model = _folder(path), model
        self._table = Table(self.path)
        self._searcher = Searcher(self._table)
        self._people: Optional[tuple[int, People, Any]] = None
        if self._table.exists and model is not None:
            check_network(self.path, self._table.meta, model)

    def __len__(self) -> int:
        """How many faces there are."""
        return self._table.count(EVERY.sql()) if self._table.exists else 0

    def refresh(self) -> None:
        """Reads what other processes have written since. Changes of this process show at once."""
        self._table.refresh()

    def add(
        self,
        places: Places,
        *,
        modality: str = AUTO,
        identity: Optional[str] = None,
        people: str = FROM_FOLDER,
        thumbnails: bool = True,
        remove_gone: bool = False,
        progress: bool = False,
        on: Optional[OnBeam] = None,
    ) -> Change:
        """Adds the pictures in some folders, and embeds changed ones again.

        Args:
            places: Folders and pictures.
            modality: `photo`, `caricature`, or `auto`: as the names of folders say, else `photo`.
            identity: Whose the pictures' main faces are; None: by `people`.
            people: `folder`: the folder that a picture lies in names its person, unless that is one
                of `places` or named like a modality. `none`: nobody is named.
            thumbnails: Whether to keep each face as a small picture, for sheets.
            remove_gone: Whether to remove what is no more below the folders.
            progress: Whether to show a progress bar.
            on: Beam's pipelines that look at the pictures, for very many; None: this process does.

        Raises:
            GalleryError: It is of another network, cannot be written, or there is no model; Beam
                is missing, or its pipeline failed.
            DatasetError: A place is not there.
            ConfigError: There is no such modality or way to name people.
        """
        check_word("people", people, NAMED_BY)
        named = [places] if isinstance(places, (str, os.PathLike)) else list(places)
        found = sources_of(named, modality=modality, identity=identity, people=people)
        model = self._asked_model()
        looking = None if on is None else self._looking_on(on, thumbnails)
        if not self._table.exists:
            self._create(self._table, model)
        return self._took(
            add_pictures(
                self._table,
                model,
                found,
                thumbnails=thumbnails,
                remove_gone=remove_gone,
                progress=progress,
                looking=looking,
            )
        )

    def _looking_on(self, on: OnBeam, thumbnails: bool) -> Looking:
        """Pipelines of Beam, which is imported only here."""
        from cari_keras.align.pipelines import check_beam

        try:
            check_beam(self.path)
        except AlignError as error:
            raise GalleryError(f"{self.path}: {error}") from error
        from cari_keras.gallery.beam import look_on_beam

        return partial(look_on_beam, self._table, on, thumbnails=thumbnails)

    def update(self, places: Places, **how: Any) -> Change:
        """As `add`, and removes pictures that are no more below the folders."""
        return self.add(places, remove_gone=True, **how)

    def remove(self, only: Only) -> int:
        """Removes faces.

        Args:
            only: Which; `Only()` is all of them.

        Returns:
            How many faces were removed.

        Raises:
            GalleryError: There is no gallery, or it cannot be written.
        """
        table = self._existing()
        with table.writing():
            count = table.count(only.sql())
            if count:
                table.delete(only.sql())
        return count

    def rows(self, only: Only = EVERY, columns: Sequence[str] = SMALL) -> Iterator[FaceRow]:
        """The selected faces; `columns` names the fields to read."""
        return self._existing().rows(only.sql(), columns)

    def thumbnails(self, keys: Collection[str]) -> dict[str, Optional[bytes]]:
        """The small pictures of some rows, by their `key`; None for a row that has none."""
        found = self._existing().rows(among("key", keys), ("path", "face", "thumbnail"))
        return {row.key: row.thumbnail for row in found} if keys else {}

    def rebuild(
        self, model: FaceModel, *, thumbnails: bool = True, progress: bool = False
    ) -> Change:
        """Embeds all of its pictures anew, by another network than its own.

        What there is answers until all is done. Whoever is killed runs the same again and goes on.
        Raises:
            GalleryError: There is no gallery, it cannot be written, or its pictures are not there.
        """
        table = self._existing()
        sources = [
            Source(row.path, row.modality, row.identity)
            for row in table.rows("face <= 0", ("path", "face", "modality", "identity"))
        ]
        if gone := [source.path for source in sources if is_gone(source.path)]:
            raise GalleryError(
                f"{self.path}: {counted(len(gone), 'pictures')} of the gallery are gone, "
                f"the first is {gone[0]}; restore them, or remove them with cari-gallery "
                "remove"
            )
        following = Table(self.path, _NEXT)
        if following.exists and following.meta["network"] != network_key(model):
            following.drop()  # of a third network, that nobody has waited for
        if not following.exists:
            self._create(following, model)
        found = Found(["/"], sources, [])
        change = add_pictures(following, model, found, thumbnails=thumbnails, progress=progress)
        with table.writing():
            table.take_place_of(following)
        self._model = model
        return self._took(change)

    def export(self, path: Union[str, os.PathLike[str]], only: Only = EVERY) -> int:
        """Writes faces to a file; see `exporting.export`."""
        from cari_keras.gallery.exporting import export

        return export(self._existing(), user_path(path), only)

    def _took(self, change: Change) -> Change:
        """Behind a change: the index that a gallery of this size needs."""
        with self._table.writing():
            index_when_large(self._table)
        return change

    def _create(self, table: Table, model: FaceModel) -> None:
        nothing = np.zeros((0, model.size, model.size, 3), np.uint8)
        dimension = model.embed_faces(nothing).shape[1]
        with table.writing():
            if not table.exists:
                table.create(dimension, {"network": network_key(model), "model": model.name})
        check_network(self.path, table.meta, model)

    def _existing(self) -> Table:
        if not self._table.exists:
            raise GalleryError(f"{self.path}: no such gallery; make one with cari-gallery add")
        return self._table

    def _asked_model(self) -> FaceModel:
        if self._model is None:
            raise GalleryError(
                f"{self.path}: pictures need a network; open the gallery with a model"
            )
        return self._model


def _folder(path: Union[str, os.PathLike[str]]) -> Path:
    """The folder of a gallery."""
    folder = user_path(path)
    if found := _ADDRESS.match(str(folder)):
        raise GalleryError(
            f"{_ADDRESS.sub(f'{found[1]}://', str(folder))}: a gallery is a folder whose "
            "writers take turns with a lock; mount the storage as a file system that "
            "supports locks"
        )
    return folder
