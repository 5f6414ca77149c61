"""Regression heads on stored MLSP features: the second stage of DeepFL-IQA, over many splits of one data set.

Reference: H. Lin, V. Hosu, D. Saupe, "DeepFL-IQA: Weak Supervision for Deep IQA Feature Learning", 2020, arXiv:2001.08113,
sections IV.D and V.B.
"""
