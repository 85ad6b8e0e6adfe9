"""The world around a table that is tried at random: its source, others' hands, and whether it holds what the model says."""

from __future__ import annotations

import json
import os
import signal
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from flows.books import balance, repair
from tasks import switches
from tasks.books import gaps
from tasks.warehouses import ops
from tasks.warehouses.names import TableName
from tasks.workbench import workbench
from tests.acceptance.operations.model import WIDE, Content, Model

DAYS = ("2026-01-01", "2026-01-02", "2026-01-03")
FOREIGN = 9
"""A key that no source ever has."""
MODES = {
    "append": "append", "replace_window": "replace_window, window_column: at", "merge": "merge",
    "full_refresh": "full_refresh, shrink_guard: 100%, on_schema_change: {removed: warn}",
}  # fmt: skip
TABLE = """
description: Rows of the model.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/%s", on_missing: empty}
%s
columns:
  - {name: id, type: integer, nullable: false}
  - {name: note, type: varchar(%d)}
  - {name: at, type: timestamp, source_timezone: UTC}
key: [id]
load: {mode: %s, tolerance: 100%%, generations: 30}
"""
WINDOW = "window: {every: day, timezone: UTC, start: 2026-01-01, end: 2026-01-04%s}"
CONTENTS = st.lists(
    st.tuples(st.integers(1, 4), st.sampled_from(["a", "b", "longer", "much too long"])), max_size=3,
    unique_by=lambda row: row[0],
).map(tuple)  # fmt: skip
NUMBERS = st.integers(0, 2)
FRESH = st.one_of(st.none(), st.tuples(NUMBERS, CONTENTS))
"""What the source of a window changes to just before a command, so that most commands have something to do."""


@dataclass(frozen=True)
class Told:
    """How a command ended: its exit code, the code of its error, what it printed. `killed`: it didn't."""

    code: int | None = None
    error: str | None = None
    out: str = ""
    killed: bool = False


def only_when(applies: Callable[[Any], object]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A step that does nothing where it doesn't apply.

    Hypothesis takes a precondition for something that the steps before decide, and refuses to go on when it is true one time and
    not the next: a kill after a time decides nothing.
    """

    def step_of(step: Callable[..., None]) -> Callable[..., None]:
        @wraps(step)
        def step_where_it_applies(self: Any, *given: Any, **named: Any) -> None:
            if applies(self):
                step(self, *given, **named)

        return step_where_it_applies

    return step_of


class World(RuleBasedStateMachine):
    """What the world does, one step each on the real thing and on the model; a command runs in a process of its own."""

    house: Any
    command: Callable[..., Any]
    mode: str
    told: Counter[str]
    numbers: Iterator[int]
    lookback: int

    @initialize()
    def begin(self) -> None:
        # One declaration at a time: each command reads all of them.
        for file in self.house.folder.glob("tables/model_*.yaml"):
            file.unlink()
        self.name = f"model_{next(self.numbers)}"
        windowed = self.mode != "full_refresh"
        self.model = Model(self.mode, DAYS if windowed else ("source",))
        self.table = self._declare()
        self.sources: dict[str, Content] = {}
        self.failed: tuple[str, str, Content, str, int, int] | None = None
        self.away: dict[int, tuple[str, str]] | None = None
        self.has_theirs = False
        for day in self.model.days:
            self._give(day, ((1, "a"),) if day == self.model.days[0] else ())
        ops.prepare(workbench().warehouse, [TableName.parse(self.table)])

    def _declare(self) -> str:
        windowed = self.mode != "full_refresh"
        file = f"{self.name}-{{window.start:%Y-%m-%d}}.csv" if windowed else f"{self.name}-source.csv"
        lookback = f", lookback: {self.lookback}" if self.lookback else ""
        window = WINDOW % lookback if windowed else ""
        return str(self.house.declare(self.name, TABLE % (file, window, self.model.width, MODES[self.mode])))

    def _give(self, day: str, content: Content) -> None:
        self.sources[day] = content
        at = DAYS[0] if day == "source" else day
        lines = "".join(f"{key},{note},{at} 01:00:00\n" for key, note in content)
        self.house.source(f"{self.name}-{day}.csv", f"id,note,at\n{lines}")

    def _give_fresh(self, fresh: tuple[int, Content] | None) -> None:
        if fresh is not None:
            self._give(self._day(fresh[0]), fresh[1])
            self.told["source changes"] += 1

    def _day(self, number: int) -> str:
        return self.model.days[number % len(self.model.days)]

    @rule()
    def a_day_goes_by(self) -> None:
        """The simplest step, of which the first example that is drawn consists."""

    @rule(number=NUMBERS, other=NUMBERS)
    def a_row_moves(self, number: int, other: int) -> None:
        here, there = self._day(number), self._day(other)
        if here != there and self.sources[here]:
            row, *rest = self.sources[here]
            self._give(here, tuple(rest))
            self._give(there, (row, *(item for item in self.sources[there] if item[0] != row[0])))
            self.told["key moves"] += 1

    @rule(chance=NUMBERS)
    @only_when(lambda self: self.model.width != WIDE)
    def the_declaration_widens_a_column(self, chance: int) -> None:
        if not chance:
            self.model.width = WIDE
            self._declare()
            self.told["schema change"] += 1

    @rule()
    @only_when(lambda self: self.model.exists and self.model.live)
    def others_delete_a_row(self) -> None:
        key = min(self.model.live)
        self.house.place.ask(f"DELETE FROM {self.table} WHERE id = {key}")
        del self.model.live[key]
        self.told["foreign delete"] += 1

    @rule()
    @only_when(lambda self: self.model.exists and self.model.live and FOREIGN not in self.model.live)
    def others_insert_a_row(self) -> None:
        key = min(self.model.live)
        self.house.place.ask(f"INSERT INTO {self.table} (id, note, at) SELECT {FOREIGN}, note, at FROM {self.table} "
                             f"WHERE id = {key}")  # fmt: skip
        self.model.live[FOREIGN] = self.model.live[key]
        self.told["foreign insert"] += 1

    @rule(chance=st.integers(0, 4))
    @only_when(lambda self: self.model.exists)
    def others_drop_the_table(self, chance: int) -> None:
        if not chance:
            self.house.place.ask(f"DROP TABLE {self.table}")
            self.model.exists, self.model.live, self.has_theirs = False, {}, False
            self.told["foreign drop"] += 1

    @rule(chance=NUMBERS)
    @only_when(lambda self: self.model.exists and self.away is None)
    def others_rename_the_table(self, chance: int) -> None:
        if not chance:
            self.house.place.ask(f"ALTER TABLE {self.table} RENAME TO {self.name}_away")
            self.away, self.model.exists, self.model.live = self.model.live, False, {}
            self.told["foreign rename"] += 1

    @rule()
    @only_when(lambda self: self.away is not None)
    def it_is_renamed_back(self) -> None:
        schema = self.table.partition(".")[0]
        if self.model.exists:
            self.house.place.ask(f"DROP TABLE {schema}.{self.name}_away")
        else:
            assert self.away is not None
            self.house.place.ask(f"ALTER TABLE {schema}.{self.name}_away RENAME TO {self.name}")
            self.model.exists, self.model.live = True, self.away
        self.away = None

    @rule()
    @only_when(lambda self: self.model.exists and not self.has_theirs and self.mode != "full_refresh")
    def others_add_a_column(self) -> None:
        self.house.place.ask(f"ALTER TABLE {self.table} ADD COLUMN theirs integer")
        self.has_theirs = True
        self.told["foreign column"] += 1

    # How it is judged.

    @invariant()
    def the_warehouse_holds_what_the_model_says(self) -> None:
        if not hasattr(self, "model"):
            return
        assert self._found() == self._expected(self.model)
        # What a killed process couldn't write is entered by the next run, or by `headgate repair`.
        balance(workbench(), self.table)
        repair(workbench(), gaps(workbench().warehouse, TableName.parse(self.table)))
        ledger = self.house.place.ask(
            "SELECT sequence, undone_by FROM ops.ledger WHERE target = %s ORDER BY sequence", (self.table,)
        )
        assert ledger == self._all_proofs()
        unknown = f"SELECT run_id FROM {self._proof_table} EXCEPT SELECT run_id FROM ops.run WHERE target = %s"
        assert self.house.place.ask(unknown, (self.table,)) == []

    def _expected(self, model: Model) -> tuple[object, ...]:
        rows = sorted((key, note) for key, (note, _) in model.live.items()) if model.exists else None
        undone = {item.sequence for item in model.loads if item.undone}
        aside = sorted((day, note) for day, found in model.set_aside.items() for _, note in found)
        return rows, list(range(1, model.proofs + 1)), undone, aside

    def _found(self) -> tuple[object, ...]:
        """Live rows, numbers of the proofs, those undone, open rows of quarantine: with plain SQL."""
        exists = self._exists(*self.table.split("."))
        rows = sorted(self.house.rows(self.table, "id, note")) if exists else None
        proofs = self._all_proofs()
        aside: list[tuple[str, str]] = []
        quarantine = self.table.replace(".", "__")
        if self._exists("quarantine", quarantine):
            found = self.house.place.ask(f"SELECT label, raw FROM quarantine.{quarantine} WHERE state = 'open'")
            aside = sorted((day, raw.split(",")[1]) for day, raw in found)
        return rows, [row[0] for row in proofs], {row[0] for row in proofs if row[1] is not None}, aside

    def _exists(self, schema: str, name: str) -> bool:
        asked = ("SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s "
                 "AND c.relname = %s")  # fmt: skip
        return bool(self.house.place.ask(asked, (schema, name)))

    def _tried(self, work: Callable[[Model], str | None]) -> tuple[list[Model], str | None]:
        """The states that one transaction goes through, and the code it must fail with."""
        after = self.model.copy()
        failed = work(after)
        return ([self.model] if failed else [self.model, after]), failed

    def _act(
        self, what: str, states: Sequence[Model], at: str | float | None, *words: str, refused: Sequence[str] = ()
    ) -> Told:
        """Do it; afterwards the model is the last of the states, or of a killed command the one that is there.

        `refused`: codes with which it may leave everything as it was.
        """
        told = self._ended(self._fork(at, *words))
        if told.killed:
            self.told[f"{what} killed"] += 1
            found = self._found()
            there = [state for state in states if self._expected(state) == found]
            assert there, (found, [self._expected(state) for state in states])
            self.model = there[-1]
        elif told.error not in refused or told.error is None:
            self.told[f"{what} {told.error or ('done' if len(states) > 1 else 'nothing')}"] += 1
            self.model = states[-1]
        return told

    def _remember_failure(self, failed: str | None) -> None:
        if failed is None:
            return
        found = self.house.place.ask(
            "SELECT run_id, label, failure_code FROM ops.run WHERE target = %s AND status = 'failed' "
            "ORDER BY started_at DESC LIMIT 1", (self.table,),
        )  # fmt: skip
        if found and found[0][2] == failed:
            run, day, code = found[0]
            self.failed = run, day, self.sources[day], code, self.model.width, self.model.proofs

    def _fork(self, at: str | float | None, *words: str) -> tuple[int, int, float | None]:
        mine, theirs = os.pipe()
        child = os.fork()
        if child:
            os.close(theirs)
            return child, mine, at if isinstance(at, float) else None
        told: dict[str, object] = {"error": "fault"}
        try:
            if isinstance(at, str):
                switches.at_points(switches.killer(at))
            done = self.command(*words)
            told = {"code": done.code, "error": None if done.error is None else done.error.code, "out": done.out}
        except BaseException:  # noqa: BLE001 - a fork must never go on as a second pytest
            told = {"error": "fault", "out": traceback.format_exc()}
        finally:
            os.write(theirs, json.dumps(told).encode()[:60_000])
            os._exit(0)

    def _ended(self, child: tuple[int, int, float | None]) -> Told:
        pid, pipe, seconds = child
        if seconds is not None:
            time.sleep(seconds)
            os.kill(pid, signal.SIGKILL)
        with os.fdopen(pipe) as answer:
            text = answer.read()
        _, status = os.waitpid(pid, 0)
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
            return Told(killed=True)
        return Told(**json.loads(text))

    @property
    def _proof_table(self) -> str:
        return f"ops.proof__{self.table.replace('.', '__')}"

    def _all_proofs(self) -> list[tuple[Any, ...]]:
        return list(self.house.place.ask(f"SELECT sequence, undone_by FROM {self._proof_table} ORDER BY sequence"))

    def _proofs(self) -> int:
        return len(self._all_proofs())
