"""Databases: readers of official releases, manifests, splits. Importing the package registers the readers."""

from tfiqa.databases import biq2021, csv_reader, spaq
from tfiqa.databases.manifest import Manifest, concatenate, read_manifest, write_manifest
from tfiqa.databases.reader import READERS, Reader, ReaderResult, prepare
from tfiqa.databases.splits import repeated_splits, split_manifest
from tfiqa.databases.validation import validate_manifest

__all__ = [
    "READERS",
    "Manifest",
    "Reader",
    "ReaderResult",
    "biq2021",
    "concatenate",
    "csv_reader",
    "prepare",
    "read_manifest",
    "repeated_splits",
    "spaq",
    "split_manifest",
    "validate_manifest",
    "write_manifest",
]
