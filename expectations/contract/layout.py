"""How the source's columns map to the contract's, and what the table's schema-change policy says about it."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass

from deployments.declarations.problems import nearest
from deployments.declarations.table import Table
from deployments.errors import ContractError


@dataclass(frozen=True, slots=True)
class Layout:
    """The header of the source. `positions[i]` is the field that holds column i of the contract."""

    header: tuple[str, ...]
    positions: tuple[int, ...]
    delimiter: str
    warnings: tuple[str, ...] = ()

    @property
    def is_contract(self) -> bool:
        """Whether the source has exactly the contract's columns in its order, so that bytes can pass untouched."""
        return self.positions == tuple(range(len(self.header)))


def read_header(record: bytes, delimiter: str, where: str) -> tuple[str, ...]:
    """Names in the header record; ContractError when it can't be one."""
    try:
        text = record.decode("utf-8")
        names = next(csv.reader([text], delimiter=delimiter, strict=True), [])
    except (UnicodeDecodeError, csv.Error) as error:
        raise ContractError(
            f"{where}: the first record can't be read as a header: {error}",
            code="BAD-HEADER",
            next_command="headgate peek SOURCE   (look at what the source sends)",
        ) from None
    return tuple(names)


def lay_out(table: Table, header: Sequence[str], delimiter: str, where: str) -> Layout:
    """Map the header to the contract; raises ContractError for what the policy doesn't allow."""
    policy = table.load.on_schema_change
    wanted = [column.source_name for column in table.columns]
    repeated = sorted({name for name in header if header.count(name) > 1 and name in wanted})
    removed = [name for name in wanted if name not in header]
    added = [name for name in header if name not in wanted]
    faults: list[str] = []
    warnings: list[str] = []

    def judge(action: str, text: str) -> None:
        if action in ("fail", "evolve"):
            faults.append(text)
        elif action == "warn":
            warnings.append(text)

    if repeated:
        faults.append(f"names stand twice in the header: {', '.join(repeated)}")
    for name in removed:
        meant = nearest(name, added)
        hint = f" (found '{meant}': renamed? then declare `from: {meant}`)" if meant else ""
        judge("fail", f"column '{name}' is missing{hint}")
    if added and not removed:
        judge(policy.added, f"columns the contract doesn't name: {', '.join(added)} (not loaded)")
    present = [name for name in header if name in wanted]
    if not removed and present != wanted:
        judge(policy.reordered, f"columns come in another order: {', '.join(present)}")
    if faults:
        raise ContractError(
            f"{where}: the header isn't the contract's\n  "
            + "\n  ".join(faults)
            + f"\n  found:    {', '.join(header)}\n  expected: {', '.join(wanted)}",
            code="HEADER",
            next_command=f"mend the source, or the columns in the declaration of {table.table}; then: headgate run {table.table}",
            table=table.table,
            found=list(header),
            expected=wanted,
        )
    return Layout(tuple(header), tuple(header.index(name) for name in wanted), delimiter, tuple(warnings))
