"""cari-evaluate as its users run it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from cari_keras.cli import evaluate, train
from cari_keras.records.aligned import read_aligned
from tests.helpers.commands import last_error, run_command
from tests.helpers.pictures import write_folder_dataset
from tests.helpers.places import FACENET, SHARED
from tests.helpers.webcaricature import write_images, write_lists

TINY = [
    *("--image-size", "80", "--depth", "paper", "--pretrained", "none", "--embedding-size", "8"),
    *("--batch-size", "16", "--epochs", "1", "--bn-momentum", "0.9", "--frozen-epochs", "0"),
    *("--frozen-stages", "nothing", "--stored-size", "none", "--test-crops", "1"),
    *("--private-blocks", "0", "--shared-bottleneck"),
    *("--no-flip-test", "--quiet", "--workers", "1"),
]


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    root = write_folder_dataset(tmp_path_factory.mktemp("data"), images=12)
    run = tmp_path_factory.mktemp("runs") / "one"
    cache = tmp_path_factory.mktemp("cache")
    command = ["--dataset", "folder", "--data-dir", str(root), "--output", str(run), *TINY]
    assert train.main([*command, "--cache-dir", str(cache)]) == 0
    return run


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_what_was_found_is_kept_where_the_run_is_to_read_from_only(tmp_path, monkeypatch, capsys):
    outcome = SimpleNamespace(to_dict=lambda: {"metrics": 1}, folds=())
    report = "cari_keras.evaluation.report.html.report_html"
    monkeypatch.setattr(report, lambda outcome, progress: f"progress: {progress}")
    monkeypatch.setattr("cari_keras.evaluation.scores.write_scores", lambda outcome, folder: [])
    blocked, here = tmp_path / "file" / "a", tmp_path / "evaluation" / "a"
    (tmp_path / "file").write_text("")
    assert evaluate._written(outcome, [blocked, here]) == here
    assert sorted(path.name for path in here.iterdir()) == ["report.html", "results.json"]
    assert (here / "report.html").read_text() == "progress: False"
    evaluate._written(outcome, [here], progress=True)
    assert (here / "report.html").read_text() == "progress: True"
    error = capsys.readouterr().err
    assert f"note: {blocked}: cannot be written (" in error
    assert error.endswith(f"; the evaluation goes to {here}\n")
    with pytest.raises(OSError, match="file"):
        evaluate._written(outcome, [blocked])


@pytest.mark.slow
def test_a_blocked_run_has_its_tables_printed(run, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    assert evaluate.main([str(run), "--output", str(tmp_path / "file" / "x"), "--quiet"]) == 2
    printed = capsys.readouterr()
    assert "Photo id." in printed.out
    assert "file" in printed.err


@pytest.mark.slow
def test_twice_gives_identical_files(run, tmp_path, capsys):
    caches = (tmp_path / "cache", tmp_path / "another")
    results = [
        run_command("evaluate", run, "--output", tmp_path / name, "--legacy", "--cache-dir", cache)
        for name, cache in (("a", caches[0]), ("b", caches[0]), ("c", caches[1]))
    ]
    for result in results:
        assert result.returncode == 0, result.stderr
    assert results[0].stdout.count("Looking") == 0
    assert "Looking at validation" in results[0].stderr
    assert "Looking at validation" not in results[1].stderr  # kept answers
    assert "Looking at validation" in results[2].stderr
    assert "LEGACY" in results[0].stdout
    # What the training itself saw at its best epoch is kept as well.
    assert evaluate.main([str(run), "--output", str(tmp_path / "d"), "--legacy"]) == 0
    assert "Looking at" not in capsys.readouterr().err
    assert content(tmp_path / "d") == content(tmp_path / "a")
    first = content(tmp_path / "a")
    assert set(first) == {"results.json", "report.html", "pairs.csv", "names.csv"}
    assert content(tmp_path / "b") == first
    assert content(tmp_path / "c") == first
    assert "Training" in first["report.html"].decode()
    found = json.loads(first["results.json"])
    stored = json.loads((run / "best" / "checkpoint.json").read_text())["metrics"]
    for name, value in stored.items():
        assert found["metrics"][name]["mean"] == pytest.approx(value, abs=1e-6), name


@pytest.mark.slow
def test_pairs_and_galleries_of_one_s_own(run, tmp_path, capsys):
    images = write_folder_dataset(tmp_path / "new", identities=4, images=3)
    listed = tmp_path / "pairs.csv"
    rows = [
        f"caricature/person_{i}/0.png,photo/person_{j}/1.png,{int(i == j)}"
        for i in range(4)
        for j in range(4)
    ]
    listed.write_text("\n".join(rows))
    out, common = tmp_path / "out", ["--quiet", "--output"]
    arguments = ["--images", str(images), "--pairs", str(listed)]
    assert evaluate.main([str(run), *arguments, *common, str(out / "pairs")]) == 0
    assert "Pairs of pairs.csv" in capsys.readouterr().out
    arguments = ["--gallery", str(images / "photo"), "--probe", str(images / "caricature")]
    assert evaluate.main([str(run), *arguments, *common, str(out / "gallery")]) == 0
    assert "Rank-1" in capsys.readouterr().out
    for name in ("pairs", "gallery"):
        assert "<h2 id=" in (out / name / "report.html").read_text()


@pytest.mark.slow
def test_folds_trained_and_evaluated(tmp_path, capsys, monkeypatch):
    """Each fold is a run of its own; what is cut off goes on with the answers that are kept."""
    root = write_images(write_lists(tmp_path / "web"))
    monkeypatch.chdir(tmp_path)
    command = ["--dataset", "webcaricature", "--data-dir", str(root), *TINY]
    for fold in (1, 2):
        assert train.main([*command, "--fold", str(fold)]) == 0
        if fold == 1:
            arguments = ["runs/webcaricature-unrestricted", "--folds", "1", "2", "--quiet"]
            assert evaluate.main(arguments) == 2
            assert "fold-2: no trained run; train it with" in capsys.readouterr().err
    kept = len(list((Path(os.environ["CARI_KERAS_CACHE"]) / "predictions").iterdir()))
    assert kept == 2  # the images that the first fold was trained on, and those evaluated
    result = run_command("evaluate", *arguments, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "VAL@FAR=0.1%" in result.stdout
    assert "Here, mean" in result.stdout
    folder = tmp_path / "runs/webcaricature-unrestricted/evaluation/webcaricature-unrestricted-1-2"
    found = json.loads((folder / "results.json").read_text())
    assert list(found["metrics"]["verification_auc"]["folds"]) == ["1", "2"]
    assert 0 <= found["metrics"]["val_at_far_0.01"]["mean"] <= 1
    arguments = ["runs/webcaricature-unrestricted", "--folds", "all", "--quiet"]
    assert evaluate.main(arguments) == 2
    assert "fold-3: no trained run; train it with" in capsys.readouterr().err
    # One fold's network is not for another fold, whose people it was trained on.
    assert evaluate.main(["runs/webcaricature-unrestricted/fold-1", "--folds", "2"]) == 2
    assert "differ from the 18 that" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(not FACENET.is_dir(), reason="the public weights are not in the cache")
@pytest.mark.skipif(not (SHARED / "data" / "photos").is_dir(), reason="no photographs")
def test_the_public_weights_know_strangers(tmp_path, monkeypatch):
    """118 photographs of five people, aligned: told apart without any training."""
    monkeypatch.setenv("CARI_KERAS_CACHE", str(FACENET.parents[1]))
    aligned = tmp_path / "aligned"
    # As FaceNet aligns: the detector's box, a quarter wider.
    how = ["--align", "box", "--margin", "0.25", "--image-size", "160", "--quiet"]
    done = run_command("align", SHARED / "data" / "photos", aligned, *how)
    assert done.returncode == 0, done.stderr
    by_person: dict[str, list[str]] = {}
    for face in read_aligned(aligned).faces:
        by_person.setdefault(face.identity, []).append(face.path)
    people, rows = sorted(by_person), []
    for k, person in enumerate(people):
        own, other = by_person[person], by_person[people[(k + 1) % len(people)]]
        rows += [f"{own[i]},{own[i + 1]},1" for i in range(10)]
        rows += [f"{own[i]},{other[i]},0" for i in range(10)]
    listed = tmp_path / "pairs.csv"
    listed.write_text("\n".join(rows))
    arguments = ["facenet", "--images", str(aligned), "--pairs", str(listed), "--quiet"]
    arguments += ["--cache-dir", str(tmp_path / "cache"), "--output", str(tmp_path / "out")]
    assert evaluate.main(arguments) == 0
    found = json.loads((tmp_path / "out" / "results.json").read_text())
    assert found["network"]["name"] == "facenet"
    assert found["counts"]["all"] == {"genuine pairs": 50, "impostor pairs": 50}
    assert found["metrics"]["verification_auc"]["mean"] > 0.95


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["facenet"], "facenet has no dataset of its own; name one with --dataset"),
        (["nothing"], "nothing/config.json: not a run's configuration"),
        (["facenet", "--images", "x"], "--images and --pairs go together"),
        (["facenet", "--gallery", "x"], "--gallery and --probe go together"),
        (["facenet", "--dataset", "cavi"], "--data-dir is needed for CaVI"),
        (["nothing", "--crops", "1.5"], "test_crops must be in (0, 1]. Received: 1.5"),
        (
            ["nothing", "--images", "a", "--pairs", "b", "--gallery", "c", "--probe", "d"],
            "--images and --gallery do not go together",
        ),
        (
            ["nothing", "--images", "a", "--pairs", "b", "--data-dir", "c"],
            "--images and --data-dir do not go together",
        ),
        (
            ["nothing", "--images", "a", "--pairs", "b", "--thresholds-of", "c"],
            "--images and --thresholds-of do not go together",
        ),
        (
            ["folds", "--thresholds-of", "x"],
            "--thresholds-of does not apply to the dataset webcaricature; leave it",
        ),
        (
            ["folds", "--split", "test"],
            "--split does not apply to the dataset webcaricature; leave it",
        ),
        (
            ["nothing", "--dataset", "webcaricature", "--split", "test"],
            "--dataset and --split do not go together",
        ),
    ],
)
def test_mistakes_are_one_line(arguments, message, tmp_path, monkeypatch):
    if "cavi" in arguments and not FACENET.is_dir():
        pytest.skip("the public weights are not in the cache")
    monkeypatch.setenv("CARI_KERAS_CACHE", str(FACENET.parents[1]))
    (tmp_path / "folds" / "fold-1").mkdir(parents=True)
    assert message in last_error(run_command("evaluate", *arguments, cwd=tmp_path))


def test_help_has_examples():
    result = run_command("evaluate", "--help")
    assert result.returncode == 0
    assert "cari-evaluate facenet" in result.stdout
