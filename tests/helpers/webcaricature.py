"""Trees in WebCaricature's exact layout, generated: its lists in every variant, and faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

#: Lines in the dataset's own form; the numbers are small ones.
PEOPLE = [
    ("Judge Judy", 3, 4),
    ("Jay-z", 2, 3),
    ("Nicole Kidman", 4, 3),
    *((f"Person of {letter} Town", 3, 3) for letter in "ABCDEFGHIJKLMNOPQ"),
]


@dataclass(frozen=True)
class Variant:
    """How the lists are written."""

    newline: str = "\r\n"
    counts: bool = True
    trailing_tab: bool = False
    folds_first: bool = False
    underscores: bool = False
    ending: bool = False


def images(person: tuple[str, int, int], kind: str) -> list[str]:
    """`C00001`, ... or `P00001`, ... of a person."""
    count = person[1] if kind == "C" else person[2]
    return [f"{kind}{k + 1:05d}" for k in range(count)]


def fold_of(people: Sequence[tuple[str, int, int]], fold: int, folds: int = 10):
    """The people of a fold of view 2, from 1."""
    return list(people[fold - 1 :: folds])


def halves(people: Sequence[tuple[str, int, int]], shift: int):
    """Two disjoint halves, different for each shift; 0 is view 1's."""
    turned = [*people[shift:], *people[:shift]]
    middle = len(turned) // 2
    return turned[:middle], turned[middle:]


def pairs_of(people: Sequence[tuple[str, int, int]], each: int) -> list[tuple]:
    """`each` matched pairs, then as many mismatched ones, as the lists' fields."""
    matched, mismatched = [], []
    for k in range(each):
        person, other = people[k % len(people)], people[(k + 1) % len(people)]
        turn = k // len(people)
        caricature = images(person, "C")[turn % person[1]]
        matched.append((person[0], caricature, images(person, "P")[turn % person[2]]))
        mismatched.append((person[0], caricature, other[0], images(other, "P")[turn % other[2]]))
    return matched + mismatched


def write_lists(
    root: Path,
    people: Sequence[tuple[str, int, int]] = PEOPLE,
    variant: Variant = Variant(),
    *,
    pairs: int = 4,
) -> Path:
    """Writes `EvaluationProtocols/`."""
    lists = root / "EvaluationProtocols"
    restricted = lists / "FaceVerification" / "Restricted"
    unrestricted = lists / "FaceVerification" / "UnRestricted"
    identification = lists / "FaceIdentification"

    def write(path: Path, groups: Sequence[Sequence[tuple]], count=len) -> None:
        lines = []
        if variant.folds_first and len(groups) > 1:
            lines.append(str(len(groups)))
        for group in groups:
            if variant.counts:
                lines.append(str(count(group)))
            for number, row in enumerate(group):
                cells = [_cell(cell, variant) for cell in row]
                tab = "\t" if variant.trailing_tab and number % 2 else ""
                lines.append("\t".join(cells) + tab)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((variant.newline.join(lines) + variant.newline).encode())

    dev = halves(people, 0)
    for part, name in zip(dev, ("DevTrain", "DevTest")):
        write(unrestricted / f"UnRestrictedView1_{name}.txt", [part])
        half = [pairs_of(part, pairs)]
        write(restricted / f"RestrictedView1_{name}.txt", half, lambda g: len(g) // 2)
    folds = [fold_of(people, k) for k in range(1, 11)]
    write(unrestricted / "UnRestrictedView2.txt", folds)
    write(
        restricted / "RestrictedView2.txt",
        [pairs_of(fold, pairs) for fold in folds],
        lambda g: len(g) // 2,
    )
    for suffix, shift in [("_dev", 0), *((str(k), k) for k in range(1, 11))]:
        train, test = halves(people, shift)
        write(identification / f"FR_Train{suffix}.txt", [train])
        for name, shelf, probe in (("C2P", "P", "C"), ("P2C", "C", "P")):
            gallery = [(person[0], images(person, shelf)[0]) for person in test]
            probes = [(person[0], image) for person in test for image in images(person, probe)]
            write(identification / name / f"FR_Gallery_{name}{suffix}.txt", [gallery])
            write(identification / name / f"FR_Probe_{name}{suffix}.txt", [probes])
    return root


def _cell(cell: object, variant: Variant) -> str:
    text = str(cell)
    if variant.underscores:
        text = text.replace(" ", "_")
    if variant.ending and text[:1] in "CP" and text[1:].isdigit():
        text += ".jpg"
    return text


def write_images(root: Path, people: Sequence[tuple[str, int, int]] = PEOPLE) -> Path:
    """Writes `OriginalImages/` and `FacialPoints/`: a coloured face in a grey picture.

    Each person has a colour; the landmarks are on the face, so a right crop shows little grey.
    """
    for number, person in enumerate(people):
        hue = np.uint8([[[180 * number // len(people), 200, 220]]])
        color = cv2.cvtColor(hue, cv2.COLOR_HSV2BGR)[0, 0].astype(int)
        for kind in "CP":
            for k, name in enumerate(images(person, kind)):
                rng = np.random.default_rng([number, ord(kind), k])
                left, top = rng.integers(10, 60, 2)
                image = np.full((160, 180, 3), 128, np.uint8)
                noise = rng.integers(-15, 16, (80, 80, 3))
                shade = 0 if kind == "P" else 25
                face = np.clip(color - shade + noise, 0, 255)
                image[top : top + 80, left : left + 80] = face
                path = root / "OriginalImages" / person[0] / f"{name}.jpg"
                path.parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(path), image)
                points = root / "FacialPoints" / person[0] / f"{name}.txt"
                points.parent.mkdir(parents=True, exist_ok=True)
                points.write_text(_landmarks(left, top))
    return root


def _landmarks(left: int, top: int) -> str:
    """17 points whose box, x1.5 and x1.2, is the 80-pixel face; one in scientific notation."""
    width, height = 80 / 1.5, 80 / 1.2
    x0, y0 = left + (80 - width) / 2, top + (80 - height) / 2
    rng = np.random.default_rng(0)
    points = np.column_stack(
        [x0 + width * rng.uniform(0.1, 0.9, 17), y0 + height * rng.uniform(0.1, 0.9, 17)]
    )
    points[0], points[2] = (x0 + width / 2, y0), (x0 + width / 2, y0 + height)
    points[1], points[3] = (x0, y0 + height / 2), (x0 + width, y0 + height / 2)
    return "\r\n".join([f"{x:.7e} {y}" for x, y in points]) + "\r\n"
