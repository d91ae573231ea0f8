"""cari-export, cari-verify, cari-identify and cari-search as their users run them."""

import json
import re
from types import SimpleNamespace

import cv2
import pytest

from cari_keras.cli import export as export_command
from cari_keras.cli import verify as verify_command
from cari_keras.serving.answers import Verification
from cari_keras.serving.calibration import Calibration
from cari_keras.serving.thresholds import Thresholds
from cari_keras.training.trainer import Trainer
from tests.helpers.commands import last_error, run_command, run_script
from tests.helpers.runs import small_config

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
    assert "verify: gives distances but no decision: " in result.stdout
    assert "Next" not in result.stdout
    assert "no validation pairs" not in result.stdout
    assert "the exports call nobody unknown" in result.stdout
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
    assert result.returncode == 0, result.stderr
    said = re.match(r"squared distance ([\d.]+); no decision: (.*)\n", result.stdout)
    assert float(said[1]) == pytest.approx(answers[0]["distance"], abs=2e-4)
    assert said[2] == answers[0]["why"]
    assert answers[0]["same"] is None
    assert answers[0]["by"] == "embedding"
    assert result.stdout.splitlines()[-1] == "compared by embedding"
    assert cv2.imread(str(tmp_path / "both.png")).shape == (374, 550, 3)

    result = run_command("identify", models, photo, drawing, "--top", 2, "--json")
    named = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["image"] for line in named] == [str(photo), str(drawing)]
    assert all(len(line["candidates"]) == 2 for line in named)

    found = []
    for _ in range(2):  # the second one from the kept embeddings
        result = run_command(
            *("search", models, folder_dataset, photo, "--top", 3, "--json", "--quiet"),
            *("--include-query", "--picture", tmp_path / "near.png"),
        )
        assert result.returncode == 0, result.stderr
        found.append([json.loads(line) for line in result.stdout.splitlines()])
    assert found[0] == found[1]
    assert found[0][0]["path"] == str(photo)
    assert found[0][0]["distance"] == pytest.approx(0, abs=1e-6)
    assert cv2.imread(str(tmp_path / "near.png")).shape == (374, 4 * 270 + 10, 3)
    (tmp_path / "aligned").mkdir()
    (tmp_path / "aligned" / "manifest.csv").write_text("")
    error = last_error(run_command("search", models, tmp_path / "aligned", photo, "--quiet"))
    assert (
        "an aligned folder holds records, not pictures; search the folder of raw pictures" in error
    )


DECIDED = Verification(True, 0.5, 0.75, 0.012, "some pairs", "identities", 0.871)


@pytest.mark.parametrize(
    ("found", "lines"),
    [
        (
            DECIDED,
            [
                "the same person: squared distance 0.5000, threshold 0.7500",
                "(FAR 1.20%: the share of impostor pairs that this threshold accepts, "
                "measured on some pairs)",
                "probability 0.87 at a prior of 50 %",
                "compared by identities",
            ],
        ),
        (
            DECIDED._replace(same=False, by="embedding", probability=None),
            [
                "two people: squared distance 0.5000, threshold 0.7500",
                "(FAR 1.20%: the share of impostor pairs that this threshold accepts, "
                "measured on some pairs)",
                "compared by embedding",
            ],
        ),
        (
            DECIDED._replace(same=None, why="at its threshold 23 % of pairs", by="embedding"),
            [
                "squared distance 0.5000; no decision: at its threshold 23 % of pairs",
                "probability 0.87 at a prior of 50 %",
                "compared by embedding",
            ],
        ),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_what_is_said_of_a_pair(found, lines, as_json, monkeypatch, capsys):
    """A decision or none, and the way that was asked for: it ends well either way."""
    asked = {}

    def verify(photo, other, **given):
        asked.update(given)
        return found

    model = SimpleNamespace(verify=verify)
    monkeypatch.setattr(verify_command, "open_given", lambda given: model)
    flags = ["--by", "identities"] if found.by == "identities" else []
    assert verify_command.main(["run", "a", "b", *flags, *(["--json"] if as_json else [])]) == 0
    printed = capsys.readouterr().out
    assert asked == {"modality": "caricature", "by": found.by}
    if as_json:
        assert json.loads(printed) == found._asdict()
    else:
        assert printed.splitlines() == lines


def test_what_exports_decide_by_is_told(capsys):
    decides = Calibration(0.75, 0.02, 0.9, 500, 50, "some pairs", far_unseen=0.034)
    silent = decides._replace(undecided="3 impostor pairs tell too little of its FAR")
    found = Thresholds(decides, {}, decides._replace(far_unseen=None), silent)
    export_command._tell(found, SimpleNamespace(tasks=("verification",), run=None))
    assert capsys.readouterr().out.splitlines() == [
        "verify: same up to a squared distance of 0.7500; FAR 2.00% of 500 (3.40% on people whom "
        "it was not chosen on), TAR 90.00% of 50 some pairs",
        "verify_identities: gives distances but no decision: 3 impostor pairs tell too little of "
        "its FAR",
        "verify_photos: same up to a squared distance of 0.7500; FAR 2.00% of 500, TAR 90.00% of "
        "50 some pairs",
    ]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["export", "nowhere"], "nowhere/config.json: not a run's configuration"),
        (["verify", "nowhere", "a", "b", "--by", "x"], "argument --by: invalid choice: 'x'"),
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
    flags = ["--top", 1, "--quiet", "--include-query"]
    result = run_command("search", run, folder_dataset, query, *flags)
    assert result.returncode == 0, result.stderr
    assert result.stdout.split()[1] == str(query)


def test_the_benchmark_compares_formats(run):
    flags = ["--turns", 2, "--batches", 1, 2, "--formats", "saved_model", "onnx"]
    printed = run_script("bench_serve.py", run, *flags)
    rows = [line for line in printed.splitlines() if re.match(r" +[12]  (Keras|saved|onnx)", line)]
    assert len(rows) == 10  # two ways to call Keras, and onnx in 8 bits too
    assert [row.split()[-1] for row in rows if "saved_model" in row] == ["1.00", "1.00"]
    for label in ("saved_model", "onnx", "onnx, 8 bits"):
        assert re.search(rf"^{label}: [0-9.]+ MB; -?[0-9]+ MB of memory", printed, re.M)


def test_a_far_that_the_pairs_cannot_tell(run, tmp_path):
    error = last_error(run_command("export", run, tmp_path, "--far", "0.001", "--quiet"))
    assert "cannot be told from 0 with" in error


def test_an_export_in_another_arithmetic_says_so(run, folder_dataset, tmp_path):
    result = run_command("export", run, tmp_path, "--precision", "bfloat16", "--quiet")
    assert result.returncode == 0, result.stderr
    for name in ("verification", "caricature", "photo"):
        card = json.loads((tmp_path / name / "1" / "export.json").read_text())
        assert card["network"]["precision"] == "bfloat16"
    photo = folder_dataset / "photo" / "person_0" / "0.png"
    result = run_command("identify", tmp_path, photo, "--json")
    assert len(json.loads(result.stdout)["candidates"]) == 3
