"""What a network says of itself, be it a run, its exports or the public weights."""

import json
import shutil

import numpy as np
import pytest

from cari_keras import load_model
from cari_keras.data.augment import standardize
from cari_keras.errors import CheckpointError, ConfigError
from cari_keras.images.encode import resize
from cari_keras.serving.about import About, Described
from cari_keras.serving.answers import Limit

#: As `origin_of` gives it.
ORIGIN = {
    "network": "runs/cavi",
    "dataset": "cavi",
    "people": 195,
    "steps": 85,
    "batch_size": 64,
    "unseen_fold": None,
    "final": False,
    "pretrained": "facenet",
    "epoch": 34,
    "epochs": 48,
    "validation": {"verification_accuracy": 0.971, "v2c": 0.89, "c2v": float("nan")},
}


def described(**about):
    found = Described()
    found._about = About(**about)
    found.branches, found._looks_at = ("verification",), "192 x 192 pixels, whole pictures"
    return found


def test_a_card_prints_as_markdown_and_shows_as_html():
    limit = Limit(1.02, "validation <pairs>", far=0.01, by="embedding")
    card = described(name="runs/cavi", origin=ORIGIN, limits={"verify": limit}).card
    assert str(card).splitlines() == [
        "# runs/cavi",
        "",
        "- Answers: verification",
        "- Looks at: 192 x 192 pixels, whole pictures",
        "- Trained on: cavi, 195 people, 85 steps of 64 images an epoch",
        "- Began with: the public FaceNet weights (MS-Celeb-1M)",
        "- Weights: of epoch 34 of 48",
        "- Validation: Verification 97.1 %, V2C 89.0 %",
        "- verify: same up to a squared distance of 1.020; FAR 1.00 %, measured on validation "
        "<pairs>",
        "- Licence: the public FaceNet weights: MIT; CaVI: for research only",
    ]
    assert repr(card) == str(card)
    html = card._repr_html_()
    assert "<b>runs/cavi</b>" in html
    assert "validation &lt;pairs&gt;" in html


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"final": True}, "Validation: none; its images were trained on too (--final)"),
        ({"validation": {}}, "Validation: not known"),
        ({"steps": None, "unseen_fold": "1/5"}, "195 people, without the people of fold 1/5\n"),
        ({"pretrained": "runs/a"}, "Began with: runs/a\n"),
        ({"pretrained": None, "dataset": "demo"}, "Began with: nothing\n"),
        ({"network": "runs/other"}, "Exported from: runs/other\n"),
        ({"dataset": None}, "Trained on: nothing here: the public FaceNet weights"),
    ],
)
def test_a_card_says_what_is_known(changed, line):
    assert line in f"{described(name='runs/cavi', origin={**ORIGIN, **changed}).card}\n"


def test_a_card_of_what_is_hardly_known():
    card = described(name="saved", lacks="its dataset is gone").card
    assert list(card.facts) == ["Answers", "Looks at", "No thresholds"]


@pytest.mark.parametrize(
    ("limit", "line"),
    [
        (
            Limit(3.2, "20 images of 2 strangers", fpir=0.05),
            "known from a score of 3.200; FPIR 5.00 %, measured on 20 images of 2 strangers",
        ),
        (Limit(1.0, "pairs", far=0.5, why="too few pairs"), "no decision: too few pairs"),
    ],
)
def test_a_threshold_is_a_line_and_a_card(limit, line):
    assert str(limit) == line
    assert line in limit._repr_html_()


@pytest.mark.slow
def test_a_run_and_its_exports_say_the_same(model, matcher, thresholds, pixels):
    assert model.identities == matcher.identities
    found = model.thresholds
    assert list(found) == ["verify", "verify_identities", "identify_caricature", "identify_photo"]
    answer = model.verify(pixels[0], pixels[1])
    told = found["verify"]
    assert told.threshold == pytest.approx(answer.threshold)
    assert told.far == pytest.approx(answer.far)
    assert (told.measured_on, told.by, told.why) == (answer.measured_on, answer.by, answer.why)
    assert found["verify_identities"].why == thresholds.verify_identities.undecided
    for modality in ("photo", "caricature"):
        known = model.identify(pixels[0], modality=modality)
        told = found[f"identify_{modality}"]
        assert told.threshold == pytest.approx(known.threshold)
        assert told.fpir == pytest.approx(known.fpir)
        assert told.measured_on == "20 images of 2 strangers"
    found.clear()  # a copy, which is the caller's
    assert model.thresholds
    facts = model.card.facts
    assert facts["Trained on"] == "folder, 3 people, 3 steps of 8 images an epoch"
    assert facts["Weights"] == "of epoch 1 of 1"
    percent = 100 * matcher.metrics["verification_accuracy"]
    assert f"Verification {percent:.1f} %" in facts["Validation"]
    assert facts["verify"] == str(model.thresholds["verify"])
    assert "Licence" not in facts
    if model.name != matcher.name:
        assert facts["Exported from"] == matcher.name


@pytest.mark.slow
def test_the_network_itself_answers_as_the_model_does(matcher, exported, pixels):
    model = load_model(matcher.run)
    side = model.keras_model.input_shape[1]
    images = standardize(np.stack([resize(image, side) for image in pixels]))
    outputs = model.keras_model(images, training=False)
    assert outputs["embedding"].shape == (8, 8)
    again = matcher.model(images, training=False)
    np.testing.assert_allclose(outputs["embedding"], again["embedding"], atol=1e-5)
    with pytest.raises(ConfigError, match=f"hold no keras.Model; load {matcher.name} instead"):
        load_model(exported).keras_model  # noqa: B018 - what it raises is what is asked


@pytest.mark.slow
def test_exports_of_before_they_held_names(exported, tmp_path, pixels):
    old = tmp_path / "old"
    shutil.copytree(exported, old)
    for path in old.glob("*/1/export.json"):
        card = json.loads(path.read_text())
        del card["names"], card["origin"]
        path.write_text(json.dumps(card))
    model = load_model(old)
    with pytest.raises(CheckpointError, match=r"do not hold the names .* with cari-export"):
        model.identities  # noqa: B018
    with pytest.raises(ConfigError, match="load the run it was exported from instead"):
        model.keras_model  # noqa: B018
    assert list(model.card.facts)[:3] == ["Answers", "Looks at", "verify"]
    assert model.identify(pixels[0], modality="photo").candidates


@pytest.mark.slow
def test_the_public_weights_say_what_they_are(facenet):
    model = load_model("facenet")
    assert model.identities == ()
    assert list(model.thresholds) == ["verify", "verify_photos"]
    assert "CaVI's 195 training people, faces aligned" in model.thresholds["verify"].measured_on
    whole = load_model("facenet", align=False)
    assert "pictures whole" in whole.thresholds["verify"].measured_on
    assert model.keras_model.input_shape == (None, 160, 160, 3)
    facts = model.card.facts
    assert facts["Trained on"].startswith("nothing here: the public FaceNet weights (MS-Celeb-1M)")
    assert facts["Licence"] == "the public FaceNet weights: MIT"
    assert facts["Looks at"] == "160 x 160 pixels, faces that it finds"
