"""scripts/measure_facenet.py on a tiny CaVI of drawn faces, as its user runs it."""

import json

import numpy as np
import pytest

from tests.helpers.cavi import write_cavi
from tests.helpers.commands import run_script
from tests.helpers.faces import face, write


@pytest.mark.slow
def test_every_kind_of_pair_is_measured_and_a_second_call_asks_nobody(facenet, tmp_path):
    """Two people with two training images of each modality, in which faces are found."""
    root = write_cavi(tmp_path / "cavi", with_test=False)
    for number, who in enumerate(("ann", "bob")):
        for folder, modality in (("Real", "photo"), ("Caricature", "caricature")):
            for path in sorted((root / "CaVI_Dataset" / folder / who).iterdir())[1:]:
                path.unlink()
            for k in (2, 3):
                picture = root / "CaVI_Dataset" / folder / who / f"{k}.jpg"
                write(picture, face(modality, number, k))
    out = tmp_path / "thresholds.json"
    printed = run_script("measure_facenet.py", "--data-dir", root, "--output", out)
    assert "photos: 4 of 4 used" in printed
    first = out.read_text()
    found = json.loads(first)
    assert found["people"] == 2
    counts = {
        (m["faces"], m["pairs"]): (m["genuine_pairs"], m["impostor_pairs"])
        for m in found["measurements"]
    }
    for faces in ("whole", "aligned"):
        assert counts[faces, "photo-photo"] == (2, 4)  # none with itself, none twice
        assert counts[faces, "photo-caricature"] == (8, 8)
    for measured in found["measurements"]:
        assert np.isfinite([measured["slope"], measured["intercept"]]).all()
    again = run_script("measure_facenet.py", "--data-dir", root, "--output", out)
    assert "used" not in again
    assert out.read_text() == first
