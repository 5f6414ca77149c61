"""Pictures on their way into a model: `tf.data` for training, threads for scoring."""
