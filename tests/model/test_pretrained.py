"""The public weights: refused unless they are the pinned file, read as arrays, kept once."""

import tarfile

import h5py
import numpy as np
import pytest

from cari_keras.errors import PretrainedError
from cari_keras.files import sha256_of_file
from cari_keras.model import pretrained, transfer
from cari_keras.model.checkpoints import load_checkpoint
from cari_keras.model.pretrained import extract_weights, import_facenet, read_facenet
from cari_keras.model.transfer import load_source


@pytest.fixture
def weights_file(tmp_path):
    """A small file in the layout of the original, with a Lambda layer's name in its config."""
    path = tmp_path / "facenet_keras.h5"
    with h5py.File(path, "w") as out:
        out.attrs["model_config"] = '{"class_name": "Lambda"}'
        for layer, weight in (("Conv2d_1a_3x3", "kernel"), ("Conv2d_1a_3x3_BatchNorm", "beta")):
            out[f"model_weights/{layer}/{layer}/{weight}:0"] = np.full((2, 3), 0.5, np.float32)
    return path


@pytest.fixture
def pinned(weights_file, monkeypatch):
    monkeypatch.setattr(pretrained, "FILE_SHA256", sha256_of_file(weights_file))
    monkeypatch.setattr(read_facenet, "__defaults__", (sha256_of_file(weights_file),))
    return weights_file


def test_another_file_is_refused_before_it_is_opened(weights_file):
    with pytest.raises(PretrainedError, match=r"facenet_keras\.h5: refused, its SHA-256 is"):
        read_facenet(weights_file)
    with pytest.raises(PretrainedError, match="refused"):
        import_facenet(weights_file)


def test_arrays_are_named_by_layer_and_weight(weights_file):
    arrays = read_facenet(weights_file, sha256_of_file(weights_file))
    assert set(arrays) == {"Conv2d_1a_3x3/kernel", "Conv2d_1a_3x3_BatchNorm/beta"}
    np.testing.assert_array_equal(arrays["Conv2d_1a_3x3/kernel"], np.full((2, 3), 0.5))


def test_an_unexpected_layout_is_refused(tmp_path):
    path = tmp_path / "other.h5"
    with h5py.File(path, "w") as out:
        out["model_weights/a/b/kernel:0"] = np.zeros(2)
    with pytest.raises(PretrainedError, match="unexpected array a/b/kernel:0"):
        read_facenet(path, sha256_of_file(path))


def test_from_a_file_or_its_archive_and_only_once(pinned, tmp_path, monkeypatch):
    folder = import_facenet(pinned)
    arrays, meta = load_checkpoint(folder)
    assert set(arrays) == {"Conv2d_1a_3x3/kernel", "Conv2d_1a_3x3_BatchNorm/beta"}
    assert meta["file"] == sha256_of_file(pinned)
    assert import_facenet() == folder  # at once, without a network

    (folder / "arrays.npz").write_bytes(b"damaged")
    asked = []
    monkeypatch.setattr(pretrained, "fetch_archive", lambda _, **how: asked.append(how) or pinned)
    monkeypatch.setattr(transfer, "FILE_SHA256", sha256_of_file(pinned))
    assert set(load_source("facenet").arrays) == set(arrays)  # fetched anew, and told
    assert set(load_source("facenet").arrays) == set(arrays)
    assert asked == [{"progress": None}]
    assert set(load_checkpoint(folder)[0]) == set(arrays)

    archive = tmp_path / "archive.tar.gz"
    with tarfile.open(archive, "w:gz") as out:
        out.add(pinned, pretrained.MEMBER)
    monkeypatch.setenv("CARI_KERAS_CACHE", str(tmp_path / "other cache"))
    with pytest.raises(PretrainedError, match=r"archive\.tar\.gz: refused"):
        import_facenet(archive)
    monkeypatch.setattr(extract_weights, "__defaults__", (sha256_of_file(archive),))
    assert import_facenet(archive) != folder


def test_an_archive_without_the_file(tmp_path):
    archive = tmp_path / "archive.tar.gz"
    (tmp_path / "readme").write_text("nothing")
    with tarfile.open(archive, "w:gz") as out:
        out.add(tmp_path / "readme", "readme")
    with pytest.raises(PretrainedError, match="cannot be read from it"):
        extract_weights(archive, tmp_path, sha256_of_file(archive))


def test_a_missing_file(tmp_path):
    with pytest.raises(PretrainedError, match="nowhere: no such file"):
        import_facenet(tmp_path / "nowhere")


def test_what_pip_tells_becomes_a_bar(capsys):
    """In bytes, of the size that pip names; lines of other kinds are passed over."""
    lines = ["Collecting x\n", "Progress 0 of 2000000\n", "Progress 2000000 of 2000000\n", "Saved"]
    pretrained._show_progress(lines, shown=True)
    assert "2,000,000 of 2,000,000 B" in capsys.readouterr().err
    pretrained._show_progress(lines, shown=False)
    assert capsys.readouterr().err == ""


def test_without_a_network_the_way_out_is_named():
    with pytest.raises(PretrainedError, match="here `cari-pretrained --from` that file"):
        import_facenet()
