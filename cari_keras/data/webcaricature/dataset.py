"""WebCaricature (Huo et al., 2018) in its official layout, one protocol and fold at a time.

The layout, below the data folder::

    OriginalImages/<Name>/{C00001,P00001}.jpg
    FacialPoints/<Name>/C00001.txt
    EvaluationProtocols/{FaceVerification,FaceIdentification}/...

Images are cut out by their landmarks, as published: the points' box, widened x1.5 and heightened
x1.2. A folder that `cari-align` wrote from it is read likewise, with its faces.

Protocols:

- `unrestricted`: train on people, verify every caricature against every photo of other people;
- `restricted`: train on the images of some pairs, verify other pairs;
- `identification`: train on people, find other people's probes in a gallery, `C2P` and `P2C`.

Fold `dev` is view 1, for tuning: what is evaluated is the split `validation`. Folds 1 to 10 are
view 2, for reporting: what is evaluated is the split `test`, nothing of which is looked at while
training. The people to evaluate on are never among those trained on.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

import numpy as np

from cari_keras.arrays import Array
from cari_keras.data.base import MOVED, Dataset, Pair, ProbeSearch, check_trainable, read_image
from cari_keras.data.splits import draw_pairs
from cari_keras.data.webcaricature.folds import FOLDS_OF, Known
from cari_keras.data.webcaricature.lists import ImageName, ListedPair, plain
from cari_keras.errors import DatasetError
from cari_keras.files import user_path
from cari_keras.images.crop import crop, place_box
from cari_keras.images.landmarks import face_of, read_landmarks
from cari_keras.images.layouts import LAYOUTS, NOBODYS, elsewhere, list_entries
from cari_keras.images.remarks import why_left_out
from cari_keras.images.walk import stamp
from cari_keras.records.aligned import AlignedRecords, is_aligned, read_aligned
from cari_keras.records.sample import Sample
from cari_keras.vocabulary import DEV

LAYOUT = LAYOUTS["webcaricature"]
HOW_TO_GET = (
    "ask the authors of WebCaricature (Huo et al., 2018) for it and unpack it so that "
    "DATA_DIR/OriginalImages and DATA_DIR/EvaluationProtocols exist"
)


@dataclass(frozen=True)
class WebCaricature(Dataset):
    """A dataset whose images are cut out of larger ones by their landmarks.

    Attributes:
        root: The data folder.
    """

    root: str = ""

    def _read(self, sample: Sample) -> Array:
        """The sample's face, uint8 RGB [side, side, 3]; the whole image without landmarks.

        Raises:
            DatasetError: The image or its landmarks cannot be read.
        """
        image = read_image(sample.source)
        landmarks = _landmarks(Path(self.root), sample.path)
        points = read_landmarks(landmarks)
        if points is None:
            if landmarks.exists():
                raise DatasetError(
                    f"{landmarks}: not 17 lines of 'x y'; correct the file, or remove it"
                )
            return image
        box = face_of(points).box
        side = int(np.clip(max(box[2] - box[0], box[3] - box[1]), 1, 1024))
        return crop(image, place_box(box, side, 0.0))


def load(data_dir: Optional[str], *, protocol: str = "unrestricted", fold: str = DEV) -> Dataset:
    """Reads one fold of one protocol.

    Args:
        data_dir: The folder that holds `OriginalImages` and `EvaluationProtocols`.
        protocol: `"unrestricted"`, `"restricted"` or `"identification"`.
        fold: `"dev"`, or `"1"` to `"10"`.

    Raises:
        DatasetError: The folder is missing, not in the official layout, or a list is malformed.
    """
    if not data_dir:
        raise DatasetError(f"--data-dir is needed for WebCaricature: {HOW_TO_GET}")
    root, report = user_path(data_dir), Counter[str]()
    known, records, fingerprint = _images(root, report)
    asked = FOLDS_OF[protocol](root / "EvaluationProtocols", fold, known, report)
    evaluated_people = {image.subject for image in asked.evaluated}
    train = [i for i in _present(asked.train, known, report) if i.subject not in evaluated_people]
    evaluated = _present(asked.evaluated, known, report)
    left_out = sum(image.subject in evaluated_people for image in set(asked.train))
    if left_out:
        report["training images of people who are evaluated, left out"] = left_out

    split = "validation" if fold == DEV else "test"
    splits = {"train": [known[i] for i in train], split: [known[i] for i in evaluated]}
    pairs: dict[str, Sequence[Pair]] = {}
    crossed: tuple[str, ...] = ()
    if protocol == "restricted":
        trained = {sample.path for sample in splits["train"]}
        pairs["train"] = [
            pair
            for pair in _pairs(asked.train_pairs or [], known, report)
            if pair.first in trained and pair.second in trained
        ]
        pairs[split] = _pairs(asked.pairs or [], known, report)
    elif protocol == "unrestricted":
        crossed = ("train", split)
    if split not in pairs and fold == DEV:
        # To watch the training by; what is reported comes from all pairs, or the galleries.
        pairs[split] = draw_pairs(splits[split], 10, seed=0)
    dataset = WebCaricature(
        name="webcaricature",
        identities=tuple(sorted({sample.identity for sample in splits["train"]})),
        strangers=tuple(sorted({sample.identity for sample in splits[split]})),
        splits=splits,
        pairs=pairs,
        crossed=crossed,
        galleries={
            name: ProbeSearch(*(_paths(images, known) for images in lists))
            for name, lists in asked.galleries.items()
        },
        report=dict(report),
        fingerprint=fingerprint,
        records=records,
        root=str(root),
    )
    check_trainable(dataset, str(root))
    return dataset


def _images(root: Path, report: Counter[str]) -> tuple[Known, Optional[AlignedRecords], str]:
    """Every image by person and name, where the records are if there are any, a fingerprint."""
    if is_aligned(root):
        aligned = read_aligned(root)
        if aligned.layout != "webcaricature":
            raise DatasetError(
                f"{root}: aligned from a folder of layout {aligned.layout}, not webcaricature"
            )
        report.update({f"raw files left out: {why}": n for why, n in aligned.rejected.items()})
        samples = [Sample(f.path, f.identity, f.modality) for f in aligned.faces]
        return _by_name(samples, report), aligned.records, aligned.fingerprint
    folder = root / "OriginalImages"
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such folder; {HOW_TO_GET}; {MOVED}{elsewhere(root)}")
    samples, prints = [], []
    for entry in list_entries(root, LAYOUT):
        path = root / entry.path
        why = why_left_out(entry, root)
        if why and entry.refused != NOBODYS:
            report[why] += 1
            continue
        if why or not path.stem[1:].isdigit():
            report["files that are not OriginalImages/<Name>/{C,P}00001.jpg, left out"] += 1
            continue
        landmarks = _landmarks(root, entry.path)
        if not landmarks.is_file():
            report["images without landmarks, which are taken whole"] += 1
        samples.append(Sample(entry.path, entry.identity, entry.modality, source=str(path)))
        prints.append((entry.path, stamp(path), stamp(landmarks)))
    return _by_name(samples, report), None, hashlib.sha256(repr(prints).encode()).hexdigest()


def _by_name(samples: Iterable[Sample], report: Counter[str]) -> Known:
    known: dict[ImageName, Sample] = {}
    for sample in samples:
        # By the folder, which the lists name: of a person under several there is one identity.
        subject, name = plain(sample.path.split("/")[-2]), Path(sample.path).stem.upper()
        if (key := ImageName(subject, name)) in known:
            report["files whose names differ only in case or ending, second left out"] += 1
        else:
            known[key] = Sample(sample.path, subject, sample.modality, sample.source)
    return known


def _landmarks(root: Path, image: str) -> Path:
    """The file of an image's landmarks, of which there may be none."""
    assert LAYOUT.landmarks is not None
    return root / LAYOUT.landmarks(image)


def _present(images: Iterable[ImageName], known: Known, report: Counter[str]) -> list[ImageName]:
    wanted = list(dict.fromkeys(images))
    present = [image for image in wanted if image in known]
    if len(present) < len(wanted):
        report["listed images that are missing"] += len(wanted) - len(present)
    return present


def _paths(images: Iterable[ImageName], known: Known) -> tuple[str, ...]:
    return tuple(known[image].path for image in images if image in known)


def _pairs(pairs: Iterable[ListedPair], known: Known, report: Counter[str]) -> list[Pair]:
    found = []
    for caricature, photo, same in pairs:
        if caricature in known and photo in known:
            found.append(Pair(known[caricature].path, known[photo].path, same))
        else:
            report["pairs with a missing image, left out"] += 1
    return found
