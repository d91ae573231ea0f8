"""Exports as networks to evaluate: the protocols treat them as they treat a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Optional

import numpy as np
import tensorflow as tf

from cari_keras.config import Config
from cari_keras.data.pipeline import split_records
from cari_keras.data.prepared import Prepared
from cari_keras.errors import CheckpointError, ConfigError
from cari_keras.evaluation.answering import PLAIN
from cari_keras.evaluation.matcher import Matcher, load_matcher
from cari_keras.evaluation.predictions import Predictions, kept
from cari_keras.files import cache_place, user_path
from cari_keras.images.graph import decode
from cari_keras.progress import Progress
from cari_keras.records.schema import parse
from cari_keras.saved import CONFIG
from cari_keras.serving.asking import BATCH
from cari_keras.serving.export import versions
from cari_keras.serving.face_model import FaceModel
from cari_keras.serving.opening import open_model
from cari_keras.vocabulary import TASKS


@dataclass(frozen=True)
class ExportMatcher(Matcher):
    """An export's verification branch. How it looks at an image is in its graph, so `settings` say
    nothing of it; the heads are not asked.

    Attributes:
        served: The export.
    """

    served: Optional[FaceModel] = None

    def predict(
        self,
        prepared: Prepared,
        split: str,
        *,
        cache_dir: Optional[str] = None,
        progress: bool = False,
        store: bool = True,
    ) -> Predictions:
        """As `Matcher.predict`."""
        return kept(
            cache_place(cache_dir, "predictions"),
            {"export": self.weights},
            prepared,
            split,
            partial(self._ask, prepared, split, progress),
            store=store,
        )

    @tf.experimental.function_executor_type("")  # on which exports are served, see `data.pipeline`
    def _ask(self, prepared: Prepared, split: str, progress: bool) -> Predictions:
        assert self.served is not None, "made by load_judged_network"
        paths, drawn, rows, faces = [], [], [], []
        total = prepared.count(split)
        with Progress(total, f"Looking at {split}", shown=progress) as bar:
            for serialized in split_records(prepared, split):
                fields = parse(serialized)
                paths.append(fields["path"].numpy().decode("utf-8", "surrogateescape"))
                drawn.append(bool(fields["is_caricature"].numpy()))
                faces.append(decode(fields["image"], prepared.image_size).numpy())
                bar.update()
                if len(faces) == BATCH or len(paths) == total:
                    rows.append(self.served.embed_faces(np.stack(faces)))
                    faces = []
        embedding = np.concatenate(rows) if rows else np.zeros((0, 1), np.float32)
        if not np.isfinite(embedding).all():
            raise CheckpointError(f"{self.name}: its embedding is not a number for {split} images")
        labels = np.asarray(prepared.of(split).label, int)
        return Predictions(paths, labels, np.array(drawn, bool), {"embedding": embedding})

    def describe(self) -> dict[str, Any]:
        """What results.json says of it."""
        return {"name": self.name, "export": self.weights, "image_size": self.side}


def is_export(folder: Path) -> bool:
    """Whether a folder holds exports, and no run."""
    return not (folder / CONFIG).is_file() and any(versions(folder / task) for task in TASKS)


def load_judged_network(name: str, changes: Mapping[str, Any] = {}) -> Matcher:
    """A network to judge: a run, `facenet`, or a folder that `cari-export` wrote.

    Args:
        name: Its folder, or the word.
        changes: As for `load_matcher`; an export looks at images as it was exported, and takes
            none.

    Raises:
        CheckpointError: There is no network, or it is damaged.
        ConfigError: A change is not possible with this network.
    """
    folder = user_path(name)
    if not is_export(folder):
        return load_matcher(name, changes)
    asked = {key: value for key, value in changes.items() if key != "verify_by"}
    if asked or changes.get("verify_by", "embedding") != "embedding":
        flag = next(iter(asked), "verify_by").replace("_", "-")
        raise ConfigError(f"{name}: an export has fixed settings; leave --{flag} out")
    served = open_model(folder, align=False)
    if "verification" not in served.branches:
        raise CheckpointError(
            f"{name}: has no verification branch, and so no embeddings to compare; name a "
            "network with one"
        )
    config = Config().with_values({"tasks": ("verification",), "image_size": served.size})
    return ExportMatcher(
        name=name,
        model=None,
        config=config,
        identities=(),
        tasks=("verification",),
        weights=served.key,
        epoch=None,
        settings=replace(PLAIN),
        side=served.size,
        aligned=served.aligned,
        served=served,
    )
