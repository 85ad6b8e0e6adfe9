"""The difference between the deployments that are wanted and those that stand, field by field. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

from flows.deploy.standing import Standing
from flows.deploy.wanted import Wanted

_QUIET = ("flow", "name")


@dataclass(frozen=True, slots=True)
class Change:
    """What has to be done with one deployment; `said` holds a line for people per field that differs."""

    key: str
    kind: Literal["new", "changed", "removed", "same"]
    said: tuple[str, ...] = ()


def differences(
    wanted: Sequence[Wanted],
    standing: Mapping[str, Standing],
    environment: Mapping[str, str],
    schemas: Mapping[str, Mapping[str, Any]],
) -> list[Change]:
    """One change per deployment, wanted ones in their order, then those that are no longer declared."""
    found = []
    for item in wanted:
        there = standing.get(item.key)
        if there is None:
            found.append(Change(item.key, "new", (_first_words(item),)))
            continue
        said = list(_fields(there.wanted, item))
        if dict(there.environment) != dict(environment):
            said.append(f"environment: {_names(there.environment)} -> {_names(environment)}")
        if dict(there.schema) != dict(schemas[item.key]) and not any(line.startswith("table") for line in said):
            said.append("parameters of the form")
        found.append(Change(item.key, "changed" if said else "same", tuple(said)))
    kept = {item.key for item in wanted}
    found += [Change(key, "removed", ("no longer declared",)) for key in sorted(standing) if key not in kept]
    return found


def of_another_project(changes: Sequence[Change], standing: Mapping[str, Standing]) -> list[str]:
    """Deployments that would be removed, when the pool holds tables and summaries and none of them is ours."""
    targets = {key for key, item in standing.items() if any(tag.startswith("table:") for tag in item.wanted.tags)}
    kept = {change.key for change in changes if change.kind in ("changed", "same")}
    return sorted(targets) if targets and not targets & kept else []


def _fields(old: Wanted, new: Wanted) -> Iterator[str]:
    for item in fields(Wanted):
        before, after = getattr(old, item.name), getattr(new, item.name)
        if item.name in _QUIET or before == after or (item.name == "timezone" and new.cron is None):
            continue
        name = item.name.replace("_", " ")
        if item.name == "description":
            yield name
        else:
            yield f"{name}: {_shown(before)} -> {_shown(after)}"


def _first_words(item: Wanted) -> str:
    if item.cron is not None:
        return f"at {item.cron} ({item.timezone})"
    if item.triggered_by:
        return "after " + ", ".join(item.triggered_by)
    return "started by people" if "part:form" in item.tags else "started by other runs"


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "nothing"
    if isinstance(value, dict):
        return ", ".join(f"{k}={v}" for k, v in value.items()) or "nothing"
    return "nothing" if value is None else str(value)


def _names(environment: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(environment.items())) or "nothing"
