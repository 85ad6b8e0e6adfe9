"""What is taken out of a record before anything is written of it: every figure that could show a masked value, and what of
somebody else's text would steer a terminal or a page.

The checks withhold values themselves; this is the second lock. It works on the record alone, by its masked columns.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError

from deployments.foreign_text import is_harmless, printable
from expectations.record import DriftAlert, RuleResult, RunRecord

WITHHELD = "(masked)"
# Kinds of drift whose figures are shares, counts and shapes; the others tell values.
_SHOWS_NO_VALUES = frozenset(
    {"schema", "volume", "completeness", "format", "redelivery", "duplicates", "order", "reference"}
)
_HASH = re.compile(r"[0-9a-f]{16,64}")


def cleaned(record: RunRecord) -> RunRecord:
    """The record as it may be shown. Keys of masked columns stay only as keyed hashes."""
    record = _harmless(record)
    masked = {str(column["name"]) for column in record.schema_columns if column.get("masked")}
    if not masked:
        return record
    drift = record.drift
    if drift is not None:
        bands = drift.bands | {"figures": [b for b in drift.bands.get("figures", ()) if _band_is_open(b, masked)]}
        alerts = tuple(_alert(alert, masked) for alert in drift.alerts)
        noticed = tuple(one for one in drift.noticed if _band_is_open(one.model_dump(), masked))
        drift = drift.model_copy(update={"alerts": alerts, "bands": bands, "noticed": noticed})
    aside = tuple(reason.model_copy(update={"examples": (), "names": ""}) for reason in record.quarantine)
    rules = tuple(_rule(rule, masked) for rule in record.rules)
    return record.model_copy(update={"drift": drift, "rules": rules, "quarantine": aside})


def _harmless(record: RunRecord) -> RunRecord:
    """The record with its texts as they can be shown: values of a batch, names of a source, words of a driver are in it."""
    # A text with half a character can't be written as JSON.
    with suppress(PydanticSerializationError, UnicodeError):
        if is_harmless(record.model_dump_json(exclude={"profile"})):
            return record
    told = {name: getattr(record, name) for name in RunRecord.model_fields if name != "profile"}
    clean = {name: _printable(value) for name, value in told.items()}
    return record.model_copy(update={name: value for name, value in clean.items() if value is not told[name]})


def _printable(value: Any) -> Any:
    """The same object where nothing in it has to be changed."""
    if isinstance(value, str):
        clean = printable(value)
        return value if clean == value else clean
    if isinstance(value, BaseModel):
        parts = {name: getattr(value, name) for name in type(value).model_fields}
        changes = {name: new for name, part in parts.items() if (new := _printable(part)) is not part}
        return value.model_copy(update=changes) if changes else value
    if isinstance(value, dict):
        found = {_printable(name): _printable(part) for name, part in value.items()}
        return value if all(found.get(name) is part for name, part in value.items()) else found
    if isinstance(value, tuple | list):
        items = [_printable(part) for part in value]
        return value if all(new is old for new, old in zip(items, value, strict=True)) else type(value)(items)
    return value


def _alert(alert: DriftAlert, masked: set[str]) -> DriftAlert:
    told = {alert.column} if alert.column else set()
    hidden = (told | _named(alert.message, masked)) & masked
    if not hidden:
        return alert
    if alert.kind in _SHOWS_NO_VALUES:
        return alert.model_copy(update={"examples": ()})
    what = "One segment" if alert.kind == "segment" else f"The {alert.kind.replace('_', ' ')}"
    verb = "differ" if alert.kind in ("values", "categories", "duplicates") else "differs"
    message = f"{what} of {alert.column or 'the table'} {verb} from the history. "
    return alert.model_copy(
        update={
            "message": message + f"{', '.join(sorted(hidden))} is masked, so figures aren't shown.",
            "expected": WITHHELD, "observed": WITHHELD, "examples": (), "smallest_change": None,
        }
    )  # fmt: skip


def _band_is_open(band: dict[str, Any], masked: set[str]) -> bool:
    if band.get("kind") == "completeness":
        return True
    return band.get("column") not in masked and not _named(str(band.get("figure", "")), masked)


def _rule(rule: RuleResult, masked: set[str]) -> RuleResult:
    keys = tuple({name: _key(name, value, masked) for name, value in key.items()} for key in rule.failing_keys)
    changes: dict[str, Any] = {"failing_keys": keys}
    if rule.column in masked and rule.rows_checked is None:
        changes |= {"observed": None}
    return rule.model_copy(update=changes)


def _key(name: str, value: Any, masked: set[str]) -> Any:
    if name not in masked or value is None or (isinstance(value, str) and _HASH.fullmatch(value)):
        return value
    return WITHHELD


def _named(text: str, names: Iterable[str]) -> set[str]:
    words = set(re.findall(r"\w+", text))
    return {name for name in names if name in words}
