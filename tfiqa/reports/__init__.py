"""Pages that hold results beside those of a paper."""
