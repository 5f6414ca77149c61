"""`tfiqa serve`."""

from __future__ import annotations

from pathlib import Path

import click

from tfiqa.cli.output import say


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default=Path("saved_models"))
@click.option("--rest-port", type=click.IntRange(0, 65535), default=8501, show_default=True, help="0 takes a free one.")
@click.option("--grpc-port", type=click.IntRange(0, 65535), default=8500, show_default=True, help="0 takes a free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--file-system-poll-wait-seconds",
    "poll_seconds",
    type=float,
    default=1.0,
    show_default=True,
    help="Between two looks for new versions.",
)
@click.option(
    "--max-num-load-retries",
    "retries",
    type=click.IntRange(min=0),
    default=5,
    show_default=True,
    help="A minute apart.",
)
def serve(folder: Path, rest_port: int, grpc_port: int, host: str, poll_seconds: float, retries: int) -> None:
    """Serve the exported models in FOLDER (one model's base folder, or a folder of such) over TF Serving's REST and gRPC API."""
    from tfiqa.cli.tensorflow_start import load_tensorflow
    from tfiqa.serving.server.model_folders import find_models

    models = find_models(folder)
    load_tensorflow()

    from tfiqa.serving.server.grpc_server import GrpcServer
    from tfiqa.serving.server.inference import Inference
    from tfiqa.serving.server.model_store import ModelStore
    from tfiqa.serving.server.rest_server import RestServer
    from tfiqa.serving.server.serve import serve_forever

    store = ModelStore(models, poll_seconds=poll_seconds, load_retries=retries)

    def ready(rest: RestServer, grpc: GrpcServer | None) -> None:
        also = "" if grpc is None else f" and grpc://{host}:{grpc.port}"
        say(f"serving {', '.join(store.names())} on http://{host}:{rest.port}/v1/models{also}")

    serve_forever(Inference(store), host=host, rest_port=rest_port, grpc_port=grpc_port, on_ready=ready)
