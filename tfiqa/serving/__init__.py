"""Serving scores over the network: a server that answers like TensorFlow Serving, and a client for it."""
