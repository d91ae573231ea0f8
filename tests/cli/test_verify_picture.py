"""cari-verify --picture and --explain: both faces, with the answer or with what speaks for it."""

from types import SimpleNamespace

import numpy as np
import pytest

from cari_keras.cli import verify as command
from cari_keras.explaining.explanation import Explanation
from cari_keras.images.decode import decode_image
from cari_keras.serving.answers import Verification


def test_the_answer_is_below_the_faces_and_printed_first(monkeypatch, tmp_path, capsys):
    model = SimpleNamespace(
        verify=lambda *images, **how: Verification(True, 0.5, 0.75, 0.01),
        face=lambda path, modality: np.zeros((80, 80, 3), np.uint8),
    )
    monkeypatch.setattr(command, "open_given", lambda given: model)
    picture = tmp_path / "both.png"
    assert command.main(["run", "a.jpg", "b.jpg", "--picture", str(picture)]) == 0
    drawn = decode_image(picture.read_bytes())
    assert drawn.shape == (374, 550, 3)
    assert (drawn[280:] < 128).any()
    capsys.readouterr()
    (tmp_path / "file").write_text("")
    blocked = str(tmp_path / "file" / "both.png")
    assert command.main(["run", "a.jpg", "b.jpg", "--picture", blocked]) == 2
    assert capsys.readouterr().out.startswith("the same person: squared distance 0.5000")


def test_the_explanation_is_written_behind_the_answer(monkeypatch, tmp_path, capsys):
    asked = []

    def explain(*images, **how):
        asked.append(how)
        blank, face = np.zeros((2, 80, 80), np.float32), np.zeros((80, 80, 3), np.uint8)
        return Explanation.of(blank, (face, face), 0.5, how["way"], 0)

    answer = Verification(True, 0.5, 0.75, 0.01)
    model = SimpleNamespace(verify=lambda *images, **how: answer, explain=explain)
    monkeypatch.setattr(command, "open_given", lambda given: model)
    why = tmp_path / "why.png"
    for ways in ([], ["--explain-by", "occlusion"]):
        assert command.main(["run", "a.jpg", "b.jpg", "--explain", str(why), *ways]) == 0
        assert decode_image(why.read_bytes()).shape[1] == 4 * 270 + 10
    assert [how["way"] for how in asked] == ["gradient", "occlusion"]
    assert asked[0]["modality"] == "caricature"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            ["--explain-by", "gradient"],
            "--explain-by does not apply to an answer without --explain PNG",
        ),
        (
            ["--explain", "a.png", "--by", "identities"],
            "--explain does not apply to --by identities",
        ),
    ],
)
def test_flags_that_say_nothing_are_refused(flags, message, capsys):
    assert command.main(["run", "a.jpg", "b.jpg", *flags]) == 2
    assert message in capsys.readouterr().err
