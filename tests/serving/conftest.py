"""A tiny trained run, and its exports."""

import os
import subprocess
import sys

import cv2
import numpy as np
import pytest

from tests.helpers.pictures import write_folder_dataset, write_image
from tests.helpers.runs import small_config

#: Runs in a process that cannot import the package, and reads and writes numpy files.
STRANGER = """
import sys
sys.modules["cari_keras"] = None
import numpy as np
import tensorflow as tf

folder, signature, request, answer = sys.argv[1:]
inputs = dict(np.load(request, allow_pickle=True))
with tf.compat.v1.Session(graph=tf.Graph()) as session:
    meta = tf.compat.v1.saved_model.load(session, ["serve"], folder)
    found = meta.signature_def[signature]
    feed = {found.inputs[name].name: value for name, value in inputs.items()}
    fetch = {name: info.name for name, info in found.outputs.items()}
    np.savez(answer, **session.run(fetch, feed))
"""


@pytest.fixture(scope="module", autouse=True)
def _as_served():
    """TensorFlow's own executor: the tests' one, made for training, waits for ever in a map.

    For each module anew, so that it ends with the last of these.
    """
    import tensorflow as tf

    with tf.experimental.function_executor_type(""):
        yield


@pytest.fixture(scope="session")
def people(tmp_path_factory):
    """Three people, and two strangers: one like the first of them, one like nobody."""
    root = write_folder_dataset(tmp_path_factory.mktemp("people"))
    for modality, bright in (("photo", 60), ("caricature", 150)):
        for name, red, blue in (("near", 65, 0), ("far", 50, 50)):
            for k in range(10):
                path = root / "strangers" / modality / name / f"{k}.png"
                write_image(path, (bright + red, bright, bright + blue), seed=5000 + k)
    return root


@pytest.fixture(scope="session")
def matcher(people, tmp_path_factory):
    """Stored larger than the network's input, and looked at in two views of a part."""
    from cari_keras.data import folder
    from cari_keras.data.prepare import prepare
    from cari_keras.evaluation.matcher import load_matcher
    from cari_keras.training.trainer import Trainer

    place = tmp_path_factory.mktemp("served")
    config = small_config(
        data_dir=str(people),
        cache_dir=str(place / "cache"),
        epochs=1,
        stored_size=96,
        flip_test=True,
        test_crops=(0.8,),
        verify_by="identities",
    )
    prepared = prepare(
        folder.load(str(people)), 96, cache_dir=place / "cache", workers=1, progress=False
    )
    Trainer(config, prepared, place / "run").fit(progress=False)
    return load_matcher(str(place / "run"), {})


@pytest.fixture(scope="session")
def thresholds(matcher):
    from cari_keras.serving.thresholds import thresholds_of

    return thresholds_of(matcher)


@pytest.fixture(scope="session")
def exported(matcher, thresholds, tmp_path_factory):
    from cari_keras.serving.export import export

    folder = tmp_path_factory.mktemp("saved_models")
    export(matcher, thresholds, folder)
    return folder


@pytest.fixture(scope="module", params=["run", "exports"])
def model(request, matcher, exported):
    """A run, or its exports, in use."""
    from cari_keras import load_model

    return load_model(matcher.run if request.param == "run" else exported)


@pytest.fixture(scope="session")
def pixels():
    """Eight images of the size that the endpoints take."""
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (8, 12, 12, 3), dtype=np.uint8)
    return np.stack([cv2.resize(image, (96, 96)) for image in small])


@pytest.fixture(scope="session")
def encoded(pixels):
    """The same as PNG files."""
    files = [cv2.imencode(".png", image[..., ::-1])[1].tobytes() for image in pixels]
    return np.array(files, dtype=object)


@pytest.fixture
def ask(exported, tmp_path):
    """Asks an export as TensorFlow Serving does; the package cannot be imported there."""

    def asked(branch, signature, **inputs):
        request, answer = tmp_path / "request.npz", tmp_path / "answer.npz"
        np.savez(request, **inputs)
        command = [sys.executable, "-c", STRANGER, exported / branch / "1", signature]
        result = subprocess.run(
            [*map(str, command), str(request), str(answer)],
            cwd=tmp_path,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode:
            raise RuntimeError(result.stderr)
        return dict(np.load(answer, allow_pickle=True))

    return asked
