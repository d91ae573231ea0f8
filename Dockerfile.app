# The page (cari-app) with the network that comes with the package, on plain CPUs:
#   docker build -t cari_app -f Dockerfile.app .
#   docker run --rm -p 127.0.0.1:7860:7860 cari_app
# What follows the image's name goes to cari-app, such as the word facenet or a mounted run:
#   docker run --rm -p 127.0.0.1:7860:7860 -v "$PWD/runs:/data:ro" cari_app mine
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
RUN pip install --no-cache-dir --constraint constraints/keras2.txt '.[app,gallery]'

# Not root: the page reads pictures that strangers upload.
RUN useradd --uid 10001 --create-home cari && mkdir /data /cache && chown cari /data /cache
USER 10001
ENV CARI_KERAS_CACHE=/cache
# The public weights too (90 MB, hash checked), so that the page needs no connection when it runs.
RUN cari-pretrained

WORKDIR /data
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=10s --start-period=180s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:7860/', timeout=5)"]
# All addresses of the container; `docker run -p` decides who reaches them.
ENTRYPOINT ["cari-app", "--host", "0.0.0.0"]
