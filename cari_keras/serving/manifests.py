"""A folder of exports on Kubernetes: a Deployment with its Service, and KServe's resources."""

from __future__ import annotations

from collections.abc import Sequence

#: Names of the files.
KUBERNETES, KSERVE = "k8s.yaml", "kserve.yaml"

#: The volume claim that holds the folder; whoever deploys makes it, and copies the folder there.
CLAIM = "cari-models"


def kubernetes(
    image: str, flags: Sequence[str], probed: str, mount: str, metrics: str, memory: int
) -> str:
    """A Deployment of TensorFlow Serving and a Service, as YAML.

    Args:
        image: The server's.
        flags: The server's.
        probed: A model, whose status the probes ask for.
        mount: Where the claim is seen from within the container.
        metrics: Path of the metrics.
        memory: Limit in GiB.
    """
    listed = "".join(f"            - {flag}\n" for flag in flags)
    return _KUBERNETES.format(
        image=image,
        flags=listed,
        probed=probed,
        mount=mount,
        metrics=metrics,
        memory=memory,
        claim=CLAIM,
    )


def kserve(image: str, names: Sequence[str], memory: int) -> str:
    """An InferenceService of KServe for each model, as YAML.

    Args:
        image: The server's, whose release is asked for.
        names: The models' names, which are their folders' within the claim.
        memory: Limit in GiB.
    """
    release = image.rpartition(":")[2]
    services = (
        _KSERVE.format(name=name, release=release, memory=memory, claim=CLAIM) for name in names
    )
    return "---\n".join(services)


# The server opens its ports when the models are loaded, or have failed to.
_KUBERNETES = """# kubectl apply -f k8s.yaml, where the claim {claim} holds this folder.
apiVersion: apps/v1
kind: Deployment
metadata:
  name: cari-serving
  labels:
    app: cari-serving
spec:
  replicas: 1
  selector:
    matchLabels:
      app: cari-serving
  template:
    metadata:
      labels:
        app: cari-serving
      annotations:
        prometheus.io/scrape: "true"
        prometheus.io/port: "8501"
        prometheus.io/path: {metrics}
    spec:
      containers:
        - name: serving
          image: {image}
          args:
{flags}          ports:
            - name: grpc
              containerPort: 8500
            - name: rest
              containerPort: 8501
          volumeMounts:
            - name: models
              mountPath: {mount}
              readOnly: true
          resources:
            requests:
              cpu: "1"
              memory: 2Gi
            limits:
              memory: {memory}Gi
          startupProbe:
            httpGet:
              path: /v1/models/{probed}
              port: rest
            periodSeconds: 5
            failureThreshold: 60
          readinessProbe:
            httpGet:
              path: /v1/models/{probed}
              port: rest
            periodSeconds: 10
            timeoutSeconds: 5
          livenessProbe:
            httpGet:
              path: /v1/models/{probed}
              port: rest
            periodSeconds: 20
            timeoutSeconds: 10
            failureThreshold: 3
      volumes:
        - name: models
          persistentVolumeClaim:
            claimName: {claim}
            readOnly: true
---
apiVersion: v1
kind: Service
metadata:
  name: cari-serving
  labels:
    app: cari-serving
spec:
  selector:
    app: cari-serving
  ports:
    - name: grpc
      port: 8500
      targetPort: grpc
    - name: rest
      port: 8501
      targetPort: rest
"""

_KSERVE = """apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: cari-{name}
spec:
  predictor:
    model:
      modelFormat:
        name: tensorflow
      protocolVersion: v1
      runtimeVersion: {release}
      storageUri: pvc://{claim}/{name}
      args:
        - --enable_batching=true
      resources:
        requests:
          cpu: "1"
          memory: 1Gi
        limits:
          memory: {memory}Gi
"""
