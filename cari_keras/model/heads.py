"""The branches' last layers: from a bottleneck to one logit per identity."""

from __future__ import annotations

from typing import Any, Optional

import keras

HEAD_1 = "logits_verification"


class Heads:
    """Makes the heads of the three branches, branch 1's first.

    Args:
        num_identities: K.
        regularizer: Of the kernels of plain heads.
        cosine_scale: See `build_network`, as `head_decay`.
    """

    def __init__(
        self,
        num_identities: int,
        regularizer: Optional[keras.regularizers.Regularizer],
        *,
        cosine_scale: Optional[float] = None,
        head_decay: Optional[float] = None,
    ) -> None:
        self.num_identities, self.regularizer = num_identities, regularizer
        self.cosine_scale, self.head_decay = cosine_scale, head_decay
        self._head_1 = self._dense(HEAD_1) if cosine_scale is None else self._cosines()

    def first(self, bottleneck: Any, embedding: Any) -> Any:
        """Branch 1's logits [N, K] from its bottleneck and the embedding, both [N, d]."""
        if self.cosine_scale is None:
            return self._head_1(bottleneck)
        scale = keras.layers.Rescaling(self.cosine_scale, dtype="float32", name=f"{HEAD_1}_scale")
        return scale(self._head_1(embedding))

    def other(self, task: str, bottleneck: Any, logits_1: Any) -> Any:
        """Another branch's logits [N, K].

        Args:
            task: `"caricature"` or `"photo"`.
            bottleneck: The branch's, [N, d].
            logits_1: Branch 1's logits, which the branch adds to where there is a `head_decay`.
        """
        name = f"logits_{task}"
        if self.head_decay is None:
            return self._dense(name)(bottleneck)
        own = keras.layers.Dense(
            self.num_identities,
            kernel_initializer="zeros",
            kernel_regularizer=keras.regularizers.L2(self.head_decay),
            dtype="float32",
            name=f"{name}_own",
        )(bottleneck)
        return keras.layers.Add(dtype="float32", name=name)([logits_1, own])

    def _dense(self, name: str) -> Any:
        return keras.layers.Dense(
            self.num_identities,
            kernel_initializer="glorot_uniform",
            kernel_regularizer=self.regularizer,
            dtype="float32",
            name=name,
        )

    def _cosines(self) -> Any:
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
        )
