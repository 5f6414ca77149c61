"""What the flags of `tfiqa serve` mean for the server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from tfiqa.serving.server.batching import Batching
    from tfiqa.serving.server.metrics import Metrics
    from tfiqa.serving.server.model_folders import ModelSource
    from tfiqa.serving.server.model_store import ModelStore
    from tfiqa.serving.server.serve import ServeSettings


def serve_settings(flags: Mapping[str, Any]) -> ServeSettings:
    """How the server talks to clients. Raises ServerStartError for a wrong monitoring configuration."""
    from tfiqa.serving.server.limits import MEBIBYTE, Limits
    from tfiqa.serving.server.monitoring_config import read_metrics_path
    from tfiqa.serving.server.serve import ServeSettings

    limits = Limits(
        max_body_bytes=flags["max_body_mebibytes"] * MEBIBYTE,
        max_message_bytes=min(2**31 - 1, flags["max_message_mebibytes"] * MEBIBYTE),
        max_waiting=flags["max_waiting_requests"],
        max_connections=flags["max_connections"],
        slow_client_seconds=flags["slow_client_seconds"],
    )
    monitoring: Path | None = flags["monitoring_config_file"]
    return ServeSettings(
        host=flags["host"],
        rest_port=flags["rest_port"],
        grpc_port=flags["grpc_port"],
        rest_threads=flags["rest_api_num_threads"],
        grpc_threads=flags["grpc_max_threads"],
        cors=flags["rest_api_enable_cors_support"],
        metrics_path=None if monitoring is None else read_metrics_path(monitoring),
        limits=limits,
        shutdown_seconds=flags["shutdown_seconds"],
        as_content=flags["enable_serialization_as_tensor_content"],
        grpc_health=flags["enable_grpc_healthcheck_service"],
    )


def batching_settings(flags: Mapping[str, Any], metrics: Metrics) -> Batching | None:
    """What merges requests, if anything. Raises ServerStartError for a wrong file, click.UsageError for one without batching."""
    from tfiqa.serving.server.batching import Batching
    from tfiqa.serving.server.batching_parameters import SERVER_THREADS, BatchingParameters, read_batching_parameters

    file: Path | None = flags["batching_parameters_file"]
    per_model: bool = flags["enable_per_model_batching_parameters"]
    if not flags["enable_batching"]:
        for name in ("batching_parameters_file", "enable_per_model_batching_parameters"):
            if flags[name]:
                raise click.UsageError(f"--{name.replace('_', '-')} is set without setting --enable-batching to true")
        return None
    parameters = BatchingParameters(thread_pool_name=SERVER_THREADS) if file is None else read_batching_parameters(file)
    return Batching(parameters, metrics, per_model=per_model)


def model_store(
    models: Sequence[ModelSource], flags: Mapping[str, Any], metrics: Metrics, batching: Batching | None
) -> ModelStore:
    """What loads the models and keeps them."""
    from tfiqa.serving.server.model_loader import ModelLoader
    from tfiqa.serving.server.model_store import ModelStore

    loader = ModelLoader(
        tags=flags["saved_model_tags"].split(","),
        run_timeout_seconds=run_timeout_seconds(flags),
        warm_up=flags["enable_model_warmup"],
        warm_up_iterations=flags["num_request_iterations_for_warmup"],
        metrics=metrics,
        **({} if batching is None else {"check": batching.parameters_of}),
    )
    return ModelStore(
        models,
        poll_seconds=flags["file_system_poll_wait_seconds"],
        load_retries=flags["max_num_load_retries"],
        load_retry_seconds=flags["load_retry_interval_micros"] / 1e6,
        labels_for_unavailable=flags["allow_version_labels_for_unavailable_models"],
        load=loader,
    )


def run_timeout_seconds(flags: Mapping[str, Any]) -> float:
    """The longest that a REST request may take."""
    timeout: int = flags["rest_api_timeout_in_ms"]
    return timeout / 1000
