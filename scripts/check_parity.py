#!/usr/bin/env python
"""Whether a run, the Python interface and the exports give one answer, on real validation images.

The reference is what evaluation says of the images as they are stored. The first rows are given
those very images, as pixels or as files; the last two the original files, which are decoded, and
resized, by each side's own means, and were stored as JPEG of quality 95 for the reference.

    .venv/bin/python scripts/check_parity.py runs/cavi
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from cari_keras.cli.flags import run_program
from cari_keras.cli.parser import Parser

#: Files or images that are answered at once.
BATCH = 32


class Answers(NamedTuple):
    """Of n images: embedding float32 [n, d], identity bytes [n, 5]."""

    embedding: np.ndarray
    identity: np.ndarray


def main(arguments: list[str]) -> int:
    title, _, examples = (__doc__ or "").partition("\n")
    parser = Parser("check_parity.py", title, examples)
    parser.add_argument("run", metavar="RUN", help="a run folder")
    parser.add_argument(
        "--images", type=int, default=256, help="number of images, half of each modality"
    )
    parser.add_argument("--data-dir", metavar="DIR", help="the dataset's folder, if it has moved")
    given = parser.parse_args(arguments)
    return run(given.run, given.images, given.data_dir)


def run(name: str, count: int, data_dir: Any) -> int:
    import tensorflow as tf

    from cari_keras import load_model
    from cari_keras.data.prepare import prepare
    from cari_keras.data.registry import load_dataset
    from cari_keras.evaluation.matcher import load_matcher
    from cari_keras.images.graph import decode, decoded_pixels
    from cari_keras.records.schema import parse
    from cari_keras.records.shards import read_places
    from cari_keras.serving.export import export
    from cari_keras.serving.kept import THRESHOLDS
    from cari_keras.serving.thresholds import Thresholds

    matcher = load_matcher(name, {})
    config = matcher.config.with_values({"data_dir": data_dir} if data_dir else {})
    dataset = load_dataset(config)
    prepared = prepare(dataset, matcher.side, cache_dir=config.data.cache_dir)
    sources = {sample.path: sample.source for sample in dataset.splits["validation"]}
    stored: dict[str, bytes] = {}
    chosen: dict[str, list[str]] = {}
    for task in ("photo", "caricature"):
        places = prepared.of("validation", [task])
        for record in read_places(places, parallel=1).take(count // 2).as_numpy_iterator():
            fields = parse(record)
            path = fields["path"].numpy().decode("utf-8", "surrogateescape")
            stored[path] = fields["image"].numpy()
            chosen.setdefault(task, []).append(path)
    files = np.array(list(stored.values()), dtype=object)
    pixels = np.stack([decode(content).numpy() for content in files])
    raw = np.array([Path(sources[path]).read_bytes() for path in stored], dtype=object)
    tasks = np.repeat(list(chosen), [len(paths) for paths in chosen.values()])

    reference = _evaluated(matcher, prepared, list(stored), tasks)
    of_run = load_model(
        name, align=False, data_dir=data_dir
    )  # leaves its thresholds in the run folder
    thresholds = Thresholds.of_json(json.loads((Path(name) / THRESHOLDS).read_text()))
    with tempfile.TemporaryDirectory() as folder:
        export(matcher, thresholds, Path(folder))
        served = {
            task: tf.saved_model.load(str(Path(folder) / task / "1")).signatures
            for task in ("verification", *chosen)
        }
        used = {"run": of_run, "exports": load_model(folder, align=False)}
        found = {
            "serving_default, stored pixels": _served(served, "serving_default", pixels, tasks),
            "serving_bytes, stored files": _served(served, "serving_bytes", files, tasks),
            **{f"load_model({n}), stored pixels": _used(m, pixels, tasks) for n, m in used.items()},
            "serving_bytes, original files": _served(served, "serving_bytes", raw, tasks),
            "load_model(run), original files": _used(of_run, list(raw), tasks),
        }
    print(f"{name}: {len(files)} validation images of {dataset.name}; against the evaluation")
    print(f"{'':<34}{'embedding, max difference':>26}{'top 5 identical':>18}")
    for label, answers in found.items():
        difference = np.abs(answers.embedding - reference.embedding).max()
        same = np.all(answers.identity == reference.identity, axis=1).sum()
        print(f"{label:<34}{difference:>26.2e}{same:>12} / {len(files)}")
    _compare_pixels(of_run, decoded_pixels, raw)
    return 0


def _compare_pixels(model: Any, decoded_pixels: Any, raw: np.ndarray) -> None:
    """Prints how far the graph's way from a file to pixels is from the Python decoder's."""
    import tensorflow as tf

    ours = np.stack([model.face(content) for content in raw]).astype(int)
    read = tf.function(decoded_pixels)
    graphs = [read(tf.constant(raw[k : k + BATCH]), model.size) for k in range(0, len(raw), BATCH)]
    apart = np.abs(np.concatenate([g.pixels.numpy() for g in graphs]).astype(int) - ours)
    print(
        f"pixels of original files, the graph's against Python's, of 255: at most {apart.max()}, "
        f"{np.mean(apart):.4f} in the mean, {np.mean(apart > 1):.4%} further apart than 1"
    )


def _evaluated(matcher: Any, prepared: Any, paths: list[str], tasks: np.ndarray) -> Answers:
    predictions = matcher.predict(prepared, "validation", store=False)
    row = {path: i for i, path in enumerate(predictions.paths)}
    chosen = predictions.only(np.array([row[path] for path in paths]))
    names = np.array([_escaped(name) for name in matcher.identities], object)
    logits = np.stack([chosen.outputs[f"logits_{task}"][i] for i, task in enumerate(tasks)])
    order = np.argsort(-logits, axis=-1, kind="stable")[:, :5]
    return Answers(chosen.outputs["embedding"], names[order])


def _served(served: Mapping[str, Any], signature: str, sent: np.ndarray, tasks: Any) -> Answers:
    import tensorflow as tf

    name = "image" if signature == "serving_default" else "image_bytes"

    def ask(task: str, rows: np.ndarray, output: str) -> np.ndarray:
        parts = [
            served[task][signature](**{name: tf.constant(sent[rows[k : k + BATCH]])})[output]
            for k in range(0, len(rows), BATCH)
        ]
        return np.concatenate([part.numpy() for part in parts])

    everything = np.arange(len(sent))
    identity = [ask(t, np.flatnonzero(tasks == t), "identity") for t in dict.fromkeys(tasks)]
    return Answers(ask("verification", everything, "embedding"), np.concatenate(identity))


def _escaped(name: str) -> bytes:
    from cari_keras.serving.rows import escaped

    return escaped(name)


def _used(model: Any, images: Any, tasks: np.ndarray) -> Answers:
    listed = list(images)
    identity = []
    for task in dict.fromkeys(tasks):
        given = [image for image, of in zip(listed, tasks) if of == task]
        for answer in model.identify(given, modality=str(task)):
            names = [_escaped(one.identity) for one in answer.candidates]
            identity.append(names)
    return Answers(model.embed(listed), np.array(identity, dtype=object))


if __name__ == "__main__":
    sys.exit(run_program("check_parity.py", main, sys.argv[1:]))
