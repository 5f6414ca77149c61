"""The output in which an exported model says why a picture has no scores."""

ERROR = "error"  # string (N,), "" for a picture with scores; NaN everywhere else for one without
