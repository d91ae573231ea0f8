"""What a run leaves to read, and files that are not that."""

import numpy as np
import pytest
import tensorflow as tf

from cari_keras.errors import CheckpointError
from cari_keras.history import (
    METRICS_FILE,
    STEP_COLUMNS,
    STEPS_FILE,
    StepValues,
    read_metrics,
    read_steps,
)


def test_a_step_s_row_is_in_the_columns_order():
    values = StepValues(
        tf.constant([1.0, 2.0, 3.0]), tf.constant([0.5, 0.25, 0.25]), tf.constant(9.0)
    )
    told = dict(zip(STEP_COLUMNS[1:], values.numbers().row()))
    assert told["loss_caricature"] == 2.0
    assert told["weight_verification"] == 0.5
    assert told["l4"] == 9.0
    assert isinstance(values.numbers().losses, np.ndarray)


def test_steps_are_read_by_their_columns(tmp_path):
    text = ",".join(STEP_COLUMNS) + "\n0,1,2,3,0.2,0.3,0.5,7\n"
    (tmp_path / STEPS_FILE).write_text(text)
    steps = read_steps(tmp_path)
    assert steps["weight_photo"].tolist() == [0.5]


@pytest.mark.parametrize("content", [None, b"", b"iteration,l4\n0,1\n", b"\xff\x00"])
def test_what_is_no_run_s_steps_is_named(content, tmp_path):
    if content is not None:
        (tmp_path / STEPS_FILE).write_bytes(content)
    with pytest.raises(CheckpointError, match=r"steps\.csv: "):
        read_steps(tmp_path)


@pytest.mark.parametrize(
    "text", ["a,b\n1,2\n", "epoch,iteration,v2c\n1,2,zero\n", "epoch,iteration,v2c\n1,2\n"]
)
def test_what_are_no_metrics_is_named(text, tmp_path):
    (tmp_path / METRICS_FILE).write_text(text)
    with pytest.raises(CheckpointError, match=r"metrics\.csv: "):
        read_metrics(tmp_path)
