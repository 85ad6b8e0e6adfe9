"""Failures in Prefect's log: a failure of data, source or settings is told in a few lines; a trace is for faults of our own.

Prefect logs every exception with its trace, once for the task, the run and the run above: 260 lines for one bad value.
"""

from __future__ import annotations

import logging

from deployments.errors import WHO_ACTS, HeadgateError

_LOGGERS = ("prefect.flow_runs", "prefect.task_runs", "prefect.engine", "prefect.flow_engine", "prefect.task_engine")
_MOST_LINES = 3


class ToldShort(logging.Filter):
    """Takes the trace off a record about a failure of ours that isn't a fault of the software, and tells its story."""

    def filter(self, record: logging.LogRecord) -> bool:
        """True: the record is always logged."""
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        if isinstance(error, HeadgateError) and error.family != "code":
            record.exc_info, record.exc_text, record.args = None, None, ()
            record.msg = story(error) if record.name.endswith("flow_runs") else first_line(error)
        return True


def story(error: HeadgateError) -> str:
    """What happened, who must act, what to type: five lines at most."""
    lines = error.message.splitlines()
    said = [first_line(error), *lines[1:_MOST_LINES]]
    if len(lines) > _MOST_LINES:
        said[-1] += f"   ({len(lines) - _MOST_LINES} more)"
    said.append(f"  who must act: {WHO_ACTS[error.family]}")
    if error.next_command:
        said.append(f"  next: {error.next_command}")
    return "\n".join(said)


def first_line(error: HeadgateError) -> str:
    """The failure in a line."""
    return f"[{error.code}] {error.message.splitlines()[0] if error.message else ''}"


def tell_short() -> None:
    """From now on in this process. Safe to repeat."""
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        if not any(isinstance(item, ToldShort) for item in logger.filters):
            logger.addFilter(ToldShort())
