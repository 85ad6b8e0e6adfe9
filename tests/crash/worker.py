"""A worker: its own tables, source and state folder, in which it plays one trial after the other."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import psycopg2
from judge import Judge, digest, left_in, watched
from play import Order, outcome
from runners import PATIENCE_SECONDS, Cold, Zygote
from server import Files
from staged import Stage
from targets import BAD_AMOUNT, FIRST_DAY, READERS, SUMMARIES, Target, targets, write_project
from trial import Trial
from world import NOTHING, Batch, World, make_batch, together

REPOSITORY = Path(__file__).parents[2]
WINDOWS = 12
VERBS = {
    "summary": "summarize",
    "summary_window": "build windows",
    "summary_merge": "build windows",
    "replay": "replay",
    "rollback": "rollback",
}
GOOD = ("published", "warned", "already_published", "unchanged")


@dataclass(frozen=True)
class Result:
    """How a trial ended. `killed`: the process died of its kill and hadn't ended before."""

    trial: Trial
    killed: bool
    faults: tuple[str, ...]
    errors: tuple[str, ...]
    """Codes of handled failures on the way."""


@dataclass
class Worker:
    """Plays trials. `sabotage` is taken out of every process it starts.

    `warehouse_url` is what loads are given, `behind_url` where the judge and the readers look: on the Redshift-like server the
    cluster behind it.
    """

    name: str
    folder: Path
    files: Files
    warehouse_url: str
    behind_url: str
    history_url: str
    environment: dict[str, str]
    stage: Stage
    sabotage: str | None = None
    usual_seconds: dict[tuple[str, bool], float] = field(default_factory=dict)
    world: World = field(default_factory=World)
    days: int = 0
    orders: int = 0
    _forks: Zygote | None = None
    _cold: Cold | None = None

    def __post_init__(self) -> None:
        write_project(self.folder / "project", self.name)
        write_project(self.folder / "mended", self.name, mended=True)
        self.targets = targets(self.name)
        self.files.serve(self.world)
        self.environment = self.environment | {
            "HEADGATE_PROJECT": str(self.folder / "project"), "HEADGATE_STATE": str(self.folder / "state"),
            "HEADGATE_WAREHOUSE_URL": self.warehouse_url, "HEADGATE_CONNECTION_FILES": self.files.url,
            "HEADGATE_CONNECTION_HISTORY": self.history_url, "PYTHONPATH": str(REPOSITORY),
            "OPENBLAS_NUM_THREADS": "1", "PREFECT_LOGGING_LEVEL": "WARNING",
        }  # fmt: skip
        self.reader = psycopg2.connect(self.behind_url, application_name="crash reader")
        self.reader.autocommit = True
        connection = psycopg2.connect(self.behind_url, application_name="crash judge")
        connection.autocommit = True
        self.judge = Judge(connection)
        self.history = psycopg2.connect(self.history_url)
        self.history.autocommit = True
        with self.history.cursor() as cursor:
            cursor.execute(
                f"CREATE TABLE IF NOT EXISTS public.{self.targets['merge'].name} (seq bigserial, id bigint, "
                "happened_at timestamp, amount text, note text, updated_at timestamp)"
            )

    def close(self) -> None:
        for runner in (self._forks, self._cold):
            if runner is not None:
                runner.close()
        for connection in (self.reader, self.judge.connection, self.history):
            connection.close()

    def play(self, trial: Trial) -> Result:
        """Change the source, load with a kill, load again, and look at everything."""
        target = self.targets[trial.on]
        runner = self._runner(trial.cold)
        if trial.anew:
            self.start_anew(target)
        label, batch, then = self._begin(trial, target)
        before = len(self.judge.proofs(target))
        errors: list[str] = []
        with watched(self.reader, target.table) as seen:
            start = digest(self.judge.connection, target.table)
            killed = self._victim(trial, target, label, runner, errors)
            good = self._again(trial, target, label, runner, errors)
            then()
        faults = [] if good else [f"couldn't be loaded again: {errors[-1] if errors else 'no outcome'}"]
        faults += self.judge.faults(target, self.world, batch, before, label)
        strange = seen - {start, digest(self.judge.connection, target.table)}
        if strange:
            faults.append(
                f"readers saw {len(strange)} states between before and after: {sorted(map(str, strange))[:2]}"
            )
        faults += [f"a session is still busy: {text}" for text in self._busy()]
        faults += [f"unexplained: {text}" for text in errors if text.startswith("code ")]
        faults += self._left_behind(target, runner)
        if faults or (trial.mode == "rollback" and target.mode in ("append", "merge")):
            # What was rolled back is held and not loaded again by itself.
            # The model and the table differ from here on: later trials must not be blamed for it.
            self.start_anew(target)
        return Result(trial, killed, tuple(faults), tuple(errors))

    def start_anew(self, target: Target) -> None:
        """Drop a target and everything beside it, as if it had never been loaded."""
        with self.judge.connection.cursor() as cursor:
            for kind in "cgun":
                for name in self.judge.side_tables(target, kind):
                    cursor.execute(f"DROP TABLE IF EXISTS {name} CASCADE")
            flat = target.table.replace(".", "__")
            for name in (target.table, f"ops.proof__{flat}", f"quarantine.{flat}"):
                cursor.execute(f"DROP TABLE IF EXISTS {name} CASCADE")
            if self.judge.exists("ops.ledger"):
                for name in ("run", "ledger", "profile"):
                    cursor.execute(f"DELETE FROM ops.{name} WHERE target = %s", (target.table,))
        # What was staged for it, by loads before other trials as well, is nobody's from now on.
        self.stage.strange(target, set())
        if target.mode == "replace_window":
            # Its publishes are counted from 1 again: to the summaries it would look unchanged.
            for name in SUMMARIES:
                self.start_anew(self.targets[name])
        if target.mode == "merge":
            with self.history.cursor() as cursor:
                cursor.execute(f"TRUNCATE public.{target.name}")
        for key in [key for key in self.world.content if key[0] == target.name]:
            del self.world.content[key]
        self.world.forget(target)

    def _begin(self, trial: Trial, target: Target) -> tuple[str, Batch | None, Callable[[], None]]:
        """What the trial starts from: the window it is about, its content, and what the model does when it has ended."""
        world = self.world
        if target.is_summary:
            if target.windowed:
                # Each window is a publish of its own: readers may see what stands between two of them.
                self._undisturbed(self._order("build windows", target, "", None), trial.cold)
            label = self._quiet_load(replace(trial, empty=False), self.targets["replace_window"])
            return label if target.windowed else "source", None, lambda: None
        if trial.mode == "replay":
            label = self._quiet_load(trial, target, bad_share=0.3)
            return label, None, lambda: world.now_replayed(target, label)
        if trial.mode == "rollback":
            if not world.loaded.get(target.name):
                self._quiet_load(replace(trial, seed=trial.seed + " first"), target)
            before = world.snapshot(target)
            label = self._quiet_load(trial, target)
            return label, None, lambda: world.now_rolled_back(target, label, before)
        label, batch = self._change(trial, target)
        return label, batch, lambda: world.now_loaded(target, label)

    def _quiet_load(self, trial: Trial, target: Target, bad_share: float = 0.08) -> str:
        """A load that nobody disturbs; its window."""
        label, _ = self._change(trial, target, bad_share)
        self._undisturbed(self._order("ingest", target, label, None), trial.cold)
        self.world.now_loaded(target, label)
        return label

    def _undisturbed(self, order: Order, cold: bool) -> None:
        errors: list[str] = []
        runner = self._runner(cold)
        self._wait(runner, runner.fork(order), errors)
        told = outcome(order)
        if told is None or told["status"] not in GOOD:
            raise RuntimeError(f"a load that nobody disturbed failed: {told} {errors}")

    def _change(self, trial: Trial, target: Target, bad_share: float = 0.08) -> tuple[str, Batch]:
        """Give the source something new for the trial's window; its label and content."""
        dice = trial.dice
        known = sorted(self.world.loaded.get(target.name, {}))
        if target.mode == "append" or not known or (not trial.reload and target.windowed):
            self.days += 1
            day = self.days % (365 if target.mode == "append" else WINDOWS)
            if target.mode == "append" and target.label(day) in known:
                self.start_anew(target)
            label = target.label(day)
        else:
            label = dice.choice(known)
            day = 0 if not target.windowed else (FIRST_DAY.fromisoformat(label) - FIRST_DAY).days
        batch = make_batch(dice, target, day, day * 1000, bad_share)
        if trial.empty and trial.mode == target.mode and target.mode in ("append", "replace_window"):
            batch = NOTHING
        if target.mode == "merge":
            self._commit_history(target, batch)
            batch = together(self.world.content.get((target.name, label), NOTHING), batch)
        self.world.set(target, label, batch)
        return label, batch

    def _commit_history(self, target: Target, batch: Batch) -> None:
        with self.history.cursor() as cursor:
            for row in batch.good:
                cursor.execute(f"INSERT INTO public.{target.name} (id, happened_at, amount, note, updated_at) "
                               "VALUES (%s, %s, %s, %s, %s)", (*row[:2], row[2], *row[3:]))  # fmt: skip
            for row in batch.bad:
                cursor.execute(f"INSERT INTO public.{target.name} (id, happened_at, amount, note, updated_at) "
                               "VALUES (%s, %s, %s, %s, %s)", (*row[:2], BAD_AMOUNT, *row[3:]))  # fmt: skip

    def _victim(self, trial: Trial, target: Target, label: str, runner: Zygote | Cold, errors: list[str]) -> bool:
        verb = VERBS.get(trial.mode, "ingest")
        order = self._order(verb, target, label, trial.linger)
        if trial.meet:
            order = replace(order, meet=f"{order.out}.met")
        rival = self._order(verb, target, label, trial.linger) if trial.second_writer else None
        if rival is not None:
            rival = replace(rival, meet=order.meet)
        if trial.cut:
            self.world.cut.add((target.name, label))
        pid = runner.fork(replace(order, kill_at=trial.point))
        other = runner.fork(rival) if rival is not None else None
        if trial.point is None:
            time.sleep(trial.fraction * self.usual_seconds.get((trial.mode, trial.cold), 3.0 if trial.cold else 0.5))
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._wait(runner, pid, errors)
        if other is not None and rival is not None:
            self._wait(runner, other, errors)
            self._note(rival, errors)
        self.world.cut.clear()
        self._note(order, errors)
        return outcome(order) is None

    def _again(self, trial: Trial, target: Target, label: str, runner: Zygote | Cold, errors: list[str]) -> bool:
        """Run to the end, by one or two processes at once; what says that it may be tried again is."""
        for attempt in range(4):
            linger = None if trial.meet else trial.linger
            verb, writers = VERBS.get(trial.mode, "ingest"), trial.reruns if attempt == 0 else 1
            orders = [self._order(verb, target, label, linger) for _ in range(writers)]
            started = time.monotonic()
            pids = [runner.fork(order) for order in orders]
            for pid in pids:
                self._wait(runner, pid, errors)
            took = time.monotonic() - started
            for order in orders:
                self._note(order, errors)
            told = [outcome(order) or {"status": "nothing"} for order in orders]
            if any(item["status"] in GOOD for item in told):
                if len(orders) == 1 and trial.linger is None:
                    key = (trial.mode, trial.cold)
                    self.usual_seconds[key] = 0.8 * self.usual_seconds.get(key, took) + 0.2 * took
                return True
        return False

    def _order(self, verb: str, target: Target, label: str, linger: tuple[str, float] | None) -> Order:
        self.orders += 1
        out = self.folder / "orders" / f"{self.orders}.json"
        out.parent.mkdir(exist_ok=True)
        project = str(self.folder / "mended") if verb == "replay" else None
        return Order(verb, target.table, label, str(out), project, None, linger, self.sabotage)

    def _wait(self, runner: Zygote | Cold, pid: int, errors: list[str]) -> None:
        try:
            runner.wait(pid)
        except TimeoutError:
            errors.append(f"code HANG: a process didn't end within {PATIENCE_SECONDS:.0f} s")

    def _note(self, order: Order, errors: list[str]) -> None:
        told = outcome(order)
        if told is not None and told["status"] == "failed":
            errors.append(f"{told['family']} {told['code']}: {told['message'].splitlines()[0][:160]}")

    def _busy(self) -> list[str]:
        return self.judge.busy_sessions(self.judge.connection.info.dbname)

    def _left_behind(self, target: Target, runner: Zygote | Cold) -> list[str]:
        """What is still there of killed processes after headgate's own clean-up."""
        order = self._order("clean", target, "", None)
        errors: list[str] = []
        self._wait(runner, runner.fork(order), errors)
        self._note(order, errors)
        left = [f"a candidate is left: {name}" for name in self.judge.side_tables(target, "c")]
        left += self.judge.surplus(target)
        left += [f"the spool holds {name}" for name in left_in(self.folder / "state" / "spool")]
        left += [
            f"the stage holds {name} of nobody" for name in self.stage.strange(target, self.judge.attempts(target))
        ]
        return errors + left

    def _runner(self, cold: bool) -> Zygote | Cold:
        if cold:
            self._cold = self._cold or Cold(self.environment)
            return self._cold
        self._forks = self._forks or Zygote(self.environment, self.folder / "zygote.log")
        return self._forks


def prepare_warehouse(url: str) -> None:
    """The group that tables are granted to; `headgate provision` makes it elsewhere."""
    connection = psycopg2.connect(url.replace("redshift://", "postgresql://"))
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_group WHERE groname = %s", (READERS,))
        (there,) = cursor.fetchone() or (0,)
        if not there:
            cursor.execute(f"CREATE GROUP {READERS}")
    connection.close()
