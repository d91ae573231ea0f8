"""Images as clients send them, within the graph: pixels of a fixed size, or encoded files."""

from __future__ import annotations

import tensorflow as tf

from cari_keras.data.records import decode


def checked_pixels(image: tf.Tensor, size: int) -> tf.Tensor:
    """uint8 [N, size, size, 3], enforced when the graph runs: a signature's shape is not."""
    return tf.ensure_shape(image, [None, size, size, 3])


def decoded_pixels(encoded: tf.Tensor, size: int) -> tf.Tensor:
    """JPEG or PNG files of any size as the evaluation prepares images.

    Areas are averaged where both sides shrink, else pixels are interpolated bilinearly, whatever
    the aspect: see `cari_keras.data.encoding.resize`, of whose the pixels are within one level of
    255. A file that cannot be decoded, or is empty, fails the request. A JPEG's EXIF entry is not
    looked at, unlike in evaluation: clients send pictures the right way up.

    Args:
        encoded: string [N].
        size: S.

    Returns:
        uint8 RGB [N, S, S, 3].
    """

    def one(content: tf.Tensor) -> tf.Tensor:
        full = tf.debugging.assert_greater(
            tf.strings.length(content), 0, message="an image of the request is empty"
        )
        with tf.control_dependencies([full]):
            image = decode(content)
        shape = tf.shape(image)
        pixels = tf.cast(image, tf.float32)[tf.newaxis]
        shrinks = tf.reduce_all(shape[:2] >= size)
        resized = tf.cond(
            shrinks,
            lambda: tf.image.resize(pixels, [size, size], method="area"),
            lambda: tf.image.resize(pixels, [size, size]),
        )
        return tf.cast(tf.clip_by_value(tf.round(resized[0]), 0.0, 255.0), tf.uint8)

    return tf.map_fn(one, encoded, fn_output_signature=tf.TensorSpec([size, size, 3], tf.uint8))
