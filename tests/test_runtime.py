"""What the system refuses TensorFlow is an error as any other of a file."""

from __future__ import annotations

import errno

import pytest
import tensorflow as tf

from cari_keras.errors import ConfigError
from cari_keras.runtime import eagerly, file_errors
from tests.helpers.bare import run_bare
from tests.helpers.disks import no_room


@pytest.mark.stacks
def test_a_model_that_a_full_disk_refuses_is_the_system_s_error(tmp_path):
    module = tf.Module()
    module.weights = tf.Variable(tf.zeros([100_000]))
    path = tmp_path / "model"
    with pytest.raises(OSError, match="File too large") as raised, no_room(), file_errors(path):
        tf.saved_model.save(module, str(path))
    assert (raised.value.errno, raised.value.filename) == (errno.EFBIG, str(path))
    assert raised.value.strerror == "File too large"


@pytest.mark.parametrize(
    ("message", "number", "said"),
    [
        ("a/variables; No space left on device [Op:SaveV2]", errno.ENOSPC, "No space left on devi"),
        ("a/x; Disk quota exceeded\n\t [[{{node x}}]]", errno.EDQUOT, "Disk quota exceeded"),
        ("something else [Op:SaveV2]", errno.EIO, "something else"),
    ],
)
def test_the_words_of_the_system_are_found(message, number, said, tmp_path):
    with pytest.raises(OSError, match=said) as raised, file_errors(tmp_path):
        raise tf.errors.ResourceExhaustedError(None, None, message)
    assert raised.value.errno == number
    assert "[" not in raised.value.strerror


def test_answers_come_at_once_while_a_function_is_traced():
    found = []

    @tf.function
    def traced():
        with eagerly():
            found.append(tf.constant(3).numpy())
        found.append(tf.executing_eagerly())

    traced()
    assert found == [3, False]


def test_a_block_without_eager_execution_is_named():
    with (
        tf.Graph().as_default(),
        pytest.raises(ConfigError, match=r"tf\.Graph\(\)\.as_default\(\)"),
        eagerly(),
    ):
        pass


@pytest.mark.stacks
def test_a_program_that_switched_eager_execution_off_is_told(tmp_path):
    code = (
        "import tensorflow as tf\ntf.compat.v1.disable_eager_execution()\n"
        "from cari_keras import load_model\nfrom cari_keras.errors import ConfigError\n"
        "try:\n    load_model('facenet')\nexcept ConfigError as error:\n    print(error)"
    )
    done = run_bare(code, cwd=tmp_path, HOME=str(tmp_path))
    assert done.stdout.startswith(b"cari_keras needs TensorFlow's eager execution"), done.stderr
