"""Crash trials: loads killed at every named point and at any instant, run again, and compared with what must be there.

    python tests/crash/harness.py --trials 1000 --workers 2
    python tests/crash/harness.py --seed 7 --only 123 --keep FOLDER     one trial again, with its words
    python tests/crash/harness.py --trials 40 --sabotage transaction    must end with trials that went wrong
    python tests/crash/harness.py --trials 300 --warehouse redshift-like

Real processes, real PostgreSQL (or the server that keeps Redshift's rules, where it is at hand), S3 and Prefect servers in a
temporary folder. Ends with `N trials, M wrong`.
"""

from __future__ import annotations

import argparse
import os
import queue
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import redshift_like
import sabotage
from redshift_like import RedshiftLike
from server import Files
from staged import Stage
from trial import MODES, POINTS, Trial, Wish, draw
from worker import Result, Worker, prepare_warehouse

from deployments.embedded.stack import EmbeddedStack

UNDERMINED = 4
WITHOUT = {
    "proof": Wish("append", "after-commit", crowded=True), "lock": Wish("append", "after-commit", crowded=True),
    "transaction": Wish("append", "before-commit"), "quarantine": Wish("replace_window", "copied", again=True),
}  # fmt: skip
"""Trials in which the safeguard is what stands between the crash and wrong rows."""


def main() -> int:
    arguments = _arguments()
    absent = redshift_like.absent() if arguments.warehouse == "redshift-like" else None
    if absent is not None:
        print(f"skipped: {absent}")
        return 0
    # Its servers are stopped then, as by Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    seed = random.randrange(1_000_000) if arguments.seed is None else arguments.seed
    print(f"seed {seed}", flush=True)
    whole = arguments.trials // 10 if arguments.cold is None else arguments.cold
    trials = [draw(seed, number) for number in range(arguments.trials - whole)]
    cold = [draw(seed, number, cold=True) for number in range(whole)]
    wish = Wish(arguments.mode, arguments.point, arguments.crowded)
    trials, cold = [wish.of(trial) for trial in trials], [wish.of(trial) for trial in cold]
    if arguments.only is not None:
        number = int(arguments.only.removeprefix("cold-"))
        wanted = wish.of(draw(seed, number, cold=arguments.only.startswith("cold-")))
        trials, cold = ([], [wanted]) if wanted.cold else ([wanted], [])
    with tempfile.TemporaryDirectory(prefix="headgate-crash-") as folder:
        results, noticed = _play(Path(folder), arguments.keep or Path(folder), trials, cold, arguments)
    wrong = [result for result in results if result.faults]
    print(table(results))
    for kind, count in noticed.items():
        print(f"with {sabotage.WORDS[kind]}: {UNDERMINED} trials, {count} wrong")
    print(f"seed {seed}; repeat one: python tests/crash/harness.py --seed {seed} --only NUMBER")
    print(f"{len(results)} trials, {len(wrong)} wrong")
    return 1 if wrong or not all(noticed.values()) else 0


def _play(
    folder: Path, kept: Path, trials: list[Trial], cold: list[Trial], arguments: argparse.Namespace
) -> tuple[list[Result], dict[str, int]]:
    stack = EmbeddedStack(folder / "stack")
    files = Files()
    workers: list[Worker] = []
    double: RedshiftLike | None = None
    try:
        state = stack.up(("postgres", "s3"))
        assert state.warehouse_url is not None
        history = stack.create_database("crash_history")
        environment = {**os.environ, **state.environment(), "HEADGATE_STAGE_URL": f"s3://{state.s3_bucket}/stage"}
        url = behind = state.warehouse_url
        if arguments.warehouse == "redshift-like":
            double = RedshiftLike(str(state.s3_endpoint))
            url, behind = double.url, double.behind
            environment["HEADGATE_COPY_IAM_ROLE"] = redshift_like.ROLE
        prepare_warehouse(url)
        names = [f"w{number}" for number in range(1, arguments.workers + 1)]
        for name in names:
            (kept / name).mkdir(parents=True)
            stage = Stage(environment["HEADGATE_STAGE_URL"], environment)
            workers.append(Worker(name, kept / name, files, url, behind, history, dict(environment), stage,
                                  arguments.sabotage))  # fmt: skip
        # Prefect's server takes its time: it starts beside the forked trials, which don't need it.
        prefect = threading.Thread(target=stack.up, args=(("prefect",),), daemon=True)
        if cold:
            prefect.start()
        results = _share(workers, trials)
        if cold:
            prefect.join()
            reached = stack.status().environment(("prefect",))
            assert "PREFECT_API_URL" in reached, "Prefect's server didn't come up"
            for worker in workers:
                worker.environment |= reached
            results += _share(workers, cold)
        return results, undermined(workers[0]) if arguments.undermine else {}
    finally:
        for worker in workers:
            worker.close()
        files.close()
        if double is not None:
            double.close()
        stack.down(purge=True)


def undermined(worker: Worker) -> dict[str, int]:
    """Per safeguard the trials that went wrong without it: none of them may be 0."""
    noticed = {}
    for kind, wish in WITHOUT.items():
        worker.sabotage = kind
        noticed[kind] = sum(bool(worker.play(wish.of(draw(5, number))).faults) for number in range(UNDERMINED))
    worker.sabotage = None
    return noticed


def _share(workers: list[Worker], trials: list[Trial]) -> list[Result]:
    """Play the trials on all workers at once; every wrong one is told when it happens."""
    todo: queue.SimpleQueue[Trial] = queue.SimpleQueue()
    for trial in trials:
        todo.put(trial)
    results: list[Result] = []
    started = time.monotonic()
    broken: list[BaseException] = []

    def work(worker: Worker) -> None:
        try:
            while not broken:
                result = worker.play(todo.get_nowait())
                results.append(result)
                if result.faults:
                    _tell(result)
                if len(results) % 50 == 0:
                    print(f"{len(results)} of {len(trials)} after {time.monotonic() - started:.0f} s", flush=True)
        except queue.Empty:
            return
        except BaseException as error:  # noqa: BLE001 - told by the main thread
            broken.append(error)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if broken:
        raise broken[0]
    return results


def _tell(result: Result) -> None:
    trial = result.trial
    how = f"second writer {trial.second_writer}, reruns {trial.reruns}, linger {trial.linger}"
    print(f"WRONG {'cold-' if trial.cold else ''}{trial.number} ({trial.mode}, {trial.place}, {how})")
    for fault in (*result.faults, *(f"on the way: {error}" for error in result.errors)):
        print(f"    {fault}")
    sys.stdout.flush()


def table(results: list[Result]) -> str:
    """Trials by kill point and load mode: how many, how many of them died there, how many went wrong."""
    places = [*dict.fromkeys(point for mode in MODES for point in POINTS[mode]), "any instant"]
    played = Counter((result.trial.place, result.trial.mode) for result in results)
    died = Counter((result.trial.place, result.trial.mode) for result in results if result.killed)
    wrong = Counter((result.trial.place, result.trial.mode) for result in results if result.faults)
    lines = ["", f"{'trials (died)':<20}" + "".join(f"{mode:>16}" for mode in MODES)]
    for place in places:
        cells = []
        for mode in MODES:
            key = (place, mode)
            text = f"{played[key]} ({died[key]})" if played[key] else "-"
            cells.append(f"{text + (f' {wrong[key]} WRONG' if wrong[key] else ''):>16}")
        lines.append(f"{place:<20}" + "".join(cells))
    rivals = sum(result.trial.second_writer for result in results)
    twice = sum(result.trial.reruns == 2 for result in results)
    cold = sum(result.trial.cold for result in results)
    broken = sum(result.trial.cut for result in results)
    handled = Counter(error.partition(":")[0] for result in results for error in result.errors)
    lines.append(
        f"with a second writer {rivals}, run again by two at once {twice}, a source that breaks off {broken}, "
        f"whole cold processes {cold}"
    )
    lines.append("handled failures on the way: " + (", ".join(f"{c} {n}" for n, c in handled.most_common()) or "none"))
    return "\n".join(lines)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--trials", type=int, default=50, help="how many; most are forked from a warm process")
    parser.add_argument("--cold", type=int, help="how many are whole processes under Prefect; default: every tenth")
    parser.add_argument("--workers", type=int, default=1, help="played side by side, each with its own tables")
    parser.add_argument("--warehouse", choices=("postgresql", "redshift-like"), default="postgresql")
    parser.add_argument("--seed", type=int, help="default: a new one, which is printed")
    parser.add_argument("--only", metavar="NUMBER", help="one trial of a seed, such as 123 or cold-12")
    parser.add_argument("--mode", choices=MODES, help="only this load mode")
    parser.add_argument("--point", help="kill at this point only")
    parser.add_argument("--crowded", action="store_true", help="always two writers, both dawdling with the proof read")
    parser.add_argument("--undermine", action="store_true", help="afterwards take each safeguard out: must go wrong")
    parser.add_argument("--keep", type=Path, help="keep orders, outcomes and logs in this folder")
    parser.add_argument("--sabotage", choices=sorted(sabotage.KINDS), help="take a safeguard out: trials must go wrong")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
