"""Drawn faces: identities, their photographs and their caricatures, from seeds alone.

>>> import numpy as np
>>> rng = np.random.default_rng(0)
>>> person = sample_identity(rng)
>>> draw_photo(plan_photo(person, rng), 96).shape
(96, 96, 3)
"""

from cari_keras.drawn.caricature import draw_caricature, plan_caricature
from cari_keras.drawn.identity import Identity, exaggerate, sample_identity
from cari_keras.drawn.photo import draw_photo, plan_photo
from cari_keras.drawn.styles import STYLES

#: To be raised with every change that alters any picture: prepared datasets depend on it.
DRAWING_VERSION = 1

__all__ = [
    "DRAWING_VERSION",
    "STYLES",
    "Identity",
    "draw_caricature",
    "draw_photo",
    "exaggerate",
    "plan_caricature",
    "plan_photo",
    "sample_identity",
]
