"""The checks of a table: Great Expectations' own keys, with a stable code, an owner and what to do with failing rows.

A suite can be moved to and from the library: `type`, `kwargs`, `severity`, `meta`, `notes` and `description` are its
own; `code`, `rows`, `tolerance`, `owner` and `on` are ours. Reading one imports nothing of the library.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial as bound
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, ModelWrapValidatorHandler, model_validator

from deployments.declarations.every_fault import validated
from deployments.declarations.model import Declared, QualifiedName
from deployments.declarations.partial import known
from deployments.declarations.problems import nearest
from deployments.declarations.rule_columns import columns_named, condition_columns
from deployments.declarations.rule_faults import BATCH, QUERY, RuleFault, rule_faults
from deployments.declarations.signatures import SAME_ON_HASHES, Signature, signatures

Severity = Literal["critical", "warning", "info"]
Place = Literal["batch", "candidate", "both"]

_CODE = re.compile(r"[A-Z][A-Z0-9]*(-[A-Z0-9]+)*")
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%")


def _share(value: object) -> object:
    """A share from 0 to below 1, from `1%`, `1 %`, `0.01` or 0.01."""
    if value is None:
        return None
    percent = _PERCENT.fullmatch(value.strip()) if isinstance(value, str) else None
    if percent:
        share = float(percent[1]) / 100
    elif isinstance(value, int | float) and not isinstance(value, bool):
        share = float(value)
    else:
        raise ValueError(f"{value!r} isn't a share; allowed: a percentage such as 1% or a number such as 0.01")
    if not 0 <= share < 1:
        raise ValueError(f"{value!r} isn't below 100 %; write 1% or 0.01 for one row in a hundred")
    return share


def _code(value: str) -> str:
    if not _CODE.fullmatch(value) or len(value) > 40:
        raise ValueError(
            f"'{value}' isn't a code; allowed: capital letters, digits and single hyphens, such as TRX-KEY"
        )
    return value


Share = Annotated[float, BeforeValidator(_share)]


class Rule(Declared):
    """One check of a suite."""

    arguments_below: ClassVar = "kwargs"
    code: Annotated[str, BeforeValidator(lambda value: _code(value) if isinstance(value, str) else value)] = Field(
        description="Short stable name: the row of reports, the reason of quarantined rows."
    )
    type: str = Field(description="Name of the expectation, of Great Expectations or of ours.")
    kwargs: dict[str, Any] = Field(default_factory=dict, description="Its arguments.")
    severity: Severity = Field(default="critical", description="critical stops the batch, warning tells, info records.")
    notes: str | None = Field(
        default=None, description="Why the rule holds, in a sentence, for whoever reads an alarm."
    )
    description: str | None = Field(
        default=None, description="Sentence shown in place of the one made from type and kwargs."
    )
    owner: str | None = Field(default=None, description="Who answers for the rule, when not the table's owner.")
    rows: Literal["quarantine"] | None = Field(
        default=None, description="quarantine: rows that fail are set aside and the rest is published."
    )
    tolerance: Share | None = Field(
        default=None,
        description="With rows: quarantine, the share of rows that may fail, such as 1%; more stops the batch.",
    )
    on: Place = Field(
        default="batch",
        description="batch: once on the extracted rows, in memory while they fit, else on the candidate; "
        "candidate: on the unpublished table in the warehouse; both: on each.",
    )
    meta: dict[str, Any] | None = Field(
        default=None, description="Anything else to keep with the rule; shown beside it in the report."
    )

    @model_validator(mode="wrap")
    @classmethod
    def _every_fault(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        return validated(cls.__name__, data, handler, rule_faults)

    @property
    def signature(self) -> Signature:
        return signatures()[self.type]

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the checked table that the rule looks at, each once."""
        return tuple(dict.fromkeys(name for _, name in columns_named(self.kwargs)))

    def judges_hashes(self, masked: Collection[str]) -> bool:
        """Whether the rule would judge the hashes of masked columns in place of their values."""
        hidden = set(masked)
        condition = self.kwargs.get("row_condition") or {}
        if hidden & set(condition_columns(condition, compared=True)):
            return True
        return self.type not in SAME_ON_HASHES and bool(hidden & set(self.columns))

    def runs_in_memory(self) -> bool:
        """Whether the rule is to be run on the batch while it is in memory."""
        return self.on in ("batch", "both") and self.signature.memory

    def runs_on_candidate(self, *, checked_in_memory: bool) -> bool:
        """Whether the rule is to be run on the candidate, given that the batch was (or wasn't) checked in memory."""
        if self.on in ("candidate", "both"):
            return True
        return not (checked_in_memory and self.signature.memory)


class DriftPolicy(Declared):
    """What happens when a batch differs from its history; it wins over a rule's severity."""

    policy: Literal["warn", "stop"] = Field(default="warn", description="warn: publish and tell; stop: don't publish.")
    sensitivity: Literal["low", "normal", "high"] = Field(default="normal", description="How small a change is told.")
    ignore: tuple[str, ...] = Field(default=(), description="Columns whose drift is never told.")


class Suite(Declared):
    """The checks of one table, and its policy for drift."""

    stands_in: ClassVar = "suites/*.yaml"
    table: QualifiedName = Field(description="The table (schema.table) the suite belongs to.")
    description: str | None = Field(
        default=None, description="What the suite as a whole protects; stands above its checks in the report."
    )
    expectations: tuple[Rule, ...] = Field(default=(), description="The checks, in the order of the report.")
    drift: DriftPolicy = Field(default=DriftPolicy(), description="Policy for batches unlike their history.")

    @model_validator(mode="wrap")
    @classmethod
    def _every_fault(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        return validated(cls.__name__, data, handler, _duplicate_codes)

    def queries(self, built: str | None = None) -> Iterator[tuple[int, str]]:
        """The SQL of rules by query, each with its rule's position; `built`: the table it is judged on, else the live one."""
        for position, rule in enumerate(self.expectations):
            query = rule.kwargs.get(QUERY)
            if isinstance(query, str):
                yield position, query.replace(BATCH, built or self.table)

    def rule(self, code: str) -> Rule | None:
        return next((rule for rule in self.expectations if rule.code == code), None)

    def in_memory(self, *, masked: Collection[str] = ()) -> Suite:
        """The suite with only those rules that run on the batch in memory; `masked`: columns that hold hashes there."""
        return self._only(lambda rule: rule.runs_in_memory(), masked)

    def on_batch(self, *, masked: Collection[str] = ()) -> Suite:
        """The suite with only those rules that are to be judged once, wherever that is."""
        return self._only(lambda rule: rule.on == "batch", masked)

    def on_candidate(self, *, checked_in_memory: bool, masked: Collection[str] = ()) -> Suite:
        """The suite with only those rules that run on the candidate; `masked`: columns that hold hashes there."""
        return self._only(lambda rule: rule.runs_on_candidate(checked_in_memory=checked_in_memory), masked)

    def _only(self, runs: Callable[[Rule], bool], masked: Collection[str]) -> Suite:
        # Of rules about values that are hashed by then, only those of single rows pass `check_suite`: they were judged
        # before, on the values themselves.
        rules = tuple(rule for rule in self.expectations if runs(rule) and not rule.judges_hashes(masked))
        return self.model_copy(update={"expectations": rules})


def check_suite(suite: Suite, column_names: Collection[str], masked: Collection[str] = ()) -> list[RuleFault]:
    """Columns a suite names which its table doesn't have, and rules about values that are masked before they are judged.

    Each fault is its place within the suite, and a sentence.
    """
    rules = [bound(_rule_columns, suite, position, column_names, masked) for position in range(len(suite.expectations))]
    return list(known([*rules, bound(_ignored, suite, column_names)]))


def _rule_columns(
    suite: Suite, position: int, column_names: Collection[str], masked: Collection[str]
) -> Iterator[RuleFault]:
    rule = suite.expectations[position]
    for place, name in columns_named(rule.kwargs):
        if name not in column_names:
            yield ("expectations", position, "kwargs", *place), _no_column(name, suite, column_names)
    if rule.rows is None and rule.judges_hashes(masked):
        hidden = ", ".join(name for name in rule.columns if name in masked)
        yield (
            ("expectations", position, "type"),
            f"{hidden} is masked: only hashes would be judged; rows: quarantine judges the values before",
        )


def _ignored(suite: Suite, column_names: Collection[str]) -> Iterator[RuleFault]:
    for position, name in enumerate(suite.drift.ignore):
        if name not in column_names:
            yield ("drift", "ignore", position), _no_column(name, suite, column_names)


def _no_column(name: str, suite: Suite, column_names: Collection[str]) -> str:
    meant = nearest(name, column_names)
    hint = f"; did you mean '{meant}'?" if meant else f"; it has {', '.join(column_names)}"
    return f"{suite.table} has no column '{name}'{hint}"


def _duplicate_codes(data: Mapping[str, Any]) -> Iterator[RuleFault]:
    seen: dict[str, int] = {}
    rules = data.get("expectations")
    for position, rule in enumerate(rules if isinstance(rules, list | tuple) else ()):
        code = rule.get("code") if isinstance(rule, Mapping) else getattr(rule, "code", None)
        if isinstance(code, str):
            if code in seen:
                yield (
                    ("expectations", position, "code"),
                    f"'{code}' is used twice (rules {seen[code]} and {position + 1})",
                )
            seen.setdefault(code, position + 1)
