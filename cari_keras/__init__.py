"""Cross-modal photo-caricature face recognition with dynamic multi-task learning.

The method is Ming, Burie & Luqman, *Cross-modal photo-caricature face recognition based on dynamic
multi-task learning*, IJDAR 2021. Importing this package loads neither TensorFlow nor Keras; the
modules that need them do.
"""

from typing import TYPE_CHECKING

from cari_keras.api import Trained, train
from cari_keras.serving.loading import load_model

if TYPE_CHECKING:
    from cari_keras.align.folder import align
else:
    from cari_keras import align  # the package, which can be called

__all__ = ["Trained", "__version__", "align", "load_model", "train"]

__version__ = "0.1.0"
