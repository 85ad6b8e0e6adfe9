"""What to type: looking first, then what mends it, each a line that can be pasted; remarks stand behind a `#`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from deployments.next_commands import written
from tasks.incidents.model import Incident, Trouble

Say = Callable[[str], str]


def next_steps(incident: Incident, say: Say) -> tuple[str, ...]:
    """Lines to type; `say` gives the remarks' texts."""
    steps = dict.fromkeys([*_steps(incident.trouble, say)])
    return (*steps, _line(f"headgate incident ack {incident.incident_id}", say("remark.ack")))


def _steps(trouble: Trouble, say: Say) -> Iterator[str]:
    run = trouble.run_id
    told = (trouble.next_command or "").replace("RUN", run or "RUN")
    if not run:
        yield from _written(told)
        return
    if trouble.code == "DRIFT":
        yield f"headgate drift explain {run}"
        yield _line(f'headgate drift accept {run} --reason "..."', say("remark.meant"))
    else:
        # Whoever is woken pastes the first line: it may never change anything. What tries again comes once, and last.
        steps = [line for line in _written(told) if not line.startswith("headgate retry")]
        look = f"headgate show {run}"
        yield from (*steps, look) if told.startswith("headgate check --connect") else (look, *steps)
    yield _line(f"headgate retry {run}", say("remark.mended"))


def _written(next_command: str) -> Iterator[str]:
    """A next command as errors have it, one step a line."""
    for command, remark in written(next_command):
        yield _line(command, remark) if command.startswith("headgate ") else f"# {command}"


def _line(command: str, remark: str) -> str:
    return f"{command}   # {remark}" if remark else command
