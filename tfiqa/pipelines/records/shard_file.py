"""One TFRecord file."""

from __future__ import annotations

import errno
from collections.abc import Iterable
from pathlib import Path

import tensorflow as tf

from tfiqa.pipelines.records.shard_list import Shard, file_sha256

RECORD_OVERHEAD = 16  # of a TFRecord: 8 bytes length and two checksums of 4


def write_records(path: Path, records: Iterable[bytes], *, name: str | None = None) -> Shard:
    """Writes records as they come into a file that is still being made, and tells what it holds.

    Args:
        path: the file.
        records: serialised Examples.
        name: what the file will be called, where that is not how it is called now.

    Raises:
        OSError: the system refuses, or the file is not as long as what was written.
    """
    rows = size = 0
    try:
        with tf.io.TFRecordWriter(str(path)) as writer:
            for record in records:
                writer.write(record)
                rows += 1
                size += len(record) + RECORD_OVERHEAD
    except tf.errors.OpError as error:
        raise OSError(errno.EIO, error.message.rpartition("; ")[2]) from error
    if path.stat().st_size != size:
        raise OSError(errno.EIO, f"{name or path.name} has {path.stat().st_size} of {size} bytes")
    return Shard(name or path.name, rows, size, file_sha256(path))
