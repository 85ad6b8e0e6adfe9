"""Hand-over: a window that one process has taken up to its audit, for another that judges and publishes it.

What is handed over lies beside the staged parts: the attempt, its candidate and its counts.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from expectations.record import RuleResult, RunRecord
from tasks.batch import Audited, Batch
from tasks.resume import Resumed, resume
from tasks.warehouses import proofs
from tasks.warehouses.names import TableName
from tasks.warehouses.proofs import Counts
from tasks.warehouses.session import session
from tasks.workbench import workbench

NAME = "audited.json"
_KEPT = ("table", "batch_key", "label", "run_id", "attempt_id", "expected_sequence", "standing_fingerprint", "stage_key",
         "stands", "refused", "key_name")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Prepared:
    """A window that is ready to be judged."""

    batch: Batch
    earlier: Resumed
    audited: Audited


def hand_over(batch: Batch, audited: Audited) -> None:
    """Keep what another process needs to go on with the attempt; writing it again replaces it."""
    told = {
        "batch": {name: getattr(batch, name) for name in _KEPT},
        "candidate": None if audited.candidate is None else str(audited.candidate),
        "counts": asdict(audited.counts),
        "rules": [rule.model_dump(mode="json") for rule in audited.rules],
    }
    workbench().stage.put(f"{batch.stage_key}/{NAME}", json.dumps(told).encode(), "application/json")


def taken_over(record: RunRecord) -> Prepared | None:
    """What a run that ended after its audit has prepared; None when it is gone, or the declaration has changed since."""
    bench = workbench()
    prefix = record.stage_uri.removeprefix(f"{bench.stage.base.rstrip('/')}/")
    try:
        told: dict[str, Any] = json.loads(bench.stage.get(f"{prefix}/{NAME}"))
    except FileNotFoundError:
        return None
    kept = told["batch"] | {"refused": tuple(told["batch"]["refused"])}
    batch = Batch(**kept, spool=bench.spool / record.run_id)
    earlier = resume.fn(batch, record)
    candidate = None if told["candidate"] is None else TableName.parse(told["candidate"])
    if earlier is None or not _is_there(batch, candidate):
        return None
    rules = tuple(RuleResult.model_validate(rule) for rule in told["rules"])
    return Prepared(batch, earlier, Audited(candidate, Counts(**told["counts"]), rules))


def _is_there(batch: Batch, candidate: TableName | None) -> bool:
    """Whether the candidate can be published, or has been."""
    adapter = workbench().warehouse
    with session(adapter.address) as connection, connection.cursor() as cursor:
        return (
            candidate is None
            or adapter.exists(cursor, candidate)
            or any(proof.attempt_id == batch.attempt_id for proof in proofs.read(cursor, batch.live))
        )
