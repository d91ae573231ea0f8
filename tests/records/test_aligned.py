"""Folders that cari-align wrote, read by the datasets and by the pipeline."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cari_keras.align.config import AlignConfig
from cari_keras.align.engine import align_folder
from cari_keras.data import cavi, folder
from cari_keras.data.augment import Augmentation
from cari_keras.data.pipeline import evaluation_batches, split_records, training_batches
from cari_keras.data.prepare import prepare
from cari_keras.errors import AlignError, DatasetError
from cari_keras.evaluation.matcher import load_matcher
from cari_keras.serving.branches import verification_branch
from cari_keras.serving.export import export
from cari_keras.serving.loading import load_model
from cari_keras.serving.thresholds import NO_THRESHOLDS
from cari_keras.training.trainer import Trainer
from tests.helpers.faces import face, write, write_modalities
from tests.helpers.runs import small_config

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def aligned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("aligned")
    write_modalities(root / "raw", people=2, images=4)
    (root / "raw" / "photo" / "person 0" / "bad.jpg").write_bytes(b"no picture")
    align_folder(root / "raw", root / "out", AlignConfig(image_size=96), progress=False)
    return root / "out"


def test_a_folder_is_split_as_it_would_be_raw(aligned: Path):
    """Same samples in the same splits; nothing is prepared; images come from the records."""
    found, raw = folder.load(str(aligned)), folder.load(str(aligned.parent / "raw"))
    assert found.identities == raw.identities
    assert found.report == {"raw files left out: not a picture": 1}
    assert found.count("train", "photo") == raw.count("train", "photo") - 1  # the bad one
    sample = found.splits["train"][0]
    assert found.load(sample).shape == (96, 96, 3)
    prepared = prepare(found, 80, progress=False)
    assert (prepared.root, prepared.image_size) == (aligned / "records", 96)


def test_each_split_reads_its_own_records_with_its_own_labels(aligned: Path):
    """All shards are read; what belongs to another split, or to none, stays out."""
    dataset = folder.load(str(aligned))
    prepared = prepare(dataset, 96, progress=False)
    for split in ("train", "validation"):
        wanted = {s.path: dataset.identities.index(s.identity) for s in dataset.splits[split]}
        found = {}
        for batch in evaluation_batches(prepared, split, 3):
            labels = batch["label"].numpy().tolist()
            found.update(zip([p.decode() for p in batch["path"].numpy()], labels))
        assert found == wanted
        assert prepared.count(split) == len(wanted)
        assert sum(1 for _ in split_records(prepared, split)) == len(wanted)


def test_training_batches_come_at_the_network_s_size(aligned: Path):
    """Crops of 96-pixel records, at 80; every image of the split once."""
    prepared = prepare(folder.load(str(aligned)), 80, progress=False)
    batches = training_batches(
        prepared, 2, epoch=0, seed=0, augmentation=Augmentation(), image_size=80
    )
    labels, drawn = [], []
    for batch in batches:
        assert batch.images.shape == (2, 80, 80, 3)
        labels += batch.labels.numpy().tolist()
        drawn += batch.is_caricature.numpy().tolist()
    assert set(labels) == {0, 1}
    assert sum(drawn) == prepared.count("train", ["caricature"])


def test_a_run_on_them_is_asked_at_their_size_about_faces_cut_out_alike(
    aligned: Path, tmp_path: Path
):
    raw, faces = aligned.parent / "raw", tmp_path / "faces"
    settings = AlignConfig(image_size=96, align="box", margin=0.3)
    align_folder(raw, faces, settings, progress=False)
    dataset = folder.load(str(faces))
    prepared = prepare(dataset, 80, progress=False)
    config = small_config(data_dir=str(faces), epochs=1, batch_size=2)
    Trainer(config, prepared, tmp_path / "run").fit(progress=False)
    matcher = load_matcher(str(tmp_path / "run"), {})
    assert (config.data.prepared_size, matcher.side) == (80, 96)
    branch = verification_branch(matcher)
    assert branch.endpoints["serving_default"].inputs[0].shape[1:] == (96, 96, 3)
    export(matcher, NO_THRESHOLDS, tmp_path / "exports")
    path = dataset.splits["train"][0].path
    for place in ("run", "exports"):
        model = load_model(tmp_path / place, align=True)
        face = model.face(raw / path, path.split("/")[0]).astype(float)
        assert np.abs(face - dataset.records.load(path)).mean() < 4  # the record is a JPEG
    assert matcher.on_other_crops(prepared) == []
    others = prepare(folder.load(str(aligned)), 80, progress=False)
    (note,) = matcher.on_other_crops(others)
    assert "these images are cari-align's (similarity, margin 0.6)" in note.lower()
    (note,) = matcher.on_other_crops(prepare(folder.load(str(raw)), 80, progress=False))
    assert "are whole pictures, and the network was trained on cari-align's (box" in note
    drawn = replace(prepared, aligned={**prepared.aligned, "whole": "caricature"})
    (note,) = matcher.on_other_crops(drawn)
    assert "cari-align's (box, margin 0.3; caricatures whole)" in note


def test_without_a_crop_the_whole_record_is_shrunk(aligned: Path):
    """With all changes off, training and evaluation see the same faces at two sizes."""
    prepared = prepare(folder.load(str(aligned)), 80, progress=False)
    off = Augmentation(flip=False, crop=1.0, color=0.0, greyscale=0.0)
    settings = {"epoch": 0, "seed": 0, "augmentation": off}
    small = next(iter(training_batches(prepared, 2, image_size=80, **settings)))
    large = next(iter(training_batches(prepared, 2, **settings)))
    assert (small.images.shape[1], large.images.shape[1]) == (80, 96)
    import tensorflow as tf

    again = tf.image.resize(large.images, [80, 80], antialias=True).numpy()
    difference = np.abs(again - small.images.numpy()).mean()
    assert difference < 0.1


def cavi_tree(root: Path) -> Path:
    lines = []
    for person, name in enumerate(("Ann", "Bob")):
        for number in range(3):
            for kind, modality in (("Real", "photo"), ("Caricature", "caricature")):
                path = root / "CaVI_Dataset" / kind / name / f"Pic{number}.png"
                write(path, face(modality, person, number))
        low = name.lower()
        lines.append(f"{low} Caricature/{low}\\pic0.png {low} Real/{low}\\pic0.png 1")
    (root / "train-test-files").mkdir()
    (root / "train-test-files" / "validation.txt").write_text("\n".join(lines))
    (root / "train-test-files" / "testing_1.txt").write_text(lines[0].replace("pic0", "pic1"))
    return root


def test_cavi_keeps_its_protocol(tmp_path: Path):
    """The lists come along; splits, pairs and names are the raw folder's."""
    raw = cavi_tree(tmp_path / "raw")
    align_folder(raw, tmp_path / "out", AlignConfig(image_size=80), progress=False)
    plain, found = cavi.load(str(raw)), cavi.load(str(tmp_path / "out"))
    assert found.identities == plain.identities
    assert found.pairs == plain.pairs
    for split, samples in plain.splits.items():
        assert [s.path for s in found.splits[split]] == [s.path for s in samples]
    shutil.rmtree(raw)
    assert cavi.load(str(tmp_path / "out")).load(found.splits["train"][0]).shape == (80, 80, 3)


def test_what_is_not_whole_is_refused(aligned: Path, tmp_path: Path):
    """Unfinished, damaged, of another version, or of another layout than CaVI's."""
    out = tmp_path / "out"
    shutil.copytree(aligned, out)
    with pytest.raises(DatasetError, match="aligned from a folder of layout modalities, not cavi"):
        cavi.load(str(out))
    index = out / "dataset.json"
    content = json.loads(index.read_text())
    for text, message in (
        ("{", "damaged"),
        ("{}", "damaged"),
        (json.dumps({**content, "schema_version": 99}), "has another version, 99"),
    ):
        index.write_text(text)
        with pytest.raises(DatasetError, match=message):
            folder.load(str(out))
    index.write_text(json.dumps(content))
    for shard in sorted((out / "records").iterdir()):
        whole = shard.read_bytes()
        for cut in (1, 40, len(whole)):
            shard.write_bytes(whole[:-cut])
            with pytest.raises(DatasetError, match=rf"{shard.name}: missing or cut short; copy it"):
                folder.load(str(out))
        shard.write_bytes(b"\xff" * len(whole))  # lengths that no memory holds
        with pytest.raises(DatasetError, match=rf"{shard.name}: missing or cut short; copy it"):
            folder.load(str(out))
        shard.write_bytes(whole)
    folder.load(str(out))
    manifest = out / "manifest.csv"
    whole = manifest.read_bytes()
    last_row = len(whole) - whole[:-1].rindex(b"\n") - 1
    for cut in range(1, last_row + 1):
        manifest.write_bytes(whole[:-cut])
        with pytest.raises(AlignError, match=r"damaged .*; remove it and dataset\.json"):
            folder.load(str(out))
    manifest.unlink()
    shutil.rmtree(out / "records")
    index.unlink()
    with pytest.raises(DatasetError, match="not finished; run cari-align on it again"):
        folder.load(str(out))
