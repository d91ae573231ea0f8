"""1x1 convolutions whose kernels' gradients are products of matrices while training in bfloat16.

oneDNN computes these gradients at 140 to 250 GFLOP/s on an Intel Xeon with AMX, and the same
products of matrices at 650 to 990 (docs/results.md, Speed). In float32 both are as fast.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from cari_keras.stack import keras


@keras.saving.register_keras_serializable(package="cari_keras")
class Conv2D(keras.layers.Conv2D):
    """Keras' own, in everything but how fast some of its gradients are.

    What is not trained, as exports, has Keras' own operation: TensorFlow warns of gradients of
    one's own in a SavedModel.
    """

    def call(self, inputs: Any, training: Any = None) -> Any:
        if not (training and self._is_plain and inputs.dtype == tf.bfloat16):
            return super().call(inputs)
        kernel = tf.cast(tf.convert_to_tensor(self.kernel), tf.bfloat16)
        outputs = pointwise(inputs, kernel)
        if self.use_bias:
            outputs = tf.nn.bias_add(outputs, tf.cast(tf.convert_to_tensor(self.bias), tf.bfloat16))
        return outputs if self.activation is None else self.activation(outputs)

    @property
    def _is_plain(self) -> bool:
        ones = all(tuple(n) == (1, 1) for n in (self.kernel_size, self.strides))
        return ones and self.groups == 1 and self.data_format == "channels_last"


@tf.custom_gradient
def pointwise(x: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Callable[..., Any]]:
    """The 1x1 convolution of x [N, H, W, c] with a kernel [1, 1, c, d]: [N, H, W, d]."""
    wide, narrow = kernel.shape[2:]

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        of_x = tf.raw_ops.Conv2DBackpropInput(
            input_sizes=tf.shape(x),
            filter=kernel,
            out_backprop=upstream,
            strides=[1, 1, 1, 1],
            padding="VALID",
        )
        rows = tf.reshape(x, (-1, wide)), tf.reshape(upstream, (-1, narrow))
        return of_x, tf.reshape(tf.matmul(*rows, transpose_a=True), (1, 1, wide, narrow))

    return tf.nn.conv2d(x, kernel, 1, "VALID"), gradient
