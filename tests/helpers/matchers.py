"""Networks with known answers, for the protocols: embeddings by a rule, not a forward pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from cari_keras.config import Config
from cari_keras.data.pipeline import evaluation_batches
from cari_keras.evaluation.answering import PLAIN
from cari_keras.evaluation.matcher import Matcher
from cari_keras.evaluation.predictions import Predictions

#: From path, label and whether it is a caricature to a vector.
Rule = Callable[[str, int, bool], np.ndarray]


class RuleMatcher:
    """Answers by a rule; for the rest it is like `Matcher`."""

    run = None
    model = None
    epoch = 3
    weights = "0" * 64
    name = "a rule"
    tasks = ("verification",)

    def __init__(self, rule: Rule, config: Config, identities: tuple[str, ...] = ()) -> None:
        self.rule, self.config, self.identities = rule, config, identities
        self.side = config.data.prepared_size
        self.settings = PLAIN
        self.asked: list[str] = []

    def predict(self, prepared, split, *, cache_dir=None, progress=False) -> Predictions:
        self.asked.append(split)
        paths, labels, drawn = [], [], []
        for batch in evaluation_batches(prepared, split, 16):
            paths += [path.decode() for path in batch["path"].numpy()]
            labels += batch["label"].numpy().tolist()
            drawn += batch["is_caricature"].numpy().tolist()
        rows = [self.rule(*row) for row in zip(paths, labels, drawn)]
        embedding = np.array(rows, np.float32).reshape(len(rows), -1 if rows else 64)
        embedding /= np.linalg.norm(embedding, axis=1, keepdims=True)
        found = np.array(labels, int), np.array(drawn, bool)
        return Predictions(paths, *found, {"embedding": embedding})

    check_verifies = Matcher.check_verifies
    on_strangers = Matcher.on_strangers

    def check_heads(self, prepared) -> None:
        pass

    def on_other_crops(self, prepared) -> list[str]:
        return []

    def describe(self) -> dict[str, Any]:
        return {"name": self.name}


def one_hot(label: int, size: int = 64) -> np.ndarray:
    """A vector of its own for each person."""
    return np.eye(size)[label]


def web_config(root: Path, protocol: str, fold: str) -> Config:
    """The settings that name a fold of a tree."""
    config = Config().with_values({"dataset": "webcaricature", "image_size": 80})
    return replace(
        config, data=replace(config.data, data_dir=str(root), protocol=protocol, fold=fold)
    )
