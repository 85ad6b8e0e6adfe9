"""One checked part onto the object store: compressed with zstd over a network, in a folder as a second name of its file."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import zstandard

from expectations.contract.part_check import CheckedPart
from tasks.objects.manifest import Part
from tasks.objects.packing import ENDINGS, Codec
from tasks.objects.protocol import ObjectStore
from tasks.objects.store import holds, sha256_of
from tasks.part_workers import refuse_another
from tasks.switches import reached
from tasks.workbench import workbench

LEVEL = 1
"""zstd's fastest level: Redshift reads it, and a higher one costs more time than the smaller upload saves."""
_STAGE = "HEADGATE_STAGE_URL"


@dataclass(frozen=True, slots=True)
class StageJob:
    """A part, and the stage and prefix it belongs below."""

    base: str
    prefix: str
    part: CheckedPart


def stage_elsewhere(job: StageJob) -> Part:
    """Stage a part on a worker elsewhere, with the rights of its own settings."""
    store = workbench().stage
    refuse_another({_STAGE: store.base}, {_STAGE: job.base}, job.part.path)
    return stage_part(store, job.prefix, job.part)


def stage_part(store: ObjectStore, prefix: str, part: CheckedPart) -> Part:
    """Store the checked file of a part below `prefix`; a retry writes the same object."""
    with _packed(part.path, store.codec) as packed:
        key = f"{prefix}/part-{part.number:05d}.csv{ENDINGS[store.codec]}"
        store.put_file(key, packed)
        reached("stage-part")
        size, digest = packed.stat().st_size, sha256_of(packed)
    return Part(part.number, key, part.accepted, size, digest, holds(part.path, b"\r\n"))


@contextmanager
def _packed(file: Path, codec: Codec) -> Iterator[Path]:
    """The file as it is to be stored."""
    if codec == "none":
        yield file
        return
    # A worker that was given up may still be writing: no two tries write the same file.
    packed = file.with_name(f"{file.stem}.{secrets.token_hex(4)}.zst")
    with file.open("rb") as source, packed.open("wb") as target:
        zstandard.ZstdCompressor(level=LEVEL).copy_stream(source, target, size=file.stat().st_size)
    yield packed
    packed.unlink()
