"""Stage: checked parts onto the object store, then the manifest that names exactly them.

What goes over a network is compressed with zstd; in a folder a part is a second name of the checked file.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import replace

import zstandard

from expectations.contract.part_check import CheckedPart
from tasks import ahead
from tasks.batch import Batch, Staged, Validated
from tasks.in_place import staged_in_place
from tasks.objects import manifest as manifests
from tasks.objects.manifest import Manifest, Part
from tasks.objects.protocol import ObjectStore
from tasks.part_staging import LEVEL, StageJob, stage_elsewhere, stage_part
from tasks.part_workers import dask_pool, side_by_side
from tasks.progress import report_progress
from tasks.resume import save
from tasks.step import step
from tasks.switches import reached
from tasks.workbench import workbench

THREADS = 2


@step("stage")
def stage(batch: Batch, validated: Validated) -> Staged:
    """Write parts, rows set aside and the manifest under the attempt's own prefix; a retry writes the same objects."""
    store = workbench().stage
    if validated.in_place is not None:
        return staged_in_place(store, batch, validated.in_place)
    known = ahead.staged(batch, validated.parts)
    quarantine_key = None
    if validated.quarantined:
        quarantine_key = f"{batch.stage_key}/quarantine.csv.zst"
        packer = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)
        store.put(quarantine_key, packer.compress(_quarantine_csv(validated.parts)))
    save(store, batch, validated)
    manifest = stage_parts(store, batch.stage_key, validated.parts, validated.delimiter, validated.null_marker, known)
    return Staged(manifest, quarantine_key, store.url(batch.stage_key))


def stage_parts(
    store: ObjectStore,
    prefix: str,
    parts: Sequence[CheckedPart],
    delimiter: str,
    null_marker: str,
    known: Sequence[Part] = (),
) -> Manifest:
    """Upload parts side by side below `prefix`, then the manifest that names them. `known`: the parts where they are there."""
    staged = list(known)
    # The rows set aside stay here.
    left = [replace(part, quarantined=()) for part in parts if part.accepted and not known]
    jobs = [StageJob(store.base, prefix, part) for part in left]
    with dask_pool() as pool:
        for done in side_by_side(pool, THREADS, lambda job: stage_part(store, prefix, job.part), stage_elsewhere, jobs):
            staged.append(done)
            report_progress("stage", sum(part.rows for part in staged), "rows")
    manifest = Manifest(f"{prefix}/{manifests.NAME}", delimiter, null_marker, tuple(staged), codec=store.codec)
    reached("stage-manifest")
    # Last: where a manifest stands, everything it names is complete.
    store.put(manifest.key, manifest.to_bytes(store.base), "application/json")
    return manifest


def _quarantine_csv(parts: tuple[CheckedPart, ...]) -> bytes:
    """One line a row: record, code, column, raw, raw_sha256, withheld (True: the raw bytes aren't kept)."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for part in parts:
        for row in part.quarantined:
            withheld = row.raw is None
            writer.writerow([row.record, row.code, row.column or "", row.raw or "", row.raw_sha256, withheld])
    return out.getvalue().encode("utf-8", errors="surrogatepass")
