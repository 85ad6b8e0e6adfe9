"""Stage: checked parts onto the object store, then the manifest that names exactly them.

What goes over a network is compressed with zstd; in a folder a part is a second name of the checked file.
"""

from __future__ import annotations

import csv
import io
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import zstandard

from expectations.contract.part_check import CheckedPart
from tasks.batch import Batch, Staged, Validated
from tasks.in_place import staged_in_place
from tasks.objects import manifest as manifests
from tasks.objects.manifest import Manifest, Part
from tasks.objects.packing import ENDINGS, Codec
from tasks.objects.store import ObjectStore, holds, sha256_of
from tasks.part_workers import dask_pool, refuse_another, side_by_side
from tasks.progress import report_progress
from tasks.resume import save
from tasks.step import step
from tasks.switches import reached
from tasks.workbench import workbench

LEVEL = 1
"""zstd's fastest level: Redshift reads it, and a higher one costs more time than the smaller upload saves."""
THREADS = 2
_STAGE = "HEADGATE_STAGE_URL"


@step("stage")
def stage(batch: Batch, validated: Validated) -> Staged:
    """Write parts, rows set aside and the manifest under the attempt's own prefix; a retry writes the same objects."""
    store = workbench().stage
    if validated.in_place is not None:
        return staged_in_place(store, batch, validated.in_place)
    quarantine_key = None
    if validated.quarantined:
        quarantine_key = f"{batch.stage_key}/quarantine.csv.zst"
        packer = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)
        store.put(quarantine_key, packer.compress(_quarantine_csv(validated.parts)))
    save(store, batch, validated)
    manifest = stage_parts(store, batch.stage_key, validated.parts, validated.delimiter, validated.null_marker)
    return Staged(manifest, quarantine_key, store.url(batch.stage_key))


def stage_parts(
    store: ObjectStore, prefix: str, parts: Sequence[CheckedPart], delimiter: str, null_marker: str
) -> Manifest:
    """Upload parts side by side below `prefix`, then the manifest that names them."""
    staged: list[Part] = []
    # The rows set aside stay here.
    jobs = [StageJob(store.base, prefix, replace(part, quarantined=())) for part in parts if part.accepted]
    with dask_pool() as pool:
        for done in side_by_side(pool, THREADS, lambda job: _stage_part(store, job), stage_part, jobs):
            staged.append(done)
            report_progress("stage", sum(part.rows for part in staged), "rows")
    manifest = Manifest(f"{prefix}/{manifests.NAME}", delimiter, null_marker, tuple(staged), codec=store.codec)
    reached("stage-manifest")
    # Last: where a manifest stands, everything it names is complete.
    store.put(manifest.key, manifest.to_bytes(store.base), "application/json")
    return manifest


@dataclass(frozen=True, slots=True)
class StageJob:
    """A part, and the stage and prefix it belongs below."""

    base: str
    prefix: str
    part: CheckedPart


def stage_part(job: StageJob) -> Part:
    """Stage a part on a worker elsewhere, with the rights of its own settings."""
    store = workbench().stage
    refuse_another({_STAGE: store.base}, {_STAGE: job.base}, job.part.path)
    return _stage_part(store, job)


def _stage_part(store: ObjectStore, job: StageJob) -> Part:
    part = job.part
    with _packed(part.path, store.codec) as packed:
        key = f"{job.prefix}/part-{part.number:05d}.csv{ENDINGS[store.codec]}"
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


def _quarantine_csv(parts: tuple[CheckedPart, ...]) -> bytes:
    """One line a row: record, code, column, raw, raw_sha256, withheld (True: the raw bytes aren't kept)."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for part in parts:
        for row in part.quarantined:
            withheld = row.raw is None
            writer.writerow([row.record, row.code, row.column or "", row.raw or "", row.raw_sha256, withheld])
    return out.getvalue().encode("utf-8", errors="surrogatepass")
