"""cari-export, cari-verify, cari-identify and cari-search as their users run them."""

import json
import re

import cv2
import pytest

from cari_keras.training.trainer import Trainer
from tests.cli.commands import last_error, run_command, run_script
from tests.conftest import small_config

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def run(folder_dataset, prepared, tmp_path_factory):
    folder = tmp_path_factory.mktemp("used") / "run"
    cache = str(folder.parent / "cache")
    config = small_config(epochs=1, data_dir=str(folder_dataset), cache_dir=cache)
    Trainer(config, prepared, folder).fit(progress=False)
    return folder


def test_from_a_run_to_answers(run, folder_dataset, tmp_path):
    models = tmp_path / "models"
    result = run_command("export", run, models, "--quiet")
    assert result.returncode == 0, result.stderr
    assert "same up to a squared distance of" in result.stdout
    assert "no validation pairs" not in result.stdout
    assert "nobody will be said to be unknown" in result.stdout
    assert (models / "photo" / "1" / "saved_model.pb").is_file()
    photo = folder_dataset / "photo" / "person_0" / "0.png"
    drawing = folder_dataset / "caricature" / "person_1" / "0.png"

    answers = []
    for network in (run, models):
        result = run_command("verify", network, photo, drawing, "--json")
        assert result.returncode == 0, result.stderr
        answers.append(json.loads(result.stdout))
    assert answers[0] == pytest.approx(answers[1], abs=1e-4)
    result = run_command("verify", models, photo, drawing, "--picture", tmp_path / "both.png")
    decision = "the same person" if answers[0]["same"] else "two people"
    said = re.match(rf"{decision}: squared distance ([\d.]+), threshold", result.stdout)
    assert float(said[1]) == pytest.approx(answers[0]["distance"], abs=2e-4)
    assert cv2.imread(str(tmp_path / "both.png")).shape == (80, 164, 3)

    result = run_command("identify", models, photo, drawing, "--top", 2, "--json")
    named = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["image"] for line in named] == [str(photo), str(drawing)]
    assert all(len(line["candidates"]) == 2 for line in named)

    found = []
    for _ in range(2):  # the second one from the kept embeddings
        result = run_command(
            *("search", models, folder_dataset, photo, "--top", 3, "--json", "--quiet"),
            *("--picture", tmp_path / "near.png"),
        )
        assert result.returncode == 0, result.stderr
        found.append([json.loads(line) for line in result.stdout.splitlines()])
    assert found[0] == found[1]
    assert found[0][0]["path"] == str(photo)
    assert found[0][0]["distance"] == pytest.approx(0, abs=1e-6)
    assert cv2.imread(str(tmp_path / "near.png")).shape == (102, 4 * 80 + 3 * 5, 3)
    (tmp_path / "aligned").mkdir()
    (tmp_path / "aligned" / "manifest.csv").write_text("")
    error = last_error(run_command("search", models, tmp_path / "aligned", photo, "--quiet"))
    assert "cari-align's faces are in records; search the folder of raw pictures" in error


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["export", "nowhere"], "nowhere/config.json: not a run's configuration"),
        (["verify", "nowhere", "a", "b"], "nowhere: neither a run folder nor a folder of exports"),
        (["identify", "nowhere", "a"], "nowhere: neither a run folder nor a folder of exports"),
        (["search", "nowhere", "d", "a"], "nowhere: neither a run folder nor a folder of exports"),
    ],
)
def test_mistakes_are_one_line(command, message):
    assert message in last_error(run_command(*command))


@pytest.mark.parametrize("command", ["verify", "search"])
def test_a_picture_is_no_folder(command, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    for name in (".", "/"):
        result = run_command(command, "nowhere", "a", "b", "--picture", name, cwd=tmp_path)
        assert "must name a PNG file, not a folder" in last_error(result)
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_a_cache_that_cannot_be_written_is_no_matter(run, folder_dataset, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CARI_KERAS_CACHE", str(tmp_path / "file" / "cache"))
    query = folder_dataset / "photo" / "person_0" / "0.png"
    result = run_command("search", run, folder_dataset, query, "--top", 1, "--quiet")
    assert result.returncode == 0, result.stderr
    assert result.stdout.split()[1] == str(query)


def test_the_benchmark_compares_three_sides(run):
    printed = run_script("bench_serve.py", run, "--turns", 2, "--batches", 1, 2)
    rows = [line for line in printed.splitlines() if re.match(r" +[12]  (Keras|export)", line)]
    assert len(rows) == 6
    assert [row.split()[-1] for row in rows if "called" in row] == ["1.00", "1.00"]


def test_a_far_that_the_pairs_cannot_tell(run, tmp_path):
    error = last_error(run_command("export", run, tmp_path, "--far", "0.001", "--quiet"))
    assert "cannot be told from 0 by" in error


def test_an_export_in_another_arithmetic_says_so(run, folder_dataset, tmp_path):
    result = run_command("export", run, tmp_path, "--precision", "bfloat16", "--quiet")
    assert result.returncode == 0, result.stderr
    for name in ("verification", "caricature", "photo"):
        card = json.loads((tmp_path / name / "1" / "export.json").read_text())
        assert card["network"]["precision"] == "bfloat16"
    photo = folder_dataset / "photo" / "person_0" / "0.png"
    result = run_command("identify", tmp_path, photo, "--json")
    assert len(json.loads(result.stdout)["candidates"]) == 3
