"""The words of the field that settings, flags and files share, each list once; no TensorFlow.

Their order matters where a docstring says so. What a word stands for is defined where it is used:
`model.network` for depths and stages, `data.registry` for datasets, and so on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cari_keras.errors import ConfigError, quoted

PHOTO = "photo"
CARICATURE = "caricature"
MODALITIES = (PHOTO, CARICATURE)

#: Beside the settings by which faces were cut out: the modality that was left whole, if any.
LEFT_WHOLE = "whole"

#: In place of a modality, where the answer does not depend on it.
AUTO = "auto"

#: Task i of the paper is TASKS[i - 1]; losses, weights and weight logits are in this order.
TASKS = ("verification", CARICATURE, PHOTO)

#: The split of strangers' images, that networks must not take for anybody they know.
UNKNOWN = "unknown"

#: The split of people whom a network was kept from seeing, to be judged by them.
UNSEEN = "unseen"

DATASETS = ("demo", "cavi", "folder", "webcaricature")

#: Datasets that networks are only judged on, see `data.judged`.
JUDGED = ("lfw", "cfp", "sketches", "pairs")

#: Of WebCaricature.
PROTOCOLS = ("unrestricted", "restricted", "identification")

#: The fold that is WebCaricature's view 1, for tuning; the others are view 2's.
DEV = "dev"
FOLDS = (DEV, *(str(k) for k in range(1, 11)))

#: How often the blocks of a network repeat.
DEPTHS = ("paper", "facenet")

#: The first stages of a network, each with those before it, as `--frozen-stages` names them.
#: What is taken off embeddings, see `evaluation.centring`.
CENTRES = ("none", "collection")

STAGES = ("nothing", "stem", "block35", "block17")

#: Where the network is cut for epochs on stored outputs: behind a stage, or behind all that the
#: branches share.
SHARED = "shared"
CUTS = ("stem", "block35", "block17", SHARED)

PRECISIONS = ("float32", "bfloat16")

#: What `serving_default` of exports may take.
PIXELS_AND_BYTES = ("pixels", "bytes")

#: Of exports; all but the first are of other run-times: a module of `serving.runtimes` each.
FORMATS = ("saved_model", "onnx", "openvino", "litert")

#: How the tasks are weighed, see `training.strategies`: a module of each name.
STRATEGIES = (
    *("aligned", "dwa", "dynamic", "equal", "famo", "gls", "go4align", "gradnorm", "imtl_g", "ldc"),
    *("log", "naive", "rlw", "single", "static", "stch", "uncertainty", "uw_so"),
)

OPTIMIZERS = ("adam", "rmsprop")

#: Of the learning rate, after the warm-up.
SCHEDULES = ("cosine", "constant", "steps")

#: What verification compares.
VERIFY_BY = ("embedding", "identities")

#: How the similarity of two faces is explained.
EXPLAIN_BY = ("gradient", "occlusion")

#: What the heads of branches 2 and 3 read, see `model.network`.
HEAD_FEATURES = ("bottleneck", "pooled")

#: What branch 1's head compares an embedding with.
CLASS_VECTORS = ("trained", "photos")

#: What dense heads begin as, see `training.class_means`.
HEAD_STARTS = ("random", "class_means")

#: Where the names of a gallery's faces come from: the folder that a picture lies in, or nowhere.
NAMED_BY = FROM_FOLDER, FROM_NOWHERE = ("folder", "none")

#: How a gallery's faces are sorted into people, see `gallery.groups`.
GROUPED_BY = BY_NEIGHBOURS, BY_HDBSCAN = ("neighbours", "hdbscan")

DISTRIBUTE = ("none", "mirrored", "multiworker")

#: The public weights' name, in place of a run's folder.
FACENET = "facenet"

#: Left eye, right eye, nose, left and right mouth corner, left and right as seen by the viewer, as
#: (x, y) fractions of width and height.
Keypoints = tuple[tuple[float, float], ...]


def check_word(name: str, word: Any, known: Sequence[str]) -> None:
    """Raises ConfigError for what is none of the words; `name` is what it was given as."""
    if not isinstance(word, str) or word not in known:
        raise ConfigError(f"{name} must be one of {', '.join(known)}. Received: {quoted(word)}")


def check_modality(word: Any, matters: str = "the result depends on it") -> None:
    """Raises ConfigError for what is no modality; for `auto`, with what a modality matters to."""
    if isinstance(word, str) and word == AUTO:
        raise ConfigError(
            f"modality must be {' or '.join(MODALITIES)} here: {matters}. Received: {quoted(word)}"
        )
    check_word("modality", word, MODALITIES)


def modalities_of(tasks: Sequence[str]) -> tuple[str, ...]:
    """The modalities that some tasks look at: only their own for the identification tasks."""
    return MODALITIES if "verification" in tasks else tuple(m for m in MODALITIES if m in tasks)
