"""The building blocks of Inception-ResNet-v1 (Szegedy et al., 2017), in the FaceNet form.

Layer names are those of the public FaceNet network (`Conv2d_1a_3x3`, `Block35_1_Branch_0_...`), so
that its weights can be mapped by name. Only layers touch symbolic tensors, never raw TensorFlow
operations: the same code builds on Keras 2.15 and on Keras 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Union

import tensorflow as tf

from cari_keras import replicas
from cari_keras.model.pointwise import Conv2D
from cari_keras.stack import keras

#: Of every layer, whatever Keras' own settings say.
CHANNELS = "channels_last"

KernelSize = Union[int, tuple[int, int]]


@keras.saving.register_keras_serializable(package="cari_keras")
class ScaledAdd(keras.layers.Layer):
    """`x + scale * residual`, for a list of two tensors of one shape; has no weights."""

    def __init__(self, scale: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = scale

    def call(self, inputs: Sequence[Any]) -> Any:
        x, residual = inputs
        return x + self.scale * residual

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape[0]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "scale": self.scale}


@keras.saving.register_keras_serializable(package="cari_keras")
class StopGradient(keras.layers.Layer):
    """The identity, through which no gradient flows back; has no weights."""

    def call(self, inputs: Any) -> Any:
        return tf.stop_gradient(inputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


@keras.saving.register_keras_serializable(package="cari_keras")
class BatchNorm(keras.layers.BatchNormalization):
    """Keras' own, but in training by the statistics of the whole batch, of all its replicas.

    With one replica it is Keras' own in everything. (That has `synchronized=True`, which is never
    fused, so slower on one machine.)
    """

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        if not training or not self.trainable or replicas.count() == 1:
            return super().call(inputs, training=training)
        x = tf.cast(inputs, tf.float32)
        # One exchange, of sums about a value that all replicas know: smaller numbers, once the
        # moving mean has come near.
        rest = x - tf.convert_to_tensor(self.moving_mean)
        axes = list(range(x.shape.rank - 1))
        number = tf.cast(tf.reduce_prod(tf.shape(x)[:-1]), tf.float32)
        sums, squares, number = replicas.all_sum(
            [tf.reduce_sum(rest, axes), tf.reduce_sum(tf.square(rest), axes), number]
        )
        number = tf.stop_gradient(number)
        rest_mean = sums / number
        variance = tf.maximum(squares / number - tf.square(rest_mean), 0.0)
        if replicas.first_of_worker():
            # Keras 2 keeps the unbiased variance wherever it can use its fused operation.
            kept = variance * number / (number - 1.0) if getattr(self, "fused", False) else variance
            rate = 1.0 - self.momentum
            self.moving_variance.assign_add(rate * (kept - self.moving_variance))
            self.moving_mean.assign_add(rate * rest_mean)
        scaled = (rest - rest_mean) * tf.math.rsqrt(variance + self.epsilon)
        return tf.cast(scaled + tf.cast(self.beta, tf.float32), self.compute_dtype)


@dataclass(frozen=True)
class Layers:
    """Makes layers that share one set of hyper-parameters.

    Attributes:
        dtype: Keras dtype policy of every layer, `"float32"` or `"mixed_bfloat16"`.
        weight_decay: What the sum of the squared convolution and dense kernels is multiplied by
            (TF-slim's number is twice that).
        bn_momentum: Decay of BatchNorm's moving statistics.
        prefix: Prepended to every layer's name; tells the three branches apart.
    """

    dtype: str = "float32"
    weight_decay: float = 5e-5
    bn_momentum: float = 0.995
    prefix: str = ""

    def regularizer(self) -> Any:
        return keras.regularizers.L2(self.weight_decay) if self.weight_decay else None

    def batch_norm(self, x: Any, name: str) -> Any:
        """BatchNorm without gamma, epsilon 1e-3."""
        return BatchNorm(
            momentum=self.bn_momentum,
            epsilon=1e-3,
            scale=False,
            dtype=self.dtype,
            name=f"{self.prefix}{name}_BatchNorm",
        )(x)

    def conv(
        self,
        x: Any,
        filters: int,
        kernel: KernelSize,
        name: str,
        *,
        strides: int = 1,
        padding: str = "same",
    ) -> Any:
        """Convolution without bias, BatchNorm, ReLU."""
        x = Conv2D(
            filters,
            kernel,
            strides=strides,
            padding=padding,
            use_bias=False,
            data_format=CHANNELS,
            kernel_initializer="glorot_uniform",
            kernel_regularizer=self.regularizer(),
            dtype=self.dtype,
            name=f"{self.prefix}{name}",
        )(x)
        x = self.batch_norm(x, name)
        return self.relu(x, f"{name}_ReLU")

    def relu(self, x: Any, name: str) -> Any:
        return keras.layers.Activation("relu", dtype=self.dtype, name=f"{self.prefix}{name}")(x)

    def concat(self, tensors: Sequence[Any], name: str) -> Any:
        return keras.layers.Concatenate(dtype=self.dtype, name=f"{self.prefix}{name}")(tensors)

    def max_pool(self, x: Any, name: str) -> Any:
        return keras.layers.MaxPooling2D(
            3,
            strides=2,
            padding="valid",
            data_format=CHANNELS,
            dtype=self.dtype,
            name=f"{self.prefix}{name}",
        )(x)

    def residual(
        self, x: Any, towers: Sequence[Any], name: str, *, scale: float, relu: bool = True
    ) -> Any:
        """Concatenates the towers, maps them back linearly to x's channels, adds them scaled."""
        mixed = self.concat(towers, f"{name}_Concatenate")
        up = Conv2D(
            x.shape[-1],
            1,
            data_format=CHANNELS,
            kernel_initializer="glorot_uniform",
            kernel_regularizer=self.regularizer(),
            dtype=self.dtype,
            name=f"{self.prefix}{name}_Conv2d_1x1",
        )(mixed)
        x = ScaledAdd(scale, dtype=self.dtype, name=f"{self.prefix}{name}_ScaledAdd")([x, up])
        return self.relu(x, f"{name}_Activation") if relu else x


def stem(layers: Layers, x: Any) -> Any:
    """[N, 160, 160, 3] to [N, 17, 17, 256]."""
    x = layers.conv(x, 32, 3, "Conv2d_1a_3x3", strides=2, padding="valid")
    x = layers.conv(x, 32, 3, "Conv2d_2a_3x3", padding="valid")
    x = layers.conv(x, 64, 3, "Conv2d_2b_3x3")
    x = layers.max_pool(x, "MaxPool_3a_3x3")
    x = layers.conv(x, 80, 1, "Conv2d_3b_1x1", padding="valid")
    x = layers.conv(x, 192, 3, "Conv2d_4a_3x3", padding="valid")
    return layers.conv(x, 256, 3, "Conv2d_4b_3x3", strides=2, padding="valid")


def block35(layers: Layers, x: Any, index: int) -> Any:
    """Inception-ResNet-A on the 17x17 grid; the shape stays."""
    name = f"Block35_{index}"
    b0 = layers.conv(x, 32, 1, f"{name}_Branch_0_Conv2d_1x1")
    b1 = layers.conv(x, 32, 1, f"{name}_Branch_1_Conv2d_0a_1x1")
    b1 = layers.conv(b1, 32, 3, f"{name}_Branch_1_Conv2d_0b_3x3")
    b2 = layers.conv(x, 32, 1, f"{name}_Branch_2_Conv2d_0a_1x1")
    b2 = layers.conv(b2, 32, 3, f"{name}_Branch_2_Conv2d_0b_3x3")
    b2 = layers.conv(b2, 32, 3, f"{name}_Branch_2_Conv2d_0c_3x3")
    return layers.residual(x, [b0, b1, b2], name, scale=0.17)


def reduction_a(layers: Layers, x: Any) -> Any:
    """[N, 17, 17, 256] to [N, 8, 8, 896]."""
    b0 = layers.conv(x, 384, 3, "Mixed_6a_Branch_0_Conv2d_1a_3x3", strides=2, padding="valid")
    b1 = layers.conv(x, 192, 1, "Mixed_6a_Branch_1_Conv2d_0a_1x1")
    b1 = layers.conv(b1, 192, 3, "Mixed_6a_Branch_1_Conv2d_0b_3x3")
    b1 = layers.conv(b1, 256, 3, "Mixed_6a_Branch_1_Conv2d_1a_3x3", strides=2, padding="valid")
    pool = layers.max_pool(x, "Mixed_6a_Branch_2_MaxPool_1a_3x3")
    return layers.concat([b0, b1, pool], "Mixed_6a")


def block17(layers: Layers, x: Any, index: int) -> Any:
    """Inception-ResNet-B on the 8x8 grid; the shape stays."""
    name = f"Block17_{index}"
    b0 = layers.conv(x, 128, 1, f"{name}_Branch_0_Conv2d_1x1")
    b1 = layers.conv(x, 128, 1, f"{name}_Branch_1_Conv2d_0a_1x1")
    b1 = layers.conv(b1, 128, (1, 7), f"{name}_Branch_1_Conv2d_0b_1x7")
    b1 = layers.conv(b1, 128, (7, 1), f"{name}_Branch_1_Conv2d_0c_7x1")
    return layers.residual(x, [b0, b1], name, scale=0.10)


def reduction_b(layers: Layers, x: Any) -> Any:
    """[N, 8, 8, 896] to [N, 3, 3, 1792]."""
    b0 = layers.conv(x, 256, 1, "Mixed_7a_Branch_0_Conv2d_0a_1x1")
    b0 = layers.conv(b0, 384, 3, "Mixed_7a_Branch_0_Conv2d_1a_3x3", strides=2, padding="valid")
    b1 = layers.conv(x, 256, 1, "Mixed_7a_Branch_1_Conv2d_0a_1x1")
    b1 = layers.conv(b1, 256, 3, "Mixed_7a_Branch_1_Conv2d_1a_3x3", strides=2, padding="valid")
    b2 = layers.conv(x, 256, 1, "Mixed_7a_Branch_2_Conv2d_0a_1x1")
    b2 = layers.conv(b2, 256, 3, "Mixed_7a_Branch_2_Conv2d_0b_3x3")
    b2 = layers.conv(b2, 256, 3, "Mixed_7a_Branch_2_Conv2d_1a_3x3", strides=2, padding="valid")
    pool = layers.max_pool(x, "Mixed_7a_Branch_3_MaxPool_1a_3x3")
    return layers.concat([b0, b1, b2, pool], "Mixed_7a")


def block8(layers: Layers, x: Any, index: int, *, scale: float = 0.20, relu: bool = True) -> Any:
    """Inception-ResNet-C on the 3x3 grid; the shape stays."""
    name = f"Block8_{index}"
    b0 = layers.conv(x, 192, 1, f"{name}_Branch_0_Conv2d_1x1")
    b1 = layers.conv(x, 192, 1, f"{name}_Branch_1_Conv2d_0a_1x1")
    b1 = layers.conv(b1, 192, (1, 3), f"{name}_Branch_1_Conv2d_0b_1x3")
    b1 = layers.conv(b1, 192, (3, 1), f"{name}_Branch_1_Conv2d_0c_3x1")
    return layers.residual(x, [b0, b1], name, scale=scale, relu=relu)
