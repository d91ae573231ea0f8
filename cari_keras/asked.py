"""What is asked to be trained, by flags or in Python: the settings of a run, and its folder."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Optional, Union

from cari_keras.config import Config
from cari_keras.errors import ConfigError
from cari_keras.files import user_path
from cari_keras.presets import PRESETS
from cari_keras.ranges import parse_fold
from cari_keras.saved import anywhere, read_config
from cari_keras.vocabulary import DATASETS, check_word

#: Settings over a preset, at most, by which a command names that preset and not the dataset.
MOST_OF_A_VARIANT = 8


class Asked(NamedTuple):
    """The run to train.

    Attributes:
        config: All settings.
        run: The run's folder, which may hold the run already.
        given: Names of the settings that the user gave, which nothing changes.
    """

    config: Config
    run: Path
    given: tuple[str, ...]


def asked_config(preset: Optional[str], values: Mapping[str, Any]) -> Config:
    """The configuration of a new run: its preset's, or its dataset's, with values put over it.

    The datasets' own recipes are made for trained weights. Who wants none, and names no preset,
    gets the settings of `cavi-scratch`.

    Args:
        preset: A name of `PRESETS`; None takes the dataset's.
        values: The settings that the user gave.

    Raises:
        ConfigError: There is no such preset, dataset or setting, or a value is out of range.
    """
    dataset = values.get("dataset", "demo")
    check_word("dataset", dataset, DATASETS)
    name = preset or dataset
    if preset is None and dataset != "demo" and values.get("pretrained", "") is None:
        name = "cavi-scratch"
    return _preset(name).with_values(values)


def new_run(preset: Optional[str], values: Mapping[str, Any]) -> Asked:
    """A new run; or the run that `output` names, if it exists and nothing else differs.

    Args:
        preset: As for `asked_config`.
        values: As for `asked_config`.

    Raises:
        ConfigError: See `asked_config`; or settings do not go with the dataset.
    """
    if values.get("distribute") == "multiworker" and "output" not in values:
        raise ConfigError(
            "--distribute multiworker needs --output, so that the same command resumes the run"
        )
    config = asked_config(preset, values)
    return _asked(config, Path(config.training.output or _default_run(config)), values)


def same_run(
    run: Union[str, os.PathLike[str]],
    preset: Optional[str],
    values: Mapping[str, Any],
    *,
    output: str,
) -> Asked:
    """A run to resume.

    Args:
        run: Its folder.
        preset: A name of `PRESETS` to take in place of the run's own settings.
        values: The settings that the user gave beside.
        output: What the user calls the setting `output`, for messages.

    Raises:
        CheckpointError: There is no run.
        ConfigError: See `new_run`.
    """
    if "output" in values:
        raise ConfigError(
            f"{output.replace('output', 'resume')} names the run's folder already; leave {output} "
            "out"
        )
    folder = user_path(run)
    saved = read_config(folder)
    config = _preset(preset) if preset else saved
    return _asked(config.with_values(values), folder, values)


def unusual(config: Config) -> dict[str, Any]:
    """The settings, by name, that make a configuration of its dataset's preset."""
    return _over(None, config)


def fewest_settings(config: Config) -> tuple[Optional[str], dict[str, Any]]:
    """A preset, and the settings over it that make a configuration.

    It is None, the dataset's own preset as for `asked_config`, unless another preset of that
    dataset needs fewer, and so few that the configuration is a variant of that preset.
    """
    best: tuple[Optional[str], dict[str, Any]] = (None, unusual(config))
    for name, preset in PRESETS.items():
        if preset().data.dataset != config.data.dataset:
            continue
        found = _over(name, config)
        fewer = len(found) <= MOST_OF_A_VARIANT and len(found) + 1 < len(best[1])
        if fewer and asked_config(name, found) == config:
            best = (name, found)
    return best


def _over(preset: Optional[str], config: Config) -> dict[str, Any]:
    """The settings, by name, that `asked_config` makes a configuration of over a preset."""
    found = _differences(config, PRESETS[preset or config.data.dataset]())
    own = {} if preset else {"dataset": config.data.dataset}
    # One setting may bring others with it, as `epochs` the frozen ones, which are then named too.
    return found | _differences(config, asked_config(preset, {**own, **found}))


def longer(run: Path, config: Config, epochs: int) -> Config:
    """The settings by which a run is trained on for some epochs, as a run of its own.

    A run cannot be made longer: its learning rate fell to the end that it was begun with.

    Args:
        run: The run's folder, whose weights are taken.
        config: Its settings.
        epochs: How many epochs.
    """
    values = {"epochs": epochs, "pretrained": str(run), "output": f"{run}-{epochs}"}
    return config.with_values(values)


def _differences(config: Config, other: Config) -> dict[str, Any]:
    """A configuration's settings, by name, where they are not those of another one."""
    there = other.to_dict()
    return {
        name: value
        for section, values in config.to_dict().items()
        for name, value in values.items()
        if value != there[section][name]
    }


def _preset(name: str) -> Config:
    check_word("preset", name, tuple(PRESETS))
    return PRESETS[name]()


def _asked(config: Config, run: Path, values: Mapping[str, Any]) -> Asked:
    config = anywhere(config)
    if config.data.final and config.data.dataset != "cavi":
        raise ConfigError(
            f"--final applies only to the dataset cavi; leave it out with {config.data.dataset}"
        )
    return Asked(config, run, tuple(values))


def _default_run(config: Config) -> str:
    """By the time; a fold's by its name, so that cari-evaluate finds the ten of them."""
    data = config.data
    if data.dataset == "webcaricature":
        return f"runs/{data.dataset}-{data.protocol}/fold-{data.fold}"
    if data.unseen_fold:
        fold = parse_fold(data.unseen_fold)
        return f"runs/{data.dataset}-unseen-{fold.folds}/fold-{fold.number}"
    return f"runs/{data.dataset}-{time.strftime('%Y%m%d-%H%M%S')}"
