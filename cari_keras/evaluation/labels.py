"""What the metrics are called where people read them."""

from __future__ import annotations

import re

#: Metric -> its name, in the order of Table 2.
LABELS = {
    "verification_accuracy": "Verification",
    "verification_auc": "AUC",
    "photo_identification": "Photo id.",
    "caricature_identification": "Caricature id.",
    "v2c": "V2C",
    "c2v": "C2V",
}


def label(metric: str) -> str:
    """What a metric is called where people read it."""
    if metric.startswith("photos_"):
        return f"Two photos: {label(metric.removeprefix('photos_'))}"
    if metric in LABELS:
        return LABELS[metric]
    for pattern, text in _PATTERNS.items():
        found = re.fullmatch(pattern, metric)
        if found:
            words = [percent(float(w)) if "." in w else w.upper() for w in found.groups()]
            return text.format(*words)
    return metric


_PATTERNS = {
    r"verification_eer": "EER",
    r"tar_at_far_(.+)": "TAR@FAR={} (own ROC)",
    r"val_at_far_(.+)": "VAL@FAR={}",
    r"far_achieved_(.+)": "FAR achieved at {}",
    r"genuine_accuracy": "Genuine pairs accepted, even odds",
    r"impostor_accuracy": "Impostor pairs rejected, even odds",
    r"calibration_error": "Calibration error of the probability",
    r"legacy_accuracy": "Verification, 10 folds of shuffled pairs",
    r"legacy_val_at_far_(.+)": "VAL@FAR={} on the training folds",
    r"legacy_(.+)_rank_(.+)": "{} Rank-{}, wrong slice",
    r"gallery_rank_(.+)": "Rank-{}",
    r"(.+)_rank_(.+)": "{} Rank-{}",
}


def percent(share: float) -> str:
    """A share in percent."""
    return f"{100 * share:g}%"
