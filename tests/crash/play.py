"""One load in a process of its own: what a forked or a cold process does, and how it may die or dawdle on its way."""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

PART_BYTES = 1500


@dataclass(frozen=True)
class Order:
    """What to load and how. `kill_at`: a point ('name:n'); `linger`: a point to stop at for some seconds."""

    verb: str
    table: str
    window: str
    out: str
    project: str | None = None
    kill_at: str | None = None
    linger: tuple[str, float] | None = None
    sabotage: str | None = None
    meet: str | None = None
    """A folder in which both writers say that they have reached `linger`: whoever is first waits so long for the other."""

    def line(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, line: str) -> Order:
        data = json.loads(line)
        return cls(**{**data, "linger": None if data["linger"] is None else tuple(data["linger"])})


def outcome(order: Order) -> dict[str, Any] | None:
    """What the process said at its end; None when it was killed before."""
    with suppress(FileNotFoundError, json.JSONDecodeError):
        return dict(json.loads(Path(order.out).read_text()))
    return None


def prepare(order: Order) -> None:
    """Small parts, so that a small batch has many; then the switches of this trial."""
    import sabotage

    from tasks import extract, switches

    split = vars(extract)["split"]

    def small(chunks: Iterator[bytes], delimiter: str) -> Any:
        pieces = (chunk[at : at + PART_BYTES] for chunk in chunks for at in range(0, len(chunk), PART_BYTES))
        return split(pieces, delimiter, PART_BYTES)

    vars(extract)["split"] = small
    if order.sabotage:
        sabotage.KINDS[order.sabotage]()
    if order.linger:
        point, seconds = order.linger
        wait = partial(_meet, Path(order.meet), seconds) if order.meet else partial(time.sleep, seconds)
        switches.at_points(lambda passed: wait() if passed == point else None)
    if order.kill_at:
        switches.at_points(switches.killer(order.kill_at))


def _meet(folder: Path, seconds: float) -> None:
    """Wait until another process is here as well, or for so long: what a lock keeps apart, meets without it every time."""
    folder.mkdir(exist_ok=True)
    (folder / str(os.getpid())).touch()
    deadline = time.monotonic() + seconds
    while len(list(folder.iterdir())) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)


def without_prefect() -> None:
    """The same flows and verbs called as plain functions: a fork can't share Prefect's client with its parent.

    Pages for people are left out: they come after everything that trials look at, and cost half the time.
    """
    from flows import ingest, replay, summarize
    from tasks import report

    for module, verbs in (
        (ingest, ("extract", "validate", "stage", "copy", "audit", "judge", "publish")),
        (summarize, ("check_inputs", "build", "check_output", "judge_build", "compare_metrics", "publish_summary")),
        (replay, ("gather", "recheck", "stage", "copy_replay", "audit_replay", "judge_replay", "publish_replay")),
    ):
        for name in verbs:
            setattr(module, name, _plain(getattr(module, name)))
    report.publish_report = lambda bench, record: None
    for module, name in ((ingest, "ingest"), (summarize, "summarize"), (replay, "replay")):
        setattr(module, name, getattr(module, name).fn)


def run(order: Order) -> None:
    """Load, and write down how it ended."""
    from deployments.errors import HeadgateError

    told: dict[str, Any]
    started = time.perf_counter()
    try:
        record = _load(order)
        told = {"status": "unchanged" if record is None else record.status, "code": None, "family": None}
        steps = () if record is None else record.steps
        print(f"{time.perf_counter() - started:.2f} s,", *(f"{step.name} {step.seconds:.2f}," for step in steps))
    except HeadgateError as error:
        told = {"status": "failed", "code": error.code, "family": error.family, "message": str(error)}
        traceback.print_exc()
    except Exception as error:  # noqa: BLE001 - a trial reports whatever came
        told = {"status": "failed", "code": type(error).__name__, "family": "code", "message": str(error)}
        traceback.print_exc()
    Path(order.out).write_text(json.dumps(told))


def _load(order: Order) -> Any:
    """The record of the run; None when there was nothing to do."""
    from deployments.settings import read_settings
    from flows import ingest, replay, summarize
    from flows.taking_back import roll_back
    from tasks.workbench import use, workbench

    if order.project is not None:
        os.environ["HEADGATE_PROJECT"] = order.project
        use(read_settings())
    if order.verb == "clean":
        return _clean(order)
    if order.verb == "summarize":
        return summarize.summarize(order.table)
    if order.verb == "build windows":
        return _build_windows(order)
    if order.verb == "replay":
        return next(iter(replay.replay(order.table, order.window)), None)
    if order.verb == "rollback":
        return roll_back(workbench(), order.table, window=None, to=None, by="crash", reason="a trial").record
    return ingest.ingest(order.table, order.window)


def _build_windows(order: Order) -> Any:
    """What `headgate run` does for a summary that is built by windows."""
    from flows.run import Outcome, build_windows
    from flows.story import told_to
    from tasks.workbench import workbench

    outcome = Outcome()
    with told_to(outcome):
        build_windows(workbench(), order.table, outcome)
    if outcome.failures:
        raise outcome.failures[0][2]
    return outcome.records[-1] if outcome.records else None


def _clean(order: Order) -> None:
    """What `headgate clean` does for one table."""
    from tasks.leftovers import find_leftovers, remove
    from tasks.workbench import workbench

    now = datetime.now(UTC)
    for leftover in list(find_leftovers(workbench(), [order.table], now)):
        remove(workbench(), leftover, now)


def _plain(verb: Any) -> Any:
    def call(*inputs: Any) -> Any:
        return verb.fn(*(item.unquote() for item in inputs))

    call.name = verb.name  # type: ignore[attr-defined]
    return call


def main() -> None:
    """A whole cold process: `python play.py ORDER` with the real flow under Prefect."""
    order = Order.read(sys.argv[1])
    prepare(order)
    run(order)
    # As a killed process must not, this one may end in order: threads of clients are joined by the interpreter.
    sys.stdout.flush()


if __name__ == "__main__":
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "WARNING")
    main()
