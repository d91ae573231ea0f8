"""cari-verify --picture: both faces, with the answer."""

from types import SimpleNamespace

import numpy as np

from cari_keras.cli import verify as command
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
