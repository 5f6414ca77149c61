"""Weak labels: pictures distorted by known types and levels, with the scores of full-reference measures as their labels.

H. Lin, V. Hosu, D. Saupe, DeepFL-IQA: weak supervision for deep IQA feature learning, 2020, section III.A and IV.B. What is
made is a packed folder as `pipelines.records` describes it, with

    FOLDER/scores.parquet       every record's columns again, without the pictures
    FOLDER/equalization.json    the histogram equalisation of the training labels

and what `features.shard_job` keeps there. The unit of work is a shard: some references with all their versions.
"""
