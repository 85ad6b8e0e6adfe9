"""The actions of owners and on-call that can be started from Prefect's page: which flows, and what is said of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Form:
    """A deployment without schedule that people fill in. `choose`: which names its parameter `table` offers, if it has one."""

    flow: str
    name: str
    entrypoint: str
    description: str
    at_once: int = 5
    choose: Literal["tables", "all", "none"] = "tables"


FORMS: tuple[Form, ...] = (
    Form(
        "backfill", "backfill a table", "flows.backfill.backfill",
        "Load missing and failed windows of a table again, or all of them. Plans first; nothing loaded is loaded twice.",
    ),
    Form(
        "reconcile", "reconcile a table", "flows.reconciling.reconcile",
        "Hold the published rows of a table against its source; load windows that differ again, when asked to.",
    ),
    Form(
        "roll back", "roll back a table", "flows.forms.rollback",
        "Undo the last publish of a table or summary; readers see again what they saw before.", choose="all",
    ),
    Form(
        "replay quarantine", "replay rows set aside", "flows.forms.replay",
        "Check rows that were set aside again, after a rule or the data was mended, and publish those that fit.",
    ),
    Form(
        "discard quarantine", "discard rows set aside", "flows.forms.discard",
        "Give up rows that were set aside; they no longer count as open.",
    ),
    Form(
        "accept drift", "accept a change", "flows.forms.accept_drift",
        "Say that a change of a table or summary is meant; later batches are held to the new level.", choose="all",
    ),
    Form(
        "answer drift", "answer an alarm", "flows.forms.answer_drift",
        "Say that a change of a table or summary isn't meant, or isn't interesting: then it has to be larger to be told.",
        choose="all",
    ),
    Form(
        "publish anyway", "publish a failed batch", "flows.forms.override",
        "Publish the batch of a failed run although it failed a check, a tolerance, drift or the shrink guard.",
        choose="none",
    ),
    Form(
        "pause", "pause a table", "flows.forms.pause",
        "Hold back loads of a table, or builds of a summary, for a while.", choose="all",
    ),
    Form("resume", "resume a table", "flows.forms.resume", "Let a paused table or summary go on.", choose="all"),
    Form(
        "acknowledge incident", "acknowledge an incident", "flows.answering.acknowledge",
        "I have it: nobody else is called, and it is repeated once a day only.", choose="none",
    ),
    Form(
        "silence incident", "silence an incident", "flows.answering.silence", "Nothing more is told of it until then.",
        choose="none",
    ),
    Form(
        "resolve incident", "resolve an incident", "flows.answering.resolve",
        "It is settled: closed whatever the watch sees, until it happens anew.", choose="none",
    ),
)  # fmt: skip
