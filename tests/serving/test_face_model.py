"""The Python interface: one answer whatever it is asked by, whatever it was loaded from."""

import json
import random
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from cari_keras import load_model
from cari_keras.cli import export as export_command
from cari_keras.data.augment import standardize
from cari_keras.data.base import read_image
from cari_keras.data.prepare import prepare
from cari_keras.data.registry import load_dataset
from cari_keras.errors import CheckpointError, ConfigError, DatasetError, ImageError
from cari_keras.evaluation.answering import answering
from cari_keras.evaluation.matcher import judge_of, load_matcher
from cari_keras.images.encode import resize
from cari_keras.images.graph import decode
from cari_keras.records.schema import parse
from cari_keras.records.shards import read_places
from cari_keras.serving.export import export
from cari_keras.serving.opening import face_model_of
from cari_keras.serving.thresholds import NO_THRESHOLDS, Thresholds
from tests.helpers.places import SHARED

pytestmark = pytest.mark.slow


def test_embeddings_are_the_networks(model, matcher, pixels):
    _, answer = answering(matcher.model, matcher.tasks, matcher.settings)
    expected = answer(standardize(pixels))["embedding"].numpy()
    found = model.embed(list(pixels))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)


def test_paths_bytes_and_arrays_one_or_many(model, pixels, encoded, tmp_path):
    (tmp_path / "a.png").write_bytes(encoded[0])
    expected = model.embed(pixels[:1])
    assert expected.shape == (1, 8)
    for image in (pixels[0], encoded[0], tmp_path / "a.png", str(tmp_path / "a.png")):
        found = model.embed(image)
        assert found.shape == (8,)
        np.testing.assert_allclose(found, expected[0], atol=1e-5)
    assert model.embed([]).shape == (0, 8)
    many = model.embed([*pixels] * 5)  # more than are answered at once
    np.testing.assert_allclose(many[32:40], many[:8], atol=1e-5)


def test_identities(model, matcher, pixels):
    answer = model.identify(pixels[0], modality="photo")
    names = answer.candidates
    assert {name.identity for name in names} == set(matcher.identities)
    assert sum(name.probability for name in names) == pytest.approx(1, abs=1e-5)
    assert names == sorted(names, key=lambda name: -name.probability)
    many = model.identify(list(pixels), modality="caricature")
    assert [len(one.candidates) for one in many] == [3] * 8
    assert model.identify([], modality="photo") == []
    with pytest.raises(ConfigError, match="modality must be one of photo, caricature"):
        model.identify(pixels[0], modality="painting")


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((9, 9), np.uint8), r"uint8 RGB \[height, width, 3\]. Received: uint8 \[9, 9\]"),
        ([np.zeros((9, 9, 3), np.uint8), b"x"], r"^images\[1\]: not a picture"),
        (np.zeros((9, 9, 3), np.float32), "Received: float32"),
        (b"no image", "the image: not a picture"),
        ("nowhere.jpg", "nowhere.jpg: no such file"),
        ("a\0b", "cannot be read"),
        ("x" * 5000, "cannot be read"),
        (bytearray(b"x"), "not a picture"),
        (3, "Received: int"),
    ],
)
def test_images_that_are_none(image, message, model):
    with pytest.raises(ImageError, match=message):
        model.embed(image)


def test_answers_to_the_others(model, pixels):
    """One bad image of several: its answer is missing, and it is named."""
    images = [pixels[0], b"no image", pixels[1]]
    with pytest.warns(UserWarning, match=r"left out: images\[1\]: not a picture"):
        found = model.embed(images, errors="skip")
    np.testing.assert_allclose(found[[0, 2]], model.embed(list(pixels[:2])), atol=1e-5)
    assert np.isnan(found[1]).all()
    with pytest.warns(UserWarning, match=r"images\[1\]"):
        answers = model.identify(images, modality="photo", errors="skip")
    assert [answer is None for answer in answers] == [False, True, False]
    with pytest.warns(UserWarning, match=r"photo\[1\]|other\[0\]") as warned:
        pairs = model.verify(images, [b"x", pixels[2], pixels[2]], errors="skip")
    assert [str(warning.message).split(":")[1].strip() for warning in warned] == [
        "photo[1]",
        "other[0]",
    ]
    assert pairs[:2] == [None, None]
    alone = model.verify(pixels[1], pixels[2])
    assert pairs[2].distance == pytest.approx(alone.distance, abs=1e-5)
    with pytest.raises(ImageError, match=r"other\[1\]: not a picture"):
        model.verify([pixels[0]] * 2, [pixels[0], b"x"])


def test_every_modality_is_checked(model, pixels):
    for ask in (model.embed, model.face, model.identify):
        with pytest.raises(ConfigError, match=r"one of photo, caricature\. Received: 'Caricature'"):
            ask(pixels[0], modality="Caricature")
    for ask in (model.verifies, lambda word: model.verify(pixels[0], pixels[0], modality=word)):
        with pytest.raises(ConfigError, match=r"one of photo, caricature\. Received: 'Caricature'"):
            ask("Caricature")
    for word in ("Photo", "verification"):  # a branch, and no modality
        with pytest.raises(ConfigError, match="modality must be one of photo, caricature"):
            model.identify_faces(pixels[:1], word)


def test_auto_is_a_modality_where_none_matters(model, matcher, pixels):
    """Whole pictures are embedded alike; what asks a branch, a threshold or MTCNN needs to know."""
    expected = model.embed(pixels[0])
    np.testing.assert_array_equal(model.embed(pixels[0], modality="auto"), expected)
    np.testing.assert_array_equal(model.embed([pixels[0]], modality="auto")[0], expected)
    np.testing.assert_array_equal(model.face(pixels[0], "auto"), pixels[0])
    assert model.look([pixels[0]], "auto").total == 1
    aligned = load_model(matcher.run, align=True)
    for ask, why in (
        (lambda: model.identify(pixels[0], modality="auto"), "each modality has a branch"),
        (lambda: model.verify(pixels[0], pixels[0], modality="auto"), "two photos have another"),
        (lambda: model.verifies("auto"), "two photos have another"),
        (lambda: aligned.embed(pixels[0], modality="auto"), "the search for faces demands more"),
    ):
        with pytest.raises(ConfigError, match=rf"photo or caricature here: {why}.* 'auto'"):
            ask()


@pytest.mark.parametrize("errors", ["ignore", None, True])
def test_every_way_with_errors_is_checked_for_one_image_too(errors, model, pixels):
    for ask in (
        lambda: model.embed(pixels[0], errors=errors),
        lambda: model.verify(pixels[0], pixels[0], errors=errors),
        lambda: model.identify(pixels[0], modality="photo", errors=errors),
    ):
        with pytest.raises(ConfigError, match="errors must be one of raise, skip"):
            ask()


def test_which_of_two_images_is_bad_is_said(model, pixels):
    with pytest.raises(ImageError, match=r"^photo: must be uint8 RGB"):
        model.verify(pixels[0][..., 0], pixels[0])
    with pytest.raises(ImageError, match=r"^other: not a picture"):
        model.verify(pixels[0], b"x")


def test_faces_of_another_size_are_refused_in_one_line(model, pixels):
    small = pixels[:2, ::2, ::2]
    for ask in (
        lambda: model.embed_faces(small),
        lambda: model.verify_faces(pixels[:2], small),
        lambda: model.identify_faces(small, "photo"),
    ):
        with pytest.raises(ImageError, match=r"faces must be uint8 RGB \[n, 96, 96, 3\]"):
            ask()
    with pytest.raises(ConfigError, match=r"as many photos as caricatures .* Received: 2 and 1"):
        model.verify_faces(pixels[:2], pixels[:1])
    with pytest.raises(ConfigError, match="modality must be one of"):
        model.verify_faces(pixels[:2], pixels[:2], modality="Photo")


@pytest.mark.parametrize("align", ["no", 1, "yes"])
def test_align_is_true_false_or_none(align, matcher):
    with pytest.raises(ConfigError, match="align must be True, False or None"):
        load_model(matcher.run, align=align)


def test_a_programs_random_numbers_are_its_own(matcher):
    random.seed(5)
    np.random.seed(5)
    expected = random.random(), np.random.random()
    random.seed(5)
    np.random.seed(5)
    load_model(matcher.run)
    assert (random.random(), np.random.random()) == expected


def test_threads_get_their_own_answers(model, pixels):
    expected = model.embed(list(pixels))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda k: model.embed(pixels[k % 8]), range(64)))
    for k, embedding in enumerate(found):
        np.testing.assert_allclose(embedding, expected[k % 8], atol=1e-5)


def test_no_batch_size_is_traced_anew(matcher, pixels):
    model = load_model(matcher.run)
    for count in (1, 2, 5, 8):
        model.embed(list(pixels[:count]))
    function = model._asker.endpoints["verification", "serving_default"]
    assert function.experimental_get_tracing_count() == 1


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads Linux's /proc")
def test_memory_stays_flat(model, pixels):
    def resident():
        return int(Path("/proc/self/statm").read_text().split()[1])

    for _ in range(30):
        model.embed(pixels[0])
    before = resident()
    for _ in range(200):
        model.embed(pixels[0])
    assert resident() <= 1.03 * before


def test_strangers_are_unknown(model, matcher, thresholds):
    """At the rate that is said, on the very images that it was taken from."""
    data = matcher.config.data
    strangers = prepare(load_dataset(matcher.config), 96, cache_dir=data.cache_dir, progress=False)
    for modality in ("photo", "caricature"):
        limit = thresholds.known[modality]
        records = read_places(strangers.of("unknown", [modality]), parallel=1)
        faces = [decode(parse(record)["image"]).numpy() for record in records]
        answers = model.identify(faces, modality=modality)
        accepted = [answer.known for answer in answers]
        # The threshold lies just above the next stranger's score; rounding may let that one in.
        assert 1 <= sum(accepted) <= round(limit.fpir * len(faces)) + 1
        assert 0 < limit.fpir <= 0.05
        assert all((answer.identity is None) == (not answer.known) for answer in answers)
        assert answers[0].fpir == pytest.approx(limit.fpir_unseen)
        assert answers[0].threshold == pytest.approx(limit.threshold)


def test_a_runs_thresholds_are_kept(matcher, thresholds):
    load_model(matcher.run)
    path = matcher.run / "thresholds.json"
    kept = json.loads(path.read_text())
    assert kept["made_for"]["weights_sha256"] == matcher.weights
    assert Thresholds.of_json(kept) == thresholds
    # What was damaged, or made for other weights, is taken anew.
    other = {**kept, "made_for": {**kept["made_for"], "weights_sha256": "0"}}
    wide = {**kept, "made_for": {**kept["made_for"], "precision": "bfloat16"}}
    # Of before there was a choice: `verify` was by identities.
    before = {name: value for name, value in kept["made_for"].items() if name != "verify"}
    before = {**kept, "made_for": before, "verify": kept["verify_identities"]}
    damaged_ones = (
        json.dumps(before),
        "{",
        "[]",
        json.dumps(other),
        json.dumps(wide),
        json.dumps({**kept, "known": 3}),
    )
    for damaged in damaged_ones:
        path.write_text(damaged)
        load_model(matcher.run)
        assert json.loads(path.read_text()) == kept
    # So are they where the dataset is named: it may have changed.
    path.write_text(json.dumps({**kept, "verify": {**kept["verify"], "threshold": 3.0}}))
    load_model(matcher.run, data_dir=matcher.config.data.data_dir)
    assert json.loads(path.read_text()) == kept


def test_a_run_that_saw_the_validation_images_needs_anothers_thresholds(
    matcher, thresholds, pixels, tmp_path
):
    final = tmp_path / "final"
    shutil.copytree(matcher.run, final)
    config = json.loads((final / "config.json").read_text())
    config["data"]["final"] = True
    (final / "config.json").write_text(json.dumps(config))
    model = load_model(final)
    assert model.embed(pixels[0]).shape == (8,)
    assert model.identify(pixels[0], modality="photo").known is None
    with pytest.raises(ConfigError, match="the network has no threshold, and so no "):
        model.verify(pixels[0], pixels[1])
    with pytest.raises(ConfigError, match="so its dataset gives no thresholds"):
        load_model(final, data_dir=matcher.config.data.data_dir)
    model = load_model(final, thresholds_of=matcher.run)
    assert model.verify(pixels[0], pixels[1]).threshold == pytest.approx(
        thresholds.verify.threshold
    )
    # In the arithmetic of the network that they are for.
    other = load_matcher(str(final), {}, precision="bfloat16")
    judge = judge_of(other, str(matcher.run))
    assert {other.config.model.precision, judge.config.model.precision} == {"bfloat16"}
    with pytest.raises(ConfigError, match=r"trained on its validation images too \(--final\)"):
        load_model(matcher.run, thresholds_of=final)
    best = final / "best" / "checkpoint.json"
    meta = json.loads(best.read_text())
    best.write_text(json.dumps({**meta, "aligned": {"align": "similarity", "margin": 0.5}}))
    with pytest.raises(ConfigError, match=r"in how images are cut out, so its thresholds"):
        load_model(final, thresholds_of=matcher.run)
    # Limits on raw pictures say nothing about how faces were cut out.
    for run, limit in ((final, 1), (matcher.run, 2)):
        path = run / "best" / "checkpoint.json"
        path.write_text(
            json.dumps({**json.loads(path.read_text()), "aligned": {"max_side": limit}})
        )
    load_model(final, thresholds_of=matcher.run)
    best.write_text(json.dumps(meta))
    (matcher.run / "best" / "checkpoint.json").write_text(json.dumps(meta))
    config["model"]["pretrained"] = "runs/another"
    (final / "config.json").write_text(json.dumps(config))
    with pytest.raises(ConfigError, match=r"differs from .* in pretrained, so its thresholds"):
        load_model(final, thresholds_of=matcher.run)
    config["model"]["pretrained"] = None
    config["training"]["verify_by"] = "embedding"
    (final / "config.json").write_text(json.dumps(config))
    with pytest.raises(ConfigError, match=r"differs from .* in verify_by, so its thresholds"):
        load_model(final, thresholds_of=matcher.run)


def test_a_run_without_its_dataset_answers_what_needs_none(matcher, pixels, tmp_path, capsys):
    run = tmp_path / "run"
    shutil.copytree(matcher.run, run)
    (run / "thresholds.json").unlink(missing_ok=True)
    config = json.loads((run / "config.json").read_text())
    config["data"]["data_dir"] = str(tmp_path / "gone")
    (run / "config.json").write_text(json.dumps(config))
    model = load_model(run)
    assert str(tmp_path / "gone") in model.lacks
    assert "--data-dir" in model.lacks
    assert model.embed(pixels[0]).shape == (8,)
    assert model.identify(pixels[0], modality="photo").known is None
    with pytest.raises(
        ConfigError, match=r"the network has no threshold, and so no \w+: .*gone: no such folder"
    ):
        model.verify(pixels[0], pixels[1])
    for given in ({"data_dir": str(tmp_path / "gone")}, {"thresholds_of": run}):
        with pytest.raises(DatasetError, match="gone: no such folder"):
            load_model(run, **given)
    models = tmp_path / "models"
    assert export_command.main([str(run), str(models), "--quiet"]) == 0
    assert "The exports have no thresholds: " in capsys.readouterr().out
    assert load_model(models).embed(pixels[0]).shape == (8,)
    assert export_command.main([str(run), str(models), "--quiet", "--far", "0.5"]) == 2
    # What was kept before the run was copied goes with it.
    shutil.copy(matcher.run / "thresholds.json", run)
    assert load_model(run).verify(pixels[0], pixels[1]).threshold > 0
    assert export_command.main([str(run), str(models), "--quiet"]) == 0
    assert "the thresholds that are stored in the run" in capsys.readouterr().out
    assert load_model(models).verify(pixels[0], pixels[1]).threshold > 0


def test_what_is_no_network(exported, tmp_path):
    with pytest.raises(CheckpointError) as raised:
        load_model("x" * 90_000)
    assert len(str(raised.value)) < 300
    with pytest.raises(CheckpointError, match="neither a run folder nor a folder of exports"):
        load_model(tmp_path)
    copy = tmp_path / "copy"
    shutil.copytree(exported, copy)
    (variables,) = (copy / "photo" / "1" / "variables").glob("variables.data-*")
    for path in (variables, copy / "photo" / "1" / "saved_model.pb"):
        whole = path.read_bytes()
        content = bytearray(whole)
        content[1000] ^= 1
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match="do not have the recorded hash"):
            load_model(copy)
        path.write_bytes(whole)
    card = copy / "photo" / "1" / "export.json"
    other = json.loads(card.read_text())
    other["network"]["weights_sha256"] = "0"
    card.write_text(json.dumps(other))
    with pytest.raises(CheckpointError, match="exports of different networks"):
        load_model(copy)
    for given in ({"thresholds_of": tmp_path}, {"data_dir": str(tmp_path)}):
        with pytest.raises(ConfigError, match="exports hold their own thresholds"):
            load_model(exported, **given)


def test_files_are_read_as_evaluation_reads_them(model, pixels, tmp_path):
    """Transparency is laid on white, EXIF obeyed, whatever the size."""
    from PIL import Image

    turned = Image.fromarray(np.rot90(pixels[0], 1))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    turned.save(tmp_path / "turned.png", exif=exif)
    clear = np.dstack([pixels[0], np.zeros((96, 96), np.uint8)])
    cv2.imwrite(str(tmp_path / "clear.png"), clear[..., [2, 1, 0, 3]])
    cv2.imwrite(str(tmp_path / "tiny.png"), pixels[0][:8, :8])
    np.testing.assert_array_equal(model.face(tmp_path / "clear.png"), 255)
    assert model.face(tmp_path / "tiny.png").shape == (96, 96, 3)
    np.testing.assert_array_equal(model.face(tmp_path / "turned.png"), pixels[0])
    for name in ("turned", "clear", "tiny"):
        path = tmp_path / f"{name}.png"
        expected = resize(read_image(str(path)), 96)
        np.testing.assert_array_equal(model.face(path), expected)


def test_a_model_says_what_it_is(matcher):
    model = load_model(matcher.run)
    does = "verification, caricature, photo; 96 x 96 pixels, whole pictures"
    assert repr(model) == f"<FaceModel {matcher.run}: {does}>"


@pytest.mark.skipif(not (SHARED / "data/photos").is_dir(), reason="needs ../shared")
def test_alignment_finds_the_face(matcher):
    path = min((SHARED / "data/photos/ben_afflek").iterdir())
    aligned = load_model(matcher.run, align=True)
    face, whole = aligned.face(path), load_model(matcher.run).face(path)
    assert face.shape == whole.shape == (96, 96, 3)
    assert np.abs(face.astype(int) - whole).mean() > 10
    grey = np.full((200, 200, 3), 128, np.uint8)
    with pytest.raises(ImageError, match="no face found"):
        aligned.embed(grey)
    mirrored = cv2.flip(aligned._faces._read(path), 1)
    assert aligned.embed(mirrored).shape == (8,)


def test_a_network_that_was_judged_by_whole_caricatures_sees_them_whole(matcher, tmp_path):
    """Of its own accord, from the run as from its exports; not where faces are asked for."""
    how = {"align": "similarity", "margin": 0.2, "whole": "caricature"}
    drawn = replace(matcher, aligned=how)
    export(drawn, NO_THRESHOLDS, tmp_path)
    grey = np.full((200, 200, 3), 128, np.uint8)
    of_run = face_model_of(drawn, NO_THRESHOLDS, None)
    for model in (of_run, load_model(tmp_path)):
        assert model.embed(grey, modality="caricature").shape == (8,)
        with pytest.raises(ImageError, match="no face found"):
            model.embed(grey)
        assert "faces that it finds, but caricatures whole" in repr(model)
    cut = face_model_of(drawn, NO_THRESHOLDS, True)
    with pytest.raises(ImageError, match="no face found"):
        cut.embed(grey, modality="caricature")
    assert of_run.key != cut.key
