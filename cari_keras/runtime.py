"""How TensorFlow runs in a program's process; to be called before TensorFlow does anything."""

from __future__ import annotations

from cari_keras.errors import ConfigError


def run_operations_in_order() -> None:
    """Makes float32 training repeatable: operations run one after another, each on all cores.

    With several operations at once, TensorFlow 2.15 adds gradients up in an order that depends on
    which was ready first, and two float32 runs of one seed part in the last digit. (In bfloat16
    runs were seen to be identical either way.) Reading and decoding of images stays parallel.

    This is not the whole of it: over hundreds of steps a last digit was still seen to part, for a
    reason not known yet.

    Raises:
        ConfigError: TensorFlow has already started in this process.
    """
    import tensorflow as tf

    try:
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError as error:
        raise ConfigError(
            "run_operations_in_order must come before TensorFlow's first operation"
        ) from error
