"""The actions of owners and on-call that can be started from Prefect's page: which flows, and what is said of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Form:
    """A deployment without schedule that people fill in. `tables_only`: its `table` is a table, not a summary."""

    flow: str
    name: str
    entrypoint: str
    description: str
    at_once: int = 5
    tables_only: bool = True


FORMS: tuple[Form, ...] = (
    Form(
        "backfill", "any table", "flows.backfill.backfill",
        "Load missing and failed windows of a table again, or all of them. Plans first; nothing loaded is loaded twice.",
    ),
)  # fmt: skip
