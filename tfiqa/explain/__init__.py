"""Where in a picture a model sees quality, and what it looks at."""
