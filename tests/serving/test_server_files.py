"""What lies beside the models, read with the server's own message types."""

import pytest
import tensorflow as tf
from google.protobuf import text_format

pytest.importorskip("tensorflow_serving", reason="needs tensorflow-serving-api")

from tensorflow_serving.apis import prediction_log_pb2
from tensorflow_serving.config import model_server_config_pb2

pytestmark = pytest.mark.slow


def test_the_servers_configuration(exported):
    config = text_format.Parse(
        (exported / "models.config").read_text(), model_server_config_pb2.ModelServerConfig()
    )
    models = config.model_config_list.config
    assert [m.name for m in models] == ["verification", "caricature", "photo"]
    assert all(m.base_path == f"/models/{m.name}" for m in models)
    assert all((exported / m.name / "1" / "saved_model.pb").is_file() for m in models)
    monitoring = (exported / "monitoring.config").read_text()  # its message is in no package
    assert 'path: "/monitoring/prometheus/metrics"' in monitoring
    compose = [line.strip() for line in (exported / "docker-compose.yml").read_text().splitlines()]
    assert "image: tensorflow/serving:2.15.1" in compose
    assert "- --model_config_file=/models/models.config" in compose
    assert "- .:/models:ro" in compose


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
