"""Progress: a bar that fits a terminal, dated lines elsewhere."""

import io
import re

import numpy as np
import pytest

from cari_keras import progress
from cari_keras.history import StepValues
from cari_keras.progress import Progress
from cari_keras.training.runlog import describe, postfix
from cari_keras.vocabulary import TASKS

DATED = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d "


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass when the test says so."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


@pytest.mark.parametrize(
    ("losses", "weights"),
    [((1.234, 0.5, 0.0), (0.333, 0.3, 0.367)), ((12.345, 99.99, 9.999), (0.999, 1.0, 0.001))],
)
def test_the_training_bar_fits_80_columns(losses, weights, monkeypatch):
    stream = Terminal()
    monkeypatch.setattr("sys.stderr", stream)
    text = postfix(StepValues(losses, weights, 0.0), TASKS)
    with Progress(3_000_000, "epoch 100/100", initial=10) as bar:
        bar._bar.dynamic_ncols = lambda stream: (80, 25)
        bar.note("compiling", now=True)
        assert "compiling" in stream.getvalue()
        bar.update(1_000_000)
        bar.note(text, now=True)
    lines = [line.strip() for line in re.split(r"[\r\n]", stream.getvalue()) if line.strip()]
    assert all(len(line) <= 80 for line in lines)
    assert lines[-1].endswith(text)
    assert lines[-1].startswith("epoch 100/100  33%|")


def test_lines_in_place_of_a_bar(clock, monkeypatch, capsys):
    with Progress(100_000, "epoch 1/2") as bar:
        bar.note("compiling", now=True)
        for _ in range(1000):  # a thousand steps in 20 seconds
            clock[0] += 0.02
            bar.note("V 1.23x.33")
            bar.update(64)
        bar.write("epoch 1/2: AUC 50.0 %")
    bar.close()
    out, err = capsys.readouterr()
    assert "\r" not in err
    lines = err.splitlines()
    assert 5 <= len(lines) <= 7
    assert all(re.match(DATED + r"epoch 1/2: [\d,]+ of 100,000 img", line) for line in lines)
    assert lines[0].endswith("compiling")
    assert "3.20k/s, 00:" in lines[2]
    assert lines[-1].endswith("V 1.23x.33")
    assert re.fullmatch(DATED + r"epoch 1/2: AUC 50\.0 %\n", out)


def test_quiet_is_quiet(capsys):
    with Progress(3, "epoch 1/1", shown=False) as bar:
        bar.note("compiling", now=True)
        bar.update(3)
    assert capsys.readouterr() == ("", "")


def test_what_is_undefined_is_no_number():
    assert describe({"v2c": 0.5, "verification_auc": np.nan}) == "V2C 50.0, AUC - %"
