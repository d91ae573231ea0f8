"""scripts/bench_datasets.py on small trees of drawn faces, as its user runs it."""

from __future__ import annotations

import pandas as pd
import pytest

from cari_keras.shipped import shipped_run
from tests.helpers.cavi import write_cavi
from tests.helpers.commands import run_python, run_script
from tests.helpers.judged import write_lfw_of_faces, write_sketches
from tests.helpers.places import ROOT


def test_a_dry_run_prints_a_command_for_each_cell_and_who_is_not_judged(tmp_path):
    write_cavi(tmp_path / "cavi", with_test=False)
    (tmp_path / "lfw").mkdir()
    script = ROOT / "scripts" / "bench_datasets.py"
    done = run_python(script, "--root", tmp_path, "--dry-run")
    assert done.returncode == 0, done.stderr
    asked = [line.split(" --data-dir")[0] for line in done.stdout.splitlines()]
    box = str(shipped_run())
    assert asked == [
        "cari-evaluate facenet --dataset cavi",
        "cari-evaluate facenet --dataset cavi --folds all",
        "cari-evaluate facenet --dataset cavi --split unknown",
        f"cari-evaluate {box} --dataset cavi --split unknown",
        "cari-evaluate facenet --dataset lfw",
        f"cari-evaluate {box} --dataset lfw",
    ]
    # The package's network knows CaVI's people.
    assert f"{box}: was trained on these images" in done.stderr
    assert f"{box}: held nobody out" in done.stderr


@pytest.mark.slow
def test_one_table_of_networks_on_what_is_there(facenet, tmp_path):
    write_lfw_of_faces(tmp_path / "lfw")
    write_sketches(tmp_path / "sketches")
    flags = ["--root", tmp_path, "--output", tmp_path / "out"]
    printed = run_script("bench_datasets.py", *flags, "--networks", "facenet", "runs/none")
    lines = pd.read_csv(tmp_path / "out" / "bench.csv")
    assert set(lines["dataset"]) == {"lfw", "sketches"}
    of = lines[(lines["dataset"] == "lfw") & (lines["metric"] == "verification_accuracy")].iloc[0]
    assert of["folds"] == 2
    assert 0.5 <= of["low"] <= of["mean"] <= of["high"] <= 1
    shown = (tmp_path / "out" / "bench.md").read_text()
    assert shown.startswith("`scripts/bench_datasets --root")
    assert f"| lfw | facenet | whole | {100 * of['mean']:.1f} ± " in shown
    assert "lfw, runs/none, whole: runs/none/config.json: not a run's configuration" in shown
    assert "C2P Rank-1" in printed
    assert "V2C" not in printed  # nobody has it
