"""The network that comes with the package: where it is, and what it may be used for."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

from cari_keras.errors import CheckpointError, ConfigError
from cari_keras.files import user_cache_dir, write_text
from cari_keras.saved import CONFIG

#: Its folder's name.
SHIPPED = "cavi"

LICENCE = (
    "the network that comes with the package was trained on CaVI, whose images are for research "
    "only, and so are its weights; the code is under the MIT licence"
)

#: A wheel holds the folder within the package, a checkout beside it.
_PLACES = (
    Path(__file__).parent / "saved_models",
    Path(__file__).parents[1] / "saved_models",
)


def shipped_run() -> Path:
    """The folder of the network that comes with the package: a run's, with packed weights.

    Raises:
        CheckpointError: This copy of the package has none.
    """
    for place in _PLACES:
        if (place / SHIPPED / CONFIG).is_file():
            return place / SHIPPED
    raise CheckpointError(
        f"this copy of cari_keras has no network of its own ({_PLACES[0] / SHIPPED} is missing); "
        "install the package's wheel or clone its repository, or name a run, a folder of "
        "cari-export or facenet"
    )


def tell_licence() -> None:
    """Says once to each user, on standard error, what the weights may be used for."""
    with contextlib.suppress(OSError, ConfigError):  # without a cache it is said every time
        stamp = user_cache_dir() / "licence_of_weights.txt"
        if stamp.exists():
            return
        write_text(stamp, LICENCE + "\n")
    print(f"cari_keras: {LICENCE}", file=sys.stderr, flush=True)
