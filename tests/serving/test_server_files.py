"""What lies beside the models, read with the server's own message types."""

import pytest
import tensorflow as tf
from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    text_format,
    wrappers_pb2,
)

pytest.importorskip("tensorflow_serving", reason="needs tensorflow-serving-api")

from tensorflow_serving.apis import prediction_log_pb2
from tensorflow_serving.config import model_server_config_pb2

pytestmark = [pytest.mark.slow, pytest.mark.stacks]


def test_the_servers_configuration(exported):
    config = text_format.Parse(
        (exported / "models.config").read_text(), model_server_config_pb2.ModelServerConfig()
    )
    models = config.model_config_list.config
    assert [m.name for m in models] == ["verification", "caricature", "photo"]
    assert all(m.base_path == f"/models/{m.name}" for m in models)
    assert all((exported / m.name / "1" / "saved_model.pb").is_file() for m in models)
    assert all(m.model_version_policy.latest.num_versions == 1 for m in models)


def message(name, fields, parts=()):
    """A message type that is in no package, from its definition: name -> (number, type)."""
    types = {"bool": 8, "string": 9}
    file = descriptor_pb2.FileDescriptorProto(name=f"{name}.proto", package="t", syntax="proto3")
    file.dependency.append("google/protobuf/wrappers.proto")
    for title, listed in ((name, fields), *parts):
        made = file.message_type.add(name=title)
        for field, (number, kind) in listed.items():
            added = made.field.add(name=field, number=number, label=1)
            if kind in types:
                added.type = types[kind]
            else:
                added.type, added.type_name = 11, kind
    pool = descriptor_pool.DescriptorPool()
    wrappers = descriptor_pb2.FileDescriptorProto()
    wrappers_pb2.DESCRIPTOR.CopyToProto(wrappers)
    pool.Add(wrappers)
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"t.{name}"))()


def test_batching_and_monitoring(exported):
    """By session_bundle_config.proto and monitoring_config.proto of TensorFlow Serving."""
    number, flag = ".google.protobuf.Int64Value", ".google.protobuf.BoolValue"
    names = ("max_batch_size", "batch_timeout_micros", "max_enqueued_batches", "num_batch_threads")
    fields = {name: (place, number) for place, name in enumerate(names, 1)}
    fields["enable_large_batch_splitting"] = (8, flag)
    fields["max_execution_batch_size"] = (9, number)
    batching = message("BatchingParameters", fields)
    text_format.Parse((exported / "batching.config").read_text(), batching)
    assert batching.enable_large_batch_splitting.value
    assert batching.max_batch_size.value >= 1000
    assert batching.max_execution_batch_size.value == 32
    # As many as the serving machine has cores, not the exporting one.
    assert not batching.HasField("num_batch_threads")
    prometheus = ("PrometheusConfig", {"enable": (1, "bool"), "path": (2, "string")})
    monitoring = message(
        "MonitoringConfig", {"prometheus_config": (1, ".t.PrometheusConfig")}, [prometheus]
    )
    text_format.Parse((exported / "monitoring.config").read_text(), monitoring)
    assert monitoring.prometheus_config.enable
    assert monitoring.prometheus_config.path == "/monitoring/prometheus/metrics"


@pytest.mark.parametrize("task", ["verification", "caricature", "photo"])
def test_every_warm_up_request_is_answered(task, exported):
    folder = exported / task / "1"
    model = tf.saved_model.load(str(folder))
    seen = set()
    path = folder / "assets.extra" / "tf_serving_warmup_requests"
    for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
        log = prediction_log_pb2.PredictionLog.FromString(record)
        request = log.predict_log.request
        assert request.model_spec.name == task
        inputs = {name: tf.constant(tf.make_ndarray(t)) for name, t in request.inputs.items()}
        found = model.signatures[request.model_spec.signature_name](**inputs)
        assert all(len(value) == 1 for value in found.values())
        seen.add(request.model_spec.signature_name)
    assert seen == {n for n in model.signatures if not n.startswith("__")}
