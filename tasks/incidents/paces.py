"""When to speak of an incident, and when not yet: the paces of telling, calling, reminding and of the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from tasks.incidents.model import Incident, Severity

_HOUR = timedelta(hours=1)
_PACE: Mapping[Severity, tuple[timedelta, ...]] = {
    "critical": (4 * _HOUR, 12 * _HOUR),
    "major": (4 * _HOUR, 24 * _HOUR),
    "minor": (24 * _HOUR,),
}


@dataclass(frozen=True, slots=True)
class Policy:
    """The paces.

    `burst` incidents within `burst_span` are told one by one, further ones in one message. `alike_span`: tables that fail
    with one code within it are one incident; reminders and calls of the next person come in one message per such span, too.
    `hold`: how long a trouble that nobody has answered must stay away before it is called over; 0 where nobody
    looks again. `restart`: how long a server must be away before anybody is told: one
    that is started again is back by then. `stable_for`: `hold` for one that has come back before; `called_for`: for one that
    somebody else had to be called for; `again_within`: for one of which people know that it comes and goes, because
    whatever comes later than that is another incident. `blink`: away for less than this is not away.
    """

    escalate_after: timedelta = timedelta(minutes=30)
    burst: int = 5
    burst_span: timedelta = timedelta(minutes=10)
    alike_span: timedelta = timedelta(minutes=15)
    again_within: timedelta = 6 * _HOUR
    flapping_from: int = 3
    blink: timedelta = timedelta(minutes=2)
    hold: timedelta = timedelta(minutes=30)
    restart: timedelta = timedelta(minutes=2)
    stable_for: timedelta = _HOUR
    called_for: timedelta = 2 * _HOUR
    answered_pace: timedelta = 24 * _HOUR

    def too_soon(self, incident: Incident, now: datetime) -> bool:
        """Whether a server that the watch couldn't reach may only be starting again."""
        return incident.trouble.step == "watch" and now - incident.begun_at < self.restart

    def escalation(self, severity: Severity) -> timedelta | None:
        """After how long without an answer the next person is told; None: never."""
        return {"critical": self.escalate_after, "major": 8 * self.escalate_after, "minor": None}[severity]

    def reminder(self, incident: Incident) -> timedelta:
        """The pause between the last message and the next."""
        if incident.state == "acknowledged" or incident.again:
            # Of one that comes and goes people know that it will.
            return self.answered_pace
        pace = _PACE[incident.trouble.severity]
        return pace[min(incident.reminders, len(pace) - 1)]

    def away(self, incident: Incident) -> timedelta:
        """How long a trouble that isn't seen any more has to stay away before it is over.

        What went by itself may come back in the next minutes, and each word of its end would be followed by one of its
        return: the more was told, the longer it has to hold. Somebody who works on it waits for the word: of one that
        hasn't come back it comes at once.
        """
        answered = incident.state == "acknowledged"
        if not self.hold or (answered and not incident.again):
            return timedelta(0)
        if incident.return_told and not answered:
            return self.again_within
        usual = self.stable_for if incident.again else self.hold
        if incident.escalated_at is not None and not answered:
            usual = self.called_for
        return max(usual, 2 * timedelta(seconds=incident.longest_away))
