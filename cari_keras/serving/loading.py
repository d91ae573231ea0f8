"""The one line that opens a trained network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Optional, Union

from cari_keras.files import user_path
from cari_keras.runtime import keras_json_named
from cari_keras.shipped import shipped_run, tell_licence

if TYPE_CHECKING:
    from cari_keras.serving.face_model import FaceModel


def load_model(
    path: Union[str, Path, None] = None,
    *,
    align: Optional[bool] = None,
    data_dir: Optional[str] = None,
    thresholds_of: Union[str, Path, None] = None,
) -> FaceModel:
    """A trained network, ready for use.

    Args:
        path: A run folder of `cari-train`; a folder that `cari-export` wrote, of which the newest
            versions are loaded; or the word `facenet`, the public weights without training, which
            verify and embed. The first use fetches these weights. None: the network that comes with
            the package.
        align: True finds each image's main face and cuts it out like the network's training images,
            or by cari-align's defaults. False resizes the whole image. None does as in training:
            True for `facenet`, for the network that comes with the package and for runs on aligned
            faces.
        data_dir: For a run: its dataset's folder, if that has moved or changed. The dataset's
            validation pairs and strangers then give new thresholds. Without `data_dir` they give
            thresholds once, and the run folder stores these. A run with neither dataset nor stored
            thresholds serves every call that needs no threshold; `FaceModel.lacks` says why it has
            none.
        thresholds_of: The threshold source of a run that was trained on its validation images
            (`--final`): a run with the same settings but without `--final`. Without a threshold
            source such a run does not verify, and calls nobody unknown.

    Raises:
        PretrainedError: `path` is `facenet`, and the public weights cannot be fetched.
        CheckpointError: `path` holds no run and no export, or they are damaged.
        DatasetError: The dataset of `data_dir`, or of the run `thresholds_of`, is missing.
        ConfigError: The thresholds of the other run do not fit; `path` is not a path; Keras refuses
            the user's keras.json; TensorFlow's eager execution is switched off; or this process was
            forked from one in which TensorFlow had started, so TensorFlow would wait for ever.

    Example:
        >>> model = load_model("runs/cavi")  # doctest: +SKIP
        >>> model.verify("photo.jpg", "drawing.png").same  # doctest: +SKIP
        True
        >>> load_model("facenet").verify("a.jpg", "b.jpg", modality="photo").same  # doctest: +SKIP
        True
    """
    with keras_json_named():
        from cari_keras.serving.opening import open_model

    judge = None if thresholds_of is None else user_path(thresholds_of)
    run = shipped_run() if path is None else user_path(path)
    model = open_model(run, align=align, data_dir=data_dir, thresholds_of=judge)
    if path is None:
        tell_licence()
    return model
