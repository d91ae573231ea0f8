"""A search in a folder: whom it leaves out, and the picture of what it found."""

import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from cari_keras.cli import search as command
from cari_keras.cli import verify as verification
from cari_keras.errors import ConfigError, DatasetError, ImageError
from cari_keras.files import user_cache_dir
from cari_keras.images.captions import LEAST_WIDTH, fitted
from cari_keras.images.decode import RefusedError, decode_image
from cari_keras.serving.answers import Verification
from cari_keras.serving.captions import verdict_lines
from cari_keras.serving.search import Gallery, centred_on, open_gallery, same_picture, verdicts
from tests.helpers.commands import next_command
from tests.helpers.pictures import write_image


@pytest.fixture
def people(tmp_path):
    """Six pictures of two people, and copies of one of them."""
    for k, name in enumerate(("ann", "ben")):
        for number in range(3):
            write_image(tmp_path / name / f"{number}.png", (60 + 50 * k,) * 3, seed=10 * k + number)
    shutil.copy(tmp_path / "ann" / "0.png", tmp_path / "ben" / "copy.png")
    (tmp_path / "ben" / "link.png").symlink_to(tmp_path / "ann" / "0.png")
    os.link(tmp_path / "ann" / "0.png", tmp_path / "ben" / "hard.png")
    return tmp_path


class _Model:
    """Compares mean brightness; has a threshold for a photo and a caricature."""

    key, size, lacks = "mean", 8, ""

    def face(self, path, modality="photo"):
        image = decode_image(path.read_bytes() if hasattr(path, "read_bytes") else _bytes(path))
        return np.full((8, 8, 3), image.mean(), np.uint8)

    def embed_faces(self, faces):
        angle = faces.reshape(len(faces), -1)[:, 0].astype(np.float32) / 255
        return np.stack([np.cos(angle), np.sin(angle)], axis=1)

    def verifies(self, modality):
        return modality == "caricature"

    def verify_faces(self, photos, others, *, modality):
        return [Verification(bool((p <= o).all()), 0.1, 0.2, 0.0) for p, o in zip(photos, others)]


def _bytes(path):
    with open(path, "rb") as stream:  # noqa: PTH123
        return stream.read()


def test_the_query_itself_is_left_out(people, monkeypatch, capsys):
    query = people / "ann" / "0.png"
    names = [str(p) for p in sorted(people.glob("*/*.png"))]
    copies = {str(people / place) for place in ("ann/0.png", *_COPIES)}
    assert same_picture(query, names) == copies
    assert same_picture(people / "nowhere.png", names) == set()

    monkeypatch.setattr(command, "open_given", lambda given: _Model())
    asked = ["run", str(people), str(query), "--quiet", "--top", "9"]
    assert command.main(asked) == 0
    printed = capsys.readouterr()
    found = {line.split("  ")[1] for line in printed.out.splitlines()}
    assert found == set(names) - copies
    assert printed.err.count(": it is IMAGE itself; --include-query lists it too") == 4
    assert command.main([*asked, "--include-query"]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert {line.split("  ")[1] for line in printed.out.splitlines()} == set(names)


@pytest.mark.parametrize("modality", ["photo", "caricature"])
def test_a_first_search_names_the_question_that_follows(modality, tmp_path, monkeypatch, capsys):
    """Whether the nearest shows the person; a search of the same gallery says it no more."""
    for kind in ("photo", "caricature"):
        for person in range(2):
            place = tmp_path / "faces" / kind / str(person) / "it's.png"
            write_image(place, (60 + 50 * person,) * 3, seed=person)
    monkeypatch.setattr(command, "open_given", lambda given: _Model())
    monkeypatch.chdir(tmp_path)
    query = Path("faces") / modality / "0" / "it's.png"
    other = "caricature" if modality == "photo" else "photo"
    flags = ["--no-align", "--data-dir", "my data", "--modality", modality]
    asked = ["run", f"faces/{other}", str(query), *flags, "--top", "1", "--include-query"]
    for quiet in (["--quiet"], ["--json"]):
        assert command.main([*asked[:1], "faces", *asked[2:], *quiet]) == 0
        assert "Next" not in "".join(capsys.readouterr())
        shutil.rmtree(user_cache_dir())
    assert command.main(asked) == 0
    printed = capsys.readouterr()
    assert len(printed.out.splitlines()) == 1
    words = next_command(printed.err)
    assert words[-2:] == ["--modality", "caricature"]
    assert command.main(asked) == 0
    assert "Next" not in capsys.readouterr().err

    seen = []

    def verify(photo, drawing, **_):
        seen.extend([Path(photo), Path(drawing)])
        return Verification(True, 0.1, 0.2, 0.0)

    def opened(given):
        assert (given.run, given.align, given.data_dir) == ("run", False, "my data")
        return SimpleNamespace(verify=verify)

    monkeypatch.setattr(verification, "open_given", opened)
    assert words[1:4] == ["-m", "cari_keras", "verify"]
    assert verification.main(words[4:]) == 0
    assert [path.parts[-3] for path in seen] == ["photo", "caricature"]
    assert all(path.is_file() for path in seen)


_COPIES = ("ben/copy.png", "ben/link.png", "ben/hard.png")


def test_the_picture_of_what_was_found(people, monkeypatch):
    monkeypatch.setattr(command, "open_given", lambda given: _Model())
    query, picture = people / "ann" / "0.png", people / "found.png"
    flags = ["--quiet", "--top", "2", "--modality", "caricature", "--picture", str(picture)]
    assert command.main(["run", str(people), str(query), *flags]) == 0
    assert decode_image(picture.read_bytes()).shape == (260 + 4 * 21 + 20 + 10, 3 * 270 + 10, 3)


def test_who_is_asked_what():
    """The photo comes first, whichever is looked for; two drawings have no threshold."""
    dark, light = np.zeros((8, 8, 3), np.uint8), np.full((8, 8, 3), 9, np.uint8)
    kinds = ["photo", "caricature"]
    told = verdicts(_Model(), dark, "photo", [light, light], kinds)
    assert told[0] is None
    assert told[1].same is True
    told = verdicts(_Model(), dark, "caricature", [light, light], kinds)
    assert told[0].same is False
    assert told[1] is None
    for word in ("auto", "painting"):
        with pytest.raises(ConfigError, match=f"modality must be .* Received: '{word}'"):
            verdicts(_Model(), dark, "photo", [light], [word])
        with pytest.raises(ConfigError, match=f"modality must be .* Received: '{word}'"):
            centred_on(Gallery((), np.zeros((0, 1)), ()), Path("g"), np.zeros(1), word)


@pytest.mark.parametrize(
    ("same", "said"), [(True, "the same person"), (False, "two people"), (None, "no decision")]
)
def test_what_is_written_below(same, said):
    lines = verdict_lines(0.5, Verification(same, 0.5, 0.75, 0.01))
    assert [line.text for line in lines] == [said, "distance 0.500, threshold 0.750"]
    assert fitted(lines[1].text, LEAST_WIDTH) == lines[1].text
    assert verdict_lines(0.5, None)[0].text == "no threshold for these two"


def test_none_is_left_out_unless_asked():
    faces = np.eye(2, dtype=np.float32)
    gallery = Gallery(("a", "b"), faces, ())
    assert [near.path for near in gallery.nearest(faces[0], 2)] == ["a", "b"]
    assert [near.path for near in gallery.nearest(faces[0], 2, leave_out={"a"})] == ["b"]
    assert gallery.nearest(faces[0], 2, leave_out={"a", "b"}) == []


def test_one_file_that_changes_is_the_only_one_that_is_looked_at(people):
    seen = []

    class Counting(_Model):
        def face(self, path, modality="photo"):
            seen.append(path.name)
            try:
                return super().face(path, modality)
            except RefusedError as error:
                raise ImageError(f"{path}: {error}") from error

    first = open_gallery(Counting(), people)
    assert (first.new, len(seen)) == (True, 9)
    assert not open_gallery(Counting(), people).new
    assert len(seen) == 9
    write_image(people / "ann" / "1.png", (9, 9, 9), size=91)
    (people / "ann" / "2.png").unlink()
    (people / "ben" / "broken.png").write_bytes(b"no")
    again = open_gallery(Counting(), people)
    assert sorted(seen[9:]) == ["1.png", "broken.png"]
    assert len(again.paths) == 8
    assert [line.split(": ")[1] for line in again.refused] == ["not a picture"]
    last = open_gallery(Counting(), people)
    assert (last.new, last.refused, last.paths) == (False, again.refused, again.paths)
    assert np.array_equal(last.embeddings, again.embeddings)
    assert len(seen) == 11


def test_a_gallery_s_own_means_are_taken_off():
    """Each person's photo and drawing differ by what all of them differ by."""
    rng = np.random.default_rng(0)
    people = rng.normal(size=(30, 8))
    embeddings = np.concatenate([people, people + 3.0])
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    paths = [f"g/{kind}/p{k:02d}/0.png" for kind in ("photo", "caricature") for k in range(30)]
    gallery = Gallery(tuple(paths), embeddings.astype(np.float32), ())
    photos = gallery._replace(paths=gallery.paths[:30], embeddings=gallery.embeddings[:30])

    def named(gallery, queries):
        nearest = [gallery.nearest(query, 1)[0].path for query in queries]
        return sum(path == paths[k] for k, path in enumerate(nearest))

    plain = named(photos, gallery.embeddings[30:])
    moved = [centred_on(gallery, Path("g"), q, "caricature") for q in gallery.embeddings[30:]]
    only = moved[0][0]._replace(paths=gallery.paths[:30], embeddings=moved[0][0].embeddings[:30])
    assert named(only, [query for _, query in moved]) > plain
    with pytest.raises(DatasetError, match=r"0 faces of the modality caricature .*--centre"):
        centred_on(photos, Path("g"), gallery.embeddings[30], "caricature")
    centred_on(photos, Path("g"), gallery.embeddings[0], "photo")
