"""Load tables when their bucket says that an object was put there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from deployments.addresses import is_s3, s3_object
from deployments.declarations.sources import FileSource
from flows.choosing import Selection
from flows.plans import TablePlan
from flows.run import Outcome, run_tables
from tasks.objects.queue import Message, Put, Queue
from tasks.sources.folder import is_wanted
from tasks.sources.objects import place_of
from tasks.workbench import Workbench


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of some messages: the tables that were run, and how many messages were for none of the project's."""

    tables: tuple[str, ...]
    outcome: Outcome
    others: int


def listen_once(
    bench: Workbench, queue: Queue, seconds: int, announce: Callable[[TablePlan], None] | None = None
) -> Heard | None:
    """Wait for messages, run the tables they are about, and only then take them out of the queue; None when none came.

    A message is a hint to look: what is loaded, and that it is loaded once, the plan and the proofs say. So a process that is
    killed before the end finds the message again, and a second one does no harm. What is for no table of the project stays in
    the queue, whose redrive policy takes it away.
    """
    messages = queue.receive(seconds)
    if not messages:
        return None
    ours: list[Message] = []
    tables: list[str] = []
    for message in messages:
        named = [name for put in message.puts for name in tables_of(bench, put)]
        if named:
            ours.append(message)
            tables += [name for name in named if name not in tables]
    outcome = run_tables(bench, tables, Selection(), announce=announce) if tables else Outcome()
    queue.take_out(ours)
    return Heard(tuple(tables), outcome, len(messages) - len(ours))


def tables_of(bench: Workbench, put: Put) -> Iterator[str]:
    """The tables of which an object is a batch."""
    for name, table in bench.project.tables.items():
        source = table.source
        if not isinstance(source, FileSource) or not source.has_objects:
            continue
        place = place_of(table, bench.settings)
        if not is_s3(place.url):
            continue
        found = s3_object(place.url)
        below = put.key.removeprefix(found.key)
        if put.bucket == found.bucket and put.key.startswith(found.key) and is_wanted(below, source.pattern):
            yield name
