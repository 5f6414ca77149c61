"""What is extracted from pictures at scale, once, for later training: weak labels, and MLSP features.

`load_mlsp` and `mlsp_dataset` read the latter back. They are imported at first use, so that this alone does not load TensorFlow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfiqa.features.mlsp.load import load_mlsp, mlsp_dataset

__all__ = ["load_mlsp", "mlsp_dataset"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from tfiqa.features.mlsp import load

        return getattr(load, name)
    raise AttributeError(f"module 'tfiqa.features' has no attribute {name!r}")
