"""What people are told when serving or asking a server fails."""

from __future__ import annotations

from tfiqa.errors import PictureError, TfiqaError


class ServerStartError(TfiqaError):
    """The server cannot start: a model does not load, the port is taken, a package is missing."""


class PredictionError(TfiqaError):
    """A server that cannot be reached, or that refused a request; the text holds the server's reason."""


class RequestRefused(PredictionError):
    """A server that is there and does not do what this one request asks.

    Args:
        server: its address; it opens the text.
        reason: the server's own words.
        not_found: whether they mean that it has no such thing, most often that the model has gone.
    """

    def __init__(self, server: str, reason: str, *, not_found: bool = False) -> None:
        super().__init__(f"{server}: {reason}")
        self.reason = reason
        self.not_found = not_found


class NotScored(PictureError):
    """A picture without a score: a server gave none, or the model's is not finite."""
