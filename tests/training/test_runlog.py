"""The run's CSV files, also after a run that was killed."""

import csv

from cari_keras.history import StepValues, read_metrics
from cari_keras.training.runlog import RunLog


def rows(path):
    with path.open() as stream:
        return list(csv.reader(stream))


def test_rows_and_restart(tmp_path):
    log = RunLog(tmp_path)
    for i in range(4):
        log.step(i, StepValues([1.0, 2.0, 3.0], [0.2, 0.3, 0.5], 0.7 + i))
    log.epoch(1, 2, {"accuracy": 0.5})
    log.epoch(2, 4, {"accuracy": 0.75})
    log.close()
    with (tmp_path / "steps.csv").open("a") as stream:
        stream.write("4,1.0,2.")  # cut short by a kill
    log = RunLog(tmp_path, iteration=2, epoch=2)
    log.step(2, StepValues([9.0] * 3, [9.0] * 3, 9.0))
    log.close()
    found = rows(tmp_path / "steps.csv")
    assert found[0][:2] == ["iteration", "loss_verification"]
    assert [row[0] for row in found[1:]] == ["0", "1", "2"]
    assert found[3][1] == "9"
    assert read_metrics(tmp_path) == [{"epoch": 1.0, "iteration": 2.0, "accuracy": 0.5}]


def test_tensorboard_events_are_written(tmp_path):
    import tensorflow as tf

    log = RunLog(tmp_path)
    log.step(0, StepValues([1.0, 2.0, 3.0], [0.2, 0.3, 0.5], 0.7))
    log.epoch(1, 2, {"v2c": 0.25})
    log.close()
    (events,) = (tmp_path / "tensorboard").iterdir()
    tags = {
        value.tag: float(tf.make_ndarray(value.tensor))
        for event in tf.compat.v1.train.summary_iterator(str(events))
        for value in event.summary.value
    }
    assert tags["loss/verification"] == 1.0
    assert tags["weight/photo"] == 0.5
    assert tags["validation/v2c"] == 0.25


def test_no_metrics_is_an_empty_list(tmp_path):
    assert read_metrics(tmp_path) == []
