"""Grad-CAM of a number rather than of a class.

Reference: R. Selvaraju, M. Cogswell, A. Das, R. Vedantam, D. Parikh, D. Batra, "Grad-CAM: Visual Explanations from Deep Networks
via Gradient-based Localization", ICCV 2017, section 3.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tfiqa.errors import UnknownName
from tfiqa.registry import unknown_name

Values = NDArray[np.float32]
SIGNS = ("both", "raises", "lowers")


def class_activation(maps: Values, gradients: Values) -> Values:
    """Maps (N, h, w, C), weighted by the means of the target's gradients by them, summed over channels: (N, h, w).

    Equations 1 and 2 without the ReLU, see `signed`.
    """
    weights = gradients.mean(axis=(1, 2), keepdims=True)
    return (maps * weights).sum(axis=-1)


def in_points(activation: Values) -> Values:
    """A class activation (N, h, w) in units of the target: times the number of its cells.

    The mean over the picture is then what the maps contribute to the target to first order. Where the target is a linear
    function of the maps' means (SPAQ's models, `deepfl_finetune`) it is the target less its offset, exactly: each cell is what
    the target would be, less the offset, if all of the picture were as that cell is.
    """
    return activation * (activation.shape[1] * activation.shape[2])


def signed(values: Values, sign: str) -> Values:
    """What of an activation is shown.

    Args:
        values: of any shape.
        sign: "raises": the ReLU of equation 2. "lowers": the ReLU of the opposite, the paper's counterfactual explanation.
            "both": the values as they are. Of a score far from 0 almost every place raises it in the paper's sense; which of
            them raise it less than others only "both" tells.
    """
    if sign not in SIGNS:
        raise UnknownName(unknown_name("sign", sign, SIGNS))
    if sign == "both":
        return values
    return np.maximum(values if sign == "raises" else -values, 0)
