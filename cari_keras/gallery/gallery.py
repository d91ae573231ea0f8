"""`cari_keras.Gallery`: faces that are added, removed, searched, identified and grouped."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from cari_keras.arrays import Array
from cari_keras.errors import ConfigError, GalleryError, shown
from cari_keras.evaluation.templates import People, people_of, threshold_of
from cari_keras.gallery.answers import Answer, Grouped, answers_of
from cari_keras.gallery.contents import Contents
from cari_keras.gallery.groups import WITHIN, Grouping, group, names_of
from cari_keras.gallery.only import EVERY, UNNAMED, Only, among
from cari_keras.gallery.rows import EMBEDDING, SMALL, FaceRow, embeddings_of
from cari_keras.gallery.searching import Hit
from cari_keras.vocabulary import (
    BY_NEIGHBOURS,
    CARICATURE,
    GROUPED_BY,
    MODALITIES,
    check_modality,
    check_word,
)

if TYPE_CHECKING:
    from cari_keras.evaluation.open_set import OpenSet


class Gallery(Contents):
    """A gallery in a folder; it needs the extra `gallery` (LanceDB).

    Pictures are needed to add them, never to search. Several processes may use one gallery at a
    time; see `refresh`.

    Args:
        path: Its folder; made by the first `add`.
        model: The network, from `load_model`. None is enough for calls that embed no picture.

    Raises:
        GalleryError: There is something else in the folder, it is of another network, it cannot be
            read, or LanceDB is not installed.

    Example:
        >>> gallery = Gallery("people.gallery", load_model())  # doctest: +SKIP
        >>> gallery.add("pictures/").faces  # doctest: +SKIP
        1204
        >>> gallery.identify(["drawing.png"], modality="caricature")[0].identity  # doctest: +SKIP
        'ann'
    """

    def search(
        self,
        queries: Any,
        *,
        modality: str = "photo",
        count: int = 8,
        only: Only = EVERY,
        leave_out: Collection[str] = (),
        exact: Optional[bool] = None,
    ) -> list[list[Hit]]:
        """Finds the nearest faces to each picture, nearest first.

        Args:
            queries: Images as `FaceModel.embed` takes them, by their main faces; or embeddings,
                float32 [n, d] of unit norm.
            modality: Of the images.
            count: Number of faces for each image.
            only: Which faces to search.
            leave_out: SHA-256 of files whose faces to leave out, such as the query itself.
            exact: True compares with every face, without the index. None does so for at most
                200,000 faces, or at least 1,000 queries.

        Raises:
            GalleryError: There is no gallery, or no model to embed images with.
            ImageError: An image cannot be read, or shows no face.
            ConfigError: Embeddings are not of the gallery's length.
        """
        embeddings = self._embedded(queries, modality)
        more = self._existing().count(among("sha256", leave_out)) if leave_out else 0
        found = self._searcher.hits(embeddings, count + more, only, exact=exact)
        return [[hit for hit in hits if hit.row.sha256 not in leave_out][:count] for hits in found]

    def identify(
        self,
        queries: Any,
        *,
        modality: str,
        fpir: Optional[float] = None,
        threshold: Optional[float] = None,
        count: int = 5,
    ) -> list[Answer]:
        """Names whom each picture shows, or says that it is nobody in the gallery.

        Args:
            queries: As for `search`.
            modality: Of the images or embeddings; each modality has a threshold of its own.
            fpir: Largest share of strangers' faces to take for a known person; None for 5 %. The
                gallery itself gives the threshold, see `evaluation.templates`.
            threshold: In place of `fpir`, the largest squared distance that counts as known.
            count: Number of candidates for each image.

        Raises:
            GalleryError: See `search`; or the gallery is too small to measure the share.
            ConfigError: There is no such modality, or `fpir` is not in (0, 1].
        """
        check_modality(modality, "each modality has a threshold of its own")
        if fpir is not None and not 0 < fpir <= 1:
            raise ConfigError(f"fpir must be in (0, 1]. Received: {fpir}")
        people = self.people()
        measured = self.threshold(modality, fpir) if threshold is None else None
        limit = -measured.threshold if measured is not None else float(threshold or 0)
        found = people.nearest(self._embedded(queries, modality), count)
        return answers_of(people, found, limit, measured)

    def people(self) -> People:
        """The people with names, an embedding each; cached until the gallery changes.

        Raises:
            GalleryError: There is no gallery, or nobody in it has a name.
        """
        return self._named()[0]

    def threshold(self, modality: str, fpir: Optional[float] = None) -> OpenSet:
        """The threshold by which a face counts as unknown; see `evaluation.templates.threshold_of`.

        Raises:
            GalleryError: There is no gallery, or too few faces or people with names.
        """
        people, (embeddings, names, drawn) = self._named()
        chosen = drawn == (modality == CARICATURE)
        try:
            return threshold_of(people, embeddings[chosen], names[chosen], fpir)
        except ConfigError as error:
            raise GalleryError(
                f"the gallery can call nobody unknown: {error}; add people with names, or "
                "give a threshold"
            ) from error

    def group(
        self,
        only: Only = UNNAMED,
        *,
        way: str = BY_NEIGHBOURS,
        within: float = WITHIN,
        fpir: Optional[float] = None,
    ) -> Grouped:
        """Sorts faces into people.

        Args:
            only: Which faces to sort; by default those without a name.
            way: `neighbours` or `hdbscan`; see `gallery.groups`.
            within: For `neighbours`, the largest squared distance of two faces that are joined.
            fpir: As for `identify`, which names the groups: a group gets the name that more than
                half of its faces get.

        Raises:
            GalleryError: There is no gallery, or there are too many faces for HDBSCAN.
            ConfigError: There is no such way.
        """
        check_word("way", way, GROUPED_BY)
        table = self._existing()
        rows: list[FaceRow] = []
        embeddings: list[Any] = []
        drawn: list[bool] = []
        for row in table.rows(only.sql(), (*SMALL, EMBEDDING, "thumbnail")):
            embeddings.append(row.embedding)
            drawn.append(row.modality == CARICATURE)
            rows.append(row._replace(embedding=None))
        vectors = np.stack(embeddings) if rows else np.zeros((0, table.dimension), np.float32)
        found = group(vectors, np.array(drawn, bool), way=way, within=within)
        names, why = self._names(vectors, np.array(drawn, bool), found, fpir)
        return Grouped(rows, vectors, found, names, why)

    def _names(
        self, embeddings: Array, drawn: Array, found: Grouping, fpir: Optional[float]
    ) -> tuple[tuple[Optional[str], ...], str]:
        """Whom groups show, and why some are not asked about."""
        told: list[Optional[str]] = [None] * len(embeddings)
        why = []
        for modality in MODALITIES:
            chosen = np.flatnonzero(drawn == (modality == CARICATURE))
            if not len(chosen) or not found.groups:
                continue
            try:
                answers = self.identify(embeddings[chosen], modality=modality, fpir=fpir, count=1)
            except GalleryError as error:
                why.append(f"{modality}: {error}")
                continue
            for row, answer in zip(chosen.tolist(), answers):
                told[row] = answer.identity
        return names_of(found, told), "; ".join(why)

    def _embedded(self, queries: Any, modality: str) -> Array:
        table = self._existing()
        if isinstance(queries, np.ndarray) and queries.ndim == 2:
            if queries.shape[1] != table.dimension:
                raise ConfigError(
                    f"{self.path}: embeddings have {table.dimension} numbers. Received: "
                    f"{shown(queries)}"
                )
            return np.asarray(queries, np.float32)
        found = self._asked_model().embed(queries, modality=modality)
        return found if found.ndim == 2 else found[None]

    def _named(self) -> tuple[People, tuple[Array, Array, Array]]:
        """The people, and of their faces the embeddings, the names, and which are caricatures."""
        table = self._existing()
        if self._people is None or self._people[0] != table.version:
            parts: list[tuple[Array, list[str], list[bool]]] = []
            columns = [EMBEDDING, "identity", "modality"]
            for batch in table.batches(Only(unnamed=False).sql(), columns):
                drawn = [word == CARICATURE for word in batch["modality"].to_pylist()]
                parts.append(
                    (embeddings_of(batch[EMBEDDING]), batch["identity"].to_pylist(), drawn)
                )
            if not any(len(part[0]) for part in parts):
                raise GalleryError(
                    f"{self.path}: no face in the gallery has a name; add faces with names"
                )
            embeddings = np.concatenate([part[0] for part in parts])
            names = np.array([name for part in parts for name in part[1]])
            told = (embeddings, names, np.array([one for part in parts for one in part[2]], bool))
            self._people = (table.version, people_of(embeddings, names), told)
        return self._people[1], self._people[2]
