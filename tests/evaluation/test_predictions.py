"""Answers are kept by the hash of the network and of the images."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from cari_keras.evaluation.predictions import Predictions, digest_of, kept
from cari_keras.images.encode import to_jpeg
from cari_keras.records.shards import write_shard
from tests.helpers.disks import no_room


class Counting:
    """A network that counts how often it is asked."""

    def __init__(self, answers):
        self.answers, self.times = answers, 0

    def __call__(self):
        self.times += 1
        return self.answers


@pytest.fixture
def answers():
    return Predictions(
        ["a/ü.png", "b"],
        np.array([1, 0]),
        np.array([True, False]),
        {"embedding": np.eye(2, dtype=np.float32), "logits_photo": np.ones((2, 3), np.float32)},
    )


def equal(left, right):
    assert list(left.paths) == list(right.paths)
    np.testing.assert_array_equal(left.labels, right.labels)
    np.testing.assert_array_equal(left.is_caricature, right.is_caricature)
    assert set(left.outputs) == set(right.outputs)
    for name in left.outputs:
        np.testing.assert_array_equal(left.outputs[name], right.outputs[name])


def test_the_network_is_asked_once(prepared, answers, tmp_path):
    network = Counting(answers)
    for _ in range(3):
        equal(kept(tmp_path, {"weights": "x"}, prepared, "validation", network), answers)
    assert network.times == 1


def test_other_weights_views_images_are_asked_again(prepared, answers, tmp_path):
    network = Counting(answers)
    kept(tmp_path, {"weights": "x", "flip": False}, prepared, "validation", network)
    kept(tmp_path, {"weights": "y", "flip": False}, prepared, "validation", network)
    kept(tmp_path, {"weights": "x", "flip": True}, prepared, "validation", network)
    kept(tmp_path, {"weights": "x", "flip": False}, prepared, "train", network)
    assert network.times == 4


def test_the_digest_is_of_the_images_bytes(prepared, tmp_path):
    first = digest_of(prepared, "validation")
    assert first != digest_of(prepared, "train")
    shutil.copytree(prepared.root, tmp_path / "moved")
    places = {
        split: {
            modality: replace(
                of, files=tuple(str(tmp_path / "moved" / Path(f).name) for f in of.files)
            )
            for modality, of in there.items()
        }
        for split, there in prepared.places.items()
    }
    moved = replace(prepared, places=places)
    assert digest_of(moved, "validation") == first
    (shard,) = moved.of("validation", ["photo"]).files
    records = [record.numpy() for record in tf.data.TFRecordDataset(shard)]
    example = tf.train.Example.FromString(records[0])
    example.features.feature["image"].bytes_list.value[0] = to_jpeg(np.zeros((80, 80, 3), np.uint8))
    # The same names and labels, one other image.
    offsets = write_shard(Path(shard), [example.SerializeToString(), *records[1:]])
    of = replace(places["validation"]["photo"], offset=np.array([o for o, _ in offsets]))
    places["validation"] = {**places["validation"], "photo": of}
    assert digest_of(moved, "validation") != first


@pytest.mark.parametrize("bytes_left", [0, 100])
def test_a_damaged_file_is_asked_again(bytes_left, prepared, answers, tmp_path):
    network = Counting(answers)
    kept(tmp_path, {}, prepared, "validation", network)
    (path,) = tmp_path.glob("*.npz")
    path.write_bytes(path.read_bytes()[:bytes_left])
    equal(kept(tmp_path, {}, prepared, "validation", network), answers)
    assert network.times == 2


def test_some_rows(answers):
    part = answers.only(np.array([False, True]))
    assert part.paths == ["b"]
    assert part.outputs["embedding"].tolist() == [[0.0, 1.0]]


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_a_cache_that_cannot_be_written_costs_no_answers(prepared, answers, tmp_path):
    (tmp_path / "file").touch()
    network = Counting(answers)
    equal(kept(tmp_path / "file", {"weights": "x"}, prepared, "validation", network), answers)
    with no_room(64):
        equal(kept(tmp_path, {"weights": "x"}, prepared, "validation", network), answers)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
