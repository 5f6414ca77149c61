"""Which distortions a pristine picture gets: drawn from the picture itself, so that no other picture has a say in it."""

from __future__ import annotations

import hashlib

from tfiqa.distortions.levels import NAMES, NUMBERS

# Types a picture gets, each at all five levels. "one" is KADIS-700k's scheme.
DRAWS = {"one": 1, "five": 5, "all": len(NAMES)}
FROM_MANIFEST = "manifest"  # the fourth choice: the type stands in the manifest
SEED_BYTES = 4


def picture_digest(seed: int, name: str, data: bytes) -> bytes:
    """SHA-256 over the seed, the file's name without its folders and the file's bytes.

    Neither the order of a manifest, nor what else it lists, nor where the pictures lie changes it. The name lets copies of
    a picture differ, the bytes pictures of the same name.
    """
    return hashlib.sha256(
        f"{seed}\n{name}\n{hashlib.sha256(data).hexdigest()}".encode(errors="surrogateescape")
    ).digest()


def drawn_types(digest: bytes, count: int) -> tuple[str, ...]:
    """`count` different types, uniformly out of all, in KADID's order; a larger draw holds the smaller ones."""
    shuffled = sorted(NAMES, key=lambda name: hashlib.sha256(digest + name.encode()).digest())
    return tuple(sorted(shuffled[:count], key=NUMBERS.__getitem__))


def distortion_seed(digest: bytes, level: int) -> int:
    """The seed of the picture's random distortions at a level, 0 to 2**32 - 1: KADID's program draws for each level, too."""
    return int.from_bytes(hashlib.sha256(digest + f"seed {level}".encode()).digest()[:SEED_BYTES], "big")
