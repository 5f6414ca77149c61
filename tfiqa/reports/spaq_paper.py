"""The numbers of SPAQ's paper and its supplement, and the commands that make those of one's own.

Y. Fang, H. Zhu, Y. Zeng, K. Ma, Z. Wang, "Perceptual Quality Assessment of Smartphone Photography", CVPR 2020.
"""

from __future__ import annotations

from types import MappingProxyType

PICTURES = 11_125

# Table 2: SRCC of MOS with each attribute, from humans and by MT-A.
TABLE_2 = MappingProxyType(
    {
        "brightness": (0.784, 0.704),
        "colorfulness": (0.844, 0.760),
        "contrast": (0.874, 0.786),
        "noisiness": (0.893, 0.832),
        "sharpness": (0.958, 0.904),
    }
)
TABLE_2_REMARK = (
    "The release's workbook gives the paper's human column to its third decimal but for contrast, .8749 where the paper has "
    ".874; other treatments of equal ranks do not give both."
)

# Table 3: scenes of 50 in which a camera's picture is among the best five, and among the worst five, of 20 cameras.
TABLE_3_SCENES = 50
TABLE_3_CAMERAS = 20
TABLE_3_PLACES = 5
TABLE_3_TOP = (
    ("Apple iPhone 6s Plus", 22),
    ("Huawei PRA-AL00", 19),
    ("Oppo A33m", 17),
    ("Oppo R9 Plusm A", 16),
    ("Xiaomi MIX 2", 15),
)
TABLE_3_BOTTOM = (
    ("Meitu M6", 21),
    ("Vivo X7", 17),
    ("Samsung SM-G9006V", 16),
    ("Xiaomi MI 6", 15),
    ("Apple iPhone SE", 14),
)

# Table 4: mean SRCC and PLCC of five sessions on SPAQ.
TABLE_4 = MappingProxyType(
    {
        "QAC": (0.092, 0.497),
        "DIIVINE": (0.599, 0.600),
        "CORNIA": (0.709, 0.725),
        "ILNIQE": (0.713, 0.721),
        "BRISQUE": (0.809, 0.817),
        "FRIQUEE": (0.819, 0.830),
        "DB-CNN": (0.911, 0.915),
        "BL": (0.908, 0.909),
        "MT-E": (0.926, 0.932),
        "MT-A": (0.916, 0.916),
        "MT-S": (0.917, 0.921),
    }
)
REGISTERED = MappingProxyType({"spaq_bl": "BL", "spaq_mt_e": "MT-E", "spaq_mt_a": "MT-A", "spaq_mt_s": "MT-S"})

# Table 5: SRCC and PLCC of MT-A by beta 1, the weight of quality; beta 2 = 1 - beta 1 is that of the attributes.
TABLE_5 = MappingProxyType(
    {0.9: (0.917, 0.919), 0.8: (0.917, 0.918), 0.7: (0.917, 0.918), 0.6: (0.916, 0.917), 0.5: (0.916, 0.916)}
)

# Table 6: SRCC, PLCC and scene accuracy of MT-S by the convolution of ResNet-50 after which its branches part.
TABLE_6 = MappingProxyType(
    {
        1: (0.915, 0.918, 0.702),
        10: (0.916, 0.918, 0.687),
        22: (0.916, 0.919, 0.673),
        40: (0.917, 0.921, 0.673),
        49: (0.915, 0.916, 0.670),
    }
)

# Table S2: SRCC and PLCC; sub-groups are 25 random halvings.
TABLE_S2_SUB_GROUPS = (0.923, 0.930)
TABLE_S2_SUBJECTS = (0.841, 0.865)

# Table S4: name, SRCC and PLCC of BL, trained on SPAQ, by the database it is tested on (its reader's name).
TABLE_S4 = MappingProxyType(
    {
        "live": ("LIVE", 0.560, 0.608),
        "tid2013": ("TID2013", 0.397, 0.570),
        "cid2013": ("CID2013", 0.754, 0.771),
        "live_challenge": ("LIVE Challenge", 0.742, 0.773),
        "koniq10k": ("KonIQ-10k", 0.707, 0.745),
    }
)

# Five random splits, 80 % to train and 20 % to test, no validation set (section 5.5): the last epoch's model is tested.
PAPER_SPLIT = "--set split.seed=$s --set training.seed=$s --set split.train=0.8 --set split.validation=0"
TABLE_4_COMMANDS = f"""\
tfiqa data prepare spaq SPAQ_FOLDER --output spaq.csv
for m in bl mt_e mt_a mt_s; do for s in 1 2 3 4 5; do
  tfiqa fit spaq_$m --data spaq.csv --output runs/spaq_${{m}}_$s {PAPER_SPLIT}
done; done"""
TABLE_5_COMMANDS = f"""\
for w in 9 8 7 6; do for s in 1 2 3 4 5; do
  tfiqa fit spaq_mt_a --data spaq.csv --output runs/spaq_mt_a_weight${{w}}_$s {PAPER_SPLIT} \\
    --set "loss.weights={{quality: 0.$w, attributes: 0.$((10 - w))}}"
done; done"""
TABLE_6_COMMANDS = f"""\
for c in 1 10 22 49; do for s in 1 2 3 4 5; do
  tfiqa fit spaq_mt_s --data spaq.csv --output runs/spaq_mt_s_conv${{c}}_$s {PAPER_SPLIT} \\
    --set model.options.split=$c
done; done"""
