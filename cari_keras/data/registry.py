"""The datasets by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from cari_keras.data.base import Dataset
from cari_keras.data.nearby import right_call
from cari_keras.errors import ConfigError, DatasetError
from cari_keras.vocabulary import check_word

if TYPE_CHECKING:
    from cari_keras.config import Config


def _demo(config: Config) -> Dataset:
    from cari_keras.data import demo

    data = config.data
    if data.data_dir:
        raise ConfigError(
            "the package draws the demo, so --data-dir does not apply; name the dataset "
            "in that folder with --dataset"
        )
    return demo.load(
        identities=data.demo_identities,
        photos=data.demo_images,
        caricatures=data.demo_images,
        size=data.prepared_size,
        seed=config.training.seed,
    )


def _cavi(config: Config) -> Dataset:
    from cari_keras.data import cavi

    return cavi.load(config.data.data_dir, final=config.data.final)


def _folder(config: Config) -> Dataset:
    from cari_keras.data import folder

    if not config.data.data_dir:
        raise DatasetError("--data-dir is needed for the folder dataset")
    return folder.load(config.data.data_dir, seed=config.training.seed)


def _webcaricature(config: Config) -> Dataset:
    from cari_keras.data.webcaricature import dataset as webcaricature

    data = config.data
    return webcaricature.load(data.data_dir, protocol=data.protocol, fold=data.fold)


LOADERS: dict[str, Callable[[Config], Dataset]] = {
    "demo": _demo,
    "cavi": _cavi,
    "folder": _folder,
    "webcaricature": _webcaricature,
}


def load_dataset(config: Config) -> Dataset:
    """Reads the dataset that a configuration names.

    Raises:
        ConfigError: The name is unknown, or the unseen fold none.
        DatasetError: The dataset is missing or not as it should be.
    """
    check_word("dataset", config.data.dataset, tuple(LOADERS))
    try:
        dataset = LOADERS[config.data.dataset](config)
    except (DatasetError, ConfigError) as error:
        hint = right_call(config.data.dataset, config.data.data_dir or "")
        if config.data.data_dir and hint:
            raise DatasetError(hint) from error
        raise
    if config.data.unseen_fold is None:
        return dataset
    from cari_keras.data.unseen import hold_out
    from cari_keras.ranges import parse_fold

    return hold_out(dataset, parse_fold(config.data.unseen_fold), config.data.unseen_seed)
