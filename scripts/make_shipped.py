#!/usr/bin/env python
"""Makes the network that comes with the package, saved_models/cavi, from runs on CaVI.

    for K in 1 2 3 4 5; do
        .venv/bin/cari-train --preset strangers --final --data-dir CAVI --unseen-fold $K/5
    done
    .venv/bin/cari-train --preset strangers --final --data-dir CAVI --output runs/shipped
    .venv/bin/python scripts/make_shipped.py runs/shipped --folds runs/cavi-unseen-5

The weights are those of the run, in 8 bits. The thresholds of two pictures come from the runs of
`--folds`, which have the same settings: each is asked about the people whom it had held out. The
thresholds of `identify` come from CaVI's strangers, whom no run was trained on. How many known
people are named rightly by them is told by `--known`, a run with the same settings but `--final`,
if there is one. What the 8 bits change is measured on the strangers too, and written into
figures.json.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any, Optional

import numpy as np

from cari_keras.evaluation.matcher import Matcher, load_matcher
from cari_keras.evaluation.open_set import OpenSet
from cari_keras.evaluation.protocols.strangers import look
from cari_keras.evaluation.trials import Trials, crossed_trials, photo_trials
from cari_keras.evaluation.verification import auc
from cari_keras.files import write_json
from cari_keras.model.checkpoints import load_checkpoint, save_checkpoint
from cari_keras.runtime import load_tensorflow
from cari_keras.saved import CONFIG, IDENTITIES, read_config
from cari_keras.serving.calibration import Calibration, calibrate
from cari_keras.serving.kept import THRESHOLDS, keep_thresholds
from cari_keras.serving.thresholds import Thresholds, on_strangers, thresholds_of
from cari_keras.shipped import LICENCE, SHIPPED
from cari_keras.vocabulary import MODALITIES, UNKNOWN, UNSEEN

CARD = "figures.json"

#: How the network cuts faces out of pictures at large: so that they fill their square as CaVI's do.
CROPS = {"align": "similarity", "margin": 0.2}


#: Whoever uses it may have no instructions for bfloat16, and its dataset stays where it is.
ANYWHERE = {"precision": "float32", "data_dir": None, "output": None, "cache_dir": None}


def pack_run(run: Path, folder: Path) -> None:
    """The run's settings, people and best weights, in a folder that answers as a run's does."""
    for name in (CONFIG, IDENTITIES, "best", THRESHOLDS, CARD):  # its README stays
        there = folder / name
        shutil.rmtree(there) if there.is_dir() else there.unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    config = read_config(run)
    if not config.model.shared_bottleneck:
        raise SystemExit(f"{run}: has a branch for each task")
    write_json(folder / CONFIG, config.with_values(ANYWHERE).to_dict())
    shutil.copy(run / IDENTITIES, folder / IDENTITIES)
    arrays, meta = load_checkpoint(run / "best")
    kept = {name: meta[name] for name in ("epoch", "stored_size") if name in meta}
    save_checkpoint(folder / "best", arrays, {**kept, "aligned": CROPS}, packed=True)


def calibrated(parts: list[Trials], of_what: str) -> Calibration:
    """The threshold of all folds' pairs together; people of different folds are different."""
    distances = np.concatenate([part.distances for part in parts])
    same = np.concatenate([part.same for part in parts])
    people: list[np.ndarray] = []
    for part in parts:
        taken = 0 if not people else int(people[-1].max()) + 1
        people.append(np.stack([part.subjects, part.other_subjects], axis=1) + taken)
    count = sum(len(np.unique(each)) for each in people)
    return calibrate(
        distances,
        same,
        people=np.concatenate(people),
        balanced=True,
        measured_on=f"pairs of {of_what} of {count} people of CaVI, each judged by a network of "
        "the same recipe that had not seen them",
    )


def held_out(folder: Path, data_dir: Optional[str]) -> tuple[list[Trials], list[Trials]]:
    """Pairs across the modalities and pairs of photos, of the people each run held out."""
    across, photos = [], []
    runs = sorted(run for run in folder.glob("fold-*") if (run / CONFIG).is_file())
    if not runs:
        raise SystemExit(f"{folder}: no runs fold-K in it")
    for run in runs:
        matcher = load_matcher(str(run), {}, precision="float32")
        config = matcher.config.with_values({"data_dir": data_dir} if data_dir else {})
        answers = look(matcher, config, progress=True).answers(UNSEEN).of_strangers()
        across.append(crossed_trials(answers))
        photos.append(photo_trials(answers))
        print(f"{run}: {len(answers.paths)} pictures", flush=True)
    return across, photos


def of_strangers_alone(matcher: Matcher, data_dir: Optional[str]) -> dict[str, OpenSet]:
    """The thresholds of `identify`, without a word on how many known people are named rightly."""
    config = matcher.config.with_values({"data_dir": data_dir} if data_dir else {})
    strangers = look(matcher, config, progress=True).answers(UNKNOWN)
    found = {task: on_strangers(task, strangers) for task in MODALITIES if task in matcher.tasks}
    return {task: limit for task, limit in found.items() if limit is not None}


def difference(run: Matcher, packed: Matcher, data_dir: Optional[str]) -> dict[str, Any]:
    """What the 8 bits change, on the dataset's own strangers, whom neither has seen."""
    config = run.config.with_values({"data_dir": data_dir} if data_dir else {})
    prepared = look(run, config, progress=True).prepared
    first, second = (
        each.predict(prepared, UNKNOWN, progress=True).of_strangers() for each in (run, packed)
    )
    apart = np.linalg.norm(first.compared - second.compared, axis=1)
    areas = [auc(trials.distances, trials.same) for trials in map(crossed_trials, (first, second))]
    return {
        "images": len(first.paths),
        "largest_difference_of_an_embedding": round(float(apart.max()), 5),
        "mean_difference_of_an_embedding": round(float(apart.mean()), 5),
        "auc_of_the_run": round(areas[0], 5),
        "auc_in_8_bits": round(areas[1], 5),
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, help="trained on train and validation images")
    parser.add_argument("--folds", type=Path, required=True, help="folder of runs fold-K")
    parser.add_argument("--known", type=Path, help="a run that was not trained on validation")
    parser.add_argument("--data-dir", help="CaVI's folder, if it has moved")
    parser.add_argument("--output", type=Path, default=Path("saved_models") / SHIPPED)
    given = parser.parse_args()
    # The packed network does not know where the pictures are.
    given.data_dir = given.data_dir or read_config(given.run).data.data_dir

    load_tensorflow()
    across, photos = held_out(given.folds, given.data_dir)
    thresholds = Thresholds(
        calibrated(across, "a photo and a drawing"),
        {},
        verify_photos=calibrated(photos, "two photos"),
    )
    pack_run(given.run, given.output)
    packed = load_matcher(str(given.output))
    if given.known is not None:
        judge = load_matcher(str(given.known), {}, precision="float32")
        known = thresholds_of(judge, data_dir=given.data_dir, progress=True).known
    else:
        known = of_strangers_alone(packed, given.data_dir)
    thresholds = thresholds._replace(known=known)
    keep_thresholds(packed, thresholds)
    run = load_matcher(str(given.run), {}, precision="float32")
    told = {
        "licence": LICENCE,
        "in_8_bits": difference(run, packed, given.data_dir),
        "thresholds": thresholds.as_json(),
    }
    write_json(given.output / CARD, told)
    print(json.dumps(told, indent=2))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
