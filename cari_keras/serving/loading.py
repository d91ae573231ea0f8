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
    """A trained network, ready to answer.

    Args:
        path: A run folder of `cari-train`; a folder that `cari-export` wrote, whose newest versions
            are taken; or the word `facenet`: the public weights with no training, which verify and
            embed, and are fetched on first use. None: the network that comes with the package.
        align: Find each image's main face and cut it out as the images were that the network was
            trained on, or by cari-align's default; otherwise the whole image is resized. None:
            as the network was trained, so True for `facenet`, for the network that comes with the
            package and for runs on aligned faces.
        data_dir: For a run: its dataset's folder, if that has moved or changed; thresholds are
            taken from its validation pairs and its strangers then, otherwise once, and kept in the
            run folder. A run whose dataset is not there, and which has not kept them, answers all
            that needs no threshold; `FaceModel.lacks` says why it has none.
        thresholds_of: For a run that was trained on the validation images (`--final`): a run with
            the same settings that was not. Without it such a run has no thresholds: it does not
            verify, and says of nobody that they are unknown.

    Raises:
        PretrainedError: The public weights are asked for, and cannot be fetched.
        CheckpointError: There is no run and no export, or it is damaged.
        DatasetError: The dataset that `data_dir` names is not there, or the other run's is not.
        ConfigError: The thresholds of the other run do not fit; `path` is no path; Keras refuses
            its user's keras.json; TensorFlow's eager execution is switched off; or this process was
            forked from one in which TensorFlow had started, where it waits for ever.

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
