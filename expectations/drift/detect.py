"""Whether a batch's profile is explained by the profiles before it: one decision per batch, with reasons.

Pure: profiles in, a verdict out. The batch has no vote on what is usual. What "usual" is comes only from the history
that is passed in; nothing is configured per table but the sensitivity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from expectations.drift import calendar
from expectations.drift.acceptance import in_force, silenced
from expectations.drift.blame import blamed
from expectations.drift.diagnose import with_causes
from expectations.drift.examples import with_new_values, with_one_value
from expectations.drift.model import Accepted, Alert, Band, Lowered, Outcome, Sensitivity, Verdict
from expectations.drift.schema import schema_alerts
from expectations.drift.scored import Scored
from expectations.drift.scoring import score
from expectations.profile.model import Profile

# Older batches tell little about today: eight weeks of days are enough for weekdays and two month ends.
REMEMBERED = 56
# Once a batch is out of the ordinary, what comes this near to the threshold is told with it.
TOLD_WITH = 0.7
# Of what is this far out, the kinds that say it plainly stand first, and those between columns last.
PLAIN = 3.0
SAID_FIRST = {"schema": 0, "volume": 0, "completeness": 0, "values": 0, "relation": 2, "segment": 2, "order": 2}
# Under this many batches the verdict says that it is still learning.
LEARNING = 5


def detect(
    batch: Profile,
    history: Sequence[Profile],
    *,
    sensitivity: Sensitivity = "normal",
    accepted: Sequence[Accepted] = (),
    lowered: Sequence[Lowered] = (),
    batch_label: calendar.Label = None,
    history_labels: Sequence[calendar.Label] | None = None,
) -> Verdict:
    """Scores a batch against its published history (oldest first).

    Labels (dates, window starts, or file names with dates in them) teach the calendar; without them the clocks in the
    data do. Fewer than two batches of history give only what needs no statistics.
    """
    profiles = [*history[-REMEMBERED:], batch]
    labels = [*(history_labels or [None] * len(history)), batch_label][-len(profiles) :]
    held, quiet = in_force(accepted, batch_label), in_force(lowered, batch_label)
    certain, learned = schema_alerts(profiles), list[Alert]()
    bands: tuple[Band, ...] = ()
    if len(profiles) >= 3 and batch.rows > 0:
        scored = score(profiles, labels, sensitivity, held, quiet)
        learned = [with_new_values(alert, profiles) for alert in _told(scored, labels)]
        learned += _of_newcomers(profiles, labels, sensitivity, held, quiet)
        bands = scored.bands()
    verdict = _verdict(silenced(certain, held, labels), silenced(learned, held, labels), bands, len(history))
    alerts = with_causes(verdict.alerts, profiles, labels)
    return replace(verdict, alerts=tuple(with_one_value(alert, profiles) for alert in alerts))


def _of_newcomers(
    profiles: Sequence[Profile], labels: Sequence[calendar.Label], sensitivity: Sensitivity, held: Sequence[Accepted],
    quiet: Sequence[Lowered],
) -> list[Alert]:  # fmt: skip
    """Alerts on columns that came with a change of the header, held against the batches since then; what is measured of the
    others goes on past the change.
    """
    columns = profiles[-1].columns
    since = (
        next((i for i in range(len(profiles) - 1, -1, -1) if any(c not in profiles[i].columns for c in columns)), -1)
        + 1
    )
    if since == 0 or len(profiles) - since < 3:
        return []
    newcomers = {name for name in columns if any(name not in p.columns for p in profiles)}
    found = _told(score(profiles[since:], labels[since:], sensitivity, held, quiet), labels[since:])
    return [with_new_values(alert, profiles[since:]) for alert in found if alert.column in newcomers]


def _told(scored: Scored, labels: Sequence[calendar.Label]) -> list[Alert]:
    page = scored.calibration.page / scored.calibration.digest
    named = blamed(scored.keys, scored.scores)
    found = [scored.alert(column, kind, best, page, labels) for (column, kind), best in named.items()]
    told = {alert.column for alert in found if alert.score >= 1}
    for alert in scored.together():
        if alert.column not in told:
            found = [alert, *(a for a in found if (a.column, a.kind) != (alert.column, alert.kind))]
    # One batch far out moves the week's figures too; slow drift is what no single batch shows.
    loud = {alert.column for alert in found if alert.score >= 1}
    for at, value in scored.slow:
        column = scored.keys[at].column
        if column not in loud:
            loud.add(column)
            found.append(scored.slow_alert(column, at, value))
    return found


def _verdict(certain: list[Alert], learned: list[Alert], bands: tuple[Band, ...], history: int) -> Verdict:
    everything = sorted([*certain, *learned], key=lambda a: (-min(a.score, PLAIN), SAID_FIRST.get(a.kind, 1), -a.score))
    score = max((a.score for a in everything), default=0.0)
    least = TOLD_WITH if any(a.score >= 1.0 for a in learned) else 1.0
    alerts = tuple(a for a in everything if a.score >= least)
    outcome: Outcome = "learning" if history < LEARNING else "pass"
    if alerts:
        outcome = "page" if any(a.level == "page" for a in alerts) else "digest"
    return Verdict(outcome, round(score, 4), alerts, tuple(everything[len(alerts) :]), bands, unknown(history))


def unknown(history: int) -> tuple[str, ...]:
    """What a history of this many batches can't tell yet, in sentences."""
    missing = []
    if history < LEARNING:
        missing.append(f"{history} earlier batches: what is usual is not known before {LEARNING}.")
    if history < 15:
        missing.append("Weekdays can't be told apart before two weeks of daily batches.")
    if history < 23:
        missing.append("Slow drift can't be told before 23 batches.")
    return tuple(missing)
