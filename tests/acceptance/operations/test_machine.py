"""Anything in any order, held against a model: loads, reruns, moving keys, repeated contents, undo, kills, others' hands.

    make model MODEL_STEPS=10000        so many steps are drawn in each load mode on each warehouse, anew; about a quarter applies

Few keys, few notes, few windows: that a content comes back, or a key moves to another window, is what happens all the time.
Every command runs in a process of its own, which SIGKILL may end at a point or after any time. Then the warehouse must hold what
it held before one of the command's transactions, or after it, and nothing else.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from deployments.quantities import plural
from tests.acceptance.operations.model import Content, Load, Model
from tests.acceptance.operations.world import DAYS, FRESH, MODES, NUMBERS, World, only_when

STEPS = int(os.environ.get("HEADGATE_TEST_MODEL_STEPS", "75"))
STEPS_EACH = 15 if STEPS < 100 else 25
LOAD_POINTS = ("candidate-made", "copied", "judged", "publish-begun", "proof-locked", "quarantine-written", "rows-deleted",
               "before-swap", "renamed", "before-commit", "after-commit", "before-clean-up", "after-clean-up")  # fmt: skip
UNDO_POINTS = ("rollback-begun", "taken-back", "before-swap", "renamed", "before-commit", "after-commit")
REPLAY_POINTS = ("stage-manifest", "candidate-made", "publish-begun", "proof-locked", "replay-flipped", "before-commit",
                 "after-commit")  # fmt: skip


def killed_at(points: Sequence[str]) -> st.SearchStrategy[str | float | None]:
    """Where a command is killed: at a point, after so many seconds, or nowhere."""
    return st.one_of(st.none(), st.sampled_from(points), st.sampled_from(points), st.floats(0.0, 0.4))


class Machine(World):
    """What people type: a command each, on the real thing and on the model."""

    @rule(full=st.sampled_from([False, False, True]), fresh=FRESH, at=killed_at(LOAD_POINTS))
    def run(self, full: bool, fresh: tuple[int, Content] | None, at: str | float | None) -> None:
        """Everything that is missing, oldest first, up to the first failure; with --full-refresh everything."""
        self._give_fresh(fresh)
        states, failed, loaded = [self.model], None, 0
        if self.model.gone and self.mode != "full_refresh":
            failed = "LIVE-MISSING"
        elif not self.model.paused:
            failed, loaded = self._run_through(states, full=full)
        words = ["run", self.table, *(["--full-refresh"] if full else [])]
        told = self._act("run", states, at, *words)
        if told.killed:
            return
        assert told.code == 1 if failed else told.code in (0, 3), told
        assert failed is None or f"[{failed}]" in told.out, told
        assert f"{loaded:,} {'batch' if loaded == 1 else 'batches'} published" in told.out, told
        if self.model.paused and failed is None:
            assert "paused until" in told.out, told
        self._remember_failure(failed)

    def _run_through(self, states: list[Model], *, full: bool) -> tuple[str | None, int]:
        loaded = 0
        reread = self._read_again() if not full else []
        for day in self.model.days:
            now, content = states[-1], self.sources[day]
            stands = now.standing(day) is not None
            if not full and (
                now.is_as_published(day, content) or (stands and self.mode != "full_refresh" and day not in reread)
            ):
                continue
            if not full and not stands and now.refused(day, content):
                continue
            if self.mode == "full_refresh" and not full and now.refused(day, content):
                continue
            if day in reread and not self._differs(now, day):
                continue
            tried = now.copy()
            failed = tried.load(day, content)
            if failed is not None:
                return failed, loaded
            states.append(tried)
            loaded += 1
        return None, loaded

    def _read_again(self) -> list[str]:
        return (
            [day for day in self.model.days if self.model.standing(day) is not None][-self.lookback :]
            if self.lookback
            else []
        )

    def _differs(self, model: Model, day: str) -> bool:
        """Whether a window that is read again has other rows than are live; one that lost all of them is left alone."""
        stands, content = model.standing(day), self.sources[day]
        if not content or (stands is not None and (stands.content, stands.width) == (content, model.width)):
            return False
        return model.good(day, content) != {key: row for key, row in model.live.items() if row[1] == day}

    @rule(number=NUMBERS, fresh=FRESH, at=killed_at(LOAD_POINTS))
    def load(self, number: int, fresh: tuple[int, Content] | None, at: str | float | None) -> None:
        """One batch by name, whatever stands of it."""
        self._give_fresh(fresh)
        day = self._day(number)
        states, failed = self._tried(lambda model: model.load(day, self.sources[day]))
        if self.model.paused:
            # Only a table that is gone is told all the same.
            states, failed = [self.model], "LIVE-MISSING" if failed == "LIVE-MISSING" else None
        named = ["--window", day] if day != "source" else ["--full-refresh"]
        told = self._act("load", states, at, "run", self.table, *named)
        if not told.killed:
            assert told.code == 1 if failed else told.code in (0, 3), (failed, told)
            assert failed is None or f"[{failed}]" in told.out, (failed, told)
            self._remember_failure(failed)

    @rule(number=st.integers(-1, 2), at=killed_at(UNDO_POINTS))
    def undo(self, number: int, at: str | float | None) -> None:
        """The last publish, or the last of a window."""
        day = None if number < 0 or self.mode == "full_refresh" else DAYS[number]
        last = self.model.last(day)
        self._undo(last, ["--window", day] if day else [], at, nothing=not last or last[0].undone)

    @rule(number=st.integers(0, 5), at=killed_at(UNDO_POINTS))
    @only_when(lambda self: any(not item.undone for item in self.model.loads))
    def undo_to_a_run(self, number: int, at: str | float | None) -> None:
        standing = [item for item in self.model.loads if not item.undone]
        stays = standing[number % len(standing)].sequence
        ((run,),) = self.house.place.ask(f"SELECT run_id FROM {self._proof_table} WHERE sequence = {stays}")
        chosen = self.model.since(stays)
        self._undo(chosen, ["--to", run], at, nothing=not chosen)

    def _undo(self, chosen: list[Load], which: list[str], at: str | float | None, *, nothing: bool) -> None:
        words = ["rollback", self.table, *which, "--reason", "model"]
        if nothing:
            failed = None if self.model.loads and (chosen or "--to" in which) else "NOTHING-TO-UNDO"
            told = self._act("undo", [self.model], at, *words)
            assert told.killed or told.error == failed, told
            assert failed or told.killed or "undone already" in told.out, told
            return
        numbers = {item.sequence for item in chosen}

        def work(model: Model) -> str | None:
            return model.undo([item for item in reversed(model.loads) if item.sequence in numbers])

        states, failed = self._tried(work)
        torn = any(item.torn for item in chosen)
        # What was erased can't be put back; where nothing else is kept for the undo, it says so and changes nothing.
        told = self._act("undo", states, at, *words, refused=("ROLLBACK-NOT-KEPT",) if torn else ())
        if not told.killed and told.error != "ROLLBACK-NOT-KEPT":
            assert told.error == failed, (failed, told)
            assert failed or (told.code == 0 and "rolled back" in told.out), told

    @rule(number=NUMBERS, fresh=FRESH)
    @only_when(lambda self: not self.model.paused)
    def two_at_once(self, number: int, fresh: tuple[int, Content] | None) -> None:
        """The same batch by two processes, both from the same proof."""
        self._give_fresh(fresh)
        day = self._day(number)
        _, failed = self._tried(lambda model: model.load(day, self.sources[day]))
        named = ["--window", day] if day != "source" else ["--full-refresh"]
        before = self._proofs()
        children = [self._fork(None, "run", self.table, *named) for _ in range(2)]
        ends = [self._ended(child) for child in children]
        made = self._proofs() - before
        if failed is not None:
            assert made == 0, ends
        else:
            assert 1 <= made <= (1 if self.mode == "append" else 2), ends
            for _ in range(made):
                self.model.load(day, self.sources[day])
        self.told[f"two at once {failed or made}"] += 1

    @rule(at=killed_at(LOAD_POINTS))
    @only_when(lambda self: self.failed is not None)
    def retry(self, at: str | float | None) -> None:
        """The batch of the last failed run again, unless it was published since."""
        assert self.failed is not None
        run, day, _, _, _, proofs = self.failed
        stands, content = self.model.standing(day), self.sources[day]
        states: list[Model] = [self.model]
        failed = None
        if stands is not None and stands.sequence > proofs:
            pass
        elif self.model.gone and self.mode != "full_refresh":
            failed = "LIVE-MISSING"
        elif not (self.model.is_as_published(day, content) or (self.mode == "append" and stands is not None)
                  or self.model.refused(day, content)):  # fmt: skip
            states, failed = self._tried(lambda model: model.load(day, content))
        told = self._act("retry", states, at, "retry", run)
        if not told.killed:
            assert told.code == 1 if failed else told.code in (0, 3), (failed, told)

    @rule(at=killed_at(LOAD_POINTS))
    @only_when(lambda self: self.failed is not None and self.failed[3] == "SHRINK-GUARD")
    def override(self, at: str | float | None) -> None:
        """An empty source empties the table, since somebody says so."""
        assert self.failed is not None
        run, day, content, _, width, proofs = self.failed
        stands = self.model.standing(day)
        if (
            self.sources[day] != content
            or self.model.width != width
            or (stands is not None and stands.sequence > proofs)
        ):
            return
        self.failed = None
        states, failed = self._tried(lambda model: model.load(day, content, overridden=True))
        assert failed is None
        told = self._act("override", states, at, "publish", run, "--override", "SHRINK-GUARD", "--reason", "model",
                         "--expires", "1d")  # fmt: skip
        assert told.killed or told.code == 3, told

    @rule(number=st.integers(-1, 2), at=killed_at(REPLAY_POINTS))
    def replay(self, number: int, at: str | float | None) -> None:
        """Rows set aside through the gate again: of a window, or of all, oldest first."""
        days = self.model.days if number < 0 or self.mode == "full_refresh" else (DAYS[number],)
        states, failed = [self.model], None
        for day in days:
            tried = states[-1].copy()
            failed = tried.replay(day)
            if failed is not None:
                break
            if tried.proofs != states[-1].proofs:
                states.append(tried)
        waiting = any(self.model.set_aside.get(day) for day in days)
        named = ["--window", days[0]] if len(days) == 1 and days[0] != "source" else []
        told = self._act("replay", states, at, "quarantine", "replay", self.table, *named)
        if told.killed:
            return
        if failed is not None:
            assert told.error == failed, told
            return
        left = any(self.model.set_aside.get(day) for day in days)
        assert told.code == (3 if waiting and left else 0), told
        assert waiting or "no row is open" in told.out, told

    @rule(number=NUMBERS, chance=NUMBERS)
    def discard(self, number: int, chance: int) -> None:
        if chance:
            return
        day, after = self._day(number), self.model.copy()
        count = after.discard(day)
        named = ["--window", day] if day != "source" else []
        told = self._act("discard", [self.model, after], None, "quarantine", "discard", self.table, "--code", "TOO-LONG",
                         "--reason", "model", *named)  # fmt: skip
        assert told.code == 0, told
        assert (f"{plural(count, 'row')} with TOO-LONG discarded" if count else "no row with TOO-LONG") in told.out, (
            told
        )

    @rule(chance=st.integers(0, 7))
    def pause_or_resume(self, chance: int) -> None:
        if chance and not self.model.paused:
            return
        words = (
            ["resume", self.table] if self.model.paused else ["pause", self.table, "--until", "1h", "--reason", "model"]
        )
        after = self.model.copy()
        after.paused = not after.paused
        told = self._act("resume" if self.model.paused else "pause", [self.model, after], None, *words)
        assert (told.code, told.error) == (0, None), told

    @rule(key=st.integers(1, 4), at=st.one_of(st.none(), st.floats(0.0, 0.4)), chance=NUMBERS)
    @only_when(lambda self: self.model.exists)
    def erase(self, key: int, at: float | None, chance: int) -> None:
        if chance or not self.model.loads or self.away is not None:
            return
        after = self.model.copy()
        after.erase(key)
        told = self._act("erase", [self.model, after], at, "erase", self.table, "--key", str(key), "--reason", "model")
        # What the key's rows are now, or that it has none.
        assert told.killed or (told.code == 0 and ("erased" in told.out or "nothing is kept of" in told.out)), told

    @rule(at=killed_at(LOAD_POINTS))
    @only_when(lambda self: self.mode in ("replace_window", "full_refresh") and self.model.exists and self.model.loads)
    def reconcile_and_repair(self, at: str | float | None) -> None:
        """Windows that differ from their source are loaded again, each by itself."""
        states, failed = [self.model], 0
        for day in self.model.days:
            now, content = states[-1], self.sources[day]
            stands = now.standing(day)
            if stands is None or (self.mode == "full_refresh" and stands.content != content):
                continue
            rows = {key: row for key, row in now.live.items() if self.mode == "full_refresh" or row[1] == day}
            if now.good(day, content) == rows:
                continue
            tried = now.copy()
            if tried.load(day, content) is not None:
                failed += 1
            else:
                states.append(tried)
        told = self._act("reconcile", states, at, "reconcile", self.table, "--repair")
        if not told.killed:
            assert told.code == (1 if failed else 0), (failed, told)

    @rule()
    @only_when(lambda self: self.model.gone)
    def the_loss_is_noted(self) -> None:
        after = self.model.copy()
        after.note_lost()
        told = self._act("repair", [self.model, after], None, "repair", self.table, "--lost")
        assert told.code == 0, told
        assert "noted as lost" in told.out, told


@pytest.mark.parametrize("mode", MODES)
def test_anything_in_any_order(house: Any, command: Callable[..., Any], mode: str) -> None:
    told: Counter[str] = Counter()

    class Here(Machine):
        pass

    Here.house, Here.command, Here.mode, Here.told = house, staticmethod(command), mode, told
    Here.numbers = iter(range(1, 100_000))
    Here.lookback = 0
    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=1 + max(1, STEPS // STEPS_EACH), stateful_step_count=STEPS_EACH, deadline=None, database=None,
            derandomize=STEPS < 100, suppress_health_check=list(HealthCheck), print_blob=False,
            phases=(Phase.generate, Phase.shrink) if STEPS < 100 else (Phase.generate,),
        ),
    )  # fmt: skip
    killed = sum(count for name, count in told.items() if name.endswith("killed"))
    print(f"{mode} on {house.place.name}: {sum(told.values())} steps, {killed} killed, 0 wrong; "
          + ", ".join(f"{name} {count}" for name, count in sorted(told.items())))  # fmt: skip
