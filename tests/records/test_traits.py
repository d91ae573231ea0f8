"""What sorts aligned faces into groups, by hand-made rows."""

import pytest

from cari_keras.records.manifest import ALIGNED, COLUMNS, REJECTED
from cari_keras.records.traits import UNKNOWN_GROUP, face_traits, turn_of


def row(path="a.jpg", *, status=ALIGNED, source="mtcnn", face=0, box=None, points=None):
    found = dict.fromkeys(COLUMNS, "")
    found.update(path=path, status=status, source=source, face=str(face))
    names = ("left", "top", "right", "bottom")
    found.update(zip(names, map(str, box)) if box else ())
    ends = [f"{point}_{axis}" for point in ("left_eye", "right_eye", "nose") for axis in "xy"]
    found.update(zip(ends, map(str, points)) if points else ())
    return found


@pytest.mark.parametrize(
    ("points", "turn"),
    [
        ((0, 0, 10, 0, 5, 6), 0.0),  # the nose below the middle of the eyes
        ((0, 0, 10, 0, 10, 6), 0.5),  # below the right eye
        ((0, 0, 10, 0, 0, 6), 0.5),
        ((0, 0, 0, 10, -6, 7), 0.2),  # the head on its side
        ((3, 3, 3, 3, 5, 5), None),
        (None, None),
    ],
)
def test_a_turn_by_hand(points, turn):
    found = turn_of(row(points=points))
    assert found == (None if turn is None else pytest.approx(turn))


def test_groups_of_faces():
    traits = face_traits(
        [
            row("a.jpg", box=(0, 0, 63.5, 200), points=(0, 0, 10, 0, 5, 6)),
            row("a.jpg", face=1, box=(0, 0, 64, 64), points=(0, 0, 10, 0, 7, 6)),
            row("b.jpg", box=(10, 10, 400, 300), points=(0, 0, 10, 0, 10, 6), source="whole"),
            row("c.jpg", source="whole"),
            row("d.jpg", status=REJECTED, source="", face=""),
        ]
    )
    sizes, poses, looks = (trait.of for trait in traits)
    assert sizes == {
        "a.jpg": "below 64 pixels",
        "a.jpg#1": "64 to 127 pixels",
        "b.jpg": "from 256 pixels",
        "c.jpg": UNKNOWN_GROUP,
    }
    assert poses == {
        "a.jpg": "frontal",
        "a.jpg#1": "half turned",
        "b.jpg": "turned",
        "c.jpg": UNKNOWN_GROUP,
    }
    assert looks == {"a.jpg": "mtcnn", "a.jpg#1": "mtcnn", "b.jpg": "whole", "c.jpg": "whole"}
    for trait in traits:
        assert set(trait.of.values()) <= set(trait.groups)
