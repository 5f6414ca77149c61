"""A server of SavedModels with the REST interface of TensorFlow Serving.

Behaviour, limits and error texts follow tensorflow/serving at commit 9d981c5c27 (2026-07-30), so that clients written
for it work unchanged.
"""
