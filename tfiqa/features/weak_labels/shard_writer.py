"""Writing one shard of labelled pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tfiqa.features.clock import Clock
from tfiqa.features.runners.runner import tick
from tfiqa.features.shards import Part, ShardDone
from tfiqa.features.weak_labels.labels import Failure, Label, Labeller
from tfiqa.features.weak_labels.shard_work import PARTS, LabelWork
from tfiqa.files import whole_file
from tfiqa.pipelines.records.columns import feature_values
from tfiqa.pipelines.records.examples import example_bytes, picture_values
from tfiqa.pipelines.records.schema import ROW
from tfiqa.pipelines.records.shard_file import write_records


def write_shard(work: LabelWork) -> ShardDone:
    """Labels the references of a shard, writes its file and then its part; twice with the same bytes.

    Pictures that cannot be used are listed in the part. Memory holds one reference and a few versions.

    Raises:
        StorageError: the system refuses; nothing half-written is left behind.
    """
    writing = _ShardWriting(work)
    target = Path(work.folder) / work.file
    with whole_file(target) as temporary:
        shard = write_records(temporary, writing.records(), name=work.file)
    with writing.clock("write"):
        Part(shard, writing.rows, writing.failures).write(work.part)
    return ShardDone(len(writing.rows), len(writing.failures), writing.clock.seconds)


class _ShardWriting:
    """The records of a shard as they come, and what is noted of them."""

    def __init__(self, work: LabelWork) -> None:
        self.clock = Clock(PARTS)
        self.rows: list[list[Any]] = []
        self.failures: list[tuple[str, str]] = []
        self._work = work
        self._features = work.columns.features()

    def records(self) -> Iterator[bytes]:
        row = self._work.first_row
        for reference in self._work.references:
            told = 0
            for outcomes in Labeller(reference, self._work.settings, self.clock).outcomes():
                self.failures += [(each.picture, each.error) for each in outcomes if isinstance(each, Failure)]
                with self.clock("write"):  # the time until the next record is asked for is that of writing
                    yield from self._serialised([each for each in outcomes if isinstance(each, Label)], row)
                tick(len(outcomes))
                told += len(outcomes)
            tick(len(reference) - told)  # what a reference that failed would have had
            row += len(reference)

    def _serialised(self, labels: list[Label], first_row: int) -> Iterator[bytes]:
        if not labels:
            return
        table = self._work.columns.table([label.row for label in labels])
        columns = feature_values(table, self._features)
        for place, label in enumerate(labels):
            cells = {name: values[place] for name, values in columns.items()}
            picture = picture_values(label.picture, label.row["image"])
            yield example_bytes(self._features, {**cells, **picture, ROW: first_row + label.place})
            self.rows.append([label.row[name] for name in self._work.columns.names])
