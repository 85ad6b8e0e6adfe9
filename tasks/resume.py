"""Resume: what an earlier attempt checked and staged is taken up again, as long as nothing it rests on has changed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from expectations.contract.checksum import Checksum
from expectations.record import QuarantineReason, RuleResult, RunRecord
from tasks.batch import Batch, Extracted, Staged, Validated
from tasks.objects import manifest as manifests
from tasks.objects.manifest import Manifest
from tasks.objects.protocol import ObjectStore
from tasks.step import step
from tasks.workbench import workbench

NAME = "checked.json"


@dataclass(frozen=True, slots=True)
class Resumed:
    """An earlier attempt's extract, verdict and stage."""

    extracted: Extracted
    validated: Validated
    staged: Staged


def save(store: ObjectStore, batch: Batch, validated: Validated) -> None:
    """Keep a batch's verdict beside its staged parts; called before the manifest is written."""
    project = workbench().project
    told = {
        "declaration_hash": project.table(batch.table).fingerprint, "suite_hash": project.suite_hash(batch.table),
        "where": validated.where, "fingerprint": validated.fingerprint, "header": validated.header,
        "delimiter": validated.delimiter, "null_marker": validated.null_marker,
        "checksum": validated.checksum.to_json(), "extracted": validated.extracted,
        "quarantined": validated.quarantined, "reasons": [reason.model_dump() for reason in validated.reasons],
        "keys_repeat": validated.keys_repeat, "checked_in_memory": validated.checked_in_memory,
        "warnings": validated.warnings, "rules": [rule.model_dump(mode="json") for rule in validated.rules],
        "profile": validated.profile, "key_name": batch.key_name, "erasures": batch.erasures,
    }  # fmt: skip
    store.put(f"{batch.stage_key}/{NAME}", json.dumps(told, default=str).encode(), "application/json")


@step("resume")
def resume(batch: Batch, record: RunRecord) -> Resumed | None:
    """What the run had staged; None when that is gone, declaration, suite or key has changed since, or rows were erased."""
    bench = workbench()
    store, base = bench.stage, f"{bench.stage.base.rstrip('/')}/"
    prefix = record.stage_uri.removeprefix(base)
    if not record.stage_uri or prefix == record.stage_uri:
        return None
    try:
        told: dict[str, Any] = json.loads(store.get(f"{prefix}/{NAME}"))
        manifest = Manifest.from_bytes(f"{prefix}/{manifests.NAME}", store.get(f"{prefix}/{manifests.NAME}"))
    except FileNotFoundError:
        return None
    table = bench.project.table(batch.table)
    quarantine = f"{prefix}/quarantine.csv.zst" if told["quarantined"] else None
    needed = {part.key for part in manifest.parts} | ({quarantine} if quarantine else set())
    same = (told["declaration_hash"], told["suite_hash"], told.get("key_name", ""), told.get("erasures", 0)) == (
        table.fingerprint, bench.project.suite_hash(batch.table), batch.key_name, batch.erasures,
    )  # fmt: skip
    if not same or not needed.issubset(store.keys(prefix)):
        return None
    extracted = Extracted(told["where"], told["delimiter"], tuple(told["header"]), (), told["fingerprint"], 0)
    return Resumed(extracted, _validated(told), Staged(manifest, quarantine, record.stage_uri))


def _validated(told: dict[str, Any]) -> Validated:
    return Validated(
        parts=(), delimiter=told["delimiter"], null_marker=told["null_marker"],
        checksum=Checksum.from_json(told["checksum"]), extracted=told["extracted"], quarantined=told["quarantined"],
        reasons=tuple(QuarantineReason.model_validate(reason) for reason in told["reasons"]),
        keys_repeat=told["keys_repeat"], checked_in_memory=told["checked_in_memory"],
        warnings=tuple(told["warnings"]), rules=tuple(RuleResult.model_validate(rule) for rule in told["rules"]),
        profile=told["profile"], where=told["where"], fingerprint=told["fingerprint"], header=tuple(told["header"]),
    )  # fmt: skip
