"""cari-compare as its user runs it."""

import json
import signal

import cv2
import pytest

from cari_keras.process import usable_cores
from cari_keras.training.runfolder import lock
from tests.helpers.commands import last_error, next_command, run_command, started, wait_until
from tests.helpers.pictures import write_folder_dataset
from tests.helpers.runs import SMALL_NETWORK

SMALL = (
    f"{SMALL_NETWORK} --pretrained none --image-size 80 --batch-size 8 --embedding-size 8 "
    "--epochs 1 "
    "--tasks caricature photo"
)


def arguments(tmp_path, *more):
    root = tmp_path / "data"
    if not root.exists():
        write_folder_dataset(root)
    given = ["--dataset", "folder", "--data-dir", root, "--output", tmp_path / "out", "--quiet"]
    return [*map(str, given), "--cache-dir", str(tmp_path / "cache"), *SMALL.split(), *more]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--weighting", "equal"], "cari-compare has no --weighting; use --strategies"),
        (["--seed", "3"], "cari-compare has no --seed; use --seeds"),
        (["--frozen-dir", "a"], "cari-compare has no --frozen-dir; its runs share"),
        (["--strategies", "none"], "weighting must be one of"),
        (["--seeds", "1", "1"], "seeds must each be named once"),
        (["--jobs", "0"], "--jobs must be between 1 and the number of cores"),
        (["--preset", "x"], "invalid choice"),
    ],
)
def test_mistakes_are_one_line(given, message):
    assert message in last_error(run_command("compare", *given))


def test_a_dataset_without_validation_images_is_told_before_training(tmp_path):
    write_folder_dataset(tmp_path / "data", images=2)
    error = last_error(run_command("compare", *arguments(tmp_path)))
    assert "folder: no validation images, so strategies cannot be compared" in error
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_tables_costs_and_pictures_and_a_second_call_only_reads(tmp_path):
    """On the toy example's two tasks, side by side where there are two cores."""
    jobs = str(min(2, len(usable_cores())))
    command = arguments(tmp_path, "--strategies", "equal", "dynamic", "single", "--jobs", jobs)
    result = run_command("compare", *command)
    assert result.returncode == 0, result.stderr
    out = tmp_path / "out"
    found = json.loads((out / "comparison.json").read_text())
    assert set(found["metrics"]) == {"equal", "dynamic", "single"}
    assert set(found["costs"]) == {"equal", "dynamic"}
    assert found["costs"]["equal"][1] == 1.0
    assert set(found["metrics"]["single"]) == set(found["metrics"]["equal"])
    assert sum(found["ranks"]["mean"]["overall"].values()) == 1 + 2 + 3
    for run in ("equal-0", "dynamic-0", "single-photo-0", "single-caricature-0"):
        assert (out / run / "best" / "arrays.npz").is_file()
    steps = (out / "dynamic-0" / "steps.csv").read_text().splitlines()
    row = dict(zip(steps[0].split(","), map(float, steps[1].split(","))))
    assert row["weight_verification"] == 0.0
    assert row["weight_caricature"] + row["weight_photo"] == pytest.approx(1.0, abs=1e-5)
    assert cv2.imread(str(out / "figures" / "weights_and_losses.png")) is not None
    before = (out / "dynamic-0" / "steps.csv").stat().st_mtime_ns
    again = run_command("compare", *command)
    assert again.stdout == result.stdout
    assert (out / "dynamic-0" / "steps.csv").stat().st_mtime_ns == before
    assert "Next" not in again.stdout
    loud = run_command("compare", *(word for word in command if word != "--quiet"))
    *_, program, run = next_command(loud.stdout)
    assert program == "evaluate"
    scores = {
        name: json.loads((out / name / "best" / "checkpoint.json").read_text())["score"]
        for name in ("equal-0", "dynamic-0")  # of both tasks
    }
    assert run == str(out / max(scores, key=scores.get))
    changed = run_command("compare", *command, "--dropout", "0.1")
    assert "equal-0 holds a run of other settings (dropout was 0.5, now 0.1)" in last_error(changed)


@pytest.mark.slow
def test_a_signal_reaches_the_run_which_saves_itself(tmp_path):
    given = arguments(tmp_path, "--strategies", "equal", "--epochs", "400")
    run = tmp_path / "out" / "equal-0"
    with started("compare", *given) as process:
        wait_until((run / "metrics.csv").exists, process)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 128 + signal.SIGTERM
    assert "cari-train: stopped; everything is saved" in errors
    assert errors.endswith("cari-compare: stopped; the same command continues from here\n")
    assert "Traceback" not in errors
    lock(run).release()  # nobody holds it any more
