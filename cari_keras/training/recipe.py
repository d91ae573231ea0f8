"""Fits a configuration to its data and its machine, and says in two lines what training will do.

A preset is made for a dataset of the size of CaVI on a processor with instructions for bfloat16.
What differs from that is met by the rules below. A setting that the user gave is never changed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, NamedTuple

from cari_keras.align.config import FILLING
from cari_keras.config import Config
from cari_keras.data.base import Dataset
from cari_keras.data.unseen import same_people
from cari_keras.errors import ConfigError, DatasetError
from cari_keras.runtime import has_bfloat16
from cari_keras.saved import CONFIG, read_config, read_identities
from cari_keras.vocabulary import FACENET, MODALITIES, SHARED, UNSEEN, modalities_of
from cari_keras.wording import counted

#: An epoch has at least so many steps, and all epochs so many, as far as batches of
#: `SMALLEST_BATCH` images allow.
LEAST_STEPS = 4
LEAST_IN_ALL = 128

#: BatchNorm's statistics are poor below it.
SMALLEST_BATCH = 8

#: The settings that a rule may change.
FITTED = (
    *("tasks", "depth", "image_size", "stored_size", "batch_size", "crop", "test_crops"),
    *("whole_pictures", "whole_caricatures", "epochs", "frozen_epochs", "precision"),
)


class Change(NamedTuple):
    """One adaptation.

    Attributes:
        values: Settings by name.
        told: What it does and why, for people.
    """

    values: dict[str, Any]
    told: str


class Fitted(NamedTuple):
    """A configuration that fits.

    Attributes:
        config: All settings.
        changes: What was adapted, in order.
    """

    config: Config
    changes: tuple[Change, ...]


Rule = Callable[[Config, Dataset], list[Change]]


def fit(config: Config, dataset: Dataset, given: Collection[str]) -> Fitted:
    """Adapts a configuration to its data and to this machine.

    Args:
        config: The preset with the user's flags put over it.
        dataset: What will be trained on.
        given: Names of the settings that the user gave; they stay as they are.

    Raises:
        ConfigError: The user wants whole pictures beside faces, and the pictures are not there.
        DatasetError: There is no image for any of the tasks.
    """
    for name in ("whole_pictures", "whole_caricatures"):
        if getattr(config.data, name) and name in given and dataset.beside is None:
            raise ConfigError(
                f"{name} needs faces cut out of raw pictures; set align, and name the folder of "
                f"the raw pictures. Received: align {config.data.align}, folder "
                f"{config.data.data_dir}"
            )
    changes: list[Change] = []
    for rule in RULES:
        for change in rule(config, dataset):
            if set(change.values) & set(given):
                continue
            config = config.with_values(change.values)
            changes.append(change)
    return Fitted(config, tuple(changes))


def as_begun(config: Config, saved: Config, given: Collection[str]) -> Config:
    """A run that goes on keeps what was fitted when it began, whatever machine it is on now.

    Args:
        config: What is asked for.
        saved: The run's own settings.
        given: Names of the settings that the user gave.
    """
    kept = {n: v for values in saved.to_dict().values() for n, v in values.items() if n in FITTED}
    return config.with_values({n: v for n, v in kept.items() if n not in given})


def fit_readable(config: Config, images: int, given: Collection[str]) -> Config:
    """Once it is known how many training images can be read: a batch has no more than there are."""
    if "batch_size" in given or _shared(config) or not 0 < images < config.data.batch_size:
        return config
    return config.with_values({"batch_size": images})


def check_never_seen(config: Config, dataset: Dataset) -> None:
    """Whoever is held out is not in the weights that training starts from, as far as a run says.

    Raises:
        ConfigError: `--pretrained` names a run that was trained on one of the people held out.
    """
    pretrained = Path(config.model.pretrained or FACENET)
    held = {sample.identity for sample in dataset.splits.get(UNSEEN, ())}
    if not held or not (pretrained / CONFIG).is_file():
        return
    seen = same_people(held, read_identities(pretrained))
    if seen:
        raise ConfigError(
            f"{pretrained} was trained on {next(iter(seen))}, whom --unseen-fold "
            f"{config.data.unseen_fold} holds out; start from facenet, or from a run that "
            "held the same people out"
        )


def _shared(config: Config) -> bool:
    """Whether several devices share a batch.

    Its size must stay a multiple of their number then, and all of them must compute alike, whatever
    each would choose for itself.
    """
    return config.training.distribute != "none"


def _one_modality(config: Config, dataset: Dataset) -> list[Change]:
    """The tasks of the modality that is there, where the other one is not."""
    missing = [m for m in MODALITIES if not dataset.count("train", m)]
    tasks = tuple(task for task in config.training.tasks if task not in missing)
    if missing and config.training.class_vectors != "trained":
        # Photos stand and caricatures come to them: one modality alone has to be named instead.
        tasks = tuple(task for task in MODALITIES if task not in missing)
    if tasks == config.training.tasks:
        return []
    if not tasks:
        raise DatasetError(
            f"{dataset.name}: has no {' and no '.join(missing)} to train on; name other --tasks"
        )
    return [
        Change({"tasks": tasks}, f"tasks {' and '.join(tasks)} (the dataset has no {missing[0]})")
    ]


def _as_the_run(config: Config, dataset: Dataset) -> list[Change]:
    """A run's weights fit a network of that run's depth, and images of the size it has seen."""
    pretrained = config.model.pretrained
    if not pretrained or not (Path(pretrained) / CONFIG).is_file():
        return []
    run = read_config(Path(pretrained))
    depth, size = run.model.depth, run.data.image_size
    found = []
    if depth != config.model.depth:
        found.append(Change({"depth": depth}, f"depth {depth} (that of {pretrained})"))
    if size != config.data.image_size:
        found.append(Change({"image_size": size}, f"{size} pixels (as {pretrained})"))
    return found


def _faces_alone(config: Config, dataset: Dataset) -> list[Change]:
    """No whole pictures where there are none beside the faces.

    There are twice the epochs then, since whole pictures do not double what an epoch looks at.
    """
    if dataset.beside is not None:
        return []
    why = "each picture is there in one cut"
    found = []
    if config.data.whole_caricatures:
        found.append(Change({"whole_caricatures": False}, f"no --whole-caricatures ({why})"))
    if not config.data.whole_pictures:
        return found
    longer = config.with_values({"epochs": 2 * config.training.epochs}).training
    lengths = {"epochs": longer.epochs, "frozen_epochs": longer.frozen_epochs}
    return [
        *found,
        Change({"whole_pictures": False}, f"no --whole-pictures ({why})"),
        Change(lengths, f"{longer.epochs} epochs ({why})"),
    ]


def _few_pictures(config: Config, dataset: Dataset) -> list[Change]:
    """Smaller batches, so that an epoch has some steps."""
    if _shared(config):
        return []
    images, size = training_images(config, dataset), config.data.batch_size
    steps = max(LEAST_STEPS, LEAST_IN_ALL // config.training.epochs)
    while size >= 2 * SMALLEST_BATCH and images < steps * size:
        size //= 2
    size = min(size, max(images, 1))
    if size == config.data.batch_size:
        return []
    return [Change({"batch_size": size}, f"batches of {size} ({images} pictures)")]


def _aligned_faces(config: Config, dataset: Dataset) -> list[Change]:
    """Crops by the margin of aligned faces.

    A face fills the squares it is judged by as it does elsewhere. The smallest training crop, where
    it lies in a corner, shows as large a share of a face's width as elsewhere.
    """
    margin = dataset.records.settings.get("margin") if dataset.records else None
    if margin is None:
        return []
    usual, face = 1 / (1 + FILLING["margin"]), 1 / (1 + margin)  # shares of the image's side
    asked = [min(round(face / usual * s, 3), 1.0) for s in config.training.test_crops]
    sides = tuple(dict.fromkeys(asked))
    shown = (config.data.crop - (1 - usual) / 2) / usual
    crop = min(round(shown * face + (1 - face) / 2, 3), 1.0) if config.data.crop < 1 else 1.0
    why = f"(aligned faces with a margin of {margin:g})"
    squares = " and ".join(f"{side:g}" for side in sides)
    found = []
    if crop != config.data.crop:
        found.append(Change({"crop": crop}, f"training crops from {crop:g} {why}"))
    if sides != config.training.test_crops:
        told = f"evaluated on central squares of {squares} {why}"
        found.append(Change({"test_crops": sides}, told))
    return found


def _no_bfloat16(config: Config, dataset: Dataset) -> list[Change]:
    """float32, which is faster than bfloat16 without instructions for it."""
    if config.model.precision != "bfloat16" or _shared(config) or has_bfloat16():
        return []
    return [Change({"precision": "float32"}, "float32 (no fast bfloat16 instructions here)")]


#: In this order; each sees what the ones before it changed.
RULES: tuple[Rule, ...] = (
    _one_modality,
    _as_the_run,
    _faces_alone,
    _few_pictures,
    _aligned_faces,
    _no_bfloat16,
)


def training_images(config: Config, dataset: Dataset) -> int:
    """How many training images the tasks look at."""
    wanted = modalities_of(config.training.tasks)
    both = filter(None, (dataset, dataset.beside))
    return sum(each.count("train", modality) for each in both for modality in wanted)


def describe(fitted: Fitted, dataset: Dataset) -> tuple[str, str]:
    """What will be trained, and what was adapted: two lines."""
    config = fitted.config
    start = {None: "nothing", FACENET: "the public FaceNet weights"}
    pretrained = config.model.pretrained
    steps = training_images(config, dataset) // config.data.batch_size
    epochs = f"{counted(config.training.epochs, 'epochs')} of {counted(steps, 'steps')}"
    frozen, stage = config.training.frozen_epochs, config.training.stored_stages
    if frozen:
        which = "which all" if frozen == config.training.epochs else f"of which the first {frozen}"
        whose = "the branches" if stage == SHARED else f"the layers after {stage}"
        epochs += f", {which} train only {whose}"
    what = (
        f"recipe: from {start.get(pretrained, pretrained)}; {len(dataset.identities)} people, "
        f"{training_images(config, dataset)} training images; {epochs}; "
        f"{config.data.image_size} pixels, {config.model.precision}"
    )
    told = "; ".join(change.told for change in fitted.changes)
    return what, f"fitted to the data and this machine: {told or 'nothing'}"
