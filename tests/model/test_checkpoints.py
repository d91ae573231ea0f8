"""Checkpoints: round trip, damage, other networks."""

import json

import numpy as np
import pytest
import tensorflow as tf

from cari_keras.errors import CheckpointError
from cari_keras.model.checkpoints import assign, load_checkpoint, save_checkpoint

ARRAYS = {"a/kernel": np.arange(6.0, dtype=np.float32).reshape(2, 3), "n": np.int64(7)}


def test_round_trip(tmp_path):
    save_checkpoint(tmp_path / "c", ARRAYS, {"epoch": 3})
    arrays, meta = load_checkpoint(tmp_path / "c")
    assert meta["epoch"] == 3
    assert set(arrays) == set(ARRAYS)
    for name, value in ARRAYS.items():
        np.testing.assert_array_equal(arrays[name], value)
        assert arrays[name].dtype == value.dtype


def test_saving_again_replaces(tmp_path):
    save_checkpoint(tmp_path / "c", ARRAYS)
    save_checkpoint(tmp_path / "c", {"b": np.zeros(1)})
    assert list(load_checkpoint(tmp_path / "c")[0]) == ["b"]


def test_a_changed_byte_is_refused(tmp_path):
    save_checkpoint(tmp_path / "c", ARRAYS)
    path = tmp_path / "c" / "arrays.npz"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(CheckpointError, match="recorded hash"):
        load_checkpoint(tmp_path / "c")


@pytest.mark.parametrize("damage", ["missing", "no meta", "meta is no json", "meta is a list"])
def test_damage_is_one_clear_error(tmp_path, damage):
    folder = tmp_path / "c"
    if damage != "missing":
        save_checkpoint(folder, ARRAYS)
    if damage == "no meta":
        (folder / "checkpoint.json").unlink()
    elif damage == "meta is no json":
        (folder / "checkpoint.json").write_text("{")
    elif damage == "meta is a list":
        (folder / "checkpoint.json").write_text("[]")
    with pytest.raises(CheckpointError, match="not a readable checkpoint") as caught:
        load_checkpoint(folder)
    assert str(folder) in str(caught.value)


def test_pickles_are_not_loaded(tmp_path):
    folder = tmp_path / "c"
    save_checkpoint(folder, ARRAYS)
    np.savez(folder / "arrays.npz", evil=np.array([{"a": 1}], dtype=object))
    from cari_keras.files import sha256_of_file

    meta = {"sha256": sha256_of_file(folder / "arrays.npz")}
    (folder / "checkpoint.json").write_text(json.dumps(meta))
    with pytest.raises(CheckpointError):
        load_checkpoint(folder)


def test_assign_wants_exactly_the_same_names_and_shapes():
    variables = {"a": tf.Variable([0.0]), "b": tf.Variable([[0.0]])}
    good = {"a": np.ones(1, np.float32), "b": np.ones((1, 1), np.float32)}
    for bad, words in (
        ({"a": good["a"]}, "1 arrays missing, 0 left over, for example b"),
        ({**good, "c": good["a"]}, "0 arrays missing, 1 left over, for example c"),
        ({**good, "b": good["a"]}, r"b has shape \(1,\), expected \(1, 1\)"),
    ):
        with pytest.raises(CheckpointError, match=words):
            assign(variables, bad, "file")
        assert float(variables["a"][0]) == 0.0  # nothing was assigned
    assign(variables, good, "file")
    assert float(variables["b"][0, 0]) == 1.0
