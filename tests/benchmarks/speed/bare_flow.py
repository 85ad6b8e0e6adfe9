"""What any Prefect flow of seven tasks costs as a process of its own: the yardstick of work C."""

from prefect import flow, task
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings


@task
def step(number: int) -> int:
    """Does nothing."""
    return number


@flow
def bare() -> int:
    """Seven tasks, one after the other."""
    return sum(step(number) for number in range(7))


if __name__ == "__main__":
    # headgate's own runs from a terminal have none either: it costs a second.
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        bare()
