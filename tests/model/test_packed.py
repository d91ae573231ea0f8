"""Weights in 8 bits."""

import numpy as np
import pytest

from cari_keras.errors import CheckpointError
from cari_keras.model.checkpoints import ARRAYS, load_checkpoint, save_checkpoint
from cari_keras.model.packed import LEAST, SCALE, pack, unpack


def some_arrays():
    rng = np.random.default_rng(0)
    kernel = rng.normal(size=(3, 3, 32, 64)).astype(np.float32)
    kernel[..., 1] *= 1000.0  # a channel of another size
    kernel[..., 2] = 0.0
    return {
        "conv/kernel": kernel,
        "norm/gamma": rng.normal(size=64).astype(np.float32),
        "small/kernel": rng.normal(size=(4, LEAST // 4 - 1)).astype(np.float32),
    }


def test_each_channel_is_within_half_a_step_of_its_own():
    arrays = some_arrays()
    packed = pack(arrays)
    assert packed["conv/kernel"].dtype == np.int8
    found = unpack(packed)
    assert set(found) == set(arrays)
    for channel in range(64):
        before, after = (one["conv/kernel"][..., channel] for one in (arrays, found))
        assert np.abs(before - after).max() <= np.abs(before).max() / 127.0 * 0.5001
    assert found["conv/kernel"].dtype == np.float32
    assert not found["conv/kernel"][..., 2].any()


def test_what_is_small_stays_as_it_is():
    arrays = some_arrays()
    found = unpack(pack(arrays))
    for name in ("norm/gamma", "small/kernel"):
        np.testing.assert_array_equal(found[name], arrays[name])


def test_packing_what_was_packed_changes_nothing():
    once = unpack(pack(some_arrays()))
    twice = unpack(pack(once))
    for name, array in once.items():
        np.testing.assert_allclose(twice[name], array, rtol=1e-6)


def test_a_packed_checkpoint_reads_as_any_other(tmp_path):
    arrays = some_arrays()
    save_checkpoint(tmp_path / "plain", arrays, {"epoch": 3})
    save_checkpoint(tmp_path / "packed", arrays, {"epoch": 3}, packed=True)
    found, meta = load_checkpoint(tmp_path / "packed")
    assert meta["epoch"] == 3
    for name, array in unpack(pack(arrays)).items():
        np.testing.assert_array_equal(found[name], array)
    plain, packed = ((tmp_path / name / ARRAYS).stat().st_size for name in ("plain", "packed"))
    assert packed < 0.4 * plain


def test_the_same_arrays_make_the_same_file(tmp_path):
    first, second = (
        save_checkpoint(tmp_path / name, some_arrays(), packed=True) for name in ("a", "b")
    )
    assert first == second


def test_scales_that_are_missing_or_of_other_channels_are_damage(tmp_path, monkeypatch):
    packed = pack(some_arrays())
    monkeypatch.setattr("cari_keras.model.checkpoints.pack", lambda arrays: arrays)
    scale = packed.pop("conv/kernel" + SCALE)
    save_checkpoint(tmp_path / "missing", packed, packed=True)
    save_checkpoint(tmp_path / "other", {**packed, "conv/kernel" + SCALE: scale[:3]}, packed=True)
    for name in ("missing", "other"):
        with pytest.raises(CheckpointError, match="not a readable checkpoint"):
            load_checkpoint(tmp_path / name)
