"""Databases: readers of official releases, manifests, splits. Importing the package registers the readers."""

from tfiqa.databases import (
    bid,
    biq2021,
    cid2013,
    csiq,
    csv_reader,
    flive,
    kadid10k,
    kadis700k,
    koniq10k,
    live,
    live_challenge,
    scpqd2020,
    spaq,
    tid2013,
)
from tfiqa.databases.manifest import Manifest, concatenate, read_manifest, write_manifest
from tfiqa.databases.reader import READERS, Reader, ReaderResult, prepare
from tfiqa.databases.splits import repeated_splits, split_manifest
from tfiqa.databases.validation import validate_manifest

__all__ = [
    "READERS",
    "Manifest",
    "Reader",
    "ReaderResult",
    "bid",
    "biq2021",
    "cid2013",
    "concatenate",
    "csiq",
    "csv_reader",
    "flive",
    "kadid10k",
    "kadis700k",
    "koniq10k",
    "live",
    "live_challenge",
    "prepare",
    "read_manifest",
    "repeated_splits",
    "scpqd2020",
    "spaq",
    "split_manifest",
    "tid2013",
    "validate_manifest",
    "write_manifest",
]
