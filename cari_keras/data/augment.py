"""Random changes to training images: small pure functions of an image and a seed.

All take and return float32 [S, S, 3] in [0, 255] and a seed, int [2]; the same seed gives the same
result, eagerly and inside tf.data, in any order of execution.

Brightness and contrast of the whole image are not varied: per-image standardisation removes both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Optional

import tensorflow as tf

from cari_keras.data.exaggerate import exaggerate
from cari_keras.vocabulary import Keypoints

#: ITU-R BT.601 luma.
_LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class Augmentation:
    """How strongly training images are varied; see the functions below.

    Attributes:
        flip: Whether half of the images are mirrored.
        crop: The smallest side of a random crop, as a fraction of the image; 1 turns it off.
        color: Largest relative change of a channel and of the saturation; 0 turns it off.
        greyscale: The share of images that lose their colour.
        drawing: The share of images that are made to look drawn.
        rotation: Largest angle of a random rotation, in degrees; 0 turns it off.
        erase: The share of images that lose a rectangle.
        exaggerate: How far keypoints move away from `mean_face`; 0 turns it off.
        mean_face: See `cari_keras.data.exaggerate.mean_face`.
    """

    flip: bool = True
    crop: float = 0.85
    color: float = 0.2
    greyscale: float = 0.1
    drawing: float = 0.0
    rotation: float = 0.0
    erase: float = 0.0
    exaggerate: float = 0.0
    mean_face: Keypoints = ()


def random_flip(image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Mirrors left and right with probability 1/2."""
    mirrored = tf.random.stateless_uniform([], seed) < 0.5
    return tf.cond(mirrored, lambda: tf.reverse(image, axis=[1]), lambda: image)


def random_crop_and_scale(
    image: tf.Tensor, seed: tf.Tensor, smallest: float, image_size: Optional[int] = None
) -> tf.Tensor:
    """Cuts a square whose side is uniform in [smallest, 1] of the image's, anywhere in the image.

    Height and width are scaled apart by up to 5 %. The square is resized, bilinearly, to
    `image_size`, by default the image's own.
    """
    size = image_size or image.shape[0]
    draws = tf.random.stateless_uniform([4], seed)
    side = smallest + (1.0 - smallest) * draws[0]
    stretch = 1.0 + 0.05 * (2.0 * draws[1] - 1.0)
    height, width = tf.minimum(side * stretch, 1.0), tf.minimum(side / stretch, 1.0)
    top, left = (1.0 - height) * draws[2], (1.0 - width) * draws[3]
    box = tf.stack([top, left, top + height, left + width])
    return tf.image.crop_and_resize(image[tf.newaxis], box[tf.newaxis], [0], [size, size])[0]


def random_rotation(image: tf.Tensor, seed: tf.Tensor, degrees: float) -> tf.Tensor:
    """Turns the image about its centre by an angle uniform in [-degrees, degrees].

    Bilinear; what comes in at the corners is the image's reflection.
    """
    size = image.shape[0]
    angle = degrees * math.pi / 180.0 * (2.0 * tf.random.stateless_uniform([], seed) - 1.0)
    cosine, sine, middle = tf.cos(angle), tf.sin(angle), (size - 1) / 2
    zero = tf.zeros_like(cosine)
    # Where each pixel of the result comes from: the rows of a projective transform, without its 1.
    x_row = [cosine, -sine, middle * (1.0 - cosine + sine)]
    y_row = [sine, cosine, middle * (1.0 - sine - cosine)]
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=image[tf.newaxis],
        transforms=tf.stack([*x_row, *y_row, zero, zero])[tf.newaxis],
        output_shape=[size, size],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="REFLECT",
    )[0]


def random_erase(image: tf.Tensor, seed: tf.Tensor, probability: float) -> tf.Tensor:
    """With the given probability fills a rectangle with the image's mean color.

    Random erasing (Zhong et al., 2020): height and width are each uniform in [0.2, 0.5] of the
    image's, and the rectangle lies anywhere within the image.
    """
    size = image.shape[0]
    draws = tf.random.stateless_uniform([5], seed)

    def erased() -> tf.Tensor:
        sides = 0.2 + 0.3 * draws[1:3]
        starts = (1.0 - sides) * draws[3:5]
        position = (tf.range(size, dtype=tf.float32) + 0.5) / size
        inside = (position >= starts[:, tf.newaxis]) & (position < (starts + sides)[:, tf.newaxis])
        hole = (inside[0][:, tf.newaxis] & inside[1][tf.newaxis])[..., tf.newaxis]
        return tf.where(hole, tf.reduce_mean(image, axis=[0, 1], keepdims=True), image)

    return tf.cond(draws[0] < probability, erased, lambda: image)


def random_color(image: tf.Tensor, seed: tf.Tensor, strength: float) -> tf.Tensor:
    """Scales each channel, and the saturation, by factors uniform in [1 - strength, 1 + strength].

    Both are linear in the pixel, so they are one 3 x 3 matrix; the result is clipped to [0, 255].
    """
    factors = 1.0 + strength * (2.0 * tf.random.stateless_uniform([4], seed) - 1.0)
    grey = tf.tile(tf.constant(_LUMA)[:, tf.newaxis], [1, 3])
    mix = factors[3] * tf.eye(3) + (1.0 - factors[3]) * grey
    flat = tf.reshape(image, [-1, 3]) @ (mix * factors[:3])
    return tf.reshape(tf.clip_by_value(flat, 0.0, 255.0), tf.shape(image))


def random_greyscale(image: tf.Tensor, seed: tf.Tensor, probability: float) -> tf.Tensor:
    """Replaces all three channels by the luma, with the given probability."""

    def to_grey() -> tf.Tensor:
        return tf.tile(_luma(image), [1, 1, 3])

    return tf.cond(tf.random.stateless_uniform([], seed) < probability, to_grey, lambda: image)


def _luma(image: tf.Tensor) -> tf.Tensor:
    """[S, S, 3] to [S, S, 1]."""
    return tf.tensordot(image, _LUMA, 1)[..., tf.newaxis]


def line_drawing(image: tf.Tensor) -> tf.Tensor:
    """Dark lines on white where the luma changes: the inverted magnitude of Sobel's gradient.

    The strongest fiftieth of the edges is black, whatever the image's contrast; below a gradient of
    8 grey levels nothing is.
    """
    gradient = tf.image.sobel_edges(_luma(image)[tf.newaxis])[0, :, :, 0]
    strength = tf.norm(gradient, axis=-1)
    count = tf.size(strength)
    strongest = tf.sort(tf.reshape(strength, [-1]))[count - 1 - count // 50]
    share = tf.minimum(strength / tf.maximum(strongest, 8.0), 1.0)
    return tf.tile(255.0 * (1.0 - share)[..., tf.newaxis], [1, 1, 3])


def posterise(image: tf.Tensor, levels: tf.Tensor) -> tf.Tensor:
    """Every channel in `levels` equal steps, each value in the middle of its step."""
    step = 256.0 / tf.cast(levels, tf.float32)
    return tf.clip_by_value((tf.floor(image / step) + 0.5) * step, 0.0, 255.0)


def random_drawing(image: tf.Tensor, seed: tf.Tensor, probability: float) -> tf.Tensor:
    """With the given probability a line drawing or, as often, 3 to 5 posterised levels."""
    draws = tf.random.stateless_uniform([3], seed)

    def drawn() -> tf.Tensor:
        levels = 3.0 + tf.floor(3.0 * draws[2])
        return tf.cond(
            draws[1] < 0.5, lambda: line_drawing(image), lambda: posterise(image, levels)
        )

    return tf.cond(draws[0] < probability, drawn, lambda: image)


def augment(
    image: tf.Tensor,
    seed: tf.Tensor,
    settings: Augmentation,
    keypoints: Optional[tf.Tensor] = None,
    image_size: Optional[int] = None,
) -> tf.Tensor:
    """Applies whatever is switched on, in the order of the lines below.

    Args:
        image: uint8 or float32 [S, S, 3] in [0, 255], of static shape.
        seed: int [2].
        settings: Which changes, how strong.
        keypoints: float32 [5, 2], see `exaggerate`, which alone looks at them.
        image_size: Side of the result; by default S. A random crop is cut from the image as it is,
            so that crops of an image that is larger than the result are sharp.

    Returns:
        float32 [image_size, image_size, 3] in [0, 255].
    """
    size = image_size or image.shape[0]
    image = tf.cast(image, tf.float32)
    seeds = tf.random.experimental.stateless_split(seed, 8)
    if settings.exaggerate and keypoints is not None:
        image = exaggerate(image, keypoints, seeds[7], settings.exaggerate, settings.mean_face)
    if settings.flip:
        image = random_flip(image, seeds[0])
    if settings.rotation:
        image = random_rotation(image, seeds[5], settings.rotation)
    if settings.crop < 1:
        image = random_crop_and_scale(image, seeds[1], settings.crop, size)
    elif size != image.shape[0]:
        image = tf.image.resize(image, [size, size], antialias=True)
    if settings.color:
        image = random_color(image, seeds[2], settings.color)
    if settings.greyscale:
        image = random_greyscale(image, seeds[3], settings.greyscale)
    if settings.drawing:
        image = random_drawing(image, seeds[4], settings.drawing)
    if settings.erase:
        image = random_erase(image, seeds[6], settings.erase)
    return tf.ensure_shape(image, [size, size, 3])


def standardize(images: tf.Tensor) -> tf.Tensor:
    """Each image to zero mean and unit variance over all its values, float32.

    `tf.image.per_image_standardization`: the deviation is held at 1 / sqrt(number of values) or
    above, so that a uniform image becomes zeros.
    """
    return tf.image.per_image_standardization(tf.cast(images, tf.float32))
