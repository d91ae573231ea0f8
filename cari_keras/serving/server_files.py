"""Configuration of the official TensorFlow Serving image for a folder of exports."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from cari_keras.files import write_text

#: Where the folder is seen from within the container.
MOUNT = "/models"

IMAGE = "tensorflow/serving:2.15.1"


def write_server_files(folder: Path, names: Sequence[str]) -> None:
    """Writes models.config, batching.config, monitoring.config and docker-compose.yml.

    Args:
        folder: Holds the models.
        names: The models' names, which are their folders'.
    """
    models = "".join(_MODEL.format(name=name, mount=MOUNT) for name in names)
    write_text(folder / "models.config", f"model_config_list {{\n{models}}}\n")
    write_text(folder / "batching.config", _BATCHING.format(threads=os.cpu_count() or 1))
    write_text(folder / "monitoring.config", _MONITORING)
    write_text(folder / "docker-compose.yml", _COMPOSE.format(image=IMAGE, mount=MOUNT))


_MODEL = """  config {{
    name: "{name}"
    base_path: "{mount}/{name}"
    model_platform: "tensorflow"
  }}
"""

# docker-compose.yml does not use it: requests that the server merges fail together, so that one
# client's broken image would fail the others'. It is for servers that are sent checked images.
_BATCHING = """# For --enable_batching --batching_parameters_file; requests that arrive within five
# milliseconds are answered together, and a broken image then fails all of them.
max_batch_size {{ value: 32 }}
batch_timeout_micros {{ value: 5000 }}
max_enqueued_batches {{ value: 100 }}
num_batch_threads {{ value: {threads} }}
"""

_MONITORING = """prometheus_config {
  enable: true
  path: "/monitoring/prometheus/metrics"
}
"""

_COMPOSE = """# docker compose up: REST on port 8501, gRPC on 8500.
services:
  serving:
    image: {image}
    ports:
      - "8500:8500"
      - "8501:8501"
    volumes:
      - .:{mount}:ro
    command:
      - --model_config_file={mount}/models.config
      - --monitoring_config_file={mount}/monitoring.config
"""
