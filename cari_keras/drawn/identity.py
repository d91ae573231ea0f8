"""A drawn person: a point in a space of facial geometry and tone."""

from __future__ import annotations

from dataclasses import astuple, dataclass, fields

import numpy as np

#: Values of a sampled identity lie within this many standard deviations of the mean face.
LIMIT = 2.2


@dataclass(frozen=True)
class Identity:
    """Deviations from the mean face, each standard normal over the population, 0 for the mean.

    Positive values mean larger, longer, higher (for positions), thicker, or darker; the sign of
    `eye_tilt` and `brow_tilt` is that of the outer end's height.
    """

    face_width: float = 0.0
    forehead_width: float = 0.0
    jaw_width: float = 0.0
    chin_width: float = 0.0
    chin_length: float = 0.0
    hairline: float = 0.0
    eye_spacing: float = 0.0
    eye_size: float = 0.0
    eye_openness: float = 0.0
    eye_tilt: float = 0.0
    eye_height: float = 0.0
    brow_height: float = 0.0
    brow_thickness: float = 0.0
    brow_tilt: float = 0.0
    nose_length: float = 0.0
    nose_width: float = 0.0
    nose_depth: float = 0.0
    mouth_width: float = 0.0
    mouth_height: float = 0.0
    lip_thickness: float = 0.0
    ear_size: float = 0.0
    hair_volume: float = 0.0
    hair_length: float = 0.0
    hair_parting: float = 0.0
    wrinkles: float = 0.0
    beard: float = 0.0
    skin_tone: float = 0.0
    hair_tone: float = 0.0
    hair_grey: float = 0.0
    eye_tone: float = 0.0


PARAMETERS = tuple(field.name for field in fields(Identity))


def sample_identity(rng: np.random.Generator) -> Identity:
    """Draws a person: independent standard normals, held within `LIMIT`."""
    return Identity(*np.clip(rng.standard_normal(len(PARAMETERS)), -LIMIT, LIMIT).tolist())


def exaggerate(identity: Identity, amount: float) -> Identity:
    """Multiplies the identity's deviation from the mean face by `amount`: 1 changes nothing."""
    return Identity(*(amount * value for value in astuple(identity)))


def perturb(identity: Identity, rng: np.random.Generator, deviation: float) -> Identity:
    """Adds to every value a normal number of the given standard deviation: an artist's errors."""
    noise = rng.normal(0.0, deviation, len(PARAMETERS))
    return Identity(*(np.array(astuple(identity)) + noise).tolist())
