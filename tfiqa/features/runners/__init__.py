"""Where long work runs: a runner calls a function on many items in processes of its own, here or on a cluster."""
