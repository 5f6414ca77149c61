"""Full-reference measures: how far a picture is from its undistorted original, as DeepFL-IQA's weak labels use them.

Every function takes (N, H, W, 3) or (H, W, 3) pictures, RGB 0..255, and gives (N,) scores or a scalar.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from tfiqa.full_reference.add_gsim import add_gsim
from tfiqa.full_reference.fsimc import fsim, fsimc
from tfiqa.full_reference.gmsd import gmsd
from tfiqa.full_reference.iw_ssim import iw_ssim
from tfiqa.full_reference.mdsi import mdsi
from tfiqa.full_reference.measure import MEASURES, evaluate_all
from tfiqa.full_reference.ms_ssim import ms_ssim
from tfiqa.full_reference.psnr import psnr
from tfiqa.full_reference.scqi import scqi
from tfiqa.full_reference.sff import sff
from tfiqa.full_reference.sr_sim import sr_sim
from tfiqa.full_reference.ssim import ssim
from tfiqa.full_reference.vsi import vsi

# DeepFL-IQA's, in the order in which tables show them (H. Lin, V. Hosu, D. Saupe, 2020, table III).
ELEVEN = ("ssim", "ms_ssim", "iw_ssim", "mdsi", "vsi", "fsimc", "gmsd", "sff", "scqi", "add_gsim", "sr_sim")

__all__ = [
    "ELEVEN",
    "MEASURES",
    "add_gsim",
    "fsim",
    "fsimc",
    "gmsd",
    "higher_is_better",
    "iw_ssim",
    "mdsi",
    "measure_all",
    "ms_ssim",
    "psnr",
    "scqi",
    "sff",
    "sr_sim",
    "ssim",
    "vsi",
]


def higher_is_better(names: Iterable[str]) -> dict[str, bool]:
    """By measure, whether a higher score is a better one. Raises UnknownName: no such measure."""
    return {name: MEASURES.get(name).value.scale.higher_is_better for name in names}


def measure_all(
    reference: Any,
    distorted: Any,
    *,
    measures: Sequence[str] = ELEVEN,
    options: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, tf.Tensor]:
    """Several measures at once; what they have in common (grey pictures, gradients, reductions) is computed once.

    Args:
        reference: (N, H, W, 3) or (H, W, 3), RGB 0..255. A single one may meet N distorted versions: its own part is
            then computed once.
        distorted: the same size.
        measures: names; by default DeepFL-IQA's eleven.
        options: keyword arguments by measure, such as `{"ssim": {"downsample": True}}`.

    Returns:
        (N,) scores by name, scalars when both are single pictures; float64 when both inputs are, else float32.

    Raises:
        UnknownName: no such measure.
        InvalidInput: shapes that do not fit, or a picture too small for one of the measures.
    """
    return evaluate_all(measures, reference, distorted, options)
