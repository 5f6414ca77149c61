"""What people are told when serving or asking a server fails."""

from __future__ import annotations

from tfiqa.errors import TfiqaError


class ServerStartError(TfiqaError):
    """The server cannot start: a model does not load, the port is taken, a package is missing."""


class PredictionError(TfiqaError):
    """A server that cannot be reached, or that refused a request; the text holds the server's reason."""
