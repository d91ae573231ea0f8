"""cari-train as its user runs it: a subprocess, its output, its files, its one-line errors."""

import re
import signal
import sys

import cv2
import pytest

from cari_keras.model.checkpoints import load_checkpoint
from cari_keras.sections import FIELDS
from cari_keras.training.runfolder import Checkpoints
from tests.helpers.commands import last_error, next_command, run_command, started, wait_until
from tests.helpers.pictures import write_folder_dataset, write_image
from tests.helpers.runs import SMALL_NETWORK

SMALL = f"{SMALL_NETWORK} --pretrained none --image-size 80 --batch-size 4 --epochs 2".split()
SMALL += ["--embedding-size", "8"]

#: How cari-train is called here, for whoever pastes what it prints.
CALL = f"{sys.executable} -m cari_keras train"


def cari_train(*arguments, cwd=None):
    return run_command("train", *arguments, cwd=cwd)


def test_help_names_every_setting_and_examples():
    result = cari_train("--help-all")
    assert result.returncode == 0
    for name in (n for names in FIELDS.values() for n in names):
        assert "--" + name.replace("_", "-") in result.stdout
    assert "cari-train --dataset cavi --data-dir DIR" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--epoch-count", "3"], "unrecognized arguments: --epoch-count 3; did you mean --epochs?"),
        (["--epochs", "many"], "argument --epochs: invalid int value: 'many'"),
        (["--epochs", "0"], "epochs must be in .* Received: 0"),
        (["--depth", "deep"], "argument --depth: invalid choice: 'deep'"),
        (["--dataset", "cavi"], "--data-dir is needed for CaVI: ask the authors"),
        (["--dataset", "cavi", "--data-dir", "nowhere"], "nowhere/CaVI_Dataset: no such folder"),
        (["--weighting", "static"], "--static-weights takes 3 numbers, .* Received: none"),
        (["--static-weights", "nan", "1", "1"], "static_weights must be in .* Received: nan"),
        (["--weighting", "gradnorm", "--frozen-epochs", "1"], "add --stored-stages block17, or"),
        (["--dataset", "folder"], "--data-dir is needed for the folder dataset"),
        (["--dataset", "folder", "--data-dir", "nowhere"], "nowhere: no such folder; expected"),
        (["--resume", "nowhere"], "nowhere/config.json: not a run's configuration"),
    ],
)
def test_mistakes_are_one_line(arguments, message, tmp_path):
    assert re.search(message, last_error(cari_train(*arguments, cwd=tmp_path)))


def test_datasets_that_cannot_be_trained_on(tmp_path):
    (tmp_path / "empty" / "photo").mkdir(parents=True)
    result = cari_train("--dataset", "folder", "--data-dir", tmp_path / "empty")
    assert "empty: no images in" in last_error(result)
    for k in range(3):
        write_image(tmp_path / "single" / "photo" / "ann" / f"{k}.png", (90, 90, 90), seed=k)
    result = cari_train("--dataset", "folder", "--data-dir", tmp_path / "single")
    assert "all training images are of one identity (ann)" in last_error(result)


def test_an_output_that_cannot_be_a_folder(tmp_path):
    root = write_folder_dataset(tmp_path / "data", identities=2, images=5)
    (tmp_path / "file").write_text("")
    arguments = ["--dataset", "folder", "--data-dir", root, "--cache-dir", tmp_path / "cache"]
    result = cari_train(*arguments, *SMALL, "--quiet", "--output", tmp_path / "file" / "run")
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    # A current TensorFlow has lines of its own to say before.
    told = "file/run: Not a directory; name another place, or move what is there"
    assert result.stderr.rstrip().endswith(told)


@pytest.mark.slow
@pytest.mark.stacks
def test_a_run_end_to_end(tmp_path):
    """Two epochs with an image that cannot be read; then an attempt to overwrite the run."""
    root = write_folder_dataset(tmp_path / "data", identities=2, images=5)
    (root / "photo" / "person_0" / "broken.jpg").write_bytes(b"not a picture")
    arguments = ["--dataset", "folder", "--data-dir", root, "--precision", "float32", *SMALL]
    arguments += ["--output", tmp_path / "run", "--cache-dir", tmp_path / "cache"]
    result = cari_train(*arguments)
    assert result.returncode == 0, result.stderr
    assert "broken.jpg: not a picture" in result.stdout
    recipe = "recipe: from nothing; 2 people, 17 training images; 2 epochs of 4 steps; 80 pixels"
    assert f"{recipe}, float32\nfitted to the data and this machine: nothing\n" in result.stdout
    assert "folder: train:" in result.stdout
    assert re.search(r"note: \d+ steps are too few to learn from; raise", result.stdout)
    assert re.search(
        r"Epoch +Verification +AUC +Photo id\. +Caricature id\. +V2C +C2V", result.stdout
    )
    assert re.search(
        r"run uses the weights of epoch [12], which has the highest mean", result.stdout
    )
    assert "The hardest task held the largest weight in" in result.stdout
    assert "epoch 2/2" in result.stderr
    assert "compiling" in result.stderr
    assert "\r" not in result.stderr
    run = tmp_path / "run"
    assert next_command(result.stdout)[1:] == ["-m", "cari_keras", "evaluate", str(run)]
    assert len(Checkpoints(run).paths()) == 1  # its last weights
    assert "broken.jpg" in (run / "skipped.txt").read_text()
    for name in ("weights_and_losses.png", "validation.png", "contact_sheet.png"):
        assert cv2.imread(str(run / "figures" / name)) is not None
    for name in ("config.json", "identities.json", "steps.csv", "metrics.csv"):
        assert (run / name).is_file()
    for command in (["--resume", run], arguments):
        again = cari_train(*command)
        assert again.returncode == 0, again.stderr  # nothing left to do: the table once more
        assert "Verification" in again.stdout
        told = (
            f"{run} is finished, after all of its 2 epochs; to train it further: {CALL} --dataset"
        )
        assert told in again.stdout
        assert next_command(again.stdout) == next_command(result.stdout)
    root.rename(tmp_path / "elsewhere")
    assert "--data-dir" in last_error(cari_train("--resume", run))
    again = cari_train("--resume", run, "--data-dir", tmp_path / "elsewhere")
    assert again.returncode == 0, again.stderr
    (tmp_path / "elsewhere").rename(root)
    for command in (["--resume", run, "--epochs", "7"], [*arguments, "--epochs", "7"]):
        error = last_error(cari_train(*command))
        assert "begun with other settings (epochs was 2, now 7)" in error
        assert f"to train 7 epochs more from its weights: {CALL} --dataset folder --data-" in error
        assert f"--pretrained {run} --epochs 7" in error


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_saves_first_and_the_same_command_goes_on(number, tmp_path):
    if number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN:
        pytest.skip("the signal is ignored, as nohup has it, and stays so")
    root = write_folder_dataset(tmp_path / "data")
    run = tmp_path / "run"
    arguments = ["--dataset", "folder", "--data-dir", root, "--output", run, "--image-size", 80]
    arguments += ["--pretrained", "none"]
    arguments += ["--batch-size", 8, "--embedding-size", 8, "--epochs", 400, "--quiet"]
    with started("train", *arguments) as process:
        for written in (run / "metrics.csv", run / "checkpoints"):
            wait_until(written.exists, process)
        # One run, one process.
        assert "another process is training this run" in last_error(cari_train(*arguments))
        process.send_signal(number)
        if number == signal.SIGHUP:  # which a terminal that is closed sends twice
            process.send_signal(number)
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 128 + number
    assert "stopped; everything is saved; continue with --resume" in errors
    assert "Traceback" not in errors
    _, meta = load_checkpoint(Checkpoints(run).paths()[-1])
    rows = (run / "steps.csv").read_text().count("\n") - 1
    assert rows == 3 * meta["epoch"] + meta["step_in_epoch"]
