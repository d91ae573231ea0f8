"""A training process that is killed again and again; and one that runs long."""

import random
import statistics
import time
from pathlib import Path

import numpy as np
import pytest

from cari_keras.training.runfolder import Checkpoints
from tests.helpers.commands import run_command, run_python, started, wait_until
from tests.helpers.pictures import write_folder_dataset

KILLS = 4

#: Enough for four kills, each of which lets one or two epochs be.
EPOCHS = 14

#: A network that is traced and written quickly; there are as many kinds of state as in any other.
SETTINGS = (
    f"--pretrained none --image-size 80 --batch-size 8 --embedding-size 8 --epochs {EPOCHS} "
    "--bn-momentum 0.9 --private-blocks 0 --shared-bottleneck"
)


@pytest.mark.slow
def test_kills_at_random_moments_change_nothing(tmp_path):
    """Equal to the last bit in weights, optimizers, centers, averages, figures and losses.

    Dropout and the moving average are on. One kill of four comes at a random moment of the start
    (imports, images, restoring); the others once there are steps, within steps, evaluations and
    the writing of checkpoints.
    """
    root = write_folder_dataset(tmp_path / "data")
    given = ["--dataset", "folder", "--data-dir", root, "--quiet", *SETTINGS.split()]
    given = [*map(str, given), "--cache-dir", str(tmp_path / "cache"), "--keep-checkpoints"]
    given += ["--output"]
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    begun = time.monotonic()
    done = run_command("train", *given, whole)
    assert done.returncode == 0, done.stderr
    took = time.monotonic() - begun
    moments = random.Random(0)
    for kill in range(KILLS):
        with started("train", *given, cut) as process:
            if kill % 4:
                before = newest(cut)
                wait_until(lambda: newest(cut) != before, process)  # noqa: B023 (called at once)
                time.sleep(moments.uniform(0, took / EPOCHS))
            else:
                time.sleep(moments.uniform(0, min(8.0, took / 4)))
            assert process.poll() is None, "it ended before it could be killed; train longer"
    done = run_command("train", *given, cut)
    assert done.returncode == 0, done.stderr
    for name in ("steps.csv", "metrics.csv"):
        assert (cut / name).read_text() == (whole / name).read_text(), name
    arrays = [Checkpoints(run).newest()[1] for run in (whole, cut)]
    assert set(arrays[0]) == set(arrays[1])
    for name, array in arrays[0].items():
        np.testing.assert_array_equal(array, arrays[1][name], err_msg=name)
    best = [(run / "best" / "arrays.npz").read_bytes() for run in (whole, cut)]
    assert best[0] == best[1]
    left = [path.name for path in cut.rglob(".*") if path.name != ".lock"]
    assert not left, "what killed processes left half written is cleaned up"


def newest(run):
    """The name of a run's newest checkpoint, or None."""
    paths = Checkpoints(run).paths()
    return paths[-1].name if paths else None


MEMORY = """
import gc
import sys
from pathlib import Path
from cari_keras.cli.train import main
from cari_keras.training.trainer import Trainer

save = Trainer._save

def with_memory(self, *arguments):
    save(self, *arguments)
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    print("resident", pages, file=sys.stderr)

Trainer._save = with_memory
sys.exit(main())
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux' /proc")
def test_memory_stays_flat_over_twenty_epochs(tmp_path):
    """Within 3 % from the first epochs to the last: medians, since the allocator has its peaks."""
    root = write_folder_dataset(tmp_path / "data")
    given = ["--dataset", "folder", "--data-dir", root, "--quiet", *SETTINGS.split()]
    given += ["--epochs", "20", "--cache-dir", tmp_path / "cache", "--output", tmp_path / "run"]
    done = run_python("-c", MEMORY, *given)
    assert done.returncode == 0, done.stderr
    pages = [int(line.split()[1]) for line in done.stderr.splitlines() if "resident" in line]
    assert len(pages) == 20
    first, last = statistics.median(pages[1:6]), statistics.median(pages[-5:])
    assert last <= 1.03 * first, " ".join(f"{page / first:.3f}" for page in pages)
