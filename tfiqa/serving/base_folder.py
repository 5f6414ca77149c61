"""What lies beside the versions in an exported model's base folder: the files to serve it with."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from tfiqa.serving.deployment import DOCKER_COMPOSE, KUBERNETES, docker_compose, kubernetes
from tfiqa.serving.models_config import MODELS_CONFIG, write_models_config
from tfiqa.serving.server_settings import BATCHING_CONFIG, BATCHING_TEXT, MONITORING_CONFIG, MONITORING_TEXT
from tfiqa.serving.written_file import write_unless_edited


def write_serving_files(base: Path, name: str, number: int, others: Collection[int]) -> list[Path]:
    """Writes the files of TensorFlow Serving, Docker Compose and Kubernetes; those that somebody has edited stay as they are.

    Args:
        base: the model's base folder.
        name: what the model is served as.
        number: the version just exported.
        others: the versions that were there before.

    Returns:
        The files left alone. Raises StorageError when the system refuses.
    """
    texts = {
        BATCHING_CONFIG: BATCHING_TEXT,
        MONITORING_CONFIG: MONITORING_TEXT,
        DOCKER_COMPOSE: docker_compose(name),
        KUBERNETES: kubernetes(name),
    }
    written = {MODELS_CONFIG: write_models_config(base, name, number, others)}
    written |= {file: write_unless_edited(base / file, text) for file, text in texts.items()}
    return [base / file for file, done in written.items() if not done]
