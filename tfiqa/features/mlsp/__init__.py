"""Multi-level spatially pooled (MLSP) features of pictures, stored: a body's feature maps, each averaged over the picture.

Reference: V. Hosu, B. Goldlücke, D. Saupe, "Effective Aesthetics Prediction with Multi-level Spatially Pooled Features",
CVPR 2019; H. Lin, V. Hosu, D. Saupe, "DeepFL-IQA", 2020, section IV.C.
"""
