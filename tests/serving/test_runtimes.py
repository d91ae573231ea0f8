"""Other run-times answer as the network does, through the same interface."""

from dataclasses import replace

import numpy as np
import pytest

from cari_keras import load_model
from cari_keras.errors import CheckpointError, ConfigError
from cari_keras.evaluation.answering import AnswerSettings
from cari_keras.evaluation.matcher import Matcher
from cari_keras.evaluation.open_set import OpenSet
from cari_keras.serving.calibration import Calibration
from cari_keras.serving.export import export
from cari_keras.serving.forms import form_of
from cari_keras.serving.opening import face_model_of
from cari_keras.serving.parity import drawn_images, parity
from cari_keras.serving.runtimes.base import library
from cari_keras.serving.runtimes.registry import runtime_of
from cari_keras.serving.thresholds import NO_THRESHOLDS, Thresholds
from cari_keras.stack import keras
from cari_keras.vocabulary import FORMATS
from tests.helpers.exports import read_card
from tests.helpers.runs import small_config

pytestmark = [pytest.mark.slow, pytest.mark.stacks]

#: Views in which 76 pixels become 80, which a scale in float32 misses.
VIEWS = {"flip_test": True, "test_crops": (1.0, 0.8), "view_power": 4.0}

THRESHOLDS = Thresholds(
    Calibration(0.01, 0.01, 0.5, 200, 200, slope=-9.0, intercept=1.0),
    {"photo": OpenSet(1.0, 0.05, 0.06, None, None, 2, 20, 0)},
    verify_identities=Calibration(0.001, 0.01, 0.5, 200, 200),
)


@pytest.fixture(scope="module")
def matcher(people, tmp_path_factory):
    """A network of three layers with the outputs of a large one, as it begins; nothing is trained.

    All that a run-time has to do is in it: convolutions, views, powers, heads.
    """
    place = tmp_path_factory.mktemp("tiny")
    keras.utils.set_random_seed(0)
    layers = keras.layers
    image = keras.Input((80, 80, 3))
    features = layers.Conv2D(8, 3, strides=2, use_bias=False)(image)
    features = layers.Activation("relu")(layers.BatchNormalization()(features))
    features = layers.Conv2D(32, 3, strides=2)(layers.MaxPooling2D(3, 2)(features))
    features = layers.GlobalAveragePooling2D()(layers.Activation("relu")(features))
    embedding = layers.Dense(8, name="embedding")(features)
    outputs = {"embedding": embedding, "logits_verification": layers.Dense(3)(embedding)}
    for task in ("caricature", "photo"):
        outputs[f"logits_{task}"] = layers.Dense(3)(features)
    model = keras.Model(image, outputs)
    config = small_config(data_dir=str(people), cache_dir=str(place), stored_size=96, **VIEWS)
    return Matcher(
        name=str(place),
        model=model,
        config=config,
        identities=("person_0", "person_1", "person_2"),
        tasks=("verification", "photo"),
        weights="0" * 64,
        epoch=1,
        settings=AnswerSettings(**VIEWS, verify_by="identities"),
        side=96,
        aligned={},
        run=place,
    )


@pytest.fixture(scope="module", params=FORMATS[1:])
def written(request, matcher, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    export(matcher, THRESHOLDS, folder, form=form_of(matcher, request.param))
    return folder


def test_answers_are_those_of_the_network(written, matcher, pixels):
    ours, theirs = load_model(written), face_model_of(matcher, THRESHOLDS, align=False)
    assert ours.branches == theirs.branches == ("verification", "photo")
    assert ours.size == theirs.size
    assert ours.identities == theirs.identities
    assert ours.thresholds == theirs.thresholds
    for count in (1, 8):
        some = list(pixels[:count])
        np.testing.assert_allclose(ours.embed(some), theirs.embed(some), atol=1e-5)
    photos, drawings = list(pixels[:4]), list(pixels[4:])
    for by in ("embedding", "identities"):
        found, expected = (one.verify(photos, drawings, by=by) for one in (ours, theirs))
        assert [one.distance for one in expected] != [0.0] * 4
        for one, other in zip(found, expected):
            assert one.distance == pytest.approx(other.distance, abs=1e-5)
            assert one._replace(distance=0, probability=0) == other._replace(
                distance=0, probability=0
            )
    found, expected = (one.identify(photos, modality="photo") for one in (ours, theirs))
    for one, other in zip(found, expected):
        assert (one.identity, one.known) == (other.identity, other.known)
        assert one.score == pytest.approx(other.score, abs=1e-4)
        assert [c.probability for c in one.candidates] == pytest.approx(
            [c.probability for c in other.candidates], abs=1e-5
        )


def test_the_card_says_what_the_format_changes(written):
    for task in ("verification", "photo"):
        card = read_card(written, task)
        assert card["format"] in FORMATS[1:]
        assert card["int8"] is None
        assert card["size_bytes"] > 4 * 8 * 32 * 9  # its largest kernel
        found = card["parity"]
        assert found["source"] == "validation images of folder"
        assert found["images"] > 4
        if task == "verification":
            assert 0 <= found["largest_embedding_difference"] < 1e-4
            tar = found["tar_at_far_1_percent"]
            assert tar["before"] == pytest.approx(tar["after"], abs=0.01)
        else:
            assert found["equal_top1"] == 1.0
    assert not (written / "docker-compose.yml").exists()


def test_a_damaged_file_is_named(written):
    folder = written / "photo" / "1"
    (path,) = [path for path in folder.iterdir() if path.suffix in (".onnx", ".xml", ".tflite")]
    content = path.read_bytes()
    try:
        path.write_bytes(b"no model")
        with pytest.raises(CheckpointError, match="recorded hash"):
            load_model(written)
        with pytest.raises(
            CheckpointError, match=f"{path}: cannot be opened; export the network again"
        ):
            runtime_of(read_card(written, "photo")["format"]).opened(folder)
    finally:
        path.write_bytes(content)


def test_8_bits_answer_nearly_alike(matcher, pixels, tmp_path):
    alone = replace(matcher, tasks=("verification",))
    form = form_of(alone, "onnx", int8=True)
    assert form.calibration.told == "30 train images of folder"
    (path,) = export(alone, NO_THRESHOLDS, tmp_path, form=form)
    card = read_card(tmp_path, "verification")
    assert card["int8"] == form.calibration.told
    assert [file.name for file in sorted(path.iterdir())] == ["export.json", "model.onnx"]
    graph = library("onnx", "onnx").load(str(path / "model.onnx")).graph
    kernels = [one for one in graph.initializer if one.data_type == one.INT8 and len(one.dims) > 1]
    assert [sorted(one.dims) for one in kernels if len(one.dims) == 4] == [
        [3, 3, 3, 8],
        [3, 3, 8, 32],
    ]
    assert 0 < card["parity"]["largest_embedding_difference"] < 0.1
    found = load_model(tmp_path).embed(list(pixels))
    np.testing.assert_allclose(np.linalg.norm(found, axis=-1), 1.0, atol=1e-5)


def test_a_folder_holds_one_format(written, matcher):
    with pytest.raises(ConfigError, match="name another folder for saved_model"):
        export(matcher, NO_THRESHOLDS, written)


def test_parity_tells_answers_apart():
    """By hand: one embedding of sixteen moved by sqrt(2), one head of two that changed its mind."""
    images = drawn_images(80)
    before = {"embedding": np.eye(16, dtype=np.float32), "logits_photo": np.eye(16)}
    after = {name: value.copy() for name, value in before.items()}
    after["embedding"][0] = after["embedding"][1]
    after["logits_photo"][3, 4] = 2.0
    found = parity(before, after, images)
    assert found["largest_embedding_difference"] == pytest.approx(2**0.5)
    assert found["equal_top1"] == 15 / 16
    assert found["tar_at_far_1_percent"] is None  # drawn
    measured = parity(before, after, images._replace(measured=True))
    # No pair is nearer than any other, so none is accepted. Then a photo lies on the caricature of
    # its person: one genuine pair of eight is nearer than every impostor.
    assert measured["tar_at_far_1_percent"] == {"before": 0.0, "after": 1 / 8}


def test_what_cannot_be_written_is_said_before_anything_is(matcher, people, tmp_path):
    (tmp_path / "empty").mkdir()
    bfloat16 = matcher.config.with_values({"precision": "bfloat16"})
    lost = replace(matcher, config=matcher.config.with_values({"data_dir": str(tmp_path / "no")}))
    for of, name, settings, said in (
        (matcher, "tensorrt", {}, "format must be one of saved_model, onnx, openvino, litert"),
        (matcher, "litert", {"int8": True}, "8 bits apply only to onnx and openvino"),
        (matcher, "onnx", {"calibrate": tmp_path}, "add --int8, or leave"),
        (replace(matcher, config=bfloat16), "onnx", {}, "export it with --precision float32"),
        (lost, "onnx", {"int8": True}, "name a folder of pictures with --calibrate"),
        (lost, "onnx", {"int8": True, "calibrate": tmp_path / "empty"}, "no picture to calibrate"),
    ):
        with pytest.raises(ConfigError, match=said):
            form_of(of, name, **settings)
    assert form_of(lost, "onnx").compared.source == "drawn faces"
    own = form_of(lost, "onnx", int8=True, calibrate=people / "photo")
    assert own.calibration.pixels.shape[1:] == (96, 96, 3)
    assert len(own.calibration.pixels) > 4


def test_a_missing_package_is_named_with_its_extra():
    with pytest.raises(ConfigError, match=r"pip install 'cari_keras\[onnx\]'"):
        library("no_such_package_of_onnx", "onnx")
