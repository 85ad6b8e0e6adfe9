"""The rows of an API's records: fields of nested objects by their paths, and a row for each item of a list.

What doesn't fit a declared path is set aside, never NULL: a value that stands where an object or a list was declared.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from deployments.declarations.problems import nearest
from deployments.declarations.rest import Expand
from deployments.errors import ContractError
from deployments.foreign_text import one_line
from tasks.sources.json_rows import Records, Unfit
from tasks.sources.json_text import nested_text

_ABSENT = object()


class _MisfitError(Exception):
    """Something else stands on a path than an object; the args hold the reason code."""


@dataclass(slots=True)
class Fields:
    """The declared paths. `met` and `beside` grow: fields that some record had, and names that stood where one was looked for."""

    paths: Mapping[str, str]
    expand: Expand | None = None
    met: set[str] = field(default_factory=set)
    beside: dict[str, set[str]] = field(default_factory=dict)

    def rows(self, records: Records) -> Records:
        """The rows of a page."""
        if not self.paths and self.expand is None:
            return records
        return [row for record in records for row in self._of(record)]

    def _of(self, record: dict[str, Any] | Unfit) -> Iterator[dict[str, Any] | Unfit]:
        if isinstance(record, Unfit):
            yield record
            return
        try:
            # All of a record's rows or none: half of a list must not look like all of it.
            made = [self._flat(item) | kept for item, kept in self._items(record)]
        except _MisfitError as misfit:
            yield Unfit(str(misfit), nested_text(record).encode("utf-8", "backslashreplace"))
            return
        yield from made

    def _items(self, record: dict[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        if self.expand is None:
            yield record, {}
            return
        items = self._reached(record, "", self.expand.list)
        if items is _ABSENT or items is None:
            return
        if not isinstance(items, list):
            raise _MisfitError("NOT-A-LIST")
        kept = self._read(record, self.expand.keep)
        for item in items:
            yield item if isinstance(item, dict) else {"value": item}, kept

    def _flat(self, record: dict[str, Any]) -> dict[str, Any]:
        taken = {path.partition(".")[0] for name, path in self.paths.items()}
        own = {key: value for key, value in record.items() if key not in taken}
        return own | self._read(record, self.paths)

    def _read(self, record: dict[str, Any], paths: Mapping[str, str]) -> dict[str, Any]:
        found = {name: self._reached(record, name, path) for name, path in paths.items()}
        self.met.update(name for name, value in found.items() if value is not _ABSENT)
        return {name: value for name, value in found.items() if value is not _ABSENT}

    def _reached(self, record: dict[str, Any], name: str, path: str) -> Any:
        """What stands at the path; None below a null, _ABSENT where its last key, or one above it, isn't there."""
        node: Any = record
        for part in path.split("."):
            if node is None:
                return None
            if isinstance(node, list) and part.isdecimal():
                node = node[int(part)] if int(part) < len(node) else None
                continue
            if not isinstance(node, dict):
                raise _MisfitError("NOT-AN-OBJECT")
            if part not in node:
                self._note(name, node)
                return _ABSENT
            node = node[part]
        return node

    def _note(self, name: str, node: Mapping[str, Any]) -> None:
        names = self.beside.setdefault(name, set())
        if len(names) < 1_000:
            names.update(node)

    def check_met(self, where: str) -> None:
        """ContractError when no record has a declared field, and what is there instead looks like its new name: its values
        would be lost as NULL."""
        for name, path in {**self.paths, **(self.expand.keep if self.expand is not None else {})}.items():
            others: Collection[str] = self.beside.get(name, ())
            meant = None if name in self.met else nearest(path.rpartition(".")[2], sorted(others))
            if meant is not None:
                raise ContractError(
                    f"{where}: no record has {path} (source.fields of '{name}'), but there is '{one_line(meant)}': renamed?",
                    code="HEADER",
                    next_command="mend the source, or source.fields in the declaration; then: headgate retry RUN",
                )
