"""Graphs that are traced once, however many graphs call them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import tensorflow as tf


def traced_once(
    function: Callable[..., Any], signature: Sequence[tf.TensorSpec]
) -> Callable[..., Any]:
    """A function of tensors that is traced at its first call, and never again.

    Called within a graph, it is one node of that graph. `tf.function` itself traces anew for the
    second graph, as the first trace might have made variables.

    Args:
        function: From tensors to a structure of tensors. It makes no variables, and has no control
            flow of Python over tensors: AutoGraph does not look at it.
        signature: Of its arguments.
    """

    @cache
    def graph() -> Callable[..., Any]:
        with tf.init_scope():  # else it would keep the graph alive that calls it first
            whole = tf.function(function, input_signature=signature, autograph=False)
            return whole.get_concrete_function()

    def call(*tensors: tf.Tensor) -> Any:
        return graph()(*tensors)

    return call
