"""A run of one stack on the other: TensorFlow 2.15 with Keras 2, the newest with Keras 3."""

import json
import sys

import numpy as np
import pytest

from tests.helpers.commands import run_python
from tests.helpers.pictures import write_folder_dataset
from tests.helpers.places import ROOT
from tests.helpers.runs import SMALL_NETWORK

#: Where `scripts/environment.sh` puts them.
STACKS = {"keras2": ROOT / ".venv", "keras3": ROOT / ".venv-keras3"}

SETTINGS = (
    "--pretrained none --image-size 80 --batch-size 8 --embedding-size 8 --epochs 1 "
    f"--bn-momentum 0.5 --quiet {SMALL_NETWORK}"
)

EMBED = """
import sys
import numpy as np
import cari_keras
model = cari_keras.load_model(sys.argv[1])
images = np.random.default_rng(0).integers(0, 256, (4, 80, 80, 3), np.uint8)
np.save(sys.argv[2], model.embed(list(images)))
"""


def other_python():
    """The interpreter of the stack that this one is not."""
    own = "keras3" if ".venv-keras3" in sys.prefix else "keras2"
    return STACKS["keras2" if own == "keras3" else "keras3"] / "bin" / "python"


def run(python, *arguments):
    result = run_python(*arguments, python=python)
    assert result.returncode == 0, result.stderr


@pytest.mark.slow
@pytest.mark.stacks
def test_a_run_of_the_other_stack_is_evaluated_exported_and_answers(tmp_path):
    own, other = sys.executable, other_python()
    if not other.exists():
        pytest.skip("the other stack is not installed (scripts/test makes it)")
    root = write_folder_dataset(tmp_path / "data")
    flags = ["--dataset", "folder", "--data-dir", root, *SETTINGS.split()]
    trained = tmp_path / "run"
    run(other, "-m", "cari_keras.cli.train", *flags, "--output", trained)
    answers, metrics = [], []
    for python in (other, own):
        mine = tmp_path / ("other" if python == other else "own")
        run(
            *(python, "-m", "cari_keras.cli.evaluate", trained, "--quiet"),
            *("--output", mine, "--cache-dir", mine / "cache"),
        )
        results = json.loads((mine / "results.json").read_text(encoding="utf-8"))
        metrics.append({name: found["mean"] for name, found in results["metrics"].items()})
        run(python, "-c", EMBED, trained, mine / "embeddings.npy")
        answers.append(np.load(mine / "embeddings.npy"))
    np.testing.assert_allclose(answers[1], answers[0], atol=1e-4)
    assert metrics[0]
    assert metrics[1] == pytest.approx(metrics[0], abs=0.02, nan_ok=True)
    exports = tmp_path / "exports"
    run(own, "-m", "cari_keras.cli.export", trained, exports, "--quiet")
    run(own, "-c", EMBED, exports, tmp_path / "exported.npy")
    np.testing.assert_allclose(np.load(tmp_path / "exported.npy"), answers[0], atol=1e-4)
