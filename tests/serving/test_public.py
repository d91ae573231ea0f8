"""The public weights as a network to use: their thresholds, and what they answer."""

import json
import re

import numpy as np
import pytest

from cari_keras import load_model
from cari_keras.align.config import AlignConfig
from cari_keras.errors import ConfigError
from cari_keras.evaluation.matcher import FACENET_CROP
from cari_keras.images.crop import crop, place_face
from cari_keras.serving import public
from cari_keras.serving.public import MEASUREMENTS, public_thresholds
from tests.helpers.commands import last_error, run_command
from tests.helpers.faces import face, write
from tests.helpers.places import SHARED


@pytest.mark.parametrize("aligned", [True, False])
def test_thresholds_are_those_measured(aligned):
    """Looser ones accept more; the default has the highest mean of TAR and 1 - FAR, up to 10 %."""
    strict, loose, balanced = (
        public_thresholds(aligned=aligned, far=far) for far in (0.001, 0.1, None)
    )
    for name in ("verify", "verify_photos"):
        low, high, best = (getattr(each, name) for each in (strict, loose, balanced))
        assert low.far <= 0.001
        assert high.far <= 0.1
        assert 0 < low.threshold < high.threshold < 4
        assert low.tar < high.tar
        assert best.tar - best.far >= max(low.tar - low.far, high.tar - high.far)
        assert low.impostor_pairs > 1_000_000
        assert best.far <= 0.1
        assert {each.undecided for each in (low, high, best)} == {None}
        assert ("faces aligned" if aligned else "pictures whole") in low.measured_on
    # Two photos of one person are nearer to each other than a photo and a caricature.
    assert strict.verify_photos.tar > strict.verify.tar
    assert not strict.known


def test_probabilities_where_they_were_measured(monkeypatch, tmp_path):
    """The file of before there were any has none, which is no mistake."""
    content = json.loads(MEASUREMENTS.read_text(encoding="utf-8"))
    for number, measured in enumerate(content["measurements"]):
        measured.update(slope=-3.0 - number, intercept=4.0)
    changed = tmp_path / "measured.json"
    changed.write_text(json.dumps(content))
    monkeypatch.setattr(public, "MEASUREMENTS", changed)
    assert {found.curve for found in both(public_thresholds())} <= {
        (-3.0 - number, 4.0) for number in range(4)
    }
    for measured in content["measurements"]:
        del measured["slope"], measured["intercept"]
    changed.write_text(json.dumps(content))
    assert [found.curve for found in both(public_thresholds())] == [None, None]


def both(thresholds):
    return thresholds.verify, thresholds.verify_photos


def test_the_measurements_name_their_command():
    content = json.loads(MEASUREMENTS.read_text(encoding="utf-8"))
    assert content["command"].startswith("scripts/measure_facenet.py")
    assert content["people"] == 195
    assert {(m["faces"], m["pairs"]) for m in content["measurements"]} == {
        (faces, pairs)
        for faces in ("aligned", "whole")
        for pairs in ("photo-caricature", "photo-photo")
    }


def test_a_far_that_was_not_measured():
    with pytest.raises(
        ConfigError, match=r"of those measured: 0\.1, 0\.01, 0\.001\. Received: 0\.5"
    ):
        public_thresholds(far=0.5)


@pytest.mark.slow
def test_faces_are_found_and_answered_without_training(facenet):
    """Alignment by the box, as FaceNet's own pictures; whole pictures have other thresholds."""
    model, whole = load_model("facenet"), load_model("facenet", align=False)
    picture = face("photo", 0, 0)
    detected = model._faces._detector
    assert detected is None  # loaded for the first picture
    seen = model.face(picture)
    assert seen.shape == whole.face(picture).shape == (160, 160, 3)
    assert not np.array_equal(seen, whole.face(picture))
    from cari_keras.align.finder import find_faces, main_face

    _, found = find_faces(model._faces._detector, picture, "photo", max_side=1600)
    config = AlignConfig(**FACENET_CROP, image_size=160)
    expected = crop(
        picture,
        place_face(main_face(found, *picture.shape[:2]), "box", config.image_size, config.margin),
    )
    np.testing.assert_array_equal(seen, expected)

    same = model.verify(picture, picture, modality="photo")
    assert same.same
    assert same.distance == pytest.approx(0, abs=1e-5)
    assert "pairs of two photos of CaVI's 195 training people, faces aligned" in same.measured_on
    across = model.verify(picture, face("caricature", 1, 0))
    assert across.threshold == pytest.approx(public_thresholds().verify.threshold)
    assert across.far == pytest.approx(public_thresholds().verify.far)
    assert "pairs of a photo and a caricature" in across.measured_on
    assert "pictures whole" in whole.verify(picture, picture).measured_on
    with pytest.raises(
        ConfigError, match=r"no branch for caricature, only for verification; .*--tasks"
    ):
        model.identify(picture, modality="caricature")
    with pytest.raises(ConfigError, match="modality must be one of photo, caricature"):
        model.verify(picture, picture, modality="drawing")
    for given in ({"thresholds_of": "x"}, {"data_dir": "x"}):
        with pytest.raises(ConfigError, match="the public weights have their own thresholds"):
            load_model("facenet", **given)


@pytest.mark.slow
@pytest.mark.skipif(not (SHARED / "data/photos").is_dir(), reason="needs ../shared")
def test_photographs_of_one_person_and_of_two(facenet):
    """Of five people's first photographs, each beside the next of its folder and of another's."""
    people = [sorted(p.iterdir())[:2] for p in sorted((SHARED / "data/photos").iterdir())[:5]]
    model = load_model("facenet")
    genuine = model.verify([a for a, _ in people], [b for _, b in people], modality="photo")
    others = [people[(k + 1) % len(people)][1] for k in range(len(people))]
    impostor = model.verify([a for a, _ in people], others, modality="photo")
    assert [pair.same for pair in genuine] == [True] * len(people)
    assert sum(pair.same for pair in impostor) <= 1


@pytest.mark.slow
def test_an_export_answers_alike(facenet, tmp_path):
    """By both of its thresholds, and with faces found by itself."""
    result = run_command("export", "facenet", tmp_path / "models", "--far", "0.01")
    assert result.returncode == 0, result.stderr
    told = dict(re.findall(r"(\w+): same up to a squared distance of ([\d.]+)", result.stdout))
    assert set(told) == {"verify", "verify_photos"}
    assert [path.name for path in (tmp_path / "models").iterdir() if path.is_dir()] == [
        "verification"
    ]
    card = json.loads((tmp_path / "models/verification/1/export.json").read_text())
    assert card["preprocessing"]["aligned"] == FACENET_CROP
    model, exported = load_model("facenet"), load_model(tmp_path / "models")
    photo, drawing = face("photo", 0, 0), face("caricature", 0, 0)
    for modality in ("photo", "caricature"):
        one, other = (m.verify(photo, drawing, modality=modality) for m in (model, exported))
        assert other.distance == pytest.approx(one.distance, abs=1e-4)
        assert other.measured_on == one.measured_on
        assert other.far <= 0.01
    assert other.threshold == pytest.approx(float(told["verify"]), abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["identify", "facenet", "a.png"], "facenet knows nobody by name; cari-train trains"),
        (["export", "facenet", "out", "--fpir", "0.1"], "--fpir does not apply to facenet"),
        (["export", "facenet", "out", "--far", "0.5"], "far must be one of those measured"),
        (["export", "facenet", "out", "--precision", "bfloat16"], "compute in float32"),
        (
            ["verify", "facenet", "a.png", "grey.png"],
            "grey.png: no face found; if the picture is a face already",
        ),
        (["verify", "facenet", "a.png", "b.png", "--data-dir", "x"], "their own thresholds"),
    ],
)
def test_mistakes_are_one_line(facenet, command, message, tmp_path):
    write(tmp_path / "a.png", face("photo", 0, 0))
    write(tmp_path / "grey.png", np.full((200, 200, 3), 128, np.uint8))
    assert message in last_error(run_command(*command, cwd=tmp_path))
