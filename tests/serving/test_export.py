"""Exports answer as the network does, wherever they are loaded, and refuse what is broken."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from cari_keras import load_model
from cari_keras.data.augment import standardize
from cari_keras.errors import ConfigError
from cari_keras.evaluation.answering import answering
from cari_keras.serving import export as exporting
from cari_keras.serving.export import export, next_version
from cari_keras.serving.thresholds import Thresholds
from tests.helpers.disks import no_room
from tests.helpers.exports import read_card

pytestmark = pytest.mark.slow


def files(*contents):
    return np.array(contents, dtype=object)


@pytest.fixture(scope="module")
def network(matcher, pixels):
    """The answers of the network itself, as evaluation asks it."""
    _, answer = answering(matcher.model, matcher.tasks, matcher.settings)
    return {name: value.numpy() for name, value in answer(standardize(pixels)).items()}


@pytest.mark.parametrize("count", [1, 3, 8])
def test_embeddings_of_a_process_without_the_package(count, ask, network, pixels, encoded):
    for name, sent in (("image", pixels), ("image_bytes", encoded)):
        signature = "serving_default" if name == "image" else "serving_bytes"
        found = ask("verification", signature, **{name: sent[:count]})
        assert found["embedding"].shape == (count, 8)
        np.testing.assert_allclose(found["embedding"], network["embedding"][:count], atol=1e-4)


@pytest.mark.parametrize(
    ("name", "output"), [("verify", "embedding"), ("verify_identities", "compared")]
)
def test_pairs_are_compared_as_evaluation_does(name, output, ask, network, encoded, thresholds):
    """Embeddings, whatever the run verifies by; and what is said of known people, by its name."""
    calibration = thresholds.of_pairs()[name]
    found = ask("verification", name, photo_bytes=encoded[:4], caricature_bytes=encoded[4:])
    compared = network[output]
    distances = np.sum((compared[:4] - compared[4:]) ** 2, axis=-1)
    np.testing.assert_allclose(found["distance"], distances, atol=1e-4)
    np.testing.assert_allclose(found["threshold"], [calibration.threshold] * 4)
    np.testing.assert_allclose(found["far"], [calibration.far_expected] * 4)
    told = calibration.curve.probability(found["distance"])
    np.testing.assert_allclose(found["probability"], told, atol=1e-4)
    assert found["probability"].dtype == np.float32
    # Three impostor pairs of known people support no decision, two hundred of strangers do.
    assert ("same" in found) == (calibration.undecided is None) == (name == "verify")
    if "same" in found:
        np.testing.assert_array_equal(found["same"], found["distance"] <= calibration.threshold)


@pytest.mark.parametrize("task", ["caricature", "photo"])
def test_identities_best_first(task, ask, network, matcher, thresholds, pixels, encoded):
    logits = network[f"logits_{task}"].astype(np.float64)
    probability = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    order = np.argsort(-probability, axis=1)
    for name, sent in (("image", pixels), ("image_bytes", encoded)):
        signature = "serving_default" if name == "image" else "serving_bytes"
        found = ask(task, signature, **{name: sent})
        # Three people only: as many columns.
        assert found["identity"].shape == (8, 3)
        np.testing.assert_allclose(
            found["probability"], np.take_along_axis(probability, order, axis=1), atol=1e-5
        )
        names = np.array([n.encode() for n in matcher.identities])[order]
        np.testing.assert_array_equal(found["identity"], names)
        limit = thresholds.known[task]
        score = (logits.max(axis=1) - logits.mean(axis=1)) / logits.std(axis=1)
        np.testing.assert_allclose(found["score"], score, rtol=1e-3)
        assert 0 < limit.threshold < 2**0.5  # of three identities
        np.testing.assert_array_equal(found["known"], found["score"] >= np.float32(limit.threshold))
        np.testing.assert_allclose(found["threshold"], [limit.threshold] * 8)
        np.testing.assert_allclose(found["fpir"], [limit.fpir_unseen] * 8)


@pytest.mark.parametrize(
    ("signature", "inputs", "message"),
    [
        ("serving_default", {"image": np.zeros((1, 80, 80, 3), np.uint8)}, r"shape|\(1, 80"),
        (
            "verify",
            {"photo_bytes": files(b"x"), "caricature_bytes": files(b"x", b"y")},
            "must have the same length",
        ),
    ],
)
def test_what_is_broken_fails_its_request(signature, inputs, message, ask):
    with pytest.raises(RuntimeError, match=message):
        ask("verification", signature, **inputs)


def test_shapes_are_enforced_within_the_graph(exported):
    """A server feeds the graph without asking the signature's shape."""
    model = tf.saved_model.load(str(exported / "photo" / "1"))
    graph = model.signatures["serving_default"].graph
    assert any(
        node.op == "EnsureShape"
        for function in graph.as_graph_def().library.function
        for node in function.node_def
    )


def test_the_weight_head_is_not_there_and_the_card_says_where_it_is_from(exported, matcher):
    for task in ("verification", "caricature", "photo"):
        model = tf.saved_model.load(str(exported / task / "1"))
        stored = [variable.name for variable in model.variables]
        assert stored
        assert not [name for name in stored if "weight_head" in name]
        others = {"verification", "caricature", "photo"} - {task}
        assert not [name for name in stored if name.startswith(tuple(f"{t}_" for t in others))]
        card = read_card(exported, task)
        assert card["branch"] == task
        assert card["network"]["weights_sha256"] == matcher.weights
        assert re.fullmatch("[0-9a-f]{64}", card["files_sha256"])
        assert ("verify" in card) == (task == "verification")
        assert ("verify_identities" in card) == (task == "verification")
        assert ("known" in card) == (task != "verification")


def test_the_card_says_what_each_threshold_is_worth(exported, thresholds):
    card = read_card(exported, "verification")
    assert card["verify"] == {"by": "embedding", **thresholds.verify._asdict()}
    identities = thresholds.verify_identities
    assert card["verify_identities"] == {"by": "identities", **identities._asdict()}
    assert "3 impostor pairs tell too little" in card["verify_identities"]["undecided"]
    assert "verify_photos" not in card


def test_saved_model_cli_runs_it(exported, pixels, tmp_path):
    np.save(tmp_path / "image.npy", pixels[:1])
    command = [sys.executable, "-m", "tensorflow.python.tools.saved_model_cli", "run"]
    command += ["--dir", exported / "photo" / "1", "--tag_set", "serve"]
    command += ["--signature_def", "serving_default"]
    command += ["--inputs", f"image={tmp_path / 'image.npy'}", "--outdir", tmp_path]
    subprocess.run(list(map(str, command)), check=True, capture_output=True)
    assert np.load(tmp_path / "probability.npy").sum() == pytest.approx(1.0, abs=1e-5)


def test_versions_count_up_and_appear_whole(matcher, exported, tmp_path):
    assert next_version(exported, ["photo"]) == 2
    assert next_version(tmp_path, ["photo"]) == 1
    (tmp_path / "photo" / "7").mkdir(parents=True)
    (tmp_path / "photo" / "notes").mkdir()
    written = export(replace(matcher, tasks=("photo",)), Thresholds(None, {}), tmp_path)
    assert written == [tmp_path / "photo" / "8"]
    assert (written[0] / "saved_model.pb").is_file()
    # Without strangers nothing is said of who is known.
    assert "caricature" not in (tmp_path / "models.config").read_text()
    # Models that are there already stay served.
    (tmp_path / "caricature" / "7").mkdir(parents=True)
    export(replace(matcher, tasks=("photo",)), Thresholds(None, {}), tmp_path)
    assert "caricature" in (tmp_path / "models.config").read_text()
    signature = tf.saved_model.load(str(written[0])).signatures["serving_default"]
    assert set(signature.structured_outputs) == {"identity", "probability"}
    assert not list(tmp_path.rglob(".[0-9]*"))


def test_branches_appear_together_when_all_are_written(matcher, tmp_path, monkeypatch):
    """A server that looked in between would answer by two networks."""
    seen = []

    def looked(path):
        seen.append(sorted(tmp_path.glob("*/[0-9]*")))
        return card_of(path)

    card_of = exporting.hash_of_files
    monkeypatch.setattr(exporting, "hash_of_files", looked)
    written = export(matcher, Thresholds(None, {}), tmp_path)
    assert seen == [[], [], []]
    assert sorted(tmp_path.glob("*/[0-9]*")) == sorted(written)


def test_one_branch_that_cannot_be_written_leaves_none(matcher, tmp_path, monkeypatch):
    def full(branch, path):
        if branch.name == "photo":
            raise OSError(28, "No space left on device", str(path))
        path.mkdir()

    monkeypatch.setattr(exporting, "_write_model", full)
    with pytest.raises(OSError, match="No space left"):
        export(matcher, Thresholds(None, {}), tmp_path)
    assert not list(tmp_path.glob("*/*"))


def test_old_versions_go_but_the_newest(matcher, tmp_path):
    photo_alone = replace(matcher, tasks=("photo",))
    for version in (1, 2, 10):
        (tmp_path / "photo" / str(version)).mkdir(parents=True)
        (tmp_path / "caricature" / str(version)).mkdir(parents=True)
    (tmp_path / "photo" / "notes").mkdir()
    export(photo_alone, Thresholds(None, {}), tmp_path, keep=2)
    left = sorted(path.name for path in (tmp_path / "photo").iterdir())
    assert left == ["10", "11", "notes"]
    # A model that is not exported now keeps what is served.
    assert len(list((tmp_path / "caricature").iterdir())) == 3
    with pytest.raises(ConfigError, match="keep must be at least 1"):
        export(photo_alone, Thresholds(None, {}), tmp_path, keep=0)


def test_the_default_may_take_files(matcher, thresholds, encoded, exported, tmp_path):
    photo_alone = replace(matcher, tasks=("photo",))
    (folder,) = export(photo_alone, thresholds, tmp_path, default="bytes")
    signatures = tf.saved_model.load(str(folder)).signatures
    inputs = {
        name: list(function.structured_input_signature[1]) for name, function in signatures.items()
    }
    assert inputs == {
        "serving_default": ["image_bytes"],
        "serving_bytes": ["image_bytes"],
        "serving_pixels": ["image"],
    }
    content = bytes(encoded[0])
    found = load_model(tmp_path).identify(content, modality="photo")
    assert found.identity == load_model(exported).identify(content, modality="photo").identity
    with pytest.raises(ConfigError, match="default must be one of pixels, bytes"):
        export(photo_alone, thresholds, tmp_path, default="files")


def test_names_that_are_not_utf_8_are_answered_escaped(matcher, pixels, tmp_path):
    """REST answers are JSON, which holds nothing else; in Python the names are the run's."""
    names = ("Zo\udceb", "Zoë", "b")
    named = replace(matcher, tasks=("photo",), identities=names)
    (folder,) = export(named, Thresholds(None, {}), tmp_path)
    answer = tf.saved_model.load(str(folder)).signatures["serving_default"]
    found = answer(image=tf.constant(pixels[:1]))["identity"].numpy()[0].tolist()
    assert {name.decode("utf-8") for name in found} == {r"Zo\udceb", "Zoë", "b"}
    model = load_model(tmp_path, align=False)
    assert model.identities == names
    candidates = model.identify(pixels[0], modality="photo").candidates
    assert {one.identity for one in candidates} == set(names)


def test_exports_without_pairs_of_pixels_answer_alike(exported, pixels, monkeypatch):
    """Those of before there were any; pixels then go as files without loss."""
    new, load = load_model(exported), tf.saved_model.load

    def old(folder):
        known = load(folder).signatures
        return SimpleNamespace(signatures={n: f for n, f in known.items() if "pixels" not in n})

    photos, drawings = list(pixels[:4]), list(pixels[4:])
    found = new.verify(photos, drawings)
    monkeypatch.setattr(tf.saved_model, "load", old)
    assert load_model(exported).verify(photos, drawings) == found


def test_exports_of_before_there_was_a_choice_answer_as_they_did(
    exported, pixels, tmp_path, monkeypatch
):
    """Their `verify` compares what the run verified by; here, for once, its identities."""
    copy = tmp_path / "old"
    shutil.copytree(exported, copy)
    path = copy / "verification" / "1" / "export.json"
    card = json.loads(path.read_text())
    names = ("threshold", "far", "tar", "impostor_pairs", "genuine_pairs")
    card["verify"] = {name: card["verify_identities"][name] for name in names}
    del card["verify_identities"]
    path.write_text(json.dumps(card))
    new, load = load_model(exported), tf.saved_model.load

    def old(folder):
        known = dict(load(folder).signatures)
        for ending in ("", "_pixels"):
            if f"verify{ending}" in known:
                known[f"verify{ending}"] = known.pop(f"verify_identities{ending}")
        return SimpleNamespace(signatures=known)

    photos, drawings = list(pixels[:4]), list(pixels[4:])
    expected = new.verify(photos, drawings, by="identities")
    monkeypatch.setattr(tf.saved_model, "load", old)
    model = load_model(copy)
    for by in ("embedding", "identities"):
        found = model.verify(photos, drawings, by=by)
        assert [one.distance for one in found] == [one.distance for one in expected]
        assert {one.by for one in found} == {"identities"}
        assert {one.measured_on for one in found} == {
            "validation pairs of a photo and a caricature"
        }


def test_a_full_disk_is_named_and_leaves_no_version(matcher, tmp_path):
    with no_room(1 << 16), pytest.raises(OSError, match="File too large") as caught:
        export(replace(matcher, tasks=("photo",)), Thresholds(None, {}), tmp_path)
    assert caught.value.filename == str(tmp_path / "photo" / "1")
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert left == [tmp_path / ".lock"]
