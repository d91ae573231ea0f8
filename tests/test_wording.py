import pytest

from cari_keras.wording import counted, likely


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
        (1, "pipes, sockets or devices, left out", "1 pipe, socket or device, left out"),
        (1, "systems' own folders, left out", "1 system's own folder, left out"),
        (2, "systems' own folders, left out", "2 systems' own folders, left out"),
        (1, "links to folders that are read elsewhere", "1 link to a folder that is read"),
        (1, "broken links, left out", "1 broken link, left out"),
        (1, "Thumbs.db, left out", "1 Thumbs.db, left out"),
    ],
)
def test_counts(count, what, said):
    assert counted(count, what).startswith(said)


@pytest.mark.parametrize(
    ("probability", "said"),
    [
        (0, "under 1 %"),
        (0.0049, "under 1 %"),
        (0.005, "under 1 %"),
        (0.506, "51 %"),
        (0.995, "over 99 %"),
    ],
)
def test_no_probability_is_a_certainty(probability, said):
    assert likely(probability) == said
