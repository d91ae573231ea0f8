"""Graphs that are traced once, however many graphs take them."""

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
        return _traced(function, signature)

    def call(*tensors: tf.Tensor) -> Any:
        return graph()(*tensors)

    return call


def copied_once_traced(
    function: Callable[..., Any], signature: Sequence[tf.TensorSpec]
) -> Callable[..., Any]:
    """As `traced_once`, but each graph gets the operations themselves, copied from the one trace.

    For functions with conditions and loops, which TensorFlow's optimizer does not take well where
    they lie in a function that another function calls.

    Args:
        function: As for `traced_once`; it uses no tensor or variable but its arguments, and gives a
            flat tuple.
        signature: Of its arguments.
    """

    @cache
    def traced() -> tuple[Any, Any, list[str], list[str]]:
        whole = _traced(function, signature)
        assert not whole.graph.captures
        inputs, outputs = ([t.name for t in side] for side in (whole.inputs, whole.outputs))
        # Kept beside its definition: the copies' conditions and loops are functions that TensorFlow
        # drops with the trace.
        return whole, whole.graph.as_graph_def(), inputs, outputs

    def call(*tensors: tf.Tensor) -> tuple[tf.Tensor, ...]:
        whole, definition, inputs, outputs = traced()
        shapes = [t.shape for t in whole.outputs]
        given = dict(zip(inputs, tensors))
        found = tf.graph_util.import_graph_def(definition, given, outputs)
        return tuple(tf.ensure_shape(one, shape) for one, shape in zip(found, shapes))

    return call


def _traced(function: Callable[..., Any], signature: Sequence[tf.TensorSpec]) -> Any:
    # Else it would keep the graph alive that asks for it first; and the executor of training waits
    # for ever in loops, see `data.pipeline`.
    with tf.init_scope(), tf.experimental.function_executor_type(""):
        whole = tf.function(function, input_signature=signature, autograph=False)
        return whole.get_concrete_function()
