"""`models.config`: which versions of a model TensorFlow Serving serves, and under which labels."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from pathlib import Path

from tfiqa.serving.written_file import is_unedited, read_text, write_unless_edited

MODELS_CONFIG = "models.config"
_LABEL = r'version_labels \{ key: "%s" value: (\d+) \}'
# What people change to promote a version, and may: the numbers.
_NUMBERS = r"(?m)^ *versions: \d+\n|(?<=value: )\d+"

_TEXT = """\
#
# Who asks for the label "stable" (POST /v1/models/NAME/labels/stable:predict) or "canary" gets the version that it has below; who
# asks for neither a label nor a version gets the highest version. The server reads this file when it starts.
# To promote the canary, write its number behind "stable", too. To roll back, write the older number behind both labels and take
# the newer version out of `versions`. The checksum above passes over versions and numbers, so the next export still writes this
# file: stable stays what it is, the new version becomes the canary, and others are no longer served.
# Without a restart: HandleReloadConfigRequest, or the flag --model_config_file_poll_wait_seconds. A running server moves a label
# only to a version that it has loaded: first add the version, and when it is available move the label.
model_config_list {{
  config {{
    name: {name}
    base_path: {base_path}
    model_platform: "tensorflow"
    model_version_policy {{
      specific {{
{versions}
      }}
    }}
    version_labels {{ key: "stable" value: {stable} }}
    version_labels {{ key: "canary" value: {canary} }}
  }}
}}
"""


def write_models_config(base: Path, name: str, number: int, others: Collection[int]) -> bool:
    """Writes `models.config` for a version just exported, unless somebody has edited more than the numbers in it.

    The new version is the canary. Stable is what was served so far: the version labelled so, in a folder without the file the
    highest one, and the new one if it is the first.

    Args:
        base: the model's base folder.
        name: what the model is served as.
        number: the new version.
        others: the versions that were there before.

    Returns:
        Whether it was written. Raises StorageError when the system refuses.
    """
    path = base / MODELS_CONFIG
    labelled = _labelled(path, "stable") if path.exists() and is_unedited(path, free=_NUMBERS) else None
    stable = labelled if labelled is not None and labelled in others else max(others, default=number)
    return write_unless_edited(path, models_config(name, stable, number), free=_NUMBERS)


def models_config(name: str, stable: int, canary: int) -> str:
    """The text of `models.config`: both versions, each under its label."""
    versions = "\n".join(f"        versions: {number}" for number in sorted({stable, canary}))
    base_path = json.dumps(f"/models/{name}", ensure_ascii=False)
    return _TEXT.format(
        name=json.dumps(name, ensure_ascii=False), base_path=base_path, versions=versions, stable=stable, canary=canary
    )


def _labelled(path: Path, label: str) -> int | None:
    found = re.search(_LABEL % label, read_text(path))
    return int(found[1]) if found else None
