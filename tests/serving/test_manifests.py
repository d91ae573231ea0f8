"""Compose and manifests by their published schemas; the health check by a server's double."""

import json
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources

import pytest
import yaml

from cari_keras.serving import server_files
from cari_keras.serving.server_files import (
    METRICS,
    health_command,
    serving_image,
    write_server_files,
)
from tests.helpers.kserve import INFERENCE_SERVICE

NAMES = ("verification", "caricature", "photo")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    found = tmp_path_factory.mktemp("models")
    write_server_files(found, NAMES, "2.15.1")
    return found


def documents(path):
    return list(yaml.safe_load_all(path.read_text()))


def test_compose_is_by_the_compose_specification(folder):
    """Its schema comes with check-jsonschema."""
    jsonschema = pytest.importorskip("jsonschema", reason="needs the extra test")
    checks = pytest.importorskip("check_jsonschema", reason="needs the extra test")
    place = resources.files(checks) / "builtin_schemas" / "vendor" / "compose-spec.json"
    schema = json.loads(place.read_text())
    (compose,) = documents(folder / "docker-compose.yml")
    jsonschema.validate(compose, schema)
    service = compose["services"]["serving"]
    assert service["image"] == "tensorflow/serving:2.15.1"
    assert service["restart"] == "unless-stopped"
    assert service["volumes"] == [".:/models:ro"]
    assert {"mem_limit", "healthcheck"} <= set(service)
    flags = dict(flag.removeprefix("--").split("=") for flag in service["command"])
    assert flags["enable_batching"] == "true"
    for name in ("model_config_file", "monitoring_config_file", "batching_parameters_file"):
        assert (folder / flags[name].removeprefix("/models/")).is_file()
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"services": {"serving": {"imagee": "x"}}}, schema)


def test_the_deployment_and_the_service_are_kubernetes_own(folder):
    validate = pytest.importorskip("kubernetes_validate", reason="needs the extra test")
    deployment, service = documents(folder / "k8s.yaml")
    for document in (deployment, service):
        validate.validate(document, "1.31", strict=True)
    with pytest.raises(validate.ValidationError):
        validate.validate({**service, "spec": {"ports": "8500"}}, "1.31", strict=True)
    template = deployment["spec"]["template"]
    assert template["metadata"]["annotations"]["prometheus.io/path"] == METRICS
    (container,) = template["spec"]["containers"]
    assert {"startupProbe", "readinessProbe", "livenessProbe"} <= set(container)
    (compose,) = documents(folder / "docker-compose.yml")
    assert container["args"] == compose["services"]["serving"]["command"]
    labels = deployment["spec"]["selector"]["matchLabels"]
    assert labels == template["metadata"]["labels"] == service["spec"]["selector"]


def test_kserve_has_a_service_for_each_model(folder):
    jsonschema = pytest.importorskip("jsonschema", reason="needs the extra test")
    found = documents(folder / "kserve.yaml")
    for document in found:
        jsonschema.validate(document, INFERENCE_SERVICE)
    models = [document["spec"]["predictor"]["model"] for document in found]
    assert [model["storageUri"] for model in models] == [f"pvc://cari-models/{n}" for n in NAMES]
    assert {model["runtimeVersion"] for model in models} == {"2.15.1"}


@pytest.mark.parametrize(
    ("tensorflow", "image"),
    [("2.15.1", "2.15.1"), ("2.16.1", "2.16.1"), ("2.19.1", "2.19.0"), ("2.21.0", "2.21.0")],
)
def test_the_image_is_of_the_release_that_exported(tensorflow, image):
    assert serving_image(tensorflow) == f"tensorflow/serving:{image}"


@pytest.fixture
def server():
    """As TensorFlow Serving tells the state of a model; `states` sets it."""
    states = dict.fromkeys(NAMES, "AVAILABLE")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            name = self.path.rpartition("/")[2]
            self.send_response(200 if name in states else 404)
            self.end_headers()
            told = [{"version": "1", "state": states.get(name, "UNKNOWN")}]
            self.wfile.write(json.dumps({"model_version_status": told}, indent=1).encode())

        def log_message(self, *_):
            pass

    found = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=found.serve_forever, daemon=True).start()
    yield found.server_port, states
    found.shutdown()


def healthy(port):
    command = ["bash", "-c", health_command(NAMES, port)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_the_health_check_asks_for_every_model(server):
    port, states = server
    assert healthy(port)
    for name in NAMES:
        states[name] = "LOADING"
        assert not healthy(port)
        states[name] = "AVAILABLE"
    assert healthy(port)


def test_no_server_is_not_healthy(server):
    port, _ = server
    assert not healthy(port + 1 if port < 65535 else port - 1)


def test_compose_runs_that_health_check(folder):
    (compose,) = documents(folder / "docker-compose.yml")
    test = compose["services"]["serving"]["healthcheck"]["test"]
    assert test[:3] == ["CMD", "bash", "-c"]
    assert test[3].replace("$$", "$") == health_command(NAMES)


def test_files_name_what_there_is(tmp_path):
    write_server_files(tmp_path, ["photo"], "2.21.0")
    assert "verification" not in "".join(
        path.read_text() for path in tmp_path.iterdir() if path.is_file()
    )
    assert f"{server_files.MEMORY_GIB}Gi" in (tmp_path / "k8s.yaml").read_text()
