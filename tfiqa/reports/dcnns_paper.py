"""The numbers of DCNNS's paper.

C.-H. Huang, J.-L. Wu, "Multi-task deep CNN model for no-reference image quality assessment on smartphone camera photos",
arXiv:2008.11961, 2020. All are of SCPQD2020, means of three runs, each by the epoch that was best on its test pictures.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

PICTURES = 1500
Figures = tuple[float, float, float, float]  # texture, color, noise, exposure

# What the paper calls models that `tfiqa fit` trains.
REGISTERED: Mapping[str, str] = MappingProxyType({"cnniqa": "CNNIQA", "dcnns": "DCNNS"})
# Table 1: the share of patches whose type of scene is right, by type; its average is over the types.
TABLE_1: tuple[Figures, ...] = (
    (0.2867, 0.3977, 0.4103, 0.2836),
    (0.4228, 0.3428, 0.2852, 0.4371),
    (0.3629, 0.4131, 0.3730, 0.4095),
    (0.5639, 0.5740, 0.5869, 0.5285),
)
TABLE_1_AVERAGE: Figures = (0.4091, 0.4319, 0.4138, 0.4147)
# Table 2: SROCC. Yao et al. are quoted from their own paper.
TABLE_2: Mapping[str, Figures] = MappingProxyType(
    {
        "BRISQUE": (0.2065, 0.1973, 0.2139, 0.2175),
        "NIQE": (0.2518, 0.2446, 0.1896, 0.2459),
        "CNNIQA": (0.4405, 0.4657, 0.4485, 0.3793),
        "Yao et al.": (0.4414, 0.4827, 0.4525, 0.4368),
        "DCNNS": (0.4899, 0.4979, 0.4723, 0.4349),
    }
)
# Table 3: SROCC, and the share of right patches, of photographed scenes, by the names that SCPQD2020 gives them.
TABLE_3: Mapping[str, tuple[Figures, Figures]] = MappingProxyType(
    {
        "055": ((0.4286, 0.2950, -0.1827, 0.2631), (0.0289, 0.0323, 0.0326, 0.0324)),
        "085": ((0.5869, 0.3874, 0.3805, 0.6970), (0.7785, 0.7028, 0.6022, 0.7750)),
        "047": ((0.6200, 0.7296, 0.7621, 0.3806), (0.6714, 0.6746, 0.6750, 0.6777)),
    }
)
# Section 4.3: 80 % to train and 20 % to test, the epoch with the highest SROCC on the test pictures, three repetitions.
COMMANDS = """\
for a in texture color noise exposure; do
  tfiqa data prepare scpqd2020 SCPQD2020_FOLDER --set aspect=$a --output $a.csv
  for s in 1 2 3; do
    tfiqa fit dcnns --data $a.csv --output runs/dcnns_${a}_$s --set split.seed=$s --set training.seed=$s \\
      --set split.train=0.8 --set split.validation=0 --set validation.within=scene --set validation.chosen_on=test
  done
done"""
