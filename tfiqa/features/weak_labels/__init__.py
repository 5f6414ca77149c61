"""Weak labels: pictures distorted by known types and levels, with the scores of full-reference measures as their labels.

H. Lin, V. Hosu, D. Saupe, DeepFL-IQA: weak supervision for deep IQA feature learning, 2020, section III.A and IV.B. What is
made is a packed folder as `pipelines.records` describes it, with

    FOLDER/scores.parquet       every record's columns again, without the pictures
    FOLDER/failures.csv         picture and error, where any failed
    FOLDER/equalization.json    the histogram equalisation of the training labels
    FOLDER/plan.json            all that determines the result; the first file to be written
    FOLDER/parts/               while it is made: what each finished shard holds

The unit of work is a shard. Its file appears under its name when it is whole, and after it the part that says so; `shards.json`
is the last file of all. So whatever kills the work, the next run does what has no part, and ends with the same bytes.
"""
