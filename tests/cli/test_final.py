"""A network trained on the validation images too, evaluated, exported and asked by its user."""

import json

import pytest

from tests.helpers.cavi import write_cavi
from tests.helpers.commands import last_error, run_command
from tests.helpers.runs import SMALL_NETWORK

pytestmark = pytest.mark.slow

FLAGS = f"{SMALL_NETWORK} --pretrained none --image-size 80 --batch-size 4 --embedding-size 8"
SMALL = FLAGS.split()
SMALL += ("--epochs", 1, "--quiet")


def succeed(*command, **how):
    result = run_command(*command, **how)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Two runs on a tree whose test images are there: `tuned`, and `final` of another seed."""
    folder = tmp_path_factory.mktemp("place")
    write_cavi(folder / "cavi", with_test=True)
    for name, *flags in (("tuned",), ("final", "--final", "--seed", 1)):
        command = ("train", "--dataset", "cavi", "--data-dir", "cavi", *SMALL, *flags)
        printed = succeed(*command, "--output", name, cwd=folder)
        assert ("was trained on its validation images (--final)" in printed) == (name == "final")
    return folder


def results(run):
    return json.loads((run / "evaluation" / "cavi-test" / "results.json").read_text())


def others_thresholds(found):
    points = found["operating_points"]["test"]
    return [p["threshold"] for p in points if p["threshold_from"] == "other pairs"]


def test_the_test_split_by_another_runs_thresholds_or_by_its_own_folds(place):
    # A run knows where its dataset is, whichever folder it is used from.
    for run in ("tuned", "final"):
        succeed("evaluate", place / run, "--quiet")
    own, alone = results(place / "tuned"), results(place / "final")
    assert any("come from 4 validation pairs" in note for note in own["notes"])
    assert any("two-fold cross-validation" in note for note in alone["notes"])
    assert any("--thresholds-of RUN" in note for note in alone["notes"])
    assert alone["network"]["final"] is True
    assert others_thresholds(alone) == []
    succeed("evaluate", place / "final", "--thresholds-of", place / "tuned", "--quiet")
    judged = results(place / "final")
    assert any("4 validation pairs, by the predictions of " in note for note in judged["notes"])
    assert others_thresholds(judged) == others_thresholds(own) != []


def test_its_exports_have_another_runs_thresholds_or_none(place, tmp_path):
    printed = succeed("export", place / "final", tmp_path / "bare", "--quiet")
    assert "--thresholds-of RUN takes the thresholds of a run without --final" in printed
    images = sorted((place / "cavi").rglob("0.jpg"))[:2]
    assert "the network has no threshold, and so no " in last_error(
        run_command("verify", tmp_path / "bare", *images)
    )
    flags = ("--thresholds-of", place / "tuned", "--quiet")
    printed = succeed("export", place / "final", tmp_path / "judged", *flags)
    assert "verify: gives distances but no decision: " in printed  # of so few pairs
    answer = json.loads(succeed("verify", tmp_path / "judged", *images, "--json"))
    card = tmp_path / "judged" / "verification" / "1" / "export.json"
    found = json.loads(card.read_text())
    assert answer["threshold"] == pytest.approx(found["verify"]["threshold"], abs=1e-4)
    assert answer["why"] == found["verify"]["undecided"]
    assert found["network"]["final"] is True
    assert found["thresholds_of"]["name"] == str(place / "tuned")


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (
            ("export", "final", "x", "--far", 0.5),
            "--far does not apply to final, which was trained",
        ),
        (("evaluate", "tuned", "--thresholds-of", "final"), "final was trained on its validation"),
        (
            ("evaluate", "final", "--split=validation", "--thresholds-of", "tuned", "--quiet"),
            "only the test split takes another run's thresholds",
        ),
        (("train", "--dataset", "demo", "--final"), "--final applies only to the dataset cavi"),
    ],
)
def test_mistakes_are_one_line(command, message, place):
    assert message in last_error(run_command(*command, cwd=place))
