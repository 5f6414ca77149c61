"""TensorFlow Serving's model configuration: `ModelServerConfig` as a text file or in a reload request."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

from google.protobuf import text_format  # type: ignore[import-untyped]

from tfiqa.serving.server.model_folders import (
    ModelSource,
    VersionPolicy,
    all_versions,
    latest_versions,
    specific_versions,
)
from tfiqa.serving.server.serving_api import file_system_storage_path_source_pb2, model_server_config_pb2
from tfiqa.serving.server.status import Code, StatusError, invalid_argument, start_error

PLATFORM: Final = "tensorflow"  # the only one that can be served; TensorFlow Serving's name of SavedModels

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def read_model_config(path: Path) -> model_server_config_pb2.ModelServerConfig:
    """Reads a configuration file (protocol buffer text).

    Raises:
        StatusError: NOT_FOUND or UNKNOWN when the file cannot be read, INVALID_ARGUMENT when it does not parse.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise StatusError(Code.NOT_FOUND, f"{path}; {error.strerror}") from error
    except OSError as error:
        raise StatusError(Code.UNKNOWN, f"{path}; {error.strerror}") from error
    try:
        return text_format.Parse(content.decode(), model_server_config_pb2.ModelServerConfig())
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise invalid_argument(f"Invalid protobuf file: '{path}' ({' '.join(str(error).split())})") from error


def models_at_start(path: Path) -> list[ModelSource]:
    """The models that a configuration file lists. Raises ServerStartError when it cannot be read or served."""
    try:
        return models_of(read_model_config(path))
    except StatusError as error:
        raise start_error(error) from error


def models_of(config: model_server_config_pb2.ModelServerConfig, served: Collection[str] = ()) -> list[ModelSource]:
    """The models that a configuration lists; a configuration without any content lists none.

    Args:
        config: the configuration.
        served: names of models that are served already.

    Raises:
        StatusError: INVALID_ARGUMENT for a list that cannot be served whatever lies on disk.
    """
    if config.WhichOneof("config") == "custom_model_config":
        raise invalid_argument("Missing custom_model_config_loader in ServerCore Options")
    models = config.model_config_list.config
    _check_names(model.name for model in models)
    for model in models:
        # No system has a path with a null character, and Python raises other errors for one than for a missing folder.
        if "\0" in model.base_path or not (model.base_path.startswith("/") or _URI.match(model.base_path)):
            raise invalid_argument(
                f"Expected model {model.name} to have an absolute path or URI; got base_path()={model.base_path}"
            )
    for model in models:
        _check_platform(model, model.name in served)
    return [
        ModelSource(model.name, Path(model.base_path), _policy(model.model_version_policy), dict(model.version_labels))
        for model in models
    ]


def _check_names(names: Iterable[str]) -> None:
    known: set[str] = set()
    for name in names:
        if name in known:
            raise invalid_argument(f"Illegal to list model {name} multiple times in config list")
        known.add(name)


def _check_platform(model: model_server_config_pb2.ModelConfig, is_served: bool) -> None:
    type_name = "ModelServerConfig::model_type"
    platform = model.model_platform
    if model.model_type:
        if platform:
            raise invalid_argument(
                f"Illegal setting both {type_name} (deprecated) and ModelServerConfig::model_platform."
            )
        if model.model_type != model_server_config_pb2.TENSORFLOW:
            raise invalid_argument(f"{type_name} choice {model.model_type} not supported.")
        platform = PLATFORM
    if not platform:
        raise invalid_argument(
            f"Illegal setting neither {type_name} (deprecated) nor ModelServerConfig::model_platform, model name is {model.name}"
        )
    if platform == PLATFORM:
        return
    if is_served:
        raise invalid_argument(
            f"Illegal to change a model's platform. For model {model.name} platform was {PLATFORM} "
            f"and new platform requested is {platform}"
        )
    raise invalid_argument(f"Model {model.name} requests unsupported platform {platform}")


def _policy(
    policy: file_system_storage_path_source_pb2.FileSystemStoragePathSourceConfig.ServableVersionPolicy,
) -> VersionPolicy:
    match policy.WhichOneof("policy_choice"):
        case "all":
            return all_versions()
        case "specific":
            return specific_versions(policy.specific.versions)
        case "latest":
            return latest_versions(policy.latest.num_versions)
        case _:
            return latest_versions()
