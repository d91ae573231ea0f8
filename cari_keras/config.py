"""A run's configuration: the three sections of settings together, as the saved config.json.

`cari_keras.presets` holds named configurations; a command-line flag overrides one field of one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from cari_keras.ranges import RANGES, check_range
from cari_keras.rules import check_together
from cari_keras.sections import FIELDS, SECTIONS, DataConfig, ModelConfig, TrainingConfig
from cari_keras.settings import check_names, settings
from cari_keras.vocabulary import SHARED, TASKS

#: Settings that mean nothing to a network that begins with nothing.
_OF_PRETRAINED = (
    *("retain", "retain_embedding", "class_vectors", "keep_statistics"),
    *("frozen_stages", "frozen_epochs", "stored_stages", "shared_rate", "head_start"),
)


@dataclass(frozen=True)
class Config:
    """All settings of a run.

    Example:
        >>> config = Config().with_values({"epochs": 2})
        >>> config.training.epochs
        2
    """

    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)

    def with_values(self, values: Mapping[str, Any]) -> Config:
        """A copy with fields, named without their section, replaced.

        Raises:
            ConfigError: A name is unknown or a value is out of range.
        """
        changed = self
        values = dict(values)
        check_names(values, [name for names in FIELDS.values() for name in names])
        # A schedule without milestones takes those of the preset away.
        if "schedule" in values and values["schedule"] != "steps":
            values.setdefault("milestones", ())
        # Likewise a network that begins with nothing, what the preset retains or freezes of it.
        if self.model.pretrained and "pretrained" in values and not values["pretrained"]:
            for name in _OF_PRETRAINED:
                values.setdefault(name, getattr(TrainingConfig(), name))
        # Without verification there is no embedding to hold, nor to draw to class vectors.
        tasks = values.get("tasks")
        if isinstance(tasks, tuple) and "verification" not in tasks:
            for name in ("class_vectors", "retain_embedding"):
                values.setdefault(name, getattr(TrainingConfig(), name))
        # Another length keeps the share of the frozen epochs, and of those between validations.
        epochs, training = values.get("epochs"), self.training
        if isinstance(epochs, int) and training.frozen_epochs and "frozen_epochs" not in values:
            share = epochs / training.epochs
            values["frozen_epochs"] = round(share * training.frozen_epochs)
            values.setdefault("evaluate_every", max(round(share * training.evaluate_every), 1))
        if values.get("frozen_epochs") == 0:
            values.setdefault("stored_stages", SHARED)
        # Images are not stored smaller than the network's input.
        size, stored = values.get("image_size"), self.data.stored_size
        if isinstance(size, int) and stored and stored < size:
            values.setdefault("stored_size", size)
        for name, value in values.items():
            section = next(s for s, names in FIELDS.items() if name in names)
            new = replace(getattr(changed, section), **{name: value})
            changed = replace(changed, **{section: new})
        # A head of cosines takes the preset's class means away, where there is no other head.
        cosines_asked = {"margin", "class_vectors"} & set(values) and "class_means" not in values
        if cosines_asked and not changed.mixes_class_means:
            changed = replace(changed, training=replace(changed.training, class_means=0.0))
        validate(changed)
        return changed

    @property
    def answered_tasks(self) -> tuple[str, ...]:
        """The tasks whose heads answer: all three where those not trained are class means alone."""
        training = self.training
        one_branch = self.model.shared_bottleneck and "verification" in training.tasks
        return TASKS if training.class_means == 1 and one_branch else training.tasks

    @property
    def mixes_class_means(self) -> bool:
        """Whether there is a dense head that class means can be mixed into.

        A margin and fixed class vectors make branch 1's a head of cosines, and with a `head_decay`
        the other heads add to it.
        """
        cosines = self.training.head_of_cosines
        others = self.model.head_decay is None and self.answered_tasks != ("verification",)
        return others or not cosines

    def to_dict(self) -> dict[str, Any]:
        """Nested plain values, for config.json."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, value: Mapping[str, Mapping[str, Any]]) -> Config:
        """The inverse of `to_dict`, also after a round through JSON.

        Raises:
            ConfigError: A name is unknown or a value is out of range.
        """
        flat = {
            name: tuple(v) if isinstance(v, list) else v
            for section in SECTIONS
            for name, v in value.get(section, {}).items()
        }
        return cls().with_values(flat)


def validate(config: Config) -> None:
    """Raises ConfigError for the first value that is out of its range, or excludes another."""
    for section, cls in SECTIONS.items():
        values = getattr(config, section)
        for item in settings(cls):
            value = getattr(values, item.name)
            item.check(value)
            if item.name in RANGES and value is not None:
                for one in value if item.many else [value]:
                    check_range(item.name, one)
    check_together(config)
