"""A gallery beside cari-evaluate: the same network, the same people, the same Rank-1."""

from __future__ import annotations

import numpy as np
import pytest

from cari_keras import Gallery, load_model
from cari_keras.data import demo
from cari_keras.evaluation.matcher import load_matcher
from cari_keras.evaluation.protocols.gallery import evaluate_gallery
from cari_keras.vocabulary import CARICATURE
from tests.helpers.faces import write

pytest.importorskip("lancedb")


@pytest.fixture
def drawn(tmp_path):
    """The demo's training images as a gallery, its validation drawings as probes."""
    people = demo.load(identities=8, photos=3, caricatures=10, size=120)
    for split, top in (("train", "known"), ("validation", "asked")):
        for sample in people.splits[split]:
            if top == "known" or sample.modality == CARICATURE:
                folder = tmp_path / top / sample.modality / sample.identity
                write(folder / f"{sample.path.split('/')[-1]}.png", people.load(sample))
    return tmp_path


@pytest.mark.slow
def test_rank_1_is_that_of_cari_evaluate_to_the_digit(matcher, drawn):
    """By the same nearest image of every probe."""
    run = str(matcher.run)
    judge = load_matcher(run, {"verify_by": "embedding"})
    (fold,) = evaluate_gallery(judge, drawn / "known", drawn / "asked").folds
    gallery = Gallery(drawn / "people.gallery", load_model(run, align=False))
    gallery.add(drawn / "known")
    probes = sorted((drawn / "asked").rglob("*.png"))
    hits = [found[0] for found in gallery.search(probes, modality=CARICATURE, count=1)]
    right = [hit.row.identity == probe.parent.name for hit, probe in zip(hits, probes)]
    assert len(probes) == 16
    assert len(gallery) == 8 * (3 + 10) - 8 - 16
    assert 0 < fold.metrics["gallery_rank_1"] < 1
    assert np.mean(right) == fold.metrics["gallery_rank_1"]
    nearest = {probe.path: probe.nearest for probe in fold.probes["gallery"]}
    for hit, path in zip(hits, probes):
        assert nearest[f"probe/{path.relative_to(drawn / 'asked')}"].endswith(
            "/".join(hit.row.path.split("/")[-3:])
        )
