"""Training by recipe: the schema, the loop, and what a run folder holds."""
