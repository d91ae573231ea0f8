"""Planned runs: whose folder holds what, and that a terminal's end reaches the run."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cari_keras.comparison import runner
from cari_keras.comparison.plan import plan_runs
from cari_keras.comparison.runner import check_settings, train_runs
from cari_keras.errors import ConfigError
from tests.helpers.places import ROOT
from tests.helpers.runs import small_config


def test_a_run_on_another_dataset_is_refused(tmp_path):
    config = small_config(data_dir=str(tmp_path / "a"))
    run = tmp_path / "run"
    check_settings(run, config)  # nothing there yet
    run.mkdir()
    (run / "config.json").write_text(json.dumps(config.to_dict()))
    check_settings(run, config)
    with pytest.raises(ConfigError, match=r"a, not on .*b; choose another --output, or where"):
        check_settings(run, config.with_values({"data_dir": str(tmp_path / "b")}))
    with pytest.raises(ConfigError, match="holds a run of other settings"):
        check_settings(run, config.with_values({"dropout": 0.25}))


def test_stored_outputs_are_kept_until_the_last_run_that_shares_them(tmp_path, monkeypatch):
    config = small_config(frozen_epochs=1, dataset="demo")
    runs = plan_runs(config, ["equal", "dynamic"], [0, 1], tmp_path)
    found = []

    def train(arguments, **_):
        shared = Path(arguments[arguments.index("--frozen-dir") + 1])
        found.append((shared.name, sorted(p.name for p in shared.parent.glob("*"))))
        shared.mkdir(parents=True, exist_ok=True)
        return 0

    monkeypatch.setattr(runner, "call_train", train)
    train_runs(runs, [], progress=False)
    assert found == [
        ("seed-0", []),
        ("seed-0", ["seed-0"]),
        ("seed-1", []),
        ("seed-1", ["seed-1"]),
    ]
    assert not list((tmp_path / "shared_outputs").iterdir())


CALL = """
import sys
from cari_keras.comparison import runner
from cari_keras.errors import StoppedError
runner.sys.executable = sys.argv[1]
try:
    runner.call_train([])
except StoppedError as stopped:
    print("stopped by", stopped.signal)
"""

#: In place of the interpreter: as cari-train, it saves first, and is ended by a second SIGTERM but
#: by no second SIGHUP.
CHILD = """#!/bin/sh
trap 'trap - TERM; trap "" HUP; echo told; sleep 1; echo saved; exit 0' TERM HUP
echo ready
while :; do sleep 0.1; done
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signals_are_handed_on(number, tmp_path):
    if signal.getsignal(number) == signal.SIG_IGN:
        pytest.skip("the signal is ignored, as nohup has it, and stays so")
    (tmp_path / "child").write_text(CHILD)
    (tmp_path / "child").chmod(0o755)
    command = [sys.executable, "-c", CALL, str(tmp_path / "child")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.2)  # the handlers are set right after the child has started
        process.send_signal(number)
        if number == signal.SIGHUP:  # which a terminal that is closed sends twice
            time.sleep(0.3)
            process.send_signal(number)
        printed, _ = process.communicate(timeout=60)
    assert printed.splitlines() == ["told", "saved", f"stopped by {int(number)}"]
