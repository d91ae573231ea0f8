"""CaVI (Garg et al., 2018) in its official layout, with its irregularities counted, none silent.

The layout, below the data folder::

    CaVI_Dataset/{Real,Caricature}/<Identity>/*.jpg
    train-test-files/validation.txt, train-test-files/testing_1.txt

A line of the lists is `identity Caricature/identity\\file identity Real/identity\\file 1|0`. Names
are matched without case, since it differs between folders and lists. Only direct children of an
identity's folder are its images: other people's photos lie in folders nested inside some of them.

A folder that `cari-align` wrote from it is read likewise, with faces in place of the images.

Splits: `validation` and `test` are the images of the two lists; `train` is every image of a listed
identity that is in neither list, less those whose bytes also occur in either (they would leak) and
less those whose bytes stand under another identity too (their label is not known); of the
validation images, where they are trained on as well, the same are left out. `unknown` is every
image of the identities in no list: nobody is trained on them, and networks should not know them.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from pathlib import Path
from typing import Optional

from cari_keras.data.base import MOVED, Dataset, Pair, check_trainable
from cari_keras.data.cavi.lists import (
    HOW_TO_GET,
    Key,
    ListLine,
    key_of,
    read_list,
    unique_keys,
)
from cari_keras.errors import DatasetError
from cari_keras.files import user_path
from cari_keras.images.kinds import is_picture
from cari_keras.images.layouts import CAVI_FOLDERS, LAYOUTS, NOBODYS, Entry, elsewhere, list_entries
from cari_keras.images.remarks import why_left_out
from cari_keras.images.walk import NO_PICTURE, left_out
from cari_keras.records.aligned import AlignedFolder, is_aligned, read_aligned
from cari_keras.records.sample import Sample
from cari_keras.vocabulary import UNKNOWN

LISTS = {"validation": "validation.txt", "test": "testing_1.txt"}


def load(data_dir: Optional[str], *, final: bool = False) -> Dataset:
    """Reads CaVI.

    Args:
        data_dir: The folder that holds `CaVI_Dataset` and `train-test-files`.
        final: Train on the validation images as well (for the model to be scored on the test
            list); they then remain the validation split too, so its metrics mean nothing.

    Raises:
        DatasetError: The folder is missing, not in the official layout, or a list is malformed.
    """
    if not data_dir:
        raise DatasetError(f"--data-dir is needed for CaVI: {HOW_TO_GET}")
    root = user_path(data_dir)
    report: Counter[str] = Counter()
    aligned = read_aligned(root) if is_aligned(root) else None
    if aligned:
        files, digests = _of_faces(aligned, root, report)
    else:
        files = _scan(root, report)
        digests = _digests(files, root, report)

    listed = {split: read_list(root / "train-test-files" / n) for split, n in LISTS.items()}
    identities = sorted({key[1] for rows in listed.values() for row in rows for key in row[:2]})
    lists = {split: unique_keys(rows) for split, rows in listed.items()}
    _report_case(listed, files, report)
    _report_lists(lists, files, report)

    owners = _owners(digests)
    train, unknown = _unlisted_keys(files, digests, owners, lists, set(identities), report)
    splits: dict[str, list[Key]] = {"train": train, UNKNOWN: unknown}
    for split, keys in lists.items():
        splits[split] = [key for key in keys if key in files]
    if final:
        tested = {"test": {digests[key] for key in splits["test"]}}
        left_out = "validation images {}, left out of training"
        validation = splits["validation"]
        splits["train"] += _trainable(validation, digests, owners, tested, report, left_out)
        splits["train"].sort()

    sources = {key: "" if aligned else str(root / path) for key, path in files.items()}
    samples = {key: Sample(path, key[1], key[0], sources[key]) for key, path in files.items()}
    dataset = Dataset(
        name="cavi",
        identities=tuple(identities),
        splits={split: [samples[key] for key in keys] for split, keys in splits.items() if keys},
        pairs={
            split: pairs
            for split, rows in listed.items()
            if (pairs := _pairs(rows, samples, split, report))
        },
        report=dict(report),
        fingerprint=_fingerprint(digests, aligned),
        records=aligned.records if aligned else None,
        strangers=tuple(sorted({key[1] for key in unknown})),
        sharing=tuple({tuple(sorted(names)) for names in owners.values() if len(names) > 1}),
    )
    check_trainable(dataset, str(root))
    return dataset


def _fingerprint(digests: dict[Key, str], aligned: Optional[AlignedFolder]) -> str:
    text = repr((sorted(digests.items()), aligned.fingerprint if aligned else ""))
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _of_faces(
    aligned: AlignedFolder, root: Path, report: Counter[str]
) -> tuple[dict[Key, str], dict[Key, str]]:
    """Paths and digests of the raw pictures of an aligned CaVI's faces, by key."""
    if aligned.layout != "cavi":
        raise DatasetError(f"{root}: aligned from a folder of layout {aligned.layout}, not cavi")
    report.update({f"raw files left out: {why}": n for why, n in aligned.rejected.items()})
    files: dict[Key, str] = {}
    digests: dict[Key, str] = {}
    for face in aligned.faces:
        key = key_of(face.modality, *face.path.split("/")[-2:])
        if key in files:
            report["files whose names differ only in case, second left out"] += 1
        else:
            files[key], digests[key] = face.path, face.sha256
    return files, digests


def _scan(root: Path, report: Counter[str]) -> dict[Key, str]:
    """Paths of all direct image files of identities' folders, by key; counts everything else."""
    layout = LAYOUTS["cavi"]
    if not layout.found(root):
        raise DatasetError(
            f"{root / 'CaVI_Dataset'}: no such folder; {HOW_TO_GET}; {MOVED}{elsewhere(root)}"
        )
    files: dict[Key, str] = {}
    for entry in list_entries(root, layout):
        if why := _left_out(entry, root):
            report[why] += 1
        elif (key := key_of(entry.modality, *entry.path.split("/")[-2:])) in files:
            report["files whose names differ only in case, second left out"] += 1
        else:
            files[key] = entry.path
    if not files:
        raise DatasetError(
            f"{root / 'CaVI_Dataset'}: no images in Real/ or Caricature/; {HOW_TO_GET}"
        )
    return files


def _left_out(entry: Entry, root: Path) -> str:
    """Why a file is left out, for the report; what lies in no identity's folder by its place."""
    if entry.refused != NOBODYS:
        return why_left_out(entry, root)
    parts = entry.path.split("/")[1:]
    if parts[0].lower() not in CAVI_FOLDERS or len(parts) < 2:
        return "files beside Real and Caricature, left out"
    if len(parts) < 3:
        return "files beside the identities' folders, left out"
    if not is_picture(root / entry.path):
        return left_out(NO_PICTURE)
    return "images nested in another identity's folder, left out"


def _digests(files: dict[Key, str], root: Path, report: Counter[str]) -> dict[Key, str]:
    """Hashes of the files' bytes; a file that cannot be read is taken out, and counted."""
    digests: dict[Key, str] = {}
    for key, path in list(files.items()):
        try:
            digests[key] = hashlib.sha256((root / path).read_bytes()).hexdigest()
        except OSError:
            del files[key]
            report["files that cannot be read, left out"] += 1
    return digests


def _report_case(
    listed: dict[str, list[ListLine]],
    files: dict[Key, str],
    report: Counter[str],
) -> None:
    written = {
        key: path
        for rows in listed.values()
        for row in rows
        for key, path in zip(row[:2], row.written)
    }
    for key, path in files.items():
        if key in written and "/".join(path.split("/")[-2:]) != "/".join(
            written[key].replace("\\", "/").split("/")[-2:]
        ):
            report["listed images matched to files whose names differ in case"] += 1


def _report_lists(lists: dict[str, list[Key]], files: dict[Key, str], report: Counter[str]) -> None:
    for split, keys in lists.items():
        missing = sum(key not in files for key in keys)
        if missing:
            report[f"images of the {split} list that are missing"] += missing
    both = set(lists["validation"]) & set(lists["test"])
    if both:
        report["images in both lists"] += len(both)


def _unlisted_keys(
    files: dict[Key, str],
    digests: dict[Key, str],
    owners: dict[str, set[str]],
    lists: dict[str, list[Key]],
    identities: set[str],
    report: Counter[str],
) -> tuple[list[Key], list[Key]]:
    """The images to train on, and those of strangers; each left-out kind counted."""
    unlisted = {key[1] for key in files} - identities
    if unlisted:
        report["identities in no list, taken as strangers"] = len(unlisted)
    ambiguous = sum(len(owners[digest]) > 1 for digest in digests.values())
    if ambiguous:
        report["images that two identities share"] = ambiguous
    evaluated = {key for keys in lists.values() for key in keys}
    held_out = {
        split: {digests[key] for key in keys if key in files} for split, keys in lists.items()
    }
    others = [key for key in sorted(files) if key not in evaluated]
    strangers = [key for key in others if key[1] in unlisted]
    if strangers:
        report["images of strangers"] = len(strangers)
    unknown = [key for key in strangers if len(owners[digests[key]]) == 1]
    known = [key for key in others if key[1] not in unlisted]
    left_out = "training images {}, left out"
    return _trainable(known, digests, owners, held_out, report, left_out), unknown


def _trainable(
    keys: list[Key],
    digests: dict[Key, str],
    owners: dict[str, set[str]],
    held_out: dict[str, set[str]],
    report: Counter[str],
    left_out: str,
) -> list[Key]:
    """Those of some images that may be trained on; the others counted as `left_out` says, by why.

    Left out are those whose bytes are a held-out image's, are two people's, or were met before.
    """
    kept: dict[str, Key] = {}
    for key in keys:
        digest = digests[key]
        if copied := [split for split, known in held_out.items() if digest in known]:
            report[left_out.format(f"identical to a {copied[-1]} image")] += 1
        elif len(owners[digest]) > 1:
            report[left_out.format("under two identities")] += 1
        elif digest in kept:
            report[left_out.format("identical to another")] += 1
        else:
            kept[digest] = key
    return list(kept.values())


def _owners(digests: dict[Key, str]) -> dict[str, set[str]]:
    """The identities that an image's bytes stand under, by digest."""
    owners: dict[str, set[str]] = defaultdict(set)
    for key, digest in digests.items():
        owners[digest].add(key[1])
    return owners


def _pairs(
    rows: list[ListLine],
    samples: dict[Key, Sample],
    split: str,
    report: Counter[str],
) -> list[Pair]:
    pairs = []
    for row in rows:
        if row.caricature in samples and row.photo in samples:
            pairs.append(Pair(samples[row.caricature].path, samples[row.photo].path, row.same))
        else:
            report[f"pairs of the {split} list with a missing image, left out"] += 1
    return pairs
