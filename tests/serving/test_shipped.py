"""The network that comes with the package, as it answers."""

import json

import numpy as np
import pytest

from cari_keras import load_model
from cari_keras.model.checkpoints import load_checkpoint
from cari_keras.saved import IDENTITIES
from cari_keras.shipped import shipped_run
from tests.helpers.commands import run_command
from tests.helpers.faces import face, write


def size_of(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_it_is_small_and_whole():
    folder = shipped_run()
    assert size_of(folder) <= 25e6
    arrays, meta = load_checkpoint(folder / "best")
    assert all(np.isfinite(array).all() for array in arrays.values())
    assert meta["aligned"] == {"align": "similarity", "margin": 0.2}
    card = (folder / "README.md").read_text(encoding="utf-8")
    for heading in ("## Trained on", "## Figures", "## Use", "## Licence"):
        assert heading in card
    assert len(json.loads((folder / IDENTITIES).read_text(encoding="utf-8"))) == 195


@pytest.fixture(scope="module")
def model():
    return load_model()


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    folder = tmp_path_factory.mktemp("faces")
    for kind in ("photo", "caricature"):
        write(folder / f"{kind}.png", face(kind, 0, 0))
    write(folder / "another.png", face("photo", 1, 0))
    return folder


@pytest.mark.slow
def test_it_decides_between_all_that_it_has_thresholds_for(model, faces):
    photo = faces / "photo.png"
    for other, modality in (("caricature.png", "caricature"), ("another.png", "photo")):
        answer = model.verify(photo, faces / other, modality=modality)
        assert answer.same in (True, False)
        assert 0 < answer.probability < 1
        assert 0 < answer.far < 0.2
        assert "had not seen them" in answer.measured_on
    assert model.verify(photo, photo, modality="photo").same is True


@pytest.mark.slow
def test_it_finds_faces_unless_told_not_to(model, faces):
    found = model.embed([faces / "photo.png"])
    whole = load_model(align=False).embed([faces / "photo.png"])
    np.testing.assert_allclose(np.linalg.norm([found, whole], axis=-1), 1.0, atol=1e-5)
    assert not np.allclose(found, whole, atol=1e-3)


@pytest.mark.slow
def test_the_commands_take_it_where_no_network_is_named(faces, tmp_path):
    result = run_command("export", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "for research only" in result.stderr
    result = run_command("verify", faces / "photo.png", faces / "caricature.png", "--json")
    assert result.returncode == 0, result.stderr
    assert "for research only" not in result.stderr  # said once
    assert json.loads(result.stdout)["same"] in (True, False)
    (tmp_path / "gallery").mkdir()
    write(tmp_path / "gallery" / "0.png", face("photo", 0, 1))
    result = run_command("search", tmp_path / "gallery", faces / "photo.png")
    assert result.returncode == 0, result.stderr
    assert result.stdout.endswith("0.png\n")
    for images in ([faces / "photo.png"], [faces / "photo.png", faces / "another.png"]):
        result = run_command("identify", *images, "--json")
        assert result.returncode == 0, result.stderr
        answers = [json.loads(line) for line in result.stdout.splitlines()]
        assert [answer["image"] for answer in answers] == [str(image) for image in images]
        assert all(answer["known"] is False for answer in answers)  # people who do not exist
    assert (tmp_path / "saved_models" / "verification" / "1" / "saved_model.pb").is_file()
    exported = load_model(tmp_path / "saved_models", align=False)
    whole = load_model(align=False)
    photo = faces / "photo.png"
    np.testing.assert_allclose(exported.embed(photo), whole.embed(photo), atol=1e-4)
