"""Scene types of pictures that nobody labelled: a vector of what a picture looks like, and the clusters of many of them.

Reference: DCNNS, section 3.2: blocks, edges and k-means make the labels of the model's second task, the type of the scene.
"""
