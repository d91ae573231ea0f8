"""Configuration of the official TensorFlow Serving image for a folder of exports."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cari_keras.files import write_text
from cari_keras.serving.manifests import KSERVE, KUBERNETES, kserve, kubernetes

#: Where the folder is seen from within the container.
MOUNT = "/models"

#: Where the server tells its metrics.
METRICS = "/monitoring/prometheus/metrics"

#: Threads that wait for answers, of gRPC and of REST. The server's own number, four a core, refuses
#: the eighth client of two cores, and is too small to fill a batch.
THREADS = 64

#: What the server, its three models and the decoding of the largest pictures may take.
MEMORY_GIB = 4

#: First patch release of the server's images, where that is not 0.
_PATCHES = {(2, 15): 1, (2, 16): 1}


def serving_image(tensorflow: str) -> str:
    """The server's image that is of the release of TensorFlow that exported.

    Args:
        tensorflow: `tensorflow.__version__`.

    Example:
        >>> serving_image("2.15.1"), serving_image("2.21.0")
        ('tensorflow/serving:2.15.1', 'tensorflow/serving:2.21.0')
    """
    major, minor = map(int, tensorflow.split(".")[:2])
    return f"tensorflow/serving:{major}.{minor}.{_PATCHES.get((major, minor), 0)}"


def server_flags() -> list[str]:
    """Flags of `tensorflow_model_server` beside the ports, which its image has."""
    return [
        f"--model_config_file={MOUNT}/models.config",
        "--model_config_file_poll_wait_seconds=60",
        f"--monitoring_config_file={MOUNT}/monitoring.config",
        "--enable_batching=true",
        f"--batching_parameters_file={MOUNT}/batching.config",
        f"--grpc_max_threads={THREADS}",
        f"--rest_api_num_threads={THREADS}",
    ]


def health_command(names: Sequence[str], port: int = 8501) -> str:
    """A line of bash that ends with 0 where every model is available; the image has no curl.

    Args:
        names: The models.
        port: The server's port of REST.
    """
    return (
        f"for model in {' '.join(names)}; do exec 3<>/dev/tcp/127.0.0.1/{port} && "
        'printf "GET /v1/models/%s HTTP/1.0\\r\\n\\r\\n" $model >&3 && '
        "timeout 4 grep -q AVAILABLE <&3 || exit 1; done"
    )


def write_server_files(folder: Path, names: Sequence[str], tensorflow: str) -> None:
    """Writes models.config, batching.config, monitoring.config, docker-compose.yml and manifests.

    Args:
        folder: Holds the models.
        names: The models' names, which are their folders'.
        tensorflow: The release of TensorFlow that exports.
    """
    image = serving_image(tensorflow)
    models = "".join(_MODEL.format(name=name, mount=MOUNT) for name in names)
    command = "".join(f"      - {flag}\n" for flag in server_flags())
    # Compose reads $$ as a dollar of the container's own shell.
    health = health_command(names).replace("$", "$$")
    write_text(folder / "models.config", f"model_config_list {{\n{models}}}\n")
    write_text(folder / "batching.config", _BATCHING)
    write_text(folder / "monitoring.config", _MONITORING.format(metrics=METRICS))
    write_text(
        folder / "docker-compose.yml",
        _COMPOSE.format(
            image=image,
            mount=MOUNT,
            command=command,
            health=health,
            memory=MEMORY_GIB,
            metrics=METRICS,
        ),
    )
    write_text(
        folder / KUBERNETES,
        kubernetes(image, server_flags(), names[0], MOUNT, METRICS, MEMORY_GIB),
    )
    write_text(folder / KSERVE, kserve(image, names, MEMORY_GIB))


_MODEL = """  config {{
    name: "{name}"
    base_path: "{mount}/{name}"
    model_platform: "tensorflow"
    model_version_policy {{ latest {{ num_versions: 1 }} }}
  }}
"""

# The threads that run batches are as many as the serving machine has cores, which is the default.
_BATCHING = """# Requests that arrive within five milliseconds are answered together, 32 images at a
# time; a request of more is split. A bad image spoils no answer but its own.
max_batch_size { value: 1024 }
max_execution_batch_size { value: 32 }
enable_large_batch_splitting { value: true }
batch_timeout_micros { value: 5000 }
max_enqueued_batches { value: 100 }
"""

_MONITORING = """prometheus_config {{
  enable: true
  path: "{metrics}"
}}
"""

_COMPOSE = """# docker compose up: REST on port 8501, gRPC on 8500; metrics on 8501 at
# {metrics}. The server knows neither TLS nor
# authentication: what others reach needs them in front.
services:
  serving:
    image: {image}
    restart: unless-stopped
    mem_limit: {memory}g
    ports:
      - "8500:8500"
      - "8501:8501"
    volumes:
      - .:{mount}:ro
    command:
{command}    healthcheck:
      test: ["CMD", "bash", "-c", '{health}']
      interval: 15s
      timeout: 20s
      start_period: 120s
      retries: 3
"""
