"""Trainings side by side: their order, their cores, and what signals and failures do."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cari_keras.comparison import processes
from cari_keras.comparison.processes import Failure, Training, core_shares, train_queues
from cari_keras.errors import ConfigError
from cari_keras.process import usable_cores
from tests.helpers.places import ROOT

two_cores = pytest.mark.skipif(len(usable_cores()) < 2, reason="there is one core")

#: In place of the interpreter and cari-train: `[--waits FOLDER] [--status N] --output FOLDER`.
#: It notes its cores, waits until another has begun, and notes what has ended before it did.
CHILD = f"""#!{sys.executable}
import json, os, pathlib, sys, time
given = dict(zip(sys.argv[3::2], sys.argv[4::2]))
folder = pathlib.Path(given["--output"])
ended = sorted(p.parent.name for p in folder.parent.glob("*/ended"))
note = {{"cores": sorted(os.sched_getaffinity(0)), "ended": ended, "arguments": sys.argv}}
folder.mkdir()
(folder / "begun.part").write_text(json.dumps(note))
(folder / "begun.part").rename(folder / "begun")
deadline = time.monotonic() + 60
while "--waits" in given and not pathlib.Path(given["--waits"], "begun").exists():
    assert time.monotonic() < deadline
    time.sleep(0.01)
(folder / "ended").touch()
sys.exit(int(given.get("--status", 0)))
"""

#: As cari-train, it saves first, and is ended by a second SIGTERM but by no second SIGHUP.
SAVING_CHILD = """#!/bin/sh
trap 'trap - TERM; trap "" HUP; sleep 1; echo > "$4/saved"; exit 0' TERM HUP
mkdir -p "$4"; echo > "$4/begun"
while :; do sleep 0.1; done
"""


def program(path: Path, text: str) -> str:
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


def training(folder: Path, *arguments) -> Training:
    return Training(folder, folder.name, list(map(str, arguments)))


@two_cores
def test_queues_go_side_by_side_on_cores_of_their_own(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "executable", program(tmp_path / "child", CHILD))
    first, second, beside = (tmp_path / name for name in ("first", "second", "beside"))
    queues = [
        # Each waits for the other, so neither would end if they went one after another.
        iter([training(first, "--waits", beside), training(second)]),
        iter([training(beside, "--waits", first)]),
    ]
    assert train_queues(queues, 3, jobs=2) is None
    notes = {p.name: json.loads((p / "begun").read_text()) for p in (first, second, beside)}
    assert "first" in notes["second"]["ended"]
    shares = list(map(list, core_shares(2)))
    assert sorted([notes["first"]["cores"], notes["beside"]["cores"]]) == shares
    assert all("--quiet" in note["arguments"] for note in notes.values())
    printed = capsys.readouterr()
    assert {line.split()[-1] for line in printed.out.splitlines()} == {"first", "second", "beside"}
    assert "runs: 3 of 3 run" in printed.err


@two_cores
def test_after_a_failure_no_other_begins_and_those_beside_it_are_asked_to_stop(
    tmp_path, monkeypatch
):
    fails = program(tmp_path / "fails", CHILD)
    saves = program(tmp_path / "saves", SAVING_CHILD)
    chosen = program(
        tmp_path / "child",
        f"""#!/bin/sh
case "$*" in *--status*) exec {fails} "$@" ;; *) exec {saves} "$@" ;; esac
""",
    )
    monkeypatch.setattr(sys, "executable", chosen)
    failing, beside, later = (tmp_path / name for name in ("runs/fails", "runs/beside", "later"))
    failing.parent.mkdir()
    queues = [
        iter([training(failing, "--waits", beside, "--status", 3), training(later)]),
        iter([training(beside)]),
        iter([training(later)]),
    ]
    failure = train_queues(queues, 4, jobs=2, progress=False, stdout=subprocess.DEVNULL)
    assert failure == Failure(failing, 3)
    assert (beside / "saved").exists()
    assert not later.exists()


@two_cores
def test_nothing_runs_on_when_an_error_ends_the_call(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", program(tmp_path / "child", SAVING_CHILD))
    beside = tmp_path / "beside"

    def broken():
        while not (beside / "begun").exists():
            time.sleep(0.01)
        raise BrokenPipeError
        yield

    with pytest.raises(BrokenPipeError):
        train_queues([iter([training(beside)]), broken()], 2, jobs=2, progress=False)
    assert (beside / "saved").exists()


@two_cores
def test_one_queue_has_all_cores(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", program(tmp_path / "child", CHILD))
    first, second = (tmp_path / name for name in ("first", "second"))
    train_queues([iter([training(first), training(second)])], 2, jobs=2, progress=False)
    for run in (first, second):
        assert json.loads((run / "begun").read_text())["cores"] == usable_cores()


def test_what_a_failure_says(tmp_path):
    assert str(Failure(tmp_path, 2)) == f"{tmp_path}: cari-train ended with status 2"
    assert str(Failure(tmp_path, -9)).endswith("ended by SIGKILL, as a rule since memory ran out")
    assert str(Failure(tmp_path, -6)).endswith("cari-train was ended by SIGABRT")


def test_more_jobs_than_cores_are_refused(monkeypatch):
    monkeypatch.setattr(processes, "usable_cores", lambda: [2, 3, 5, 7, 8])
    assert core_shares(1) == [[2, 3, 5, 7, 8]]
    assert core_shares(2) == [[2, 3], [5, 7]]
    for jobs in (0, 6):
        with pytest.raises(ConfigError, match=f"between 1 and the number of cores, 5. .*: {jobs}"):
            core_shares(jobs)


CALL = """
import pathlib, sys
from cari_keras.comparison.processes import Training, train_queues
from cari_keras.errors import StoppedError
sys.executable, jobs, *folders = sys.argv[1:]
queues = [iter([Training(pathlib.Path(folder), "", [])]) for folder in folders]
try:
    train_queues(queues, len(queues), jobs=int(jobs), progress=False)
except StoppedError as stopped:
    print("stopped by", stopped.signal)
"""


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=two_cores)])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signals_are_handed_on(number, jobs, tmp_path):
    if signal.getsignal(number) == signal.SIG_IGN:
        pytest.skip("the signal is ignored, as nohup has it, and stays so")
    child = program(tmp_path / "child", SAVING_CHILD)
    folders = [tmp_path / str(job) for job in range(jobs)]
    command = [sys.executable, "-c", CALL, child, str(jobs), *map(str, folders)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        deadline = time.monotonic() + 60
        while not all((folder / "begun").exists() for folder in folders):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(number)
        if number == signal.SIGHUP:  # which a terminal that is closed sends twice
            time.sleep(0.3)
            process.send_signal(number)
        printed, _ = process.communicate(timeout=60)
    assert printed == f"stopped by {int(number)}\n"
    assert all((folder / "saved").exists() for folder in folders)
