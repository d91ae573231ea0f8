"""A finished run's network, from its folder."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any, NamedTuple, Optional

from cari_keras.config import Config
from cari_keras.errors import CheckpointError
from cari_keras.files import user_path
from cari_keras.model.build import build_model
from cari_keras.model.checkpoints import assign, load_checkpoint
from cari_keras.model.network import named_weights
from cari_keras.saved import read_config, read_identities
from cari_keras.stack import keras


class Restored(NamedTuple):
    """A run as it was at its best validation score.

    Attributes:
        config: Its settings.
        model: Its network with the weights of `best/`.
        identities: Names in the order of their labels.
        meta: What `best/` says of itself: `epoch`, `score`, `metrics` (if they are of this
            precision); and of the images that it was trained on, `stored_size`, their side in
            pixels, and `aligned`, see `Prepared` (neither in runs of versions before them).
    """

    config: Config
    model: keras.Model
    identities: tuple[str, ...]
    meta: dict[str, Any]


def restore_run(run: Path, precision: Optional[str] = None) -> Restored:
    """Rebuilds a run's network from its config.json, identities.json and best checkpoint.

    Args:
        run: Its folder.
        precision: Of the network's arithmetic, see `build_network`; the run's own by default. The
            weights are float32 in any case.

    Raises:
        CheckpointError: A file is missing or damaged, or the weights do not fit the network.
        ConfigError: There is no such precision.
    """
    run = user_path(run)
    settings = read_config(run)
    asked = settings if precision is None else settings.with_values({"precision": precision})
    names = read_identities(run)
    if not (run / "best").is_dir():
        raise CheckpointError(
            f"{run}: not validated yet, so it has no weights to use; continue with "
            f"cari-train --resume {shlex.quote(str(run))}"
        )
    arrays, meta = load_checkpoint(run / "best")
    if asked != settings:
        meta.pop("metrics", None)  # which are of the other arithmetic
    model = build_model(asked, len(names), seeded=False)
    assign(named_weights(model), arrays, str(run / "best"))
    return Restored(asked, model, names, meta)
