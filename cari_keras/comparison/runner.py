"""Training of planned runs, one process at a time; whatever stops it, the same call goes on."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from cari_keras.comparison.plan import PlannedRun
from cari_keras.config import Config
from cari_keras.errors import ConfigError, StoppedError, TrainingError
from cari_keras.saved import CONFIG, anywhere, changes, read_config
from cari_keras.training.stopping import set_handlers, stop_handlers

#: In a run's folder once it has been trained to its end.
DONE = "figures/weights_and_losses.png"


def train_runs(runs: Sequence[PlannedRun], flags: Sequence[str], *, progress: bool = True) -> None:
    """Trains what is not trained yet, each run in a process of its own by `cari-train`.

    Args:
        runs: The runs; each is trained into its configuration's `output`.
        flags: The flags of cari-train that give the settings which the runs share.
        progress: Say which run it is and show its progress bar.

    Raises:
        ConfigError: A run's folder holds one of other settings.
        TrainingError: A run failed; cari-train has said why.
        StoppedError: A signal came and was handed on to the run under way.
    """
    for position, run in enumerate(runs):
        folder = run.folder
        check_settings(folder, run.config)
        if (folder / DONE).exists():
            continue
        if progress:
            print(f"[{position + 1}/{len(runs)}] {run.name}: {folder}", flush=True)
        training = run.config.training
        own = ["--weighting", training.weighting, "--seed", str(run.seed), "--output", str(folder)]
        own += ["--tasks", *training.tasks]
        if training.frozen_dir:
            own += ["--frozen-dir", training.frozen_dir]
        quiet = [] if progress else ["--quiet"]
        status = call_train([*flags, *own, *quiet], stdout=subprocess.DEVNULL)
        if status:
            raise TrainingError(f"{folder}: cari-train ended with status {status}")
        _forget_shared(run, runs[position + 1 :])


def _forget_shared(run: PlannedRun, later: Sequence[PlannedRun]) -> None:
    """Removes the stored outputs that a run shared with others, unless later runs use them."""
    shared = run.config.training.frozen_dir
    if shared and all(shared != each.config.training.frozen_dir for each in later):
        shutil.rmtree(shared, ignore_errors=True)


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


def call_train(arguments: Sequence[str], *, stdout: Optional[int] = None) -> int:
    """cari-train's exit status; SIGTERM, SIGHUP and Ctrl-C are handed on to it, and waited for.

    Args:
        arguments: Its arguments.
        stdout: Where it prints to, as `subprocess` has it; None is where this process does.

    Raises:
        StoppedError: There was such a signal; what cari-train had begun, it goes on with.
    """
    command = [sys.executable, "-m", "cari_keras.cli.train", *arguments]
    received: list[int] = []
    # In a session of its own, a Ctrl-C does not reach it twice.
    with subprocess.Popen(command, stdout=stdout, start_new_session=True) as process:

        def hand_on(number: int, _: object) -> None:
            received.append(number)
            process.send_signal(number)

        before = stop_handlers()
        set_handlers(dict.fromkeys(before, hand_on))
        try:
            status = process.wait()
        finally:
            set_handlers(before)
    if received:
        raise StoppedError(received[0])
    return status
