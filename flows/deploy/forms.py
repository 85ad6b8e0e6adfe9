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
        "backfill", "backfill a table", "flows.backfill.backfill",
        "Load missing and failed windows of a table again, or all of them. Plans first; nothing loaded is loaded twice.",
    ),
    Form(
        "roll back", "roll back a table", "flows.forms.roll_back_form",
        "Undo the last publish of a table or summary; readers see again what they saw before.", tables_only=False,
    ),
    Form(
        "replay quarantine", "replay quarantined rows", "flows.forms.replay_form",
        "Check rows that were set aside again, after a rule or the data was mended, and publish those that fit.",
    ),
    Form(
        "pause", "pause a table", "flows.forms.pause_form",
        "Hold back scheduled loads of a table, or builds of a summary.", tables_only=False,
    ),
    Form("resume", "resume a table", "flows.forms.resume_form", "Let a paused table or summary go on.", tables_only=False),
)  # fmt: skip
