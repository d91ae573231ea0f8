"""What a process imports before commands are forked from it, see `forked`: libraries alone."""

from cari_keras.runtime import load_tensorflow

load_tensorflow()

import cv2  # noqa: E402, F401
import keras  # noqa: E402, F401
import matplotlib.figure  # noqa: E402, F401
import pandas  # noqa: E402, F401
