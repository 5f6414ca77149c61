"""What runs in a worker process. Importing this loads neither NumPy nor TensorFlow, whose threads are set before."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tfiqa.features.mlsp.shard_work import MlspWork
    from tfiqa.features.shards import ShardDone


def extract_shard(work: MlspWork) -> ShardDone:
    """`shard_writer.write_shard` for runners."""
    from tfiqa.features.mlsp.shard_writer import write_shard

    return write_shard(work)
