# The package with its network and its commands, on plain CPUs:
#   docker build -t cari_keras .
#   docker run --rm -v "$PWD:/data" cari_keras cari-verify photo.jpg drawing.jpg
FROM python:3.11-slim-bookworm

# What OpenCV's wheel takes from the system, in Debian's current version: a pinned one goes away.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/cari_keras
COPY pyproject.toml setup.cfg setup.py MANIFEST.in README.md LICENSE ./
COPY constraints constraints
COPY cari_keras cari_keras
COPY saved_models/cavi saved_models/cavi
# The versions with which the tests last passed, as in CI.
RUN pip install --no-cache-dir --constraint constraints/keras2.txt '.[gallery]'

# Not root: this user, or that of `docker run --user`, owns the files that a command writes.
RUN useradd --uid 10001 --create-home cari && mkdir /data /cache && chown cari /data /cache
USER 10001
# The cache of weights, prepared images and predictions; `-v cari-cache:/cache` keeps it.
ENV CARI_KERAS_CACHE=/cache
WORKDIR /data
CMD ["python", "-m", "cari_keras", "--help"]
