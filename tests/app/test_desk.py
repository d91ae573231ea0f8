"""What the page asks and answers, without a browser."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cari_keras.app import html
from cari_keras.app.desk import TOO_FEW, Asked, Desk, Named, Who
from cari_keras.app.examples import write_examples
from cari_keras.app.looking import MAX_BYTES, SHOWN, face_at, look, outlined
from cari_keras.errors import ConfigError, ImageError
from cari_keras.evaluation.probability import ProbabilityCurve
from cari_keras.gallery.gallery import Gallery
from cari_keras.images.decode import decode_image
from cari_keras.serving.answers import Verification
from tests.helpers.faces import write
from tests.helpers.pages import PageModel, bomb, pattern, write_pictures


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return write_pictures(tmp_path_factory.mktemp("uploads"))


@pytest.fixture
def desk():
    return Desk(PageModel())


def asked(pictures, name, modality="photo", face=0):
    return Asked(str(pictures[name]), modality, face)


def test_pairs_are_told_apart_and_the_face_can_be_changed(desk, pictures):
    photo = asked(pictures, "one.png")
    assert desk.compare(photo, asked(pictures, "drawn.png", "caricature")).same is True
    assert desk.compare(photo, asked(pictures, "other.png", "caricature")).same is False
    left, right = (asked(pictures, "both.png", "caricature", face) for face in (0, 1))
    assert desk.compare(photo, left).same is False
    assert desk.compare(photo, right).same is True
    with pytest.raises(ImageError, match=r"both\.png: has no face number 3"):
        desk.compare(photo, right._replace(face=2))
    with pytest.raises(ConfigError, match="one of the two pictures must be a photo"):
        desk.compare(right, right)


def test_faces_are_outlined_and_found_by_a_click(pictures):
    looked = look(PageModel(), str(pictures["both.png"]), "photo")
    assert looked.boxes == ((0, 0, 64, 64), (64, 0, 128, 64))
    assert (face_at(looked, 10, 30), face_at(looked, 100, 30)) == (0, 1)
    assert face_at(looked, 300, 30) is None
    first, second = outlined(looked, 0), outlined(looked, 1)
    assert first.shape == looked.picture.shape
    assert (first != second).any()
    assert (first != looked.picture).any()


def test_large_pictures_are_shown_small(tmp_path):
    path = write(tmp_path / "large.png", pattern(1, side=1200))
    looked = look(PageModel(), str(path), "photo")
    assert max(looked.picture.shape) == SHOWN


def test_errors_name_the_file_and_not_its_folder(desk, pictures, tmp_path):
    wide = write(tmp_path / "tall.png", pattern(1)[:63, :21])
    empty = tmp_path / "empty.png"
    empty.write_bytes(b"")
    huge = tmp_path / "huge.png"
    with huge.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    for path, message in (
        (pictures["text.png"], "text.png: not a picture"),
        (wide, "tall.png: no face found"),
        (empty, "empty.png: empty file"),
        (huge, "huge.png: too large; the page takes at most 30 MB"),
        (bomb(tmp_path / "bomb.png", 14_200), "bomb.png: too many pixels"),
        (tmp_path / "gone.png", "gone.png: "),
    ):
        with pytest.raises(ImageError) as caught:
            desk.look(Asked(str(path), "photo"))
        assert str(caught.value).startswith(message)
        assert str(path.parent) not in html.error(str(caught.value))
    with pytest.raises(ImageError, match="no picture yet"):
        desk.look(Asked(None, "photo"))


def test_ten_at_once_get_their_own_answers(desk, pictures, tmp_path):
    photo = asked(pictures, "one.png")
    alone = {}
    for person in range(10):
        path = write(tmp_path / f"{person}.png", pattern(person))
        alone[Asked(str(path), "caricature")] = None
    for other in alone:
        alone[other] = desk.compare(photo, other).distance
    assert len(set(alone.values())) == 10
    with ThreadPoolExecutor(10) as pool:
        for _ in range(5):
            found = pool.map(lambda other: desk.compare(photo, other).distance, alone)
            assert list(found) == list(alone.values())


def test_the_network_or_the_gallery_says_who_it_is(desk, pictures, tmp_path):
    found = desk.who(asked(pictures, "one.png"))
    assert found.people[0].name in ("ann", "bob")
    assert found.rate == "5.0 % of strangers' faces are taken for one of the 2 people"
    with pytest.raises(ConfigError, match="--gallery DIR"):
        desk.find(asked(pictures, "one.png"), None)
    pytest.importorskip("lancedb")
    for person in range(1, 9):
        for number in range(8):
            kind = "photo" if number % 2 else "caricature"
            write(tmp_path / "in" / kind / f"p{person}" / f"{number}.png", pattern(person, number))
    gallery = Gallery(tmp_path / "people.gallery", desk.model)
    gallery.add(tmp_path / "in")
    desk = Desk(desk.model, gallery)
    found = desk.who(asked(pictures, "one.png"))
    assert found.known is True
    assert found.people[0].name == "p1"
    assert len(found.people) == 5
    assert decode_image(found.people[0].picture).ndim == 3
    near = desk.find(asked(pictures, "one.png"), "caricature")
    assert {one.row.modality for one in near} == {"caricature"}
    few = Gallery(tmp_path / "few.gallery", desk.model)
    few.add(tmp_path / "in" / "photo" / "p1", identity="p1")
    found = Desk(desk.model, few).who(asked(pictures, "one.png"))
    assert (found.known, found.people[0].name, found.rate) == (None, "p1", TOO_FEW)
    nameless = Gallery(tmp_path / "nameless.gallery", desk.model)
    nameless.add(tmp_path / "in", people="none")
    assert Desk(desk.model, nameless).who(asked(pictures, "one.png")).people[0].name in (
        "ann",
        "bob",
    )
    assert {one.row.identity for one in near[:4]} == {"p1"}
    said = html.faces(near)
    assert said.count("<img") == len(near) == 12
    assert "0.png</a>" in said


def test_an_explanation_tells_its_progress(desk, pictures):
    told = []
    pair = asked(pictures, "one.png"), asked(pictures, "drawn.png", "caricature")
    found = desk.explain(*pair, "occlusion", told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert abs(found.similarity) <= 1


def test_it_is_warmed_up_by_all_that_a_network_can_answer(desk, pictures, monkeypatch):
    asked = []
    for name in ("verify_faces", "explain_faces", "identify_faces"):
        monkeypatch.setattr(desk.model, name, lambda *_, name=name, **how: _refused(asked, name))
    desk.warm_up(str(pictures["one.png"]), str(pictures["drawn.png"]))
    assert asked == ["verify_faces", "explain_faces", "identify_faces"]


def _refused(asked, name):
    asked.append(name)
    raise ConfigError("not this network")


def test_what_is_said_of_a_pair():
    answer = Verification(True, 0.4, 1.0, 0.01, "<pairs>", probability=0.9)
    said = html.verdict(answer)
    for words in ("The same person", "90 %", "squared distance of 1.000", "1 % of pairs"):
        assert words in said
    assert "&lt;pairs&gt;" in said
    assert "<b>over 99 %</b>" in html.verdict(answer._replace(probability=0.9999))
    assert "<b>under 1 %</b>" in html.verdict(answer._replace(probability=0.0001))
    undecided = html.verdict(answer._replace(same=None, why="too few"))
    assert "does not decide: too few" in undecided
    assert "The rule" not in undecided
    assert "Nobody known here" in html.people(Who([Named("a ${b}", "1 %", None)], False, ""))
    assert "${" not in html.people(Who([Named("a ${b}", "1 %", None)], True, ""))


def test_the_scale_goes_from_genuine_to_impostor_distances(desk):
    answer = Verification(True, 0.4, 0.5, 0.01, "pairs", probability=0.6)
    curve = desk.curve("caricature")
    assert curve.distance(0.5) == 0.5
    said = html.verdict(answer, curve)
    assert "50 % at 0.50" in said
    assert "5 % at 1.24" in said
    assert "95 %" not in said  # it would be at a distance below 0
    assert desk.curve("photo") is None
    assert "50 %</text>" not in html.verdict(answer)


def test_the_scale_of_very_good_and_of_weak_networks():
    answer = Verification(True, 0.4, 0.5, 0.01, "pairs", probability=0.6)
    sharp = html.verdict(answer, ProbabilityCurve(-40.0, 40.0))  # its marks are 0.07 apart
    assert "95 % at 0.93, 50 % at 1.00, 5 % at 1.07" in sharp
    assert sharp.count("%</text>") == 1  # the labels would stand on each other
    weak = html.verdict(answer, ProbabilityCurve(-0.5, 0.5))  # 5 % would be at 6.9
    assert "on a scale from 0 to 2.0" in weak
    assert "50 % at 1.00" in weak
    assert "5 % at 6" not in weak
    nowhere = html.verdict(answer, ProbabilityCurve(-4.0, -4.0))
    assert "probability of one person is" not in nowhere


def test_a_person_is_shown_by_a_picture_of_the_dataset(pictures):
    portrait = pictures["one.png"].read_bytes()
    desk = Desk(PageModel(), portraits={"ann": portrait}.get)
    shown = {one.name: one.picture for one in desk.who(asked(pictures, "one.png")).people}
    assert shown == {"ann": portrait, "bob": None}


def test_the_examples_show_faces(tmp_path):
    for pair in write_examples(tmp_path / "examples"):
        for path in pair:
            assert decode_image(Path(path).read_bytes()).shape == (320, 320, 3)
