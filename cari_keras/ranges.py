"""Which values the settings of a run may have."""

from __future__ import annotations

import re
from typing import NamedTuple

from cari_keras.errors import ConfigError, quoted

#: Name -> (lower bound, whether the bound itself is allowed, upper bound, likewise).
RANGES: dict[str, tuple[float, bool, float, bool]] = {
    "unseen_seed": (0, True, 2**31 - 1, True),
    "image_size": (80, True, 1024, True),
    "stored_size": (80, True, 4096, True),
    "batch_size": (1, True, 65536, True),
    "crop": (0, False, 1, True),
    "color": (0, True, 1, False),
    "greyscale": (0, True, 1, True),
    "drawing": (0, True, 1, True),
    "rotation": (0, True, 180, True),
    "erase": (0, True, 1, True),
    "exaggerate": (0, True, 3, True),
    "demo_identities": (2, True, 100000, True),
    "demo_images": (2, True, 100000, True),
    "embedding_size": (1, True, 65536, True),
    "dropout": (0, True, 1, False),
    "weight_decay": (0, True, 1, True),
    "head_decay": (0, True, 1e3, True),
    "bn_momentum": (0, True, 1, False),
    "epochs": (1, True, 1e9, True),
    "seed": (0, True, 2**31 - 1, True),
    "static_weights": (0, True, 1e6, True),
    "logit_scale": (0, False, 1e3, True),
    "loss_epsilon": (0, True, 1e3, True),
    "center_weight": (0, True, 1e3, True),
    "center_rate": (0, True, 1, True),
    "label_smoothing": (0, True, 1, False),
    "margin": (0, True, 1.5, True),
    "margin_scale": (0, False, 1e3, True),
    "momentum": (0, True, 1, False),
    "learning_rate": (0, False, 10, True),
    "shared_rate": (0, True, 10, True),
    "retain": (0, True, 1e3, True),
    "retain_embedding": (0, True, 1e3, True),
    "weight_learning_rate": (0, False, 10, True),
    "warmup": (0, True, 1, False),
    "clip_norm": (0, True, 1e9, True),
    "average_decay": (0, True, 1, False),
    "class_means": (0, True, 1, True),
    "test_crops": (0, False, 1, True),
    "view_power": (0, True, 16, True),
    "evaluate_every": (1, True, 1e9, True),
    "frozen_epochs": (0, True, 1e9, True),
    "frozen_views": (1, True, 1000, True),
    "workers": (1, True, 4096, True),
}


def check_range(name: str, value: float) -> None:
    """Raises ConfigError where a setting's value is out of its range."""
    low, with_low, high, with_high = RANGES[name]
    above = low <= value if with_low else low < value
    below = value <= high if with_high else value < high
    if not (above and below):
        left, right = "[" if with_low else "(", "]" if with_high else ")"
        raise ConfigError(f"{name} must be in {left}{low:g}, {high:g}{right}. Received: {value!r}")


class UnseenFold(NamedTuple):
    """Fold `number` of `folds`, from 1 on; as text `number/folds`."""

    number: int
    folds: int

    def __str__(self) -> str:
        return f"{self.number}/{self.folds}"


def parse_fold(text: str) -> UnseenFold:
    """Reads `k/K`.

    Raises:
        ConfigError: It is none.

    Example:
        >>> parse_fold("2/5")
        UnseenFold(number=2, folds=5)
    """
    found = re.fullmatch(r"([0-9]{1,4})/([0-9]{1,4})", text)
    if found:
        fold = UnseenFold(int(found[1]), int(found[2]))
        if fold.folds >= 2 and 1 <= fold.number <= fold.folds:
            return fold
    raise ConfigError(
        f"unseen_fold must be k/K, such as 1/5, with 1 <= k <= K. Received: {quoted(text)}"
    )
