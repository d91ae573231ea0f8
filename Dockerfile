# The package with its network and its commands, on plain CPUs:
#   docker build -t cari_keras .
#   docker run --rm -v "$PWD:/data" cari_keras cari-verify photo.jpg drawing.jpg
FROM python:3.11-slim-bookworm

# What OpenCV's wheel takes from the system.
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/cari_keras
COPY pyproject.toml setup.cfg setup.py MANIFEST.in README.md LICENSE ./
COPY constraints constraints
COPY cari_keras cari_keras
COPY saved_models/cavi saved_models/cavi
# In the versions that the tests were last passed with, as CI has them.
RUN pip install --no-cache-dir --constraint constraints/keras2.txt '.[gallery]'

# Not root: files that a command writes belong to this user, or to the one of `docker run --user`.
RUN useradd --create-home cari && mkdir /data /cache && chown cari /data /cache
USER cari
# Fetched weights, prepared images and predictions; `-v cari-cache:/cache` keeps them.
ENV CARI_KERAS_CACHE=/cache
WORKDIR /data
CMD ["python", "-m", "cari_keras", "--help"]
