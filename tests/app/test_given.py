"""What the page is given: a gallery or a folder to search, and pictures of known people."""

from pathlib import Path

import pytest

from cari_keras.app.given import Portrayed, no_portraits, open_faces, portraits_of
from cari_keras.data import folder
from cari_keras.errors import GalleryError
from cari_keras.files import user_cache_dir, write_json
from cari_keras.images.decode import decode_image
from cari_keras.saved import CONFIG
from tests.helpers.faces import write
from tests.helpers.pages import PageModel, pattern
from tests.helpers.runs import small_config


def test_a_folder_is_searched_and_kept_as_a_gallery(tmp_path, capsys):
    pytest.importorskip("lancedb")
    model = PageModel()
    for person in range(3):
        write(tmp_path / "in" / f"p{person}" / "0.png", pattern(person))
    (tmp_path / "in" / "p0" / "text.png").write_text("no picture")
    gallery = open_faces(tmp_path / "in", model)
    told = capsys.readouterr().err
    assert "left out: " in told
    assert "text.png" in told
    assert f"{tmp_path / 'in'}: 3 faces to search" in told
    assert gallery.path.is_relative_to(user_cache_dir())
    assert {row.identity for row in gallery.rows()} == {"p0", "p1", "p2"}
    (tmp_path / "in" / "p1" / "0.png").unlink()
    looked_at = model.looked_at
    assert {row.identity for row in open_faces(tmp_path / "in", model).rows()} == {"p0", "p2"}
    assert model.looked_at <= looked_at + 1  # at the file that is no picture, if at all
    assert len(open_faces(gallery.path, model)) == 2  # it is a gallery like any other
    (tmp_path / "link").symlink_to(tmp_path / "in")
    assert len(open_faces(tmp_path / "link", model)) == 2  # not once more by another name


def test_what_cannot_be_searched_is_named(tmp_path):
    pytest.importorskip("lancedb")
    with pytest.raises(GalleryError, match="nowhere: neither a gallery with faces nor"):
        open_faces(tmp_path / "nowhere", PageModel())
    with pytest.raises(GalleryError, match="s3://faces: a gallery is a folder whose"):
        open_faces(Path("s3://faces"), PageModel())
    (tmp_path / "blank").mkdir()
    (tmp_path / "blank" / "text.png").write_text("no picture")
    with pytest.raises(GalleryError, match="blank: neither a gallery nor a folder of pictures"):
        open_faces(tmp_path / "blank", PageModel())


def test_people_whom_a_run_names_have_their_pictures(folder_dataset, tmp_path):
    model = PageModel()
    config = small_config(data_dir=str(folder_dataset))
    write_json(tmp_path / CONFIG, config.to_dict())
    portraits = portraits_of(tmp_path, None, model)
    people = folder.load(str(folder_dataset)).identities
    for name in people:
        assert decode_image(portraits(name)).ndim == 3
    assert portraits("somebody else") is None
    assert portraits_of(tmp_path, str(tmp_path / "moved"), model) is no_portraits
    assert portraits_of(tmp_path / "exports", None, model) is no_portraits


def test_a_photo_goes_before_a_caricature(folder_dataset):
    dataset = folder.load(str(folder_dataset))
    seen = []

    class Watching(PageModel):
        def face(self, image, modality="photo"):
            seen.append(modality)
            return super().face(image, modality)

    Portrayed(dataset, Watching())(dataset.identities[0])
    assert seen == ["photo"]
