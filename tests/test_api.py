"""Training in one call of Python: what the command does, in a program's own words."""

import random
import re
import threading
from pathlib import Path

import numpy as np
import pytest

import cari_keras
from cari_keras.api import Trained, _Program, _values
from cari_keras.asked import asked_config
from cari_keras.errors import CheckpointError, ConfigError, DatasetError
from cari_keras.presets import PRESETS
from tests.helpers.commands import last_error, run_command, run_python
from tests.helpers.faces import face, write, write_modalities
from tests.helpers.pictures import write_folder_dataset
from tests.helpers.places import ROOT
from tests.helpers.runs import SMALL_NETWORK, small_config

SMALL = {
    "dataset": "folder",
    "pretrained": None,
    "private_blocks": 0,
    "shared_bottleneck": True,
    "image_size": 80,
    "batch_size": 4,
    "epochs": 2,
    "embedding_size": 8,
    "precision": "float32",
}

#: The same, as flags.
FLAGS = f"{SMALL_NETWORK} --dataset folder --pretrained none --precision float32".split()
FLAGS += ["--image-size", "80", "--batch-size", "4", "--epochs", "2", "--embedding-size", "8"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"epoch": 3}, "unknown setting 'epoch'; did you mean epochs?"),
        ({"learning_rte": 3}, "unknown setting 'learning_rte'; did you mean learning_rate?"),
        ({"quiet": True}, "unknown setting 'quiet'"),
        ({"epochs": 0}, "epochs must be in"),
        ({"epochs": "3"}, "epochs must be of type int. Received: '3'"),
        ({"tasks": ["photos"]}, "tasks must be one of verification, caricature, photo. Received"),
        ({"dataset": "cavy"}, "dataset must be one of demo, cavi, folder, webcaricature. Received"),
        ({"preset": "best"}, "preset must be one of demo, cavi"),
        ({"progress": "no"}, "progress must be True or False. Received: 'no'"),
        ({"output": 3}, "output must be of type str. Received: 3"),
        ({"resume": "a", "output": "b"}, "resume names the run's folder already; leave output out"),
        ({"data_dir": "a"}, "the package draws the demo, so --data-dir does not"),
        (
            {"dataset": "folder", "final": True, "data_dir": "a"},
            "--final applies only to the dataset cavi",
        ),
        ({"distribute": "multiworker"}, "--distribute multiworker needs --output"),
    ],
)
def test_mistakes_are_one_line(given, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as raised:
        cari_keras.train(**given)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)
    assert not list(tmp_path.iterdir())


def test_what_is_not_there(tmp_path):
    with pytest.raises(DatasetError, match="nowhere: no such folder"):
        cari_keras.train(tmp_path / "nowhere", dataset="folder")
    with pytest.raises(CheckpointError, match="not a run's configuration"):
        cari_keras.train(resume=tmp_path)


def test_values_are_as_flags_have_them():
    given = {
        "tasks": ["photo", "photo"],
        "test_crops": (1, np.float64(0.5)),
        "epochs": np.int64(3),
        "output": Path("runs/a"),
        "unheard_of": [1],
    }
    assert _values(given) == {
        "tasks": ("photo",),
        "test_crops": (1, 0.5),
        "epochs": 3,
        "output": Path("runs/a"),
        "unheard_of": [1],
    }
    assert type(_values(given)["epochs"]) is int
    assert asked_config(None, _values({"output": Path("runs/a")})).training.output == "runs/a"


@pytest.mark.parametrize(
    "config",
    [
        small_config(data_dir="/my data/faces"),
        PRESETS["cavi"]().with_values({"data_dir": "/d", "flip": False, "test_crops": (0.8, 1.0)}),
        PRESETS["demo"](),
    ],
)
def test_a_longer_run_is_said_as_a_call(config):
    run = Path("runs/it's mine")
    call = _Program(progress=False).longer(run, config, 8)
    assert call.startswith("cari_keras.train(dataset=")
    given = eval(call.replace("cari_keras.train", "dict"))
    expected = {"epochs": 8, "pretrained": str(run), "output": f"{run}-8"}
    assert asked_config(None, given) == config.with_values(expected)


def test_a_result_is_a_line_and_a_card():
    trained = Trained(Path("runs/<a>"), 3, {"v2c": 0.5, "c2v": float("nan")}, [], [])
    assert str(trained) == "runs/<a>, weights of epoch 3: V2C 50.0 %"
    assert "<b>runs/&lt;a&gt;</b>" in trained._repr_html_()
    assert str(Trained(Path("a"), None, {}, [], [])) == "a: no validation metrics"


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """Two people, and an image that cannot be read."""
    root = write_folder_dataset(tmp_path_factory.mktemp("people"), identities=2, images=5)
    (root / "photo" / "person_0" / "broken.jpg").write_bytes(b"not a picture")
    return root


@pytest.mark.slow
@pytest.mark.stacks
def test_a_run_end_to_end(people, tmp_path, capfd):
    """In a thread, as a server would; then the same call, another, and the network itself."""
    given = {**SMALL, "output": tmp_path / "run", "cache_dir": tmp_path / "cache"}
    random.seed(5)
    np.random.seed(5)
    expected = random.random(), np.random.random()
    random.seed(5)
    np.random.seed(5)
    found = []
    capfd.readouterr()
    thread = threading.Thread(
        target=lambda: found.append(cari_keras.train(people, progress=False, **given))
    )
    thread.start()
    thread.join()
    (trained,) = found
    assert capfd.readouterr().out == ""
    assert (random.random(), np.random.random()) == expected
    assert trained.run == tmp_path / "run"
    assert [row["epoch"] for row in trained.history] == [1, 2]
    best = trained.history[trained.epoch - 1]
    assert trained.metrics == pytest.approx({name: best[name] for name in trained.metrics})
    assert set(trained.metrics) > {"verification_accuracy", "v2c"}
    assert any("broken.jpg: not a picture" in line for line in trained.told)
    assert any(line.startswith("recipe: from nothing; 2 people, 17 tra") for line in trained.told)
    model = trained.load()
    assert model.identities == ("person_0", "person_1")
    assert model.card.facts["Trained on"] == "folder, 2 people, 4 steps of 4 images an epoch"

    again = cari_keras.train(people, **given)  # nothing left to do
    assert (again.epoch, again.metrics) == (trained.epoch, trained.metrics)
    printed = capfd.readouterr().out
    assert (
        "is finished, after all of its 2 epochs; to train it further: cari_keras.train(" in printed
    )
    assert cari_keras.train(resume=tmp_path / "run", progress=False).metrics == trained.metrics
    with pytest.raises(ConfigError) as raised:
        cari_keras.train(people, **{**given, "epochs": 7})
    said = str(raised.value)
    assert "begun with other settings (epochs was 2, now 7); choose another output, or" in said
    assert f"continue with cari_keras.train(resume='{tmp_path / 'run'}') alone" in said
    assert re.search(
        r"to train 7 epochs more from its weights: cari_keras\.train\(.*epochs=7", said
    )


#: A program of three lines, as a reader of the docs writes it.
PROGRAM = """
import sys
import cari_keras
root, output, cache = sys.argv[1:]
trained = cari_keras.train(root, output=output, cache_dir=cache, progress=False, **{settings})
print(trained)
"""


@pytest.mark.slow
def test_the_function_trains_what_the_command_trains(people, tmp_path):
    """To the last bit; the program has no guard, and needs none."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM.replace("{settings}", repr(SMALL)))
    cache = tmp_path / "cache"
    done = run_python(program, people, tmp_path / "function", cache, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    line = f"{tmp_path / 'function'}, weights of epoch "
    assert done.stdout.startswith(line), done.stdout
    assert done.stdout.count("\n") == 1
    flags = [*FLAGS, "--data-dir", people, "--cache-dir", cache, "--quiet"]
    done = run_command("train", *flags, "--output", tmp_path / "command")
    assert done.returncode == 0, done.stderr
    runs = [tmp_path / name for name in ("function", "command")]
    for name in ("steps.csv", "metrics.csv", "identities.json", "best/arrays.npz", "skipped.txt"):
        first, second = ((run / name).read_bytes() for run in runs)
        assert first == second, name
    done = run_command("train", *flags, "--output", tmp_path / "function")
    assert done.returncode == 0, done.stderr
    assert "is finished" in done.stdout
    assert "other settings" in last_error(
        run_command("train", *flags, "--output", tmp_path / "function", "--seed", 3)
    )


#: Trains, and asks this process to stop once the run has its checkpoints; then goes on with it.
STOPPED = """
import os, signal, sys, threading, time
from pathlib import Path
import cari_keras

def stop():
    while not Path("run", "checkpoints").exists():
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGTERM)

def mine(*_):  # what comes too late is not the process's end
    print("not stopped")

signal.signal(signal.SIGTERM, mine)
threading.Thread(target=stop, daemon=True).start()
try:
    cari_keras.train(sys.argv[1], output="run", progress=False, **GIVEN)
except cari_keras.errors.StoppedError as error:
    print(error.signal == signal.SIGTERM, error)
print(signal.getsignal(signal.SIGTERM) is mine)
trained = cari_keras.train(resume="run", progress=False)
print([row["epoch"] for row in trained.history] == [6, 12])
"""


@pytest.mark.slow
def test_a_signal_saves_first_and_resume_goes_on(people, tmp_path):
    # In a process of its own, as the signal is for the whole process.
    given = {**SMALL, "epochs": 12, "evaluate_every": 6, "cache_dir": "cache"}
    done = run_python("-c", STOPPED.replace("GIVEN", repr(given)), people, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "True stopped; everything is saved; continue with cari_keras.train(resume='run')",
        "True",
        "True",
    ]


@pytest.mark.slow
def test_a_repeatable_run_comes_before_tensorflow_s_first_operation(people, tmp_path):
    program = (
        "import sys, tensorflow as tf, cari_keras\n"
        "tf.constant(1)\n"
        f"given = {SMALL!r}\n"
        "given |= {'cache_dir': 'cache', 'progress': False, 'output': 'run'}\n"
        "try:\n"
        "    cari_keras.train(sys.argv[1], **given)\n"
        "except cari_keras.errors.ConfigError as error:\n"
        "    print(error)\n"
        "print(cari_keras.train(sys.argv[1], repeatable=False, **given).epoch)\n"
    )
    done = run_python("-c", program, people, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert "train in a process of its own, or with repeatable=False" in first
    assert second in ("1", "2")


@pytest.mark.slow
def test_the_examples_of_the_docs_run(facenet, tmp_path):
    """Those of training, then those of what a model says of itself; the training is cut short."""
    write_modalities(tmp_path / "raw", people=3, images=4)
    write(tmp_path / "drawing.jpg", face("caricature", 0, 0))
    for page, word, cuts in (
        ("train.md", "cari_keras.train", {"epochs=24": "epochs=2"}),
        ("serve.md", "model.card", {"runs/cavi": "runs/mine"}),
    ):
        text = (ROOT / "docs" / page).read_text(encoding="utf-8")
        blocks = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        (block,) = (block for block in blocks if word in block)
        for long, short in cuts.items():
            assert long in block
            block = block.replace(long, short)
        (tmp_path / "program.py").write_text(block)
        done = run_python("program.py", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        printed = done.stdout
        if page == "train.md":
            assert printed.startswith("24 faces of 3 people in 24 files\n")
            assert "\nruns/mine, weights of epoch 2: Verification " in printed
        else:
            assert "- Trained on: folder, 3 people, 2 steps of 8 images an epoch\n" in printed
            assert re.search(r"^verify_identities .* people it was trained on", printed, re.M)
