"""What an export is written as, and the images that it is compared and calibrated on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Optional

import numpy as np

from cari_keras.align.config import AlignConfig
from cari_keras.data.prepared import Prepared
from cari_keras.errors import AlignError, ConfigError, DatasetError
from cari_keras.evaluation.matcher import Matcher
from cari_keras.images.kinds import is_picture
from cari_keras.images.walk import files_of
from cari_keras.serving.faces import Faces
from cari_keras.serving.parity import Images, drawn_images, images_of
from cari_keras.serving.thresholds import prepared_of
from cari_keras.vocabulary import FORMATS, PHOTO, check_word

#: Formats that can be written in 8 bits.
WITH_8_BITS = ("onnx", "openvino")

#: Training images of each modality that 8 bits are calibrated on; of a folder, twice as many.
CALIBRATED_ON = 32


class Form(NamedTuple):
    """A format.

    Attributes:
        name: One of `FORMATS`.
        compared: What its answers and the network's are compared on; None for SavedModels, which
            are the network's own graph.
        calibration: What 8 bits are calibrated on; None for float32.
        progress: Whether to show progress bars.
    """

    name: str = FORMATS[0]
    compared: Optional[Images] = None
    calibration: Optional[Images] = None
    progress: bool = False


#: TensorFlow's own.
SAVED_MODEL = Form()


def form_of(
    matcher: Matcher,
    name: str,
    *,
    int8: bool = False,
    calibrate: Optional[Path] = None,
    data_dir: Optional[str] = None,
    progress: bool = False,
) -> Form:
    """A format for a network, with images of the run's dataset where that is at hand.

    Args:
        matcher: The network.
        name: One of `FORMATS`.
        int8: Whether it is to compute in 8 bits.
        calibrate: A folder of pictures to calibrate them on. None: the run's training images.
        data_dir: The run's dataset, if it has moved; it has to be there then.
        progress: Whether to show progress bars.

    Raises:
        ConfigError: There is no such format, or not in 8 bits; there is nothing to calibrate on; or
            the network does not compute in float32.
        DatasetError: The dataset that `data_dir` names cannot be read.
    """
    check_word("format", name, FORMATS)
    if int8 and name not in WITH_8_BITS:
        raise ConfigError(f"8 bits apply only to {' and '.join(WITH_8_BITS)}. Received: {name}")
    if calibrate is not None and not int8:
        raise ConfigError(
            "--calibrate names pictures for 8 bits; add --int8, or leave --calibrate out"
        )
    if name == FORMATS[0]:
        return SAVED_MODEL
    if matcher.config.model.precision != "float32":
        raise ConfigError(
            f"{name} computes in float32, and the network in "
            f"{matcher.config.model.precision}; export it with --precision float32"
        )
    prepared, lacks = _dataset(matcher, data_dir, progress)
    calibration = None
    if calibrate is not None:
        calibration = _pictures(matcher, calibrate)
    elif int8 and prepared is None:
        raise ConfigError(
            f"--int8 needs training images to calibrate on, and there are none: {lacks}; "
            "name a folder of pictures with --calibrate"
        )
    elif int8 and prepared is not None:
        calibration = images_of(prepared, "train", CALIBRATED_ON)
    there = prepared is not None and prepared.count("validation")
    compared = images_of(prepared, "validation") if there and prepared else None
    return Form(name, compared or drawn_images(matcher.side), calibration, progress)


def _dataset(
    matcher: Matcher, data_dir: Optional[str], progress: bool
) -> tuple[Optional[Prepared], str]:
    """The run's dataset; or None, and why it is not there."""
    if matcher.run is None:
        return None, f"{matcher.name} has no dataset of its own"
    try:
        return prepared_of(matcher, data_dir, progress=progress), ""
    except (DatasetError, AlignError, OSError) as error:
        if data_dir is not None:
            raise
        return None, str(error)


def _pictures(matcher: Matcher, folder: Path) -> Images:
    """Pictures of a folder, looked at as the network looks; those that cannot be are left out.

    Raises:
        ConfigError: There are none.
    """
    paths: Sequence[Path] = []
    if folder.is_dir():
        paths = [folder / path for path in files_of(folder) if is_picture(folder / path)]
    rows = np.random.default_rng(0).permutation(len(paths))[: 2 * CALIBRATED_ON]
    config = AlignConfig.of_crops(matcher.aligned, matcher.side) if matcher.aligned else None
    seen = Faces(matcher.side, config).all([paths[row] for row in rows], PHOTO, errors="skip")
    if not len(seen.faces):
        raise ConfigError(
            f"{folder}: has no picture to calibrate on; name another folder with --calibrate"
        )
    count = len(seen.faces)
    return Images(
        seen.faces, np.zeros(count, int), np.zeros(count, bool), f"pictures of {folder}", False
    )
