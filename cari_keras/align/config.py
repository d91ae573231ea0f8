"""The settings of an alignment, the one source of `cari-align`'s flags and of dataset.json."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cari_keras.errors import ConfigError, quoted
from cari_keras.images.crop import ALIGN
from cari_keras.images.decode import MAX_PIXELS
from cari_keras.images.layouts import LAYOUTS
from cari_keras.settings import check_names, setting
from cari_keras.settings import settings as setting_items

#: How files may be aligned: by processes of this machine, or on Apache Beam.
ENGINES = LOCAL, BEAM = ("local", "beam")

#: By these settings a face fills its crop as it fills CaVI's pictures, for which the presets' crops
#: were chosen: with the default margin a central square of 0.75 does what the whole picture does,
#: as was measured (docs/results.md).
FILLING: Mapping[str, Any] = {"align": "similarity", "margin": 0.2}


@dataclass(frozen=True)
class AlignConfig:
    """The settings that decide how a picture is aligned; equal settings give equal bytes."""

    layout: str = setting("auto", "layout of RAW", ("auto", *LAYOUTS), usual=True)
    image_size: int = setting(224, "side of the crops in pixels", metavar="PIXELS", usual=True)
    margin: float = setting(
        0.6,
        "room around a face, as a fraction of the face, whatever its size",
        metavar="SHARE",
        usual=True,
    )
    align: str = setting(
        "similarity",
        "similarity: turn and scale five points onto a template; box: cut a square around the box",
        ALIGN,
        usual=True,
    )
    all_faces: bool = setting(
        False, "take every face of a picture, not only the main one", usual=True
    )
    max_side: int = setting(
        1600,
        "side to which larger pictures are shrunk before the search for faces",
        metavar="PIXELS",
    )
    max_pixels: int = setting(
        MAX_PIXELS, "most pixels; larger pictures are refused before they are decoded"
    )
    max_bytes: int = setting(100_000_000, "most bytes; larger files are refused unread")

    def __post_init__(self) -> None:
        for name, low, high in (
            ("image_size", 20, 4096),
            ("margin", 0, 10),
            ("max_side", 80, 20_000),
            ("max_pixels", 1, 178_956_970),  # Pillow takes no larger ones
            ("max_bytes", 1, 2**31 - 1),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise ConfigError(f"{name} must be in [{low}, {high}]. Received: {quoted(value)}")

    @classmethod
    def of_values(cls, values: Mapping[str, Any]) -> AlignConfig:
        """The settings that are given by name, of whatever type; the others are the defaults.

        Raises:
            ConfigError: There is no such setting, or a value is not possible.
        """
        items = {item.name: item for item in setting_items(cls)}
        check_names(values, list(items))
        found = {name: items[name].value_of(value) for name, value in values.items()}
        for name, value in found.items():
            items[name].check(value)
        return cls(**found)

    @classmethod
    def of_crops(cls, settings: Mapping[str, Any], size: int) -> AlignConfig:
        """The settings by which other pictures are cut out alike.

        Args:
            settings: From `to_dict`, perhaps of another version; empty for the defaults.
            size: Side of the crops in pixels.

        Raises:
            ConfigError: They are not settings.
        """
        try:
            found = {name: settings[name] for name in ("align", "margin") if name in settings}
            return cls(**found, image_size=size)
        except TypeError as error:
            raise ConfigError(f"not the settings of an alignment ({error})") from error

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for dataset.json."""
        return dataclasses.asdict(self)
