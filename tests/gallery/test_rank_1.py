"""Rank-1 of a gallery is what `cari-evaluate` computes of the same pictures."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from cari_keras import Gallery, load_model
from cari_keras.data.cavi.dataset import load
from cari_keras.evaluation.matcher import load_matcher
from cari_keras.evaluation.protocols.gallery import evaluate_gallery
from cari_keras.shipped import shipped_run
from tests.helpers.places import SHARED

pytest.importorskip("lancedb")

CAVI = SHARED / "data" / "cavi"

#: People, and of each at most so many pictures: all of them take half an hour.
PEOPLE, MOST = 12, 4


@pytest.mark.slow
@pytest.mark.skipif(not CAVI.is_dir(), reason="CaVI is not beside the project")
def test_training_images_as_gallery_and_validation_drawings_as_queries(tmp_path):
    dataset = load(str(CAVI))
    people = sorted({sample.identity for sample in dataset.splits["train"]})[:PEOPLE]
    for name, split, modality in (
        ("gallery", "train", "photo"),
        ("probe", "validation", "caricature"),
    ):
        for person in people:
            samples = [
                sample
                for sample in dataset.splits[split]
                if sample.identity == person and sample.modality == modality
            ][:MOST]
            for sample in samples:
                place = tmp_path / name / person
                place.mkdir(parents=True, exist_ok=True)
                shutil.copy(sample.source, place)
    outcome = evaluate_gallery(
        load_matcher(str(shipped_run()), {}),
        tmp_path / "gallery",
        tmp_path / "probe",
        cache_dir=str(tmp_path / "cache"),
    )
    wanted = outcome.folds[0].metrics["gallery_rank_1"]

    gallery = Gallery(tmp_path / "g", load_model(align=False))
    gallery.add(tmp_path / "gallery")
    probes = sorted((tmp_path / "probe").glob("*/*"))
    hits = gallery.search(probes, modality="caricature", count=1)
    right = [hit.row.identity == path.parent.name for path, (hit,) in zip(probes, hits)]
    assert len(probes) > 30
    assert 0 < wanted < 1, "a Rank-1 that says something"
    assert np.mean(right) == wanted
