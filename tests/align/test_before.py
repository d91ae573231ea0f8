"""Datasets whose faces are cut out before they are read."""

from dataclasses import replace

import pytest

import cari_keras.align.before as before
from cari_keras.align.before import faces_of, load_faces, load_faces_below
from cari_keras.align.config import FILLING
from cari_keras.align.journal import Journal
from cari_keras.data.prepare import prepare
from cari_keras.errors import ConfigError, DatasetError
from cari_keras.vocabulary import MODALITIES
from tests.helpers.faces import write_modalities
from tests.helpers.runs import small_config


def asked(tmp_path, **values):
    return small_config(align=True, cache_dir=str(tmp_path / "cache"), **values)


def test_workers_of_one_run_do_not_cut_out_the_same_faces(tmp_path):
    with pytest.raises(ConfigError, match="run cari-align"):
        asked(tmp_path, distribute="multiworker")


def test_only_raw_pictures_are_aligned(tmp_path):
    assert faces_of(small_config(data_dir=str(tmp_path))) is None
    assert faces_of(asked(tmp_path)) is None
    (tmp_path / "aligned").mkdir()
    (tmp_path / "aligned" / "manifest.csv").touch()
    assert faces_of(asked(tmp_path, data_dir=str(tmp_path / "aligned"))) is None
    place = faces_of(asked(tmp_path, data_dir=str(tmp_path)))
    assert place is not None
    assert place.parent == tmp_path / "cache" / "faces"


def test_a_folder_that_is_no_dataset_is_refused_before_faces_are_looked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(before, "align_folder", None)
    with pytest.raises(DatasetError, match="no such folder"):
        load_faces(asked(tmp_path, data_dir=str(tmp_path / "nowhere")))


@pytest.mark.slow
def test_faces_are_cut_out_once(tmp_path, monkeypatch):
    write_modalities(tmp_path / "raw")
    config = asked(tmp_path, data_dir=str(tmp_path / "raw"))
    first = load_faces(config, workers=1)
    assert first.records is not None
    assert FILLING.items() <= first.records.settings.items()

    monkeypatch.setattr(before, "align_folder", None)
    again = load_faces(config)
    assert again.fingerprint == first.fingerprint
    assert not load_faces(config.with_values({"align": False})).records


@pytest.mark.slow
def test_whole_pictures_of_the_training_faces_are_beside_them(tmp_path):
    write_modalities(tmp_path / "raw")
    config = asked(tmp_path, data_dir=str(tmp_path / "raw"), whole_pictures=True)
    faces = load_faces(config, training=True, workers=1)
    assert faces.beside is not None
    assert faces.beside.records is None
    assert set(faces.beside.splits) == {"train"}
    trained_on = {sample.path for sample in faces.splits["train"]}
    assert {sample.path for sample in faces.beside.splits["train"]} == trained_on
    assert load_faces(config).beside is None  # as evaluation reads it
    other = replace(faces, splits={"train": faces.splits["train"][:1]})
    (alone,) = before._training_images(faces.beside, other, MODALITIES).splits["train"]
    assert alone.path == faces.splits["train"][0].path


@pytest.mark.slow
def test_caricatures_are_judged_whole_on_request(tmp_path):
    write_modalities(tmp_path / "raw", people=3, images=3)
    data = {"data_dir": str(tmp_path / "raw"), "whole_caricatures": True}
    config = asked(tmp_path, **data)
    faces = load_faces(config, training=True, workers=1)
    assert {sample.modality for sample in faces.beside.splits["train"]} == {"caricature"}
    judged = load_faces(config)
    assert judged.beside is None
    for dataset in (judged, load_faces_below(config, tmp_path / "raw")):
        ((split, samples),) = [kv for kv in dataset.splits.items() if kv[0] != "train"]
        prepared = prepare(dataset, 64, cache_dir=tmp_path, progress=False)
        assert prepared.aligned == {**dataset.records.settings, "whole": "caricature"}
        assert prepared.count(split) == len(samples)
        for sample in samples:
            own = dataset.load(sample).shape == (200, 200, 3)  # the raw pictures' size
            assert own == (sample.modality == "caricature")
    held = config.with_values({"unseen_fold": "1/3", "whole_pictures": True})
    unseen = load_faces(held)
    prepared = prepare(unseen, 64, cache_dir=tmp_path, progress=False)
    assert prepared.aligned["whole"] == "caricature"
    assert prepared.count("unseen", ["caricature"]) == 3
    assert set(prepared.of("unseen").label.tolist()) == {len(unseen.identities)}


@pytest.mark.slow
def test_a_call_waits_while_another_process_finds_the_same_faces(tmp_path, monkeypatch, capsys):
    write_modalities(tmp_path / "raw")
    config = asked(tmp_path, data_dir=str(tmp_path / "raw"))
    place = faces_of(config)
    place.mkdir(parents=True)
    other = Journal(place)
    monkeypatch.setattr(before.time, "sleep", lambda _: other.close())
    assert load_faces(config, workers=1, progress=True).records is not None
    assert capsys.readouterr().err.count("waiting for another process that finds the faces of") == 1


@pytest.mark.slow
def test_faces_of_another_collection_are_cut_out_likewise(tmp_path):
    write_modalities(tmp_path / "other")
    whole = load_faces_below(small_config(), tmp_path / "other")
    assert whole.records is None
    faces = load_faces_below(asked(tmp_path), tmp_path / "other")
    assert faces.records is not None
    assert FILLING.items() <= faces.records.settings.items()
    assert faces.people == whole.people
