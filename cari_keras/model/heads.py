"""The branches' last layers: from a bottleneck, or pooled features, to a logit per identity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Optional

import numpy as np

from cari_keras.arrays import Array
from cari_keras.stack import keras

HEAD_1 = "logits_verification"
#: What follows a head's name where it is but a part added to branch 1's logits.
OWN = "_own"


class Head(NamedTuple):
    """What a branch's logits are of the features b [N, d] that it reads: b . kernel + bias.

    Attributes:
        kernel: float [d, K].
        bias: float [K].
    """

    kernel: Array
    bias: Array


class Heads:
    """Makes the heads of the three branches, branch 1's first.

    Args:
        num_identities: K.
        regularizer: Of the kernels of plain heads.
        cosine_scale: See `build_network`, as `head_decay`.
        fixed: Whether the class vectors of a head of cosines are never trained.
    """

    def __init__(
        self,
        num_identities: int,
        regularizer: Optional[keras.regularizers.Regularizer],
        *,
        cosine_scale: Optional[float] = None,
        fixed: bool = False,
        head_decay: Optional[float] = None,
    ) -> None:
        self.num_identities, self.regularizer = num_identities, regularizer
        self.cosine_scale, self.head_decay = cosine_scale, head_decay
        self._head_1 = self._dense(HEAD_1) if cosine_scale is None else self._cosines(fixed)

    def first(self, bottleneck: Any, embedding: Any) -> Any:
        """Branch 1's logits [N, K] from its bottleneck and the embedding, both [N, d]."""
        if self.cosine_scale is None:
            return self._head_1(bottleneck)
        scale = keras.layers.Rescaling(self.cosine_scale, dtype="float32", name=f"{HEAD_1}_scale")
        return scale(self._head_1(embedding))

    def other(self, task: str, features: Any, logits_1: Any) -> Any:
        """Another branch's logits [N, K].

        Args:
            task: `"caricature"` or `"photo"`.
            features: What the branch's head reads: its bottleneck, or its pooled features.
            logits_1: Branch 1's logits, which the branch adds to where there is a `head_decay`.
        """
        name = f"logits_{task}"
        if self.head_decay is None:
            return self._dense(name)(features)
        own = keras.layers.Dense(
            self.num_identities,
            kernel_initializer="zeros",
            kernel_regularizer=keras.regularizers.L2(self.head_decay),
            dtype="float32",
            name=f"{name}{OWN}",
        )(features)
        return keras.layers.Add(dtype="float32", name=name)([logits_1, own])

    def _dense(self, name: str) -> Any:
        return keras.layers.Dense(
            self.num_identities,
            kernel_initializer="glorot_uniform",
            kernel_regularizer=self.regularizer,
            dtype="float32",
            name=name,
        )

    def _cosines(self, fixed: bool) -> Any:
        """Cosines to the classes' vectors, which a constraint keeps at unit length."""
        unit = keras.constraints.UnitNorm(axis=0)

        def unit_vectors(shape: Any, dtype: Any = None) -> Any:
            return unit(keras.initializers.RandomNormal()(shape, dtype=dtype))

        return keras.layers.Dense(
            self.num_identities,
            use_bias=False,
            kernel_initializer=unit_vectors,
            kernel_constraint=unit,
            dtype="float32",
            name=HEAD_1,
            trainable=not fixed,
        )


def head_inputs(model: keras.Model, tasks: Sequence[str]) -> dict[str, Any]:
    """The symbolic features [N, d] that each task's head reads; one may serve several."""
    return {task: _dense_of(model, task).input for task in tasks}


def read_heads(model: keras.Model, tasks: Sequence[str]) -> dict[str, Head]:
    """Each task's whole head, branch 1's part of it included. Heads of cosines have no such form.

    Args:
        model: From `build_network` without `cosine_scale`.
        tasks: Whose heads.
    """
    found = {}
    for task in tasks:
        layer = _dense_of(model, task)
        head = Head(np.asarray(layer.kernel), np.asarray(layer.bias))
        if layer.name.endswith(OWN):
            first = read_heads(model, ["verification"])["verification"]
            head = Head(head.kernel + first.kernel, head.bias + first.bias)
        found[task] = head
    return found


def head_arrays(model: keras.Model, heads: Mapping[str, Head]) -> dict[str, Array]:
    """The arrays, by `layer/weight`, that give the model these heads; the inverse of `read_heads`.

    Where a branch adds to branch 1's logits, its own part makes up the difference.
    """
    arrays = {}
    first = heads.get("verification")
    for task, head in heads.items():
        layer = _dense_of(model, task)
        if layer.name.endswith(OWN):
            base = first or read_heads(model, ["verification"])["verification"]
            head = Head(head.kernel - base.kernel, head.bias - base.bias)
        arrays[f"{layer.name}/kernel"] = head.kernel.astype(np.float32)
        arrays[f"{layer.name}/bias"] = head.bias.astype(np.float32)
    return arrays


def _dense_of(model: keras.Model, task: str) -> Any:
    names = {layer.name for layer in model.layers}
    name = f"logits_{task}"
    return model.get_layer(f"{name}{OWN}" if f"{name}{OWN}" in names else name)
