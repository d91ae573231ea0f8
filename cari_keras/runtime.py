"""How TensorFlow runs in a program's process; to be called before TensorFlow does anything."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

from cari_keras.errors import ConfigError
from cari_keras.files import user_home
from cari_keras.process import fill_closed_streams


def load_tensorflow() -> None:
    """Imports TensorFlow without the lines that its libraries write meanwhile.

    They tell of the processor and of missing graphics cards; since 2.16 no setting keeps them off
    standard error, which a program keeps for its own messages.

    Raises:
        ConfigError: As for `keras_json_named`.
    """
    if "tensorflow" in sys.modules:
        return
    with libraries_quiet(), keras_json_named():
        import tensorflow  # noqa: F401


@contextlib.contextmanager
def libraries_quiet() -> Iterator[None]:
    """What libraries write to standard error below Python goes nowhere in the block."""
    fill_closed_streams()
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


#: The environment variable that names the folder of keras.json.
KERAS_HOME = "KERAS_HOME"

#: Where Keras, and the Keras within TensorFlow, take their settings from keras.json.
_KERAS_SETTINGS = re.compile(r"[/\\]keras[/\\](.*[/\\])?(backend|backend_config|config)\.py$")


@contextlib.contextmanager
def keras_json_named() -> Iterator[None]:
    """Around the first import of TensorFlow or Keras, which both read the user's keras.json.

    Keras writes the file where there is none. Where no home folder is known, it would make one
    called `~` in the working folder, so it is given a place then where nothing can be made.

    Raises:
        ConfigError: They refuse what stands in it.
    """
    homeless = KERAS_HOME not in os.environ and user_home() is None
    if homeless:
        os.environ[KERAS_HOME] = f"{os.devnull}/keras"
    try:
        yield
    except (AssertionError, AttributeError, TypeError, ValueError) as error:
        if not _KERAS_SETTINGS.search(traceback.extract_tb(error.__traceback__)[-1].filename):
            raise
        raise ConfigError(
            "Keras refuses a setting in its file keras.json, in $KERAS_HOME or ~/.keras; "
            "correct the setting, or remove the file"
        ) from error
    finally:
        if homeless:
            del os.environ[KERAS_HOME]


def has_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the processor has instructions by which bfloat16 is faster than float32.

    Intel's have them in AMX. Their `avx512_bf16` alone was measured on an Emerald Rapids to train
    at 0.74 times float32's speed; an AMD EPYC gains a factor of 1.7 by it (docs/results.md).

    Args:
        cpuinfo: Where Linux tells of it; on other systems nothing does, and the answer is no.
    """
    try:
        words = set(cpuinfo.read_text(encoding="utf-8").split())
    except OSError:
        return False
    if "GenuineIntel" in words:
        return "amx_bf16" in words
    return bool(words & {"avx512_bf16", "amx_bf16", "bf16"})


#: Errors of the system that TensorFlow gives in words alone.
_SAID_OF_FILES = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES)


@contextlib.contextmanager
def file_errors(path: Path) -> Iterator[None]:
    """TensorFlow's errors of a file that cannot be written are the system's, as for others.

    Raises:
        OSError: With the path's name.
    """
    import tensorflow as tf

    try:
        yield
    except tf.errors.OpError as error:
        # "... <file>; <the system's words>", then the operation's name, or lines of what was tried
        reason = re.sub(r" \[Op:\w+\]$", "", str(error.message).split("\n")[0].rpartition("; ")[2])
        number = next((n for n in _SAID_OF_FILES if os.strerror(n) == reason), errno.EIO)
        raise OSError(number, reason, str(path)) from error


@contextlib.contextmanager
def eagerly() -> Iterator[None]:
    """TensorFlow computes at once in the block, be it called while a `tf.function` is traced.

    Raises:
        ConfigError: The program has switched that off, for good or for a block.
    """
    import tensorflow as tf

    with contextlib.ExitStack() as stack:
        if not tf.executing_eagerly():
            stack.enter_context(tf.init_scope())
        if not tf.executing_eagerly():
            raise ConfigError(
                "cari_keras needs TensorFlow's eager execution, which "
                "tf.compat.v1.disable_eager_execution or a block of "
                "tf.Graph().as_default() has switched off here; call cari_keras outside "
                "the block, or in a process of its own"
            )
        yield


@contextlib.contextmanager
def in_order() -> Iterator[None]:
    """Makes training repeatable to the last bit: operations run in one order, each on all cores.

    As it comes, TensorFlow 2.15 on CPU adds gradients up in an order that depends on time. A
    gradient with three parts or more is their AddN, which begins with the part whose memory it may
    overwrite, thus with one nobody waits for any more; Grappler's memory optimizer even rewrites it
    to add each part as it comes. Which part comes first depends on which operations the executor
    takes for expensive, which it measures while it runs: two processes part in the last digit
    after some hundred steps, and a resumed run from one that was not interrupted. So one operation
    runs at a time, the graph is left as it was traced, and the executor follows a fixed order.

    This executor waits for ever in functions with loops of their own (`tf.map_fn`,
    `tf.while_loop`); training has none. Input work is traced for the executor as it comes
    (`data.pipeline`).

    Settings of the process, which outlast the block, and of the calling thread, which do not.
    Reading and decoding of images stays parallel. It costs about a tenth of the speed.

    Raises:
        ConfigError: TensorFlow has already started in this process.
    """
    load_tensorflow()
    import tensorflow as tf

    try:
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError as error:
        raise ConfigError(
            "repeatable training has to set TensorFlow up before it computes, and "
            "TensorFlow has computed in this process already; train in a process of its "
            "own, or with repeatable=False (--no-repeatable)"
        ) from error
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    with tf.experimental.function_executor_type("SINGLE_THREADED_EXECUTOR"):
        yield
