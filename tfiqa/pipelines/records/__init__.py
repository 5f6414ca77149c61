"""Packed manifests: TFRecord shards of `tf.train.Example`, with their schema and checksums in JSON files beside them.

    FOLDER/schema.json                      every feature: name, type, kind, and the manifest's column it carries
    FOLDER/shards.json                      every shard: rows, bytes, SHA-256; the score scale; the manifest's SHA-256
    FOLDER/NAME-00000-of-00008.tfrecord     the rows: the picture's bytes unchanged, and every column

Picture paths are kept relative to the folder that holds all the pictures, so that a packed folder means the same anywhere.
"""
