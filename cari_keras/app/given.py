"""What the page is given beside a network: faces to search, and pictures of the people it names."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Optional

from cari_keras.data.base import Dataset
from cari_keras.data.registry import load_dataset
from cari_keras.errors import CariError, GalleryError, one_line
from cari_keras.files import cache_name, cache_place, usable_cache
from cari_keras.gallery.gallery import Gallery
from cari_keras.gallery.looking import THUMBNAIL, network_key
from cari_keras.gallery.table import FORMAT, holds_table
from cari_keras.images.encode import resize, to_jpeg
from cari_keras.records.sample import Sample
from cari_keras.saved import CONFIG, read_config
from cari_keras.vocabulary import MODALITIES
from cari_keras.wording import counted

if TYPE_CHECKING:
    from cari_keras.serving.face_model import FaceModel

#: The picture of somebody, as JPEG; None where there is none.
Portraits = Callable[[str], Optional[bytes]]


def no_portraits(name: str) -> Optional[bytes]:
    """Of networks whose dataset is not at hand."""
    return None


def open_faces(path: Path, model: FaceModel, *, progress: bool = False) -> Gallery:
    """The faces that the page searches: a gallery, or the pictures below a folder.

    A folder's faces are kept as a gallery in the per-user cache, so that the next start looks at
    new and changed pictures alone.

    Args:
        path: A folder that `cari-gallery` made, or a folder of pictures.
        model: The network.
        progress: Whether to show a progress bar.

    Raises:
        GalleryError: There is no such folder, no face in it, or it is of another network; or
            LanceDB is not installed.
        DatasetError: The folder holds aligned faces, which are records and not pictures.
        ConfigError: The cache cannot be written.
    """
    if not path.is_dir() or holds_table(path):
        gallery = Gallery(path, model)
        if not len(gallery):
            raise GalleryError(
                f"{path}: neither a gallery with faces nor a folder of pictures; add faces with "
                "cari-gallery add"
            )
        return gallery
    top = path.resolve()  # by whatever links it is reached, its pictures have one name each
    wanted = {"pictures": str(top), "network": network_key(model), "format": FORMAT}
    gallery = Gallery(usable_cache(cache_place(None, "page")) / cache_name(wanted), model)
    change = gallery.update(top, progress=progress)
    for line in change.refused:
        print(f"cari-app: left out: {one_line(line)}", file=sys.stderr)
    if not len(gallery):
        raise GalleryError(f"{path}: neither a gallery nor a folder of pictures with faces")
    print(f"cari-app: {path}: {counted(len(gallery), 'faces')} to search", file=sys.stderr)
    return gallery


def portraits_of(run: Path, data_dir: Optional[str], model: FaceModel) -> Portraits:
    """Pictures of the people whom a run names, from the dataset that it was trained on.

    Args:
        run: The run's folder; other networks have no pictures.
        data_dir: For a dataset that has moved; None: where the run had it.
        model: The network, which cuts the faces out.
    """
    if not (run / CONFIG).is_file():
        return no_portraits
    try:
        config = read_config(run)
        dataset = load_dataset(config.with_values({"data_dir": data_dir} if data_dir else {}))
    except (CariError, OSError):  # the page needs no dataset; it then shows names alone
        return no_portraits
    return lru_cache(256)(Portrayed(dataset, model))


class Portrayed:
    """A picture of each person of a dataset, of a photo where there is one.

    Args:
        dataset: Whose pictures.
        model: Cuts the faces out.
    """

    def __init__(self, dataset: Dataset, model: FaceModel) -> None:
        self._dataset, self._model = dataset, model
        self._of: dict[str, Sample] = {}
        samples = (sample for split in dataset.splits.values() for sample in split)
        # Stable: of one person's photos the first, and a caricature only where there is no photo.
        for sample in sorted(samples, key=lambda one: MODALITIES.index(one.modality)):
            self._of.setdefault(sample.identity, sample)

    def __call__(self, name: str) -> Optional[bytes]:
        """The picture of somebody, as JPEG; None where there is none or it cannot be read."""
        sample = self._of.get(name)
        if sample is None:
            return None
        try:
            face = self._dataset.load(sample)
            if self._dataset.records is None:  # else the faces are cut out already
                face = self._model.face(face, sample.modality)
        except (CariError, OSError):
            return None
        return to_jpeg(resize(face, THUMBNAIL))
