"""A network's predictions for the images of a split, and their cache."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Optional

import numpy as np

from cari_keras.arrays import Array
from cari_keras.config import Config
from cari_keras.data.prepared import Prepared
from cari_keras.evaluation.answering import AnswerSettings
from cari_keras.files import DAMAGED_ARCHIVE, atomic_path, cache_name
from cari_keras.model.checkpoints import write_arrays

#: Changes whenever the meaning of stored answers does.
_VERSION = 3


@dataclass(frozen=True)
class Predictions:
    """The network's predictions for the n images of a split.

    Attributes:
        paths: n names.
        labels: int [n].
        is_caricature: bool [n].
        outputs: The network's outputs by name, each [n, ...] float32, without the weight logits;
            heads of tasks that were not trained are absent. `embedding` has rows of unit norm; so
            has `compared`, which is there where verification compares something else.
    """

    paths: Sequence[str]
    labels: Array
    is_caricature: Array
    outputs: dict[str, Array]

    @property
    def compared(self) -> Array:
        """What verification compares, float32 [n, d] of unit norm."""
        return self.compared_by(None)

    def compared_by(self, by: Optional[str]) -> Array:
        """What a comparison by one of `VERIFY_BY` looks at, float32 [n, d] of unit norm.

        Args:
            by: `embedding`; `identities`, where the network was asked for them; None for what the
                network verifies by.

        Raises:
            KeyError: The network was not asked for it.
        """
        if by is None:
            by = "identities" if "compared" in self.outputs else "embedding"
        return self.outputs["compared" if by == "identities" else by]

    def only(self, chosen: Array) -> Predictions:
        """Those of some rows: bool [n], or row numbers int [m]."""
        rows = np.arange(len(self.paths))[chosen]
        return Predictions(
            [self.paths[row] for row in rows],
            self.labels[rows],
            self.is_caricature[rows],
            {name: values[rows] for name, values in self.outputs.items()},
        )

    def of_strangers(self) -> Predictions:
        """Without the heads' logits, where labels are of people whom the heads do not know."""
        kept = {n: values for n, values in self.outputs.items() if not n.startswith("logits_")}
        return Predictions(self.paths, self.labels, self.is_caricature, kept)


def network_key(
    config: Config, weights: str, tasks: Sequence[str], settings: AnswerSettings
) -> dict[str, Any]:
    """Whatever decides a network's predictions besides the images.

    Args:
        config: The run's settings.
        weights: SHA-256 of the weights' file.
        tasks: The tasks whose heads answer.
        settings: How it looks at an image, and what it compares.
    """
    import tensorflow as tf

    return {
        "weights": weights,
        "tasks": list(tasks),
        "image_size": config.data.image_size,
        "precision": config.model.precision,
        "tensorflow": tf.__version__,
        # What is kept is centred anew each time, by whatever is looked at together.
        **replace(settings, centre="none").to_dict(),
    }


def kept(
    folder: Path,
    network: Mapping[str, Any],
    prepared: Prepared,
    split: str,
    predict: Callable[[], Predictions],
    *,
    store: bool = True,
) -> Predictions:
    """Predictions from the cache if they are there, else from the network, which are then cached.

    Args:
        folder: The folder that caches predictions.
        network: See `network_key`.
        prepared: The prepared dataset.
        split: Which of its splits; its records' bytes take part in the name.
        predict: Asks the network.
        store: Whether new predictions are cached.
    """
    path = _place(folder, network, prepared, split)
    found = _load(path)
    if found is None:
        found = predict()
        if store:
            _save(path, found)
    return found


def keep(
    folder: Path,
    network: Mapping[str, Any],
    prepared: Prepared,
    split: str,
    predictions: Predictions,
) -> None:
    """Caches predictions where `kept` finds them."""
    _save(_place(folder, network, prepared, split), predictions)


def _place(folder: Path, network: Mapping[str, Any], prepared: Prepared, split: str) -> Path:
    request = {"version": _VERSION, "network": network, "images": digest_of(prepared, split)}
    return folder / f"{cache_name(request)}.npz"


def digest_of(prepared: Prepared, split: str) -> str:
    """A hash of a split's records, in order, with the labels that the split gives them."""
    from cari_keras.data.pipeline import split_records

    digest = hashlib.sha256()
    for serialized in split_records(prepared, split):
        record = serialized.numpy()
        digest.update(len(record).to_bytes(8, "little") + record)
    digest.update(prepared.of(split).label.tobytes())
    return digest.hexdigest()


def _save(path: Path, predictions: Predictions) -> None:
    arrays: dict[str, Any] = {
        "paths": np.array([path.encode("utf-8", "surrogateescape") for path in predictions.paths]),
        "labels": predictions.labels,
        "is_caricature": predictions.is_caricature,
        **{f"output_{name}": values for name, values in predictions.outputs.items()},
    }
    # A cache that cannot be written costs nothing but time.
    with contextlib.suppress(OSError), atomic_path(path) as temporary:
        write_arrays(temporary, arrays)


def _load(path: Path) -> Predictions | None:
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        paths = [path.decode("utf-8", "surrogateescape") for path in arrays.pop("paths").tolist()]
        labels, is_caricature = arrays.pop("labels"), arrays.pop("is_caricature")
    except DAMAGED_ARCHIVE:
        return None
    outputs = {name.removeprefix("output_"): values for name, values in arrays.items()}
    return Predictions(paths, labels, is_caricature, outputs)
