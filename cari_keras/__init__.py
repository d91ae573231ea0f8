"""Cross-modal photo-caricature face recognition with dynamic multi-task learning.

The method is Ming, Burie & Luqman, *Cross-modal photo-caricature face recognition based on dynamic
multi-task learning*, IJDAR 2021. Importing this package loads neither TensorFlow nor Keras; the
modules that need them do.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cari_keras.api import Trained, train
from cari_keras.serving.loading import load_model

if TYPE_CHECKING:
    from cari_keras.align.folder import align
    from cari_keras.gallery.gallery import Gallery
    from cari_keras.gallery.only import Only
else:
    from cari_keras import align  # the package, which can be called

__all__ = ["Gallery", "Only", "Trained", "__version__", "align", "load_model", "train"]

__version__ = "0.2.0"

#: What is loaded when it is first asked for, and where it is: it brings Pillow and OpenCV.
_LATER = {"Gallery": "cari_keras.gallery.gallery", "Only": "cari_keras.gallery.only"}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LATER[name]), name)
