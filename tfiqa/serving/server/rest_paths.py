"""The paths of TensorFlow Serving's REST interface."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from tfiqa.serving.server.inference import ModelSpec
from tfiqa.serving.server.model_folders import MAX_VERSION
from tfiqa.serving.server.status import StatusError, invalid_argument

API_PREFIX: Final = "/v1/"

# As in TensorFlow Serving, the prefix matches in any letter case, the verbs do not, and a query string is matched, too.
_TARGET = re.compile(
    r"(?i:/v1/models)(?:/(?P<name>[^/:]+))?(?:(?i:/versions)/(?P<version>[0-9]+)|(?i:/labels)/(?P<label>[^/:]+))?"
    r"(?:(?P<metadata>/metadata)|:(?P<verb>predict|classify|regress))?"
)


@dataclass(frozen=True)
class RestTarget:
    """What a request asks for.

    Args:
        action: "predict", "classify", "regress", "status" or "metadata".
        model: the model, and the version or label of it if one is named.
    """

    action: str
    model: ModelSpec


def parse_target(method: str, target: str) -> RestTarget:
    """Reads method and target (path with query string, still percent-encoded).

    Raises:
        StatusError: INVALID_ARGUMENT for anything that is no request of the interface.
    """
    found = _TARGET.fullmatch(target)
    verb = found["verb"] if found else None
    if found is None or method != ("POST" if verb else "GET"):
        raise malformed(method, target)
    if not found["name"]:
        raise malformed(method, target) if verb else invalid_argument("Missing model name in request.")
    action = verb or ("metadata" if found["metadata"] else "status")
    label = found["label"]
    spec = ModelSpec(unquote(found["name"]), _version(found["version"]), unquote(label) if label else None)
    return RestTarget(action, spec)


def malformed(method: str, target: str) -> StatusError:
    """The error of a request that no rule matches."""
    return invalid_argument(f"Malformed request: {method} {target}")


def _version(digits: str | None) -> int | None:
    if digits is None:
        return None
    significant = digits.lstrip("0") or "0"
    if len(significant) > len(str(MAX_VERSION)) or int(significant) > MAX_VERSION:
        raise invalid_argument(f"Failed to convert version: {digits} to numeric.")
    return int(significant)
