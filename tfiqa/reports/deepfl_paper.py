"""The numbers of DeepFL-IQA's paper.

H. Lin, V. Hosu, D. Saupe, "DeepFL-IQA: Weak Supervision for Deep IQA Feature Learning", 2020, arXiv:2001.08113.
"""

from __future__ import annotations

from types import MappingProxyType

TITLES = MappingProxyType(
    {
        "kadid10k": "KADID-10k",
        "live": "LIVE",
        "csiq": "CSIQ",
        "tid2013": "TID2013",
        "koniq10k": "KonIQ-10k",
        "live_challenge": "LiveitW",
    }
)

# Table II: PLCC (after a 5-parameter logistic, section V.A) and SRCC on KADID-10k by scheme, the median of 100 splits.
TABLE_2 = MappingProxyType(
    {
        "finetune_generic": (0.734, 0.731),
        "finetune_weak": (0.909, 0.908),
        "mlsp_generic": (0.712, 0.706),
        "mlsp_weak": (0.938, 0.936),
    }
)

# Table VI: SRCC by the database trained on (rows) and tested on (columns in this order); on its own the test pictures alone.
TABLE_6_TESTED = ("kadid10k", "live", "csiq", "tid2013", "koniq10k")
TABLE_6 = MappingProxyType(
    {
        "kadid10k": (0.936, 0.894, 0.849, 0.710, 0.474),
        "live": (0.689, 0.972, 0.831, 0.577, 0.563),
        "csiq": (0.692, 0.942, 0.930, 0.636, 0.282),
        "tid2013": (0.698, 0.780, 0.816, 0.858, 0.386),
        "koniq10k": (0.737, 0.920, 0.746, 0.599, 0.877),
        "live_challenge": (0.440, 0.651, 0.577, 0.384, 0.734),
    }
)


def table_6(trained: str, tested: str) -> float | None:
    """The SRCC of table VI; None for databases that it does not hold."""
    if trained not in TABLE_6 or tested not in TABLE_6_TESTED:
        return None
    return TABLE_6[trained][TABLE_6_TESTED.index(tested)]
