"""tfiqa: no-reference image quality assessment with Keras and TensorFlow.

The public names are imported at first use, so that `import tfiqa` alone loads neither TensorFlow nor Keras.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfiqa.serving.scorer import Scorer
    from tfiqa.weights.build import build_model
    from tfiqa.weights.importers import import_weights

__all__ = [
    "Scorer",
    "build_model",
    "import_weights",
    "list_databases",
    "list_distortions",
    "list_measures",
    "list_models",
    "list_recipes",
]

_HOMES = {
    "Scorer": "tfiqa.serving.scorer",
    "build_model": "tfiqa.weights.build",
    "import_weights": "tfiqa.weights.importers",
}


def list_models() -> tuple[str, ...]:
    """Names that `build_model` takes."""
    from tfiqa.models import MODELS

    return MODELS.names()


def list_measures() -> tuple[str, ...]:
    """Names of the measures of `tfiqa.full_reference`, DeepFL-IQA's eleven first."""
    from tfiqa.full_reference import ELEVEN, MEASURES

    return (*ELEVEN, *(name for name in MEASURES.names() if name not in ELEVEN))


def list_distortions() -> tuple[str, ...]:
    """Names that `tfiqa.distortions.apply` takes, in KADID-10k's order."""
    from tfiqa.distortions.levels import NAMES

    return NAMES


def list_databases() -> tuple[str, ...]:
    """Names that `tfiqa data prepare` takes."""
    from tfiqa.databases import READERS

    return READERS.names()


def list_recipes() -> tuple[str, ...]:
    """Names of the bundled recipes that `tfiqa fit` takes."""
    from tfiqa.training.recipe_files import list_recipes as bundled

    return bundled()


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'tfiqa' has no attribute {name!r}")
