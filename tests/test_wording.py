import pytest

from cari_keras.wording import counted


@pytest.mark.parametrize(
    ("count", "what", "said"),
    [
        (0, "pairs", "0 pairs"),
        (1, "pairs", "1 pair"),
        (12345, "impostor pairs", "12,345 impostor pairs"),
        (1, "gallery images", "1 gallery image"),
        (1, "training images of people who are evaluated", "1 training image of people who are ev"),
        (1, "people", "1 person"),
        (1, "files whose names differ only in case", "1 file whose names differ only in case"),
        (1, "Thumbs.db, left out", "1 Thumbs.db, left out"),
    ],
)
def test_counts(count, what, said):
    assert counted(count, what).startswith(said)
