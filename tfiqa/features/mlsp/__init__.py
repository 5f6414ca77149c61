"""Multi-level spatially pooled (MLSP) features of pictures, stored: a body's feature maps, each averaged over the picture.

Reference: V. Hosu, B. Goldlücke, D. Saupe, "Effective Aesthetics Prediction with Multi-level Spatially Pooled Features",
CVPR 2019; H. Lin, V. Hosu, D. Saupe, "DeepFL-IQA", 2020, section IV.C.

What is made is a folder of records as `pipelines.records` describes it, with features in the pictures' place (`content` tells
what the schema says of them), and `features.shard_job` for how it is made. Beside that it holds

    FOLDER/model.keras    a copy of the model that the features were made with
"""
