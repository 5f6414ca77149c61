"""`tfiqa serve`."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tfiqa.cli.output import say
from tfiqa.cli.serve_flags import FlagsCommand, batching_flags, limit_flags, model_flags, network_flags
from tfiqa.errors import InvalidInput

if TYPE_CHECKING:
    from tfiqa.serving.server.model_folders import ModelSource

FOLDER = Path("saved_models")  # of models, by default


@click.command(cls=FlagsCommand)
@click.argument("folder", type=click.Path(path_type=Path), required=False)
@network_flags
@model_flags
@batching_flags
@limit_flags
def serve(folder: Path | None, model_config_file: Path | None, **flags: Any) -> None:
    """Serve the exported models in FOLDER (one model's base folder, or a folder of such) over TF Serving's REST and gRPC API.

    Without FOLDER and --model-config-file these are the models in saved_models where there are any, else the one that comes with
    tfiqa. The flags are TF Serving's, with dashes.
    """
    if folder is not None and model_config_file is not None:
        raise click.UsageError("give either FOLDER or --model-config-file, not both")

    from tfiqa.cli.tensorflow_start import load_tensorflow
    from tfiqa.serving.server.model_folders import find_models

    models = []
    if model_config_file is None:
        models = _default_models() if folder is None else find_models(folder)
    # The first process of a container, as this one may be, is not ended by a signal that it has no handler for. Once all is up
    # `serve_forever` has its own.
    signal.signal(signal.SIGTERM, lambda number, frame: os._exit(128 + number))
    load_tensorflow()

    from tfiqa.cli.serve_settings import batching_settings, model_store, run_timeout_seconds, serve_settings
    from tfiqa.serving.server.config_file_watch import ConfigFileWatch
    from tfiqa.serving.server.grpc_server import GrpcServer
    from tfiqa.serving.server.inference import Inference
    from tfiqa.serving.server.metrics import Metrics
    from tfiqa.serving.server.model_config import models_at_start
    from tfiqa.serving.server.rest_server import RestServer, address
    from tfiqa.serving.server.serve import leave, serve_forever

    metrics = Metrics()
    settings, batching = serve_settings(flags), batching_settings(flags, metrics)
    if model_config_file is not None:
        models = models_at_start(model_config_file)
    store = model_store(models, flags, metrics, batching)

    def ready(rest: RestServer, grpc: GrpcServer | None) -> None:
        also = "" if grpc is None else f" and grpc://{address(grpc.host, grpc.port)}"
        say(f"serving {', '.join(store.names())} on http://{address(rest.host, rest.port)}/v1/models{also}")
        if model_config_file is not None and flags["model_config_file_poll_wait_seconds"] > 0:
            ConfigFileWatch(model_config_file, store, flags["model_config_file_poll_wait_seconds"]).start()

    inference = Inference(store, timeout_seconds=run_timeout_seconds(flags), batching=batching, metrics=metrics)
    if not serve_forever(inference, settings, ready):
        leave()


def _default_models() -> list[ModelSource]:
    """What is served where nothing is named; says which on standard error."""
    from tfiqa.serving.server.model_folders import find_models
    from tfiqa.serving.shipped_model import shipped_model

    if FOLDER.is_dir():
        try:
            models = find_models(FOLDER)
        except InvalidInput as error:
            say(str(error))
        else:
            say(f"the models are those in {FOLDER}")
            return models
    shipped = shipped_model()
    say(f"the model is the one that comes with tfiqa: {shipped}")
    return find_models(shipped)
