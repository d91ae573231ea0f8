"""Where things are that tests look for."""

from __future__ import annotations

from pathlib import Path

from cari_keras.model.pretrained import cached_facenet

#: The project.
ROOT = Path(__file__).resolve().parents[2]


#: The data that may lie beside the project; tests that use it skip where it is absent.
SHARED = ROOT.parent / "shared"


#: The public weights in the user's own cache; tests that use them skip where they are absent.
FACENET = cached_facenet()
