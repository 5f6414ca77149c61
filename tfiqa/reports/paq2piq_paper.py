"""The numbers of PaQ-2-PiQ's paper and its supplement.

Z. Ying, H. Niu, P. Gupta, D. Mahajan, D. Ghadiyaram, A. Bovik, "From Patches to Pictures (PaQ-2-PiQ): Mapping the Perceptual
Space of Picture Quality", CVPR 2020. The paper's own tables 2 and 3 have CNNIQA, and NIMA with MobileNetV2 alone; tables 5, 6
and 8 are the supplement's.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

DATABASE = "flive"
SPLITS = ("validation", "test")
Pair = tuple[float, float]  # SRCC and LCC

# What the paper calls its models.
CNNIQA = "CNNIQA"
NIMA_MOBILENET = "NIMA (MobileNet v2)"
NIMA_RESNET = "NIMA (ResNet-18)"
BASELINE = "Baseline"
ROIPOOL = "RoIPool"
FEEDBACK = "Feedback"

# Tables 2 and 5: validation and test.
PICTURES: Mapping[str, tuple[Pair, Pair]] = MappingProxyType(
    {
        CNNIQA: ((0.259, 0.242), (0.266, 0.223)),
        NIMA_MOBILENET: ((0.521, 0.609), (0.583, 0.639)),
        NIMA_RESNET: ((0.503, 0.577), (0.580, 0.611)),
        BASELINE: ((0.525, 0.599), (0.571, 0.623)),
        ROIPOOL: ((0.541, 0.618), (0.576, 0.655)),
        FEEDBACK: ((0.562, 0.649), (0.601, 0.685)),
    }
)
# Tables 3 and 6: validation and test by the patches' size in per cent.
PATCHES: Mapping[int, Mapping[str, tuple[Pair, Pair]]] = MappingProxyType(
    {
        40: {
            CNNIQA: ((0.438, 0.400), (0.445, 0.373)),
            NIMA_MOBILENET: ((0.587, 0.637), (0.688, 0.691)),
            NIMA_RESNET: ((0.578, 0.600), (0.676, 0.696)),
            BASELINE: ((0.561, 0.617), (0.662, 0.701)),
            ROIPOOL: ((0.641, 0.731), (0.724, 0.782)),
            FEEDBACK: ((0.658, 0.744), (0.726, 0.783)),
        },
        30: {
            CNNIQA: ((0.522, 0.449), (0.562, 0.440)),
            NIMA_MOBILENET: ((0.547, 0.560), (0.681, 0.670)),
            NIMA_RESNET: ((0.516, 0.505), (0.672, 0.657)),
            BASELINE: ((0.577, 0.603), (0.685, 0.704)),
            ROIPOOL: ((0.686, 0.752), (0.759, 0.808)),
            FEEDBACK: ((0.698, 0.762), (0.770, 0.819)),
        },
        20: {
            CNNIQA: ((0.580, 0.481), (0.592, 0.475)),
            NIMA_MOBILENET: ((0.395, 0.411), (0.526, 0.524)),
            NIMA_RESNET: ((0.324, 0.316), (0.504, 0.483)),
            BASELINE: ((0.563, 0.541), (0.633, 0.630)),
            ROIPOOL: ((0.733, 0.760), (0.769, 0.792)),
            FEEDBACK: ((0.756, 0.783), (0.786, 0.808)),
        },
    }
)
# Table 8: parameters of the body, of the head, and all.
PARAMETERS: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        CNNIQA: ("–", "–", "724.90 K"),
        NIMA_MOBILENET: ("2.22 M", "10.11 K", "2.23 M"),
        NIMA_RESNET: ("11.17 M", "10.11 K", "11.18 M"),
        BASELINE: ("11.17 M", "537.99 K", "11.70 M"),
        ROIPOOL: ("11.17 M", "537.99 K", "11.70 M"),
        FEEDBACK: ("11.17 M", "1.07 M", "12.24 M"),
    }
)
PARAMETERS_REMARK = (
    "As in the paper, the scales and offsets of the body's batch normalisation count with the head. Of MobileNetV2 the paper "
    "has them in the body, 2,223,872, and repeats ResNet-18's head of 10.11 K beside it; its last layer has 1,281."
)
PATCHES_REMARK = (
    "A model with boxes scores them in the picture. For the others each patch is a picture of its own, which is how the paper "
    "tested them."
)
FEEDBACK_REMARK = (
    "The feedback model is fed the pictures' own patches here, as in the paper; where a picture comes without any, `tfiqa "
    "score` feeds it three fixed boxes."
)


def paper_name(model: str, options: Mapping[str, Any]) -> str | None:
    """What the paper calls a model with these options; None for one that it does not have."""
    if model == "cnniqa":
        return CNNIQA
    if model == "nima" and options["output"] == "score":
        return {"mobilenet_v2": NIMA_MOBILENET, "resnet18": NIMA_RESNET}.get(options["body"])
    if options.get("backbone") == "resnet18":
        return {"paq2piq_baseline": BASELINE, "paq2piq_roipool": ROIPOOL, "paq2piq_feedback": FEEDBACK}.get(model)
    return None
