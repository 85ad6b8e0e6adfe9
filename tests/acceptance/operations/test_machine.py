"""Anything in any order, held against a model: loads, reruns, moving keys, repeated contents, undo, kills, others' hands.

    make model MODEL_STEPS=10000        so many steps in each load mode on each warehouse, drawn anew

Few keys, few notes, three windows: that a content comes back, or a key moves to another window, is what happens all the time.
"""

from __future__ import annotations

import json
import os
import signal
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from deployments.errors import HeadgateError
from flows import ingest
from flows.books import balance, repair
from flows.taking_back import roll_back
from tasks import switches
from tasks.books import gaps
from tasks.warehouses import ops
from tasks.warehouses.names import TableName
from tasks.warehouses.undo import note_lost
from tasks.workbench import workbench

STEPS = int(os.environ.get("HEADGATE_TEST_MODEL_STEPS", "30"))
STEPS_EACH = 15 if STEPS < 100 else 20
DAYS = ("2026-01-01", "2026-01-02", "2026-01-03")
FOREIGN = 9
"""A key that no source ever has."""
LOAD_POINTS = ("candidate-made", "copied", "publish-begun", "proof-locked", "quarantine-written", "rows-deleted", "before-swap",
               "renamed", "before-commit", "after-commit", "before-clean-up", "after-clean-up")  # fmt: skip
UNDO_POINTS = ("rollback-begun", "taken-back", "before-swap", "renamed", "before-commit", "after-commit")
MODES = {
    "append": "append", "replace_window": "replace_window, window_column: at", "merge": "merge",
    "full_refresh": "full_refresh, shrink_guard: 100%",
}  # fmt: skip
TABLE = """
description: Rows of the model.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/%s", on_missing: empty}
%s
columns:
  - {name: id, type: integer, nullable: false}
  - {name: note, type: varchar(3)}
  - {name: at, type: timestamp, source_timezone: UTC}
key: [id]
load: {mode: %s, tolerance: 100%%, generations: 30}
"""
WINDOW = "window: {every: day, timezone: UTC, start: 2026-01-01, end: 2026-01-04}"
Row = tuple[int, str]
Content = tuple[Row, ...]
CONTENTS = st.lists(
    st.tuples(st.integers(1, 4), st.sampled_from(["a", "b", "much too long"])), max_size=3, unique_by=lambda row: row[0]
).map(tuple)  # fmt: skip


@dataclass
class Load:
    """A publish as the model knows it. `first`: it made the table, so that its own rows are kept nowhere but there."""

    sequence: int
    day: str
    content: Content
    put_in: dict[int, tuple[str, str]]
    taken_out: dict[int, tuple[str, str]]
    published: int
    first: bool
    whole: dict[int, tuple[str, str]] | None = None
    undone: bool = False
    lost: bool = False


@dataclass
class Model:
    """What the warehouse must hold: key to (note, day)."""

    mode: str
    live: dict[int, tuple[str, str]] = field(default_factory=dict)
    exists: bool = False
    loads: list[Load] = field(default_factory=list)
    proofs: int = 0
    set_aside: dict[str, int] = field(default_factory=dict)

    def standing(self, day: str) -> Load | None:
        return next((item for item in reversed(self.loads) if item.day == day and not item.undone), None)

    @property
    def gone(self) -> bool:
        return not self.exists and any(self.standing(day) is not None and self.standing(day).published  # type: ignore[union-attr]
                                       for day in {item.day for item in self.loads})  # fmt: skip

    def changed(self) -> bool:
        """Whether a count tells that others have changed the table."""
        if self.mode == "merge" or not self.exists or not self.loads:
            return False
        standing = [self.standing(day) for day in {item.day for item in self.loads}]
        return len(self.live) != sum(item.published for item in standing if item is not None)

    def refused(self, day: str, content: Content) -> bool:
        last = next((item for item in reversed(self.loads) if (item.day, item.content) == (day, content)), None)
        return last is not None and last.undone and not last.lost

    def load(self, day: str, content: Content) -> str | None:
        """Load a batch; the code it must fail with, or None."""
        good = {key: (note, day) for key, note in content if len(note) <= 3}
        if self.gone and self.mode != "full_refresh":
            return "LIVE-MISSING"
        if self.mode == "append" and self.standing(day) is not None:
            return "APPEND-AGAIN"
        outside = {key for key, (_, of) in self.live.items() if self.mode == "append" or of != day}
        if self.mode in ("append", "replace_window") and self.exists and outside & good.keys():
            return "KEY-EXISTS"
        if self.mode == "full_refresh" and self.exists and self.live and not good:
            return "SHRINK-GUARD"
        before, first = dict(self.live), not self.exists and bool(good)
        taken: dict[int, tuple[str, str]] = {}
        put = dict(good)
        if self.mode == "replace_window":
            taken = {key: row for key, row in before.items() if row[1] == day}
        elif self.mode == "merge":
            put = {key: row for key, row in good.items() if before.get(key) != row}
            taken = {key: before[key] for key in put if key in before}
        elif self.mode == "full_refresh" and good:
            taken = before
        self.live = {key: row for key, row in before.items() if key not in taken} | put
        self.exists = self.exists or bool(good)
        self.proofs += 1
        whole = before if self.mode == "full_refresh" and good and not first else None
        self.loads.append(Load(self.proofs, day, content, put, taken, len(good), first, whole))
        self.set_aside[day] = len(content) - len(good)
        return None

    def undo(self, day: str | None) -> str | None:
        """Undo the last load (of a window); the code it must fail with, 'nothing', or None."""
        loads = [item for item in self.loads if day in (None, item.day)]
        if not loads:
            return "NOTHING-TO-UNDO"
        last = loads[-1]
        if last.undone:
            return "nothing"
        if self.mode == "merge" and any(item.sequence > last.sequence and not item.undone for item in self.loads):
            return "ROLLBACK-ORDER"
        if self.gone:
            return "LIVE-MISSING"
        if last.whole is not None:
            if len(self.live) != len(last.put_in):
                return "LIVE-CHANGED"
            left = dict(last.whole)
        else:
            problem, left = self._taken_back(last)
            if problem is not None:
                return problem
        self.live = left
        self.proofs += 1
        last.undone = True
        self.set_aside[last.day] = 0
        return None

    def _taken_back(self, last: Load) -> tuple[str | None, dict[int, tuple[str, str]]]:
        if self.mode == "full_refresh" and last.put_in:
            return "ROLLBACK-NOT-KEPT", {}
        if last.first and self.mode in ("replace_window", "merge"):
            inside = {key for key, row in self.live.items() if self.mode == "merge" or row[1] == last.day}
            ours = inside if last.put_in else set()
        else:
            ours = {key for key, row in last.put_in.items() if self.live.get(key) == row}
        if len(ours) != len(last.put_in):
            return "LIVE-CHANGED", {}
        left = {key: row for key, row in self.live.items() if key not in ours}
        if left.keys() & last.taken_out.keys():
            return "ROLLBACK-KEYS", {}
        return None, left | last.taken_out


class Machine(RuleBasedStateMachine):
    """The rules: one step each, on the real thing and on the model."""

    house: Any
    command: Callable[..., Any]
    mode: str
    told: Counter[str]
    numbers: Iterator[int]

    @initialize()
    def begin(self) -> None:
        name = f"model_{next(self.numbers)}"
        windowed = self.mode != "full_refresh"
        self.days = DAYS if windowed else ("source",)
        self.file = f"{name}-{{window.start:%Y-%m-%d}}.csv" if windowed else f"{name}-source.csv"
        text = TABLE % (self.file, WINDOW if windowed else "", MODES[self.mode])
        self.table = self.house.declare(name, text)
        self.model = Model(self.mode)
        self.sources: dict[str, Content] = {}
        self.idle = False
        for day in self.days:
            self._give(day, ((1, "a"),) if day == self.days[0] else ())
        ops.prepare(workbench().warehouse, [TableName.parse(self.table)])

    def _give(self, day: str, content: Content) -> None:
        self.idle = False
        self.sources[day] = content
        at = DAYS[0] if day == "source" else day
        lines = "".join(f"{key},{note},{at} 01:00:00\n" for key, note in content)
        self.house.source(f"{self.table.partition('.')[2]}-{day}.csv", f"id,note,at\n{lines}")

    @rule(number=st.integers(0, 2), content=CONTENTS)
    def source_changes(self, number: int, content: Content) -> None:
        self._give(self.days[number % len(self.days)], content)

    @rule(number=st.integers(0, 2), other=st.integers(0, 2))
    def a_row_moves(self, number: int, other: int) -> None:
        here, there = self.days[number % len(self.days)], self.days[other % len(self.days)]
        if here != there and self.sources[here]:
            row, *rest = self.sources[here]
            self._give(here, tuple(rest))
            self._give(there, (row, *(item for item in self.sources[there] if item[0] != row[0])))

    @precondition(lambda self: not self.idle)
    @rule()
    def run(self) -> None:
        """What `headgate run` does: everything that is missing, oldest first, up to the first failure."""
        told = self.command("run", self.table)
        failed, held, loaded = None, 0, 0
        if self.model.gone and self.mode != "full_refresh":
            failed = "LIVE-MISSING"
        for day in self.days if failed is None else ():
            standing, content = self.model.standing(day), self.sources[day]
            again = self.mode == "full_refresh" and (self.model.gone or self.model.changed())
            same = standing is not None and (self.mode != "full_refresh" or (standing.content == content and not again))
            if same:
                continue
            if self.model.refused(day, content):
                held += 1
                continue
            failed = self.model.load(day, content)
            if failed is not None:
                break
            loaded += 1
        self.idle = not loaded
        self.told[f"run {failed or ('held' if held else 'loaded' if loaded else 'nothing')}"] += 1
        if failed is not None:
            assert told.code == 1, told.out
            assert f"[{failed}]" in told.out, told.out
        else:
            assert told.code in (0, 3), told.out

    @rule(number=st.integers(0, 2), at=st.sampled_from([None, None, *LOAD_POINTS]))
    def load(self, number: int, at: str | None) -> None:
        """One batch by name, in a process of its own that may be killed."""
        day = self.days[number % len(self.days)]
        expected = self._rehearsed(lambda model: model.load(day, self.sources[day]))
        self._play("load", lambda: ingest.ingest(self.table, day, reprocess=True), expected, at)

    @rule(number=st.integers(-1, 2), at=st.sampled_from([None, None, *UNDO_POINTS]))
    def undo(self, number: int, at: str | None) -> None:
        day = None if number < 0 or self.mode == "full_refresh" else self.days[number]
        expected = self._rehearsed(lambda model: model.undo(day))

        def work() -> object:
            done = roll_back(workbench(), self.table, window=day, to=None, by="model", reason="")
            return None if done.record is not None else "nothing"

        self._play("undo", work, expected, at)

    @rule(number=st.integers(0, 2))
    def two_at_once(self, number: int) -> None:
        """The same batch by two processes, both waiting with the proof in hand."""
        day = self.days[number % len(self.days)]
        expected = self._rehearsed(lambda model: model.load(day, self.sources[day]))
        before = self._proofs()
        children = [self._fork(lambda: ingest.ingest(self.table, day, reprocess=True), None) for _ in range(2)]
        ends = [self._ended(child) for child in children]
        made = self._proofs() - before
        if isinstance(expected, str):
            assert made == 0, ends
        else:
            assert 1 <= made <= (1 if self.mode == "append" else 2), ends
            for _ in range(made):
                self.model.load(day, self.sources[day])
        self.told[f"two at once {expected if isinstance(expected, str) else made}"] += 1

    @precondition(lambda self: self.model.exists and self.model.live)
    @rule()
    def others_delete_a_row(self) -> None:
        key = min(self.model.live)
        self.house.place.ask(f"DELETE FROM {self.table} WHERE id = {key}")
        self.idle = False
        del self.model.live[key]
        self.told["foreign delete"] += 1

    @precondition(lambda self: self.model.exists and self.model.live and FOREIGN not in self.model.live)
    @rule()
    def others_insert_a_row(self) -> None:
        key = min(self.model.live)
        note, day = self.model.live[key]
        self.house.place.ask(f"INSERT INTO {self.table} (id, note, at) SELECT {FOREIGN}, note, at FROM {self.table} "
                             f"WHERE id = {key}")  # fmt: skip
        self.idle = False
        self.model.live[FOREIGN] = (note, day)
        self.told["foreign insert"] += 1

    @precondition(lambda self: self.model.exists)
    @rule(chance=st.integers(0, 4))
    def others_drop_the_table(self, chance: int) -> None:
        if chance:
            return
        self.house.place.ask(f"DROP TABLE {self.table}")
        self.idle = False
        self.model.exists, self.model.live = False, {}
        self.told["foreign drop"] += 1

    @precondition(lambda self: self.model.gone)
    @rule()
    def the_loss_is_noted(self) -> None:
        lost = note_lost(workbench().warehouse, TableName.parse(self.table), "model-lost", f"m{self.model.proofs:011d}")
        standing = [item for item in self.model.loads if not item.undone]
        assert len(lost) == len(standing)
        for item in standing:
            item.undone = item.lost = True
        self.model.proofs += len(lost)
        self.told["loss noted"] += 1

    @invariant()
    def the_warehouse_holds_what_the_model_says(self) -> None:
        if not hasattr(self, "model"):
            return
        there = self.house.place.ask(
            "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s "
            "AND c.relname = %s", tuple(self.table.split(".")),
        )  # fmt: skip
        if self.model.live or self.model.exists:
            seen = sorted(self.house.rows(self.table, "id, note"))
            assert seen == sorted((key, note) for key, (note, _) in self.model.live.items())
        else:
            assert there == [(0,)]
        proofs = self._all_proofs()
        assert [row[0] for row in proofs] == list(range(1, self.model.proofs + 1))
        undone = {row[0] for row in proofs if row[1] is not None}
        assert undone == {item.sequence for item in self.model.loads if item.undone}
        balance(workbench(), self.table)
        repair(workbench(), gaps(workbench().warehouse, TableName.parse(self.table)))
        ledger = self.house.place.ask(
            "SELECT sequence, undone_by FROM ops.ledger WHERE target = %s ORDER BY sequence", (self.table,)
        )
        assert ledger == proofs
        self._count_set_aside()

    def _count_set_aside(self) -> None:
        table = f"quarantine.{self.table.replace('.', '__')}"
        if not self.house.place.ask("SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE "
                                    "n.nspname || '.' || c.relname = %s", (table,)):  # fmt: skip
            assert not any(self.model.set_aside.values())
            return
        found = self.house.place.ask(f"SELECT label, count(*) FROM {table} WHERE state = 'open' GROUP BY label")
        assert dict(found) == {day: rows for day, rows in self.model.set_aside.items() if rows}

    def _rehearsed(self, work: Callable[[Model], str | None]) -> str | Model:
        """The code that must come, or the model as it must be afterwards."""
        tried = deepcopy(self.model)
        code = work(tried)
        return tried if code is None else code

    def _play(self, what: str, work: Callable[[], object], expected: str | Model, at: str | None) -> None:
        self.idle = False
        before = self._proofs()
        told = self._ended(self._fork(work, at))
        made = self._proofs() - before
        if told == "killed":
            self.told[f"{what} killed"] += 1
            assert made == 0 or isinstance(expected, Model)
            if made:
                assert isinstance(expected, Model)
                self.model = expected
            return
        self.told[f"{what} {expected if isinstance(expected, str) else 'done'}"] += 1
        if isinstance(expected, Model):
            assert (told, made) == ("done", expected.proofs - self.model.proofs)
            self.model = expected
        else:
            assert (told, made) == (expected, 0)

    def _fork(self, work: Callable[[], object], at: str | None) -> tuple[int, int]:
        mine, theirs = os.pipe()
        child = os.fork()
        if child:
            os.close(theirs)
            return child, mine
        told = "fault"
        try:
            self.house.open()
            if at is not None:
                switches.at_points(switches.killer(at))
            told = "nothing" if work() == "nothing" else "done"
        except HeadgateError as error:
            told = error.code
        except BaseException:  # noqa: BLE001 - a fork must never go on as a second pytest
            traceback.print_exc()
        finally:
            os.write(theirs, json.dumps(told).encode())
            os._exit(0)

    def _ended(self, child: tuple[int, int]) -> str:
        pid, pipe = child
        with os.fdopen(pipe) as answer:
            text = answer.read()
        _, status = os.waitpid(pid, 0)
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
            return "killed"
        return str(json.loads(text))

    def _all_proofs(self) -> list[tuple[Any, ...]]:
        name = f"proof__{self.table.replace('.', '__')}"
        if not self.house.place.ask("SELECT 1 FROM pg_tables WHERE schemaname = 'ops' AND tablename = %s", (name,)):
            return []
        return list(self.house.place.ask(f"SELECT sequence, undone_by FROM ops.{name} ORDER BY sequence"))

    def _proofs(self) -> int:
        return len(self._all_proofs())


@pytest.mark.parametrize("mode", MODES)
def test_anything_in_any_order(house: Any, command: Callable[..., Any], mode: str) -> None:
    told: Counter[str] = Counter()

    class Here(Machine):
        pass

    Here.house, Here.command, Here.mode, Here.told = house, staticmethod(command), mode, told
    Here.numbers = iter(range(1, 100_000))
    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=max(1, STEPS // STEPS_EACH), stateful_step_count=STEPS_EACH, deadline=None, database=None,
            derandomize=STEPS < 100, suppress_health_check=list(HealthCheck), print_blob=False,
            phases=(Phase.generate, Phase.shrink) if STEPS < 100 else (Phase.generate,),
        ),
    )  # fmt: skip
    print(f"{mode} on {house.place.name}: {sum(told.values())} steps; "
          + ", ".join(f"{name} {count}" for name, count in sorted(told.items())))  # fmt: skip
