"""Training of planned runs, a process each; whatever stops it, the same call goes on."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from cari_keras.comparison.plan import PlannedRun
from cari_keras.comparison.processes import Queue, Training, train_queues
from cari_keras.config import Config
from cari_keras.errors import ConfigError, TrainingError
from cari_keras.saved import CONFIG, anywhere, changes, read_config

#: In a run's folder once it has been trained to its end.
DONE = "figures/weights_and_losses.png"


def train_runs(
    runs: Sequence[PlannedRun], flags: Sequence[str], *, jobs: int = 1, progress: bool = True
) -> None:
    """Trains what is not trained yet, each run in a process of its own by `cari-train`.

    Runs that share stored outputs train one after another.

    Args:
        runs: The runs; each is trained into its configuration's `output`.
        flags: The flags of cari-train that give the settings which the runs share.
        jobs: How many train side by side, each on an equal share of the cores.
        progress: See `train_queues`.

    Raises:
        ConfigError: A run's folder holds one of other settings, or `jobs` is not between 1 and the
            number of cores.
        TrainingError: A run failed.
        StoppedError: A signal came and was handed on to the runs under way.
    """
    together: dict[str, list[PlannedRun]] = {}
    for run in runs:
        check_settings(run.folder, run.config)
        together.setdefault(run.config.training.frozen_dir or str(run.folder), []).append(run)
    queues, total = [], 0
    for each in together.values():
        queue, left = _queue(each, flags, runs), sum(not _is_done(run.folder) for run in each)
        if left:
            queues.append(queue)
            total += left
        else:  # only its cleanup is left, which takes no share of the cores
            next(queue, None)
    failure = train_queues(queues, total, jobs=jobs, progress=progress, stdout=subprocess.DEVNULL)
    if failure:
        raise TrainingError(str(failure))


def _queue(mine: Sequence[PlannedRun], flags: Sequence[str], runs: Sequence[PlannedRun]) -> Queue:
    """Runs that train one after another; then what they shared is removed."""
    for run in mine:
        if _is_done(run.folder):
            continue
        training = run.config.training
        own = ["--weighting", training.weighting, "--seed", str(run.seed)]
        own += ["--tasks", *training.tasks]
        if training.frozen_dir:
            own += ["--frozen-dir", training.frozen_dir]
        title = f"[{runs.index(run) + 1}/{len(runs)}] {run.name}: {run.folder}"
        yield Training(run.folder, title, [*flags, *own])
    shared = mine[0].config.training.frozen_dir
    # A comparison of more strategies may have begun others of this seed there.
    others = mine[0].folder.parent.glob(f"*-{mine[0].seed}")
    if shared and all(_is_done(each) for each in others if (each / CONFIG).is_file()):
        shutil.rmtree(shared, ignore_errors=True)


def _is_done(folder: Path) -> bool:
    return (folder / DONE).exists()


def check_settings(folder: Path, config: Config) -> None:
    """Raises ConfigError where a folder holds a run of other settings, which would be compared."""
    if not (folder / CONFIG).is_file():
        return
    saved = read_config(folder)
    changed = changes(saved, config)
    there, asked = (anywhere(each).data.data_dir for each in (saved, config))
    if there != asked:
        raise ConfigError(
            f"{folder} holds a run on {there}, not on {asked}; choose another --output, "
            "or where the dataset has moved, cari-train "
            + shlex.join(["--resume", str(folder), "--data-dir", str(asked)])
        )
    if changed:
        raise ConfigError(
            f"{folder} holds a run of other settings ({changed}); choose another --output"
        )
