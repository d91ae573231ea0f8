"""One answer from evaluation, the Python interface and the exports, on real CaVI images."""

import re
from pathlib import Path

import pytest

from tests.helpers.commands import run_command, run_script
from tests.helpers.places import SHARED

CAVI = SHARED / "data" / "cavi"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CAVI.is_dir(), reason="needs ../shared"),
]

KNOWN = ("will_smith", "tom_cruise", "rihanna", "neymar", "adele", "eminem")
STRANGERS = ("kevin_spacey", "pierce_brosnan")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A network that has seen six people of CaVI once."""
    root = tmp_path_factory.mktemp("cavi")
    for modality in ("Real", "Caricature"):
        for folder in sorted((CAVI / "CaVI_Dataset" / modality).iterdir()):
            if folder.name.lower() in KNOWN + STRANGERS:
                link = root / "CaVI_Dataset" / modality / folder.name
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(folder)
    for name in ("validation.txt", "testing_1.txt"):
        lines = (CAVI / "train-test-files" / name).read_text().splitlines()
        kept = [line for line in lines if _people(line) <= set(KNOWN)]
        path = root / "train-test-files" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(kept) + "\n")
    result = run_command(
        *("train", "--dataset", "cavi", "--data-dir", root, "--epochs", 1, "--image-size", 80),
        *(
            "--pretrained",
            "none",
            "--batch-size",
            32,
            "--output",
            root / "run",
            "--quiet",
            "--flip-test",
        ),
    )
    assert result.returncode == 0, result.stderr
    return root / "run"


def _people(line: str) -> set[str]:
    words = line.split()
    return {words[0].lower(), words[2].lower()} if len(words) == 5 else {""}


def test_stored_images_have_one_answer_and_files_the_same_pixels(run):
    printed = run_script("check_parity.py", run, "--images", 48)
    rows = re.findall(r"^(\S.*?)\s+([\d.]+e[+-]\d+)\s+(\d+) / 48$", printed, re.MULTILINE)
    assert len(rows) == 6, printed
    for label, difference, same in rows:
        if "original" not in label:
            assert float(difference) < 1e-4, label
            assert int(same) == 48, label
    assert "of 255: at most 1, " in printed


def test_strangers_are_told_and_refused(run, tmp_path):
    result = run_command("export", run, tmp_path, "--fpir", 0.1, "--quiet")
    assert result.returncode == 0, result.stderr
    for task, count in (("photo", 117), ("caricature", 75)):
        said = re.search(
            rf"{task}: a person is known from a score of [\d.]+: FPIR ([\d.]+)% on "
            r"(\d+) images of 2 strangers",
            result.stdout,
        )
        assert int(said[2]) == count
        assert 0 < float(said[1]) <= 10
    folders = CAVI / "CaVI_Dataset" / "Real"
    (folder,) = (f for f in folders.iterdir() if f.name.lower() == STRANGERS[0])
    result = run_command("identify", tmp_path, *sorted(folder.glob("*.jpg"))[:20])
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("unknown: the best score is") >= 10
    assert Path(tmp_path / "photo" / "1" / "export.json").is_file()
