"""The story of a run while it is told: steps with counts and seconds, kept for the record and said as they happen."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from prefect.context import TagsContext
from prefect.utilities.annotations import quote

from deployments.errors import BY_HAND, STOPPED_BY_HAND, WHO_ACTS, CodeError, HeadgateError, RetryableError
from deployments.next_commands import leading_on
from expectations.record import Failure, RunRecord, Status, Step
from flows.failure_log import tell_short
from tasks.assess import Assessment
from tasks.outside_errors import named

Result = TypeVar("Result")
logger = logging.getLogger(__name__)
# Every flow tells its story by this module: the log is short from the first flow on.
tell_short()


class Teller(Protocol):
    """Who hears the story while it happens."""

    def step(self, record: RunRecord, step: Step) -> None:
        """A step has ended."""

    def end(self, record: RunRecord) -> None:
        """The run has ended, well or not."""


_tellers: list[Teller] = []


@contextmanager
def told_to(teller: Teller) -> Iterator[None]:
    """Tell the runs of this process to `teller`, beside the log."""
    _tellers.append(teller)
    try:
        yield
    finally:
        _tellers.remove(teller)


def new_run_id(target: str, label: str) -> str:
    """A readable name that nobody else has: nps-2019-05-3fa9c1."""
    day = label if label != "source" else datetime.now(UTC).strftime("%Y%m%d")
    safe = "".join(c if c.isalnum() or c in "-_" else "-" for c in day)
    return f"{target.partition('.')[2]}-{safe}-{secrets.token_hex(3)}"


@dataclass
class Story:
    """Collects the record of one run."""

    record: RunRecord
    found: tuple[str, ...] = ()
    """What was wrong before the run began, told with its warnings."""
    _step: str = field(default="begin")

    def run(self, verb: Callable[..., Result], *inputs: Any) -> Result:
        """Run one verb and tell it; a failure is remembered with its step."""
        self._step = str(getattr(verb, "name", verb.__name__))
        started = time.perf_counter()
        # The flow run has the tags. On a task each is asked for as a concurrency slot before it starts: a request, and two
        # seconds whenever a server on SQLite is writing something else (it answers 503, the client waits).
        with TagsContext(current_tags=set()):
            # quote: Prefect would walk through every row of a quarantine to look for futures.
            result = verb(*map(quote, inputs))
        words = self.note(result)
        self.tell(Step(name=self._step, seconds=time.perf_counter() - started, **words))
        return result

    def note(self, result: object) -> dict[str, Any]:
        """Keep what a verb returned, which a later step's failure must not make forgotten; returns what is said of it."""
        from flows.step_results import facts_of, words_of

        self.update(**facts_of(result, self.record))
        return words_of(result)

    def tell(self, step: Step) -> None:
        self.update(steps=(*self.record.steps, step))
        logger.info("%s %s %s: %s", self.record.table, self.record.label, step.name, step.line)
        for teller in tuple(_tellers):
            teller.step(self.record, step)

    def update(self, **changes: Any) -> None:
        self.record = self.record.model_copy(update=changes)

    def finish(self, status: Status) -> RunRecord:
        self.update(status=status, finished_at=datetime.now(UTC), warnings=(*self.found, *self.record.warnings))
        for teller in tuple(_tellers):
            teller.end(self.record)
        return self.record

    def fail(self, error: BaseException) -> RunRecord:
        """Remember why it ended; what a check had found before it stopped the batch is kept as well."""
        known = error if isinstance(error, HeadgateError) else _unforeseen(error)
        assessment = known.facts.get("assessment")
        if isinstance(assessment, Assessment):
            self.update(
                rules=(*self.record.rules, *assessment.rules),
                drift=assessment.drift or self.record.drift,
                profile=assessment.profile or self.record.profile,
            )
        if "set_aside" in known.facts:
            self.update(quarantine=known.facts.pop("set_aside"))
        # Here for the first time it is known which run it was; Prefect's page shows the error itself.
        again = (
            "headgate show RUN" if known.family == "code" or self.record.kind == "rollback" else "headgate retry RUN"
        )
        known.next_command = leading_on(known.next_command, again).replace("RUN", self.record.run_id)
        facts = {key: value for key, value in known.facts.items() if isinstance(value, str | int | float | list | dict)}
        self.update(
            failure=Failure(
                code=known.code, family=known.family, step=self._step, message=known.message,
                who_must_act=_who_acts(known), facts=facts,
                next_command=known.next_command,
            )
        )  # fmt: skip
        return self.finish("failed")


def _who_acts(error: HeadgateError) -> str:
    """A run of a deployment is tried again; one that was typed is not."""
    from prefect.runtime import deployment

    if error.family != "retryable" or deployment.get_id() is not None:
        return WHO_ACTS[error.family]
    return STOPPED_BY_HAND if error.code == "INTERRUPTED" else BY_HAND


def _unforeseen(error: BaseException) -> HeadgateError:
    if not isinstance(error, Exception):
        # A signal, a worker that ends, a canceled run: nothing is wrong with the batch.
        return RetryableError(
            f"interrupted from outside ({type(error).__name__})", code="INTERRUPTED", next_command="headgate retry RUN"
        )
    known = named(error)
    if known is not None:
        return known
    text = f"{type(error).__name__}: {error}".splitlines()[0][:300]
    return CodeError(text, code="UNFORESEEN", next_command="report this with the log")
