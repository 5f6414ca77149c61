"""TensorFlow Serving's monitoring configuration: whether there is a page of metrics, and where."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tfiqa.serving.errors import ServerStartError
from tfiqa.serving.server.config_protos import message_classes, read_text_proto

METRICS_PATH: Final = "/monitoring/prometheus/metrics"

_CONFIG: Final = message_classes(
    {"PrometheusConfig": ["bool enable", "string path"], "MonitoringConfig": ["PrometheusConfig prometheus_config"]}
)["MonitoringConfig"]


def read_metrics_path(path: Path) -> str | None:
    """The path of the page of metrics that a file with a text protocol buffer MonitoringConfig asks for, if any.

    Raises:
        ServerStartError: the file cannot be read, holds something else, or a path that does not begin with "/".
    """
    config = read_text_proto(path, _CONFIG).prometheus_config
    if not config.enable:
        return None
    found = str(config.path or METRICS_PATH)
    if not found.startswith("/"):
        raise ServerStartError(f"{path}: the path of the metrics must begin with '/', not {found}")
    return found
