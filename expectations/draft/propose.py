"""From measured fields to a proposal: columns, key, load mode and rules, each with what a person has to decide."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from deployments.declarations.columns import Column
from expectations.draft.facts import FieldFacts, SourceColumn
from expectations.draft.keys import Keys, find_keys
from expectations.draft.measure import Records
from expectations.draft.naming import identifiers
from expectations.draft.types import Choice, choose

How = Literal["hash", "hide"]

# Whole words of a column's name. hash: still tells people apart in joins and counts; hide: read by people, never shown.
_HASH = ("email|e_mail|mail|mail_address|email_address|phone|phone_number|telephone|tel|mobile|mobile_number|cell|fax|"
         "ssn|social_security_number|passport|passport_number|iban|card_number|credit_card|ip|ip_address")  # fmt: skip
_HIDE = ("first_name|firstname|given_name|last_name|lastname|surname|family_name|middle_name|full_name|fullname|"
         "maiden_name|contact_name|customer_name|client_name|user_name|username|person_name|employee_name|patient_name|"
         "address|street|street_address|address_line_?[0-9]|home_address|birthday|birthdate|birth_date|date_of_birth|"
         "dob|comment|comments|message|feedback|free_text|remark|remarks")  # fmt: skip
_PEOPLE = re.compile(r"(^|_)(customers?|clients?|users?|persons?|people|employees?|patients?|members?|contacts?)(_|$)")
_MOSTLY = 0.5
_HASH_BYTES = 64


@dataclass(frozen=True, slots=True)
class ProposedColumn:
    """One column of the draft and the field it comes from."""

    name: str
    facts: FieldFacts
    choice: Choice
    nullable: bool = True
    personal: How | None = None

    @property
    def contract(self) -> Column:
        """The column of the contract."""
        choice = self.choice
        return Column.model_validate({
            "name": self.name, "type": choice.type, "from": self.facts.name, "nullable": self.nullable,
            "null": choice.null, "cast": choice.cast, "format": choice.format, "strip": choice.strip,
            "source_timezone": choice.zone,
        })  # fmt: skip

    @property
    def is_moment(self) -> bool:
        return self.choice.type in ("date", "timestamp", "timestamptz")


@dataclass(frozen=True, slots=True)
class Proposal:
    """A draft of a table. `keys` are the names of candidate keys, best first; `key` is the one proposed, if any."""

    columns: tuple[ProposedColumn, ...]
    key: tuple[str, ...]
    key_is_declared: bool
    keys: tuple[tuple[str, ...], ...]
    repeated: int
    rows: int
    whole: bool
    unnamed: int
    unreadable: Mapping[str, int] = field(default_factory=dict)

    def column(self, name: str) -> ProposedColumn:
        return next(column for column in self.columns if column.name == name)


def propose(
    records: Records,
    table: str,
    *,
    zone: str | None,
    whole: bool,
    catalog: Mapping[str, SourceColumn] | None = None,
    declared_key: Sequence[str] = (),
    unreadable: Mapping[str, int] | None = None,
) -> Proposal:
    """The proposal for these records. `catalog` and `declared_key`: what the source says itself, by its own names."""
    # A field without a name can't be declared: nothing says which it is when fields move.
    kept = [position for position, header in enumerate(records.header) if header.strip()]
    names = identifiers([records.header[position] for position in kept])
    columns = []
    for name, position in zip(names, kept, strict=True):
        facts = records.field(position, zone or "UTC")
        source = (catalog or {}).get(facts.name)
        choice = choose(name, facts, zone, source)
        personal = _looks_personal(name, table.partition(".")[2] or table, facts)
        if personal == "hash":
            choice = _hashable(choice, facts)
        columns.append(ProposedColumn(name, facts, choice, not (source and source.not_null), personal))
    by_header = {column.facts.name: column.name for column in columns}
    declared = tuple(by_header[name] for name in declared_key if name in by_header)
    found = Keys((), 0)
    if not declared:
        found = find_keys(records, names, [c.choice.type for c in columns], [c.facts for c in columns])
    keys = (declared,) if declared else tuple(tuple(names[i] for i in key) for key in found.candidates)
    key = keys[0] if declared or (keys and found.convincing) else ()
    return Proposal(
        columns=tuple(replace(c, nullable=c.nullable and c.name not in key) for c in columns),
        key=key, key_is_declared=bool(declared), keys=keys, repeated=found.repeated, rows=records.rows, whole=whole,
        unnamed=len(records.header) - len(kept), unreadable=unreadable or {},
    )  # fmt: skip


def _hashable(choice: Choice, facts: FieldFacts) -> Choice:
    """Text that is long enough for the hash which takes its place."""
    length = int(choice.type[8:-1]) if choice.type.startswith("varchar(") else 0
    if length >= _HASH_BYTES:
        return choice
    return replace(choice, type=f"varchar({_HASH_BYTES})" if length else "varchar(128)", format=None, strip=(), zone=None,
                   cast=tuple(cast for cast in choice.cast if cast == "trim"), misfits=0, decide=[])  # fmt: skip


def _looks_personal(column: str, table: str, facts: FieldFacts) -> How | None:
    """How such a column should be kept, or None when nothing speaks for it."""
    if facts.filled and facts.emails >= _MOSTLY * facts.filled:
        return "hash"
    if _is_named(column, _HASH) and not _is_named(column, "(ip|mail|cell|mobile)_[a-z]*(count|flag|type)"):
        return "hash"
    # Digits alone are a telephone number only when the name says so: article numbers look the same.
    if facts.filled and facts.phones >= _MOSTLY * facts.filled:
        return "hash"
    if _is_named(column, _HIDE) or (column == "name" and _PEOPLE.search(table)):
        return "hide"
    return None


def _is_named(column: str, words: str) -> bool:
    return re.fullmatch(rf"([a-z0-9]+_)*({words})", column) is not None
