"""scripts/serving_client.py against a double of TensorFlow Serving.

The double checks requests as the server does, by its REST rules and with its own messages, and
answers with the exported SavedModels themselves.
"""

import base64
import json
import subprocess
import sys
import threading
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import tensorflow as tf

pytest.importorskip("tensorflow_serving", reason="needs tensorflow-serving-api")

import grpc
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from cari_keras import load_model
from cari_keras.align.config import AlignConfig
from cari_keras.files import write_json
from cari_keras.serving.faces import Faces
from cari_keras.serving.handed import pixels_of
from tests.helpers.faces import face, write
from tests.helpers.places import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def answer(exported):
    """(model, signature, inputs: name -> tensor) -> outputs: name -> array; ValueError if wrong."""
    loaded = {task: tf.saved_model.load(str(exported / task / "1")) for task in TASKS}

    def answered(model, signature, inputs):
        if model not in loaded:
            raise ValueError(f"Servable not found for request: Latest({model})")
        function = loaded[model].signatures[signature]
        wanted = function.structured_input_signature[1]
        if set(inputs) != set(wanted):
            raise ValueError(f"inputs are {sorted(wanted)}")
        for name, spec in wanted.items():
            assert inputs[name].dtype == spec.dtype
        try:
            return {name: value.numpy() for name, value in function(**inputs).items()}
        except tf.errors.InvalidArgumentError as error:
            raise ValueError(error.message) from error

    return answered


TASKS = ("verification", "caricature", "photo")


@pytest.fixture(scope="module")
def rest(answer):
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            prefix, _, verb = self.path.rpartition(":")
            assert (prefix.rpartition("/")[0], verb) == ("/v1/models", "predict")
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            assert set(body) == {"signature_name", "inputs"}
            inputs = {
                name: tf.constant([base64.b64decode(v["b64"], validate=True) for v in column])
                for name, column in body["inputs"].items()
            }
            try:
                model = prefix.rpartition("/")[2]
                found = answer(model, body["signature_name"], inputs)
                found = {n: _plain(v.tolist()) for n, v in found.items()}
                # The server leaves out the name of a single output.
                outputs = found if len(found) > 1 else next(iter(found.values()))
                self._send(200, {"outputs": outputs})
            except ValueError as error:
                self._send(400, {"error": str(error)})

        def _send(self, status, value):
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(value).encode())

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("localhost", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"localhost:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="module")
def grpc_host(answer):
    class Service(prediction_service_pb2_grpc.PredictionServiceServicer):
        def Predict(self, request, context):  # noqa: N802 - gRPC's name
            inputs = {n: tf.constant(tf.make_ndarray(t)) for n, t in request.inputs.items()}
            spec = request.model_spec
            try:
                found = answer(spec.name, spec.signature_name, inputs)
            except ValueError as error:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
            response = predict_pb2.PredictResponse()
            for name, value in found.items():
                response.outputs[name].CopyFrom(tf.make_tensor_proto(value))
            return response

    server = grpc.server(futures.ThreadPoolExecutor(2))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Service(), server)
    port = server.add_insecure_port("localhost:0")
    server.start()
    yield f"localhost:{port}"
    server.stop(None)


def _plain(value):
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value.decode() if isinstance(value, bytes) else value


def client(*arguments):
    command = [sys.executable, ROOT / "scripts" / "serving_client.py", *arguments]
    return subprocess.run(
        list(map(str, command)), capture_output=True, text=True, timeout=600, check=False
    )


def said(result):
    """The client's own lines on standard error, where TensorFlow may write too."""
    lines = result.stderr.splitlines()
    own = "serving_client.py: "
    return [line.removeprefix(own) for line in lines if line.startswith(own)]


@pytest.mark.parametrize("over", ["rest", "grpc"])
def test_answers_are_the_models(over, rest, grpc_host, exported, encoded, tmp_path):
    model = load_model(exported)
    paths = [tmp_path / name for name in ("a.png", "b.png")]
    for path, content in zip(paths, encoded):
        path.write_bytes(content)
    where = ["--host", rest] if over == "rest" else ["--grpc", "--host", grpc_host]
    found = json.loads(client("verification", *paths, *where).stdout)
    np.testing.assert_allclose(found["embedding"], model.embed(paths), atol=1e-5)
    found = json.loads(client("verify", *paths, *where).stdout)
    expected = model.verify(*paths)
    assert found["same"] == [expected.same]
    assert found["distance"] == pytest.approx([expected.distance], abs=1e-5)
    assert found["probability"] == pytest.approx([expected.probability], abs=1e-5)
    found = json.loads(client("verify_identities", *paths, *where).stdout)
    expected = model.verify(*paths, by="identities")
    assert "same" not in found
    assert found["distance"] == pytest.approx([expected.distance], abs=1e-5)
    found = json.loads(client("photo", paths[0], *where).stdout)
    answer = model.identify(paths[0], modality="photo")
    assert found["identity"] == [[one.identity for one in answer.candidates]]
    assert found["known"] == [answer.known]
    # A broken file is refused by its name, with the model's own words; the others are answered.
    paths[1].write_bytes(b"broken")
    result = client("photo", *paths, *where)
    assert result.returncode == 1
    assert said(result) == [f"{paths[1]}: not a picture"]
    assert json.loads(result.stdout)["identity"][0] == found["identity"][0]
    result = client("verify", *paths, *where)
    pair = f"{paths[0]}, {paths[1]}"
    assert said(result) == [f"{pair}: caricature: not a picture"]


def test_faces_are_found_before_they_are_sent(tmp_path):
    """What is sent are the pixels that the network sees by `load_model(align=True)`."""
    how = {"align": "similarity", "margin": 0.2}
    card = {"side": 96, "preprocessing": {"aligned": how}}
    write_json(tmp_path / "verification" / "1" / "export.json", card)
    sent = []

    class Taker(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            sent.append({n: v[0]["b64"] for n, v in json.loads(body)["inputs"].items()})
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"outputs": {"same": [true]}}')

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("localhost", 0), Taker)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    where = ["--align", tmp_path, "--host", f"localhost:{server.server_port}"]
    photo = write(tmp_path / "photo.png", face("photo", 0, 0))
    drawing = write(tmp_path / "drawing.png", face("caricature", 1, 0))
    result = client("verify", photo, drawing, *where)
    assert result.returncode == 0, result.stderr
    seen = Faces(96, AlignConfig.of_crops(how, 96))
    for name, path in (("photo", photo), ("caricature", drawing)):
        found = pixels_of(base64.b64decode(sent[0][f"{name}_bytes"]))
        np.testing.assert_array_equal(found, seen(path, name))
    blank = write(tmp_path / "blank.png", np.full((99, 99, 3), 128, np.uint8))
    (line,) = said(client("verification", blank, *where))
    assert line.startswith(f"{blank}: no face found")
    (line,) = said(client("photo", photo, *where))
    assert line.endswith("no export; name a folder that cari-export wrote")
    assert len(sent) == 1
    server.shutdown()


def test_nobody_there(tmp_path):
    (tmp_path / "a.png").write_bytes(b"x")
    result = client("photo", tmp_path / "a.png", "--host", "localhost:9")
    assert result.returncode == 1
    assert "localhost:9" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("status", [200, 502])
def test_somebody_else_is_there(status, tmp_path):
    """A proxy's page, where the server's answer should be."""

    class Page(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b"<html>Bad gateway</html>")

        def log_message(self, *_):
            pass

    (tmp_path / "a.png").write_bytes(b"x")
    server = ThreadingHTTPServer(("localhost", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for host in (f"localhost:{server.server_port}", "localhost:abc"):
        result = client("photo", tmp_path / "a.png", "--host", host)
        assert result.returncode == 1
        assert "Traceback" not in result.stderr
        assert len(result.stderr.splitlines()) == 1
    server.shutdown()
