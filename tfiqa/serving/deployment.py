"""`docker-compose.yaml` and `kubernetes.yaml`: TensorFlow Serving with an exported model."""

from __future__ import annotations

import json
import re
from urllib.parse import quote

from tfiqa.serving.models_config import MODELS_CONFIG
from tfiqa.serving.server_settings import BATCHING_CONFIG, MONITORING_CONFIG

DOCKER_COMPOSE, KUBERNETES = "docker-compose.yaml", "kubernetes.yaml"
# Tags: https://hub.docker.com/r/tensorflow/serving/tags. The minor version is that of the TensorFlow that writes the SavedModel.
IMAGE = "tensorflow/serving:2.21.0"
GRPC_PORT, REST_PORT = 8500, 8501  # of the image

_COMPOSE = """\
# In this folder: docker compose up -d
# REST on port {rest}, gRPC on port {grpc}, metrics on the REST port.
services:
  tensorflow-serving:
    image: {image}  # from https://hub.docker.com/r/tensorflow/serving/tags
    command:
{flags}
    ports:
      - "{grpc}:{grpc}"
      - "{rest}:{rest}"
    volumes:
      - type: bind
        source: .
        target: {folder}
        read_only: true
    healthcheck:  # the image has no curl; the server opens its ports when the model is loaded
      test: ["CMD", "bash", "-c", {check}]
      interval: 30s
      timeout: 10s
      retries: 3
      start_period: 2m
    restart: unless-stopped
    mem_limit: 4g  # a picture of many megapixels through a deep network may need more
"""

_KUBERNETES = """\
# The volume {claim} holds what lies in this folder: the versions and the .config files.
# After an export: kubectl rollout restart deployment/{claim}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: "{claim}"
  labels: {{app: "{claim}"}}
spec:
  replicas: 1
  selector:
    matchLabels: {{app: "{claim}"}}
  strategy:
    rollingUpdate: {{maxUnavailable: 0, maxSurge: 1}}
  template:
    metadata:
      labels: {{app: "{claim}"}}
    spec:
      containers:
        - name: tensorflow-serving
          image: {image}  # from https://hub.docker.com/r/tensorflow/serving/tags
          args:
{flags}
          ports:
            - {{name: grpc, containerPort: {grpc}}}
            - {{name: rest, containerPort: {rest}}}
          startupProbe:  # the ports open when the model is loaded; it has ten minutes
            tcpSocket: {{port: rest}}
            periodSeconds: 5
            failureThreshold: 120
          readinessProbe:
            httpGet: {{path: {status}, port: rest}}
            periodSeconds: 10
            timeoutSeconds: 5
          livenessProbe:
            tcpSocket: {{port: rest}}
            periodSeconds: 20
            failureThreshold: 3
          resources:
            requests: {{cpu: "1", memory: 2Gi}}
            limits: {{memory: 4Gi}}  # a picture of many megapixels through a deep network may need more
          volumeMounts:
            - {{name: model, mountPath: {folder}, readOnly: true}}
      volumes:
        - name: model
          persistentVolumeClaim: {{claimName: "{claim}", readOnly: true}}
---
apiVersion: v1
kind: Service
metadata:
  name: "{claim}"
spec:
  selector: {{app: "{claim}"}}
  ports:
    - {{name: grpc, port: {grpc}, targetPort: grpc}}
    - {{name: rest, port: {rest}, targetPort: rest}}
"""


def server_flags(name: str) -> list[str]:
    """The flags of tensorflow_model_server for the files in a model's base folder, mounted as /models/NAME."""
    folder = f"/models/{name}"
    return [
        f"--model_config_file={folder}/{MODELS_CONFIG}",
        "--allow_version_labels_for_unavailable_models=true",  # else no label can be there at the start
        "--enable_batching=true",
        f"--batching_parameters_file={folder}/{BATCHING_CONFIG}",
        f"--monitoring_config_file={folder}/{MONITORING_CONFIG}",
    ]


def docker_compose(name: str) -> str:
    """The text of `docker-compose.yaml` for the model of that name."""
    request = f"GET {_status(name)} HTTP/1.0\\r\\n\\r\\n"
    check = f"exec 3<>/dev/tcp/127.0.0.1/{REST_PORT} && printf '%b' '{request}' >&3 && grep -q '\"AVAILABLE\"' <&3"
    return _COMPOSE.format(
        image=IMAGE,
        flags=_items(server_flags(name), 6),
        folder=_text(f"/models/{name}"),
        check=_text(check),
        grpc=GRPC_PORT,
        rest=REST_PORT,
    )


def kubernetes(name: str) -> str:
    """The text of `kubernetes.yaml` for the model of that name. Its objects are called after it, as far as names there allow."""
    return _KUBERNETES.format(
        claim=object_name(name),
        image=IMAGE,
        flags=_items(server_flags(name), 12),
        folder=json.dumps(f"/models/{name}", ensure_ascii=False),
        status=json.dumps(_status(name)),
        grpc=GRPC_PORT,
        rest=REST_PORT,
    )


def object_name(name: str) -> str:
    """A name as Kubernetes takes it: small letters of ASCII, digits and "-", at most 63, with a letter first (RFC 1035)."""
    plain = re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")
    return (plain if plain[:1].isalpha() else f"model-{plain}")[:63].strip("-")


def _status(name: str) -> str:
    return f"/v1/models/{quote(name, safe='')}"


def _items(values: list[str], indent: int) -> str:
    return "\n".join(f"{' ' * indent}- {_text(value)}" for value in values)


def _text(value: str) -> str:
    """A YAML string; "$" is doubled, since Compose and Kubernetes put variables in its place."""
    return json.dumps(value.replace("$", "$$"), ensure_ascii=False)
