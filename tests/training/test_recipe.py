"""Fitting a configuration to its data and machine: what changes, what does not, what is told."""

from dataclasses import replace

import pytest

from cari_keras.data.base import Dataset
from cari_keras.errors import ConfigError, DatasetError
from cari_keras.presets import PRESETS
from cari_keras.records.aligned import AlignedRecords
from cari_keras.records.sample import Sample
from cari_keras.runtime import has_bfloat16
from cari_keras.training import recipe
from cari_keras.training.recipe import as_begun, describe, fit, fit_readable
from cari_keras.vocabulary import CARICATURE, PHOTO

#: With three tasks; that of `folder` trains one.
FOLDER = PRESETS["cavi-facenet"]().with_values({"dataset": "folder"})


@pytest.fixture(autouse=True)
def _instructions(monkeypatch):
    """A processor with instructions for bfloat16, unless a test says otherwise."""
    monkeypatch.setattr(recipe, "has_bfloat16", lambda: True)


def dataset(photos, caricatures, margin=None, people=4):
    """So many training images of each modality, perhaps aligned with a margin."""
    samples = [
        Sample(f"{modality}/{k}", f"person_{k % people}", modality)
        for modality, count in ((PHOTO, photos), (CARICATURE, caricatures))
        for k in range(count)
    ]
    records = None if margin is None else AlignedRecords(None, 224, {"margin": margin}, {})
    names = tuple(f"person_{k}" for k in range(people))
    return Dataset("folder", names, {"train": samples}, {}, records=records)


def changed(config, data, given=()):
    """The settings that fitting changes."""
    found: dict[str, object] = {}
    for change in fit(config, data, given).changes:
        found.update(change.values)
    return found


def test_a_dataset_like_cavi_changes_nothing():
    fitted = fit(FOLDER, dataset(300, 200), ())
    assert fitted.config == FOLDER
    assert describe(fitted, dataset(300, 200)) == (
        "recipe: from the public FaceNet weights; 4 people, 500 training images; 48 epochs of 7 "
        "steps, of which the first 20 train only the branches; 192 pixels, bfloat16",
        "fitted to the data and this machine: nothing",
    )


def test_whole_pictures_double_an_epoch_and_without_them_there_are_twice_as_many():
    config = FOLDER.with_values({"whole_pictures": True, "epochs": 6, "frozen_epochs": 3})
    both = replace(dataset(900, 700), beside=dataset(900, 700))
    assert changed(config, both) == {}
    assert "3200 training images; 6 epochs of 50 steps" in describe(fit(config, both, ()), both)[0]
    faces = dataset(900, 700)
    alone = {"whole_pictures": False, "epochs": 12, "frozen_epochs": 6}
    assert changed(config, faces) == alone
    assert changed(config, faces, ["epochs"]) == {"whole_pictures": False}
    assert (
        "12 epochs (each picture is there in one cut)" in describe(fit(config, faces, ()), faces)[1]
    )
    with pytest.raises(ConfigError, match="whole_pictures needs faces cut out of raw pictures"):
        fit(config, faces, ["whole_pictures"])
    drawn = FOLDER.with_values({"whole_caricatures": True})
    assert changed(drawn, both) == {}
    assert changed(drawn, faces) == {"whole_caricatures": False}
    assert changed(PRESETS["cavi"](), faces)["epochs"] == 8
    with pytest.raises(ConfigError, match="whole_caricatures needs faces cut out of raw pictures"):
        fit(drawn, faces, ["whole_caricatures"])


@pytest.mark.parametrize(
    ("images", "batch_size"), [(256, 64), (255, 32), (64, 16), (40, 8), (9, 8), (5, 5), (1, 1)]
)
def test_few_pictures_have_smaller_batches(images, batch_size):
    """At least four steps an epoch as far as batches of eight allow, and always one."""
    photos_alone = FOLDER.with_values({"tasks": ("photo",)})
    fitted = fit(photos_alone, dataset(images, 7), ()).config
    assert fitted.data.batch_size == batch_size
    assert changed(photos_alone, dataset(images, 7), ["batch_size"]) == {}


def test_all_epochs_together_have_some_steps():
    short = PRESETS["folder"]()
    assert short.training.epochs == 8
    assert "batch_size" not in changed(short, dataset(1024, 1024))
    assert changed(short, dataset(300, 300))["batch_size"] == 32
    assert changed(short, dataset(10, 10))["batch_size"] == 8
    told = describe(fit(short, dataset(300, 300), ()), dataset(300, 300))[0]
    assert "8 epochs of 18 steps, which all train only the layers after block35" in told


@pytest.mark.parametrize("modality", ["photo", "caricature"])
def test_one_modality_has_no_other_to_be_drawn_to(modality):
    found = dataset(300 * (modality == "photo"), 300 * (modality == "caricature"))
    fitted = fit(PRESETS["folder"](), found, ()).config.training
    assert fitted.tasks == (modality,)
    assert (fitted.class_vectors, fitted.retain_embedding) == ("trained", 0.0)
    assert changed(PRESETS["pretrain"](), dataset(300, 0)).get("tasks") is None


def test_a_single_modality_has_its_tasks():
    fitted = fit(FOLDER, dataset(300, 0), ())
    assert fitted.config.training.tasks == ("verification", "photo")
    assert (
        "tasks verification and photo (the dataset has no caricature)"
        in describe(fitted, dataset(300, 0))[1]
    )
    assert changed(FOLDER, dataset(300, 0), ["tasks"]) == {}
    only = FOLDER.with_values({"tasks": ("caricature",)})
    with pytest.raises(DatasetError, match="has no caricature to train on; name other --tasks"):
        fit(only, dataset(300, 0), ())


def test_aligned_faces_fill_their_crops_as_whole_pictures_do():
    """A face's share of what the network sees is the same for every margin."""
    values = changed(FOLDER, dataset(300, 200, margin=0.6))
    assert values == {"crop": 0.575, "test_crops": (0.75, 0.6)}
    wide = changed(FOLDER, dataset(300, 200, margin=1.4))
    for sides in zip(values["test_crops"], wide["test_crops"]):
        share, wide_share = (1 / (side * (1 + m)) for side, m in zip(sides, (0.6, 1.4)))
        assert share == pytest.approx(wide_share)
    # What the smallest crop, in a corner, shows of a face's width.
    for margin, crop in ((0.2, 0.6), (0.6, values["crop"]), (1.4, wide["crop"])):
        face = 1 / (1 + margin)
        assert (crop - (1 - face) / 2) / face == pytest.approx(0.62, abs=2e-3)
    assert changed(FOLDER, dataset(300, 200, margin=0.2)) == {}
    whole = FOLDER.with_values({"crop": 1.0, "test_crops": (1.0,)})
    found = changed(whole, dataset(300, 200, margin=0.6))
    assert found == {"test_crops": (0.75,)}  # what is off stays off
    assert changed(FOLDER, dataset(300, 200, margin=0.6), ["crop", "test_crops"]) == {}


def test_without_instructions_for_bfloat16_float32_is_taken(monkeypatch):
    monkeypatch.setattr(recipe, "has_bfloat16", lambda: False)
    fitted = fit(FOLDER, dataset(300, 200), ())
    assert fitted.config.model.precision == "float32"
    assert "no fast bfloat16 instructions" in describe(fitted, dataset(300, 200))[1]
    assert changed(FOLDER, dataset(300, 200), ["precision"]) == {}
    assert changed(PRESETS["cavi-scratch"](), dataset(300, 200)) == {}


@pytest.mark.parametrize(
    ("flags", "found"),
    [
        ("fpu avx512f avx512_bf16", True),
        ("fpu amx_bf16", True),
        ("vendor_id: GenuineIntel flags: avx512_bf16", False),
        ("vendor_id: GenuineIntel flags: avx512_bf16 amx_bf16", True),
        ("Features : fp asimd bf16", True),
        ("fpu avx512f", False),
    ],
)
def test_the_processor_is_asked(flags, found, tmp_path):
    (tmp_path / "cpuinfo").write_text(f"flags\t\t: {flags}\n")
    assert has_bfloat16(tmp_path / "cpuinfo") is found
    assert has_bfloat16(tmp_path / "nothing") is False


def test_a_runs_depth_and_size_go_with_its_weights(tmp_path):
    from cari_keras.files import write_json

    write_json(tmp_path / "config.json", PRESETS["cavi-scratch"]().to_dict())
    config = FOLDER.with_values({"pretrained": str(tmp_path)})
    assert changed(config, dataset(300, 200)) == {"depth": "paper", "image_size": 160}
    assert changed(config, dataset(300, 200), ["depth"]) == {"image_size": 160}
    assert changed(config, dataset(300, 200), ["depth", "image_size"]) == {}


def test_a_run_that_goes_on_keeps_what_was_fitted(monkeypatch):
    """Though its machine or its pictures are others now; what the user gives is taken as it is."""
    begun = fit(FOLDER, dataset(50, 50, margin=0.6), ()).config
    assert (begun.data.batch_size, begun.data.crop) == (16, 0.575)
    monkeypatch.setattr(recipe, "has_bfloat16", lambda: False)
    assert as_begun(FOLDER, begun, ()) == begun
    asked = FOLDER.with_values({"batch_size": 8, "dropout": 0.1})
    config = as_begun(asked, begun, ["batch_size", "dropout"])
    assert (config.data.batch_size, config.data.crop) == (8, 0.575)
    assert config.model.dropout == 0.1


@pytest.mark.parametrize("distribute", ["mirrored", "multiworker"])
def test_several_devices_compute_alike(distribute, monkeypatch):
    """Each would choose for itself, and batches must stay a multiple of their number."""
    monkeypatch.setattr(recipe, "has_bfloat16", lambda: False)
    config = FOLDER.with_values({"distribute": distribute})
    assert changed(config, dataset(50, 0)) == {"tasks": ("verification", "photo")}
    assert fit_readable(config, 3, ()) == config


def test_a_batch_has_no_more_images_than_can_be_read():
    assert fit_readable(FOLDER, 7, ()).data.batch_size == 7
    assert fit_readable(FOLDER, 64, ()) == fit_readable(FOLDER, 0, ()) == FOLDER
    assert fit_readable(FOLDER, 7, ["batch_size"]) == FOLDER


def test_faces_without_a_margin_are_not_cut_into():
    assert changed(FOLDER, dataset(300, 200, margin=0)) == {"crop": 0.62, "test_crops": (1.0, 0.96)}
