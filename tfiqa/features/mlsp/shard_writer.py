"""Writing one shard of features."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tfiqa.features.clock import Clock
from tfiqa.features.mlsp.content import MLSP, MODEL_FILE
from tfiqa.features.mlsp.extraction import Extraction
from tfiqa.features.mlsp.network import MlspNetwork
from tfiqa.features.mlsp.shard_work import PARTS, MlspWork
from tfiqa.features.shards import Part, ShardDone
from tfiqa.files import whole_file
from tfiqa.pipelines.records.columns import feature_values
from tfiqa.pipelines.records.examples import example_bytes
from tfiqa.pipelines.records.schema import ROW
from tfiqa.pipelines.records.shard_file import write_records


def write_shard(work: MlspWork) -> ShardDone:
    """Extracts the features of a shard's pictures, writes its file and then its part; twice with the same bytes.

    Pictures that cannot be used are listed in the part. Memory holds the shard's features, and the pictures of a batch.

    Raises:
        CheckpointError, InvalidInput: the model cannot be used.
        StorageError: the system refuses; nothing half-written is left behind.
        TfiqaError: a picture does not fit into a GPU's memory.
    """
    clock = Clock(PARTS)
    extraction = Extraction(work, _network(work), clock)
    extraction.run()
    with clock("write"):
        with whole_file(Path(work.folder) / work.file) as temporary:
            shard = write_records(temporary, _records(work, extraction), name=work.file)
        failures = [(str(work.sources[place]), error) for place, error in sorted(extraction.errors.items())]
        rows = [work.first_row + place for place in _places(extraction)]
        Part(shard, rows, failures).write(work.part)
    return ShardDone(len(rows), len(failures), clock.seconds)


_loaded: dict[tuple[str, str], MlspNetwork] = {}  # the last one, by the model's SHA-256 and precision


def _network(work: MlspWork) -> MlspNetwork:
    key = work.content.model_sha256, work.settings.precision
    if key not in _loaded:
        _loaded.clear()
        _loaded[key] = MlspNetwork.load(Path(work.folder) / MODEL_FILE, precision=work.settings.precision)
    return _loaded[key]


def _places(extraction: Extraction) -> list[int]:
    """Of the pictures that did not fail, in the shard's order."""
    return [place for place in range(len(extraction.features)) if place not in extraction.errors]


def _records(work: MlspWork, extraction: Extraction) -> Iterator[bytes]:
    columns = feature_values(work.table, work.features)
    stored = extraction.features.astype(extraction.features.dtype.newbyteorder("<"), copy=False)
    for place in _places(extraction):
        cells = {name: values[place] for name, values in columns.items()}
        own = {MLSP: stored[place].tobytes(), ROW: work.first_row + place}
        yield example_bytes(work.features, {**cells, **extraction.values[place], **own})
