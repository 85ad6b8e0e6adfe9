"""What would be noticed: per column from which change on a batch like the last one is told at the latest, and which rule to write
where that is coarse. Nothing is measured anew: the learned bounds say it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from statistics import median

from expectations.drift.acceptance import EVERY_KIND, in_force, touches
from expectations.drift.calendar import Label
from expectations.drift.catalogue import known
from expectations.drift.detect import REMEMBERED
from expectations.drift.figures import Key
from expectations.drift.first_time import names_things
from expectations.drift.model import Accepted, Lowered, Sensitivity
from expectations.drift.scored import Scored
from expectations.drift.scoring import score
from expectations.drift.words import bounded
from expectations.profile.categories import TOP
from expectations.profile.model import ColumnProfile, Profile
from expectations.record import WouldBeTold

ROWS, MISSING = known("volume", "rows"), known("completeness", "missing")
QUANTILE, MEAN, UNSEEN = known("values", "quantile"), known("values", "mean"), known("reference", "unseen")
MIDDLE = "0.5"
# The figures an owner asks about, in this order.
ASKED = (
    (ROWS, ""), (MISSING, ""), (QUANTILE, MIDDLE), (MEAN, ""), (UNSEEN, ""),
    (known("format", "new_pattern"), ""), (known("clock", "middle"), ""),
)  # fmt: skip
# A bound is coarse where the rows may be halved untold, so large a share of the values may go missing or be new, or numbers may
# be so many times larger or smaller.
HALVED = 0.5
MANY = 0.05
TIMES = 1.5
# A column is open where so large a share of its values is new in each batch.
OPEN = 0.5
# So many labels at most are written into a rule.
LISTED = 20
# A spelling that no value has.
NEVER = "\0"
# Batches before the last one that make a bound.
LEAST = 5


def noticed(
    profiles: Sequence[Profile],
    labels: Sequence[Label],
    *,
    sensitivity: Sensitivity = "normal",
    accepted: Sequence[Accepted] = (),
    lowered: Sequence[Lowered] = (),
) -> tuple[WouldBeTold, ...]:
    """What would be noticed in a batch like the last of the profiles (oldest first); nothing under LEAST batches before it."""
    profiles, labels = profiles[-REMEMBERED - 1 :], labels[-REMEMBERED - 1 :]
    if len(profiles) <= LEAST or not profiles[-1].rows:
        return ()
    now = labels[-1]
    held, quiet = in_force(accepted, now), in_force(lowered, now)
    asked = [*profiles[:-1], _with_firsts(profiles[-1])]
    scored = score(asked, labels, sensitivity, held, quiet, beyond=True)
    found = tuple(_figures(scored, profiles))
    return (*found, *_quieter(scored, quiet, {(one.column, one.kind) for one in found if one.further}))


def _with_firsts(batch: Profile) -> Profile:
    """The batch with one empty value, one value and one spelling in each column that no other batch has: what never was so has no
    figure, and so no bound.
    """

    def first(column: ColumnProfile) -> ColumnProfile:
        sketch = column.sketch
        fresh = next(number for number in range(len(sketch.hashes) + 1) if number not in sketch.hashes[: number + 1])
        values = sorted([(fresh, 1.0), *zip(sketch.hashes, sketch.counts, strict=True)])
        return replace(
            column,
            nulls=max(column.nulls, 1),
            sketch=replace(sketch, hashes=tuple(h for h, _ in values), counts=tuple(n for _, n in values)),
            text=replace(column.text, formats=(*column.text.formats, (NEVER, 1.0))),
        )

    return replace(batch, columns={name: first(column) for name, column in batch.columns.items()})


def _quieter(
    scored: Scored, lowered: Sequence[Lowered], told: Collection[tuple[str | None, str]]
) -> Iterator[WouldBeTold]:
    """The figure nearest to being told of each change that an owner said not to be interesting and that isn't `told` yet."""
    for one in lowered:
        about = [i for i, key in enumerate(scored.keys) if touches(one.column, one.kind, key)]
        if about and not any(column == one.column and one.kind in (kind, EVERY_KIND) for column, kind in told):
            i = max(about, key=lambda i: float(scored.scores[i]))
            said = scored.said(i)
            yield WouldBeTold(
                column=one.column, kind=scored.keys[i].kind, figure=said.figure, usual=said.expected, told=said.smallest,
                further=float(scored.voices[i]),
            )  # fmt: skip


def _figures(scored: Scored, profiles: Sequence[Profile]) -> Iterator[WouldBeTold]:
    at = {key: i for i, key in enumerate(scored.keys)}
    for column in (None, *profiles[-1].columns):
        found = [(key, i) for key, i in at.items() if key.column == column]
        middle = any(key.of == QUANTILE and key.other == MIDDLE for key, _ in found)
        for of, other in ASKED:
            for key, i in found:
                if key.of == of and (not other or key.other == other):
                    if of == UNSEEN and scored.expected[i] > OPEN:
                        # Where most values are new each time that is what is usual.
                        continue
                    said = scored.said(i)
                    # Of the mean only where the middle number has no bound: the rule is the same.
                    rule = None if of == MEAN and middle else _rule(key, scored, i, profiles)
                    further = float(scored.voices[i])
                    yield WouldBeTold(
                        column=column, kind=key.kind, figure=said.figure, usual=said.expected, told=said.smallest, rule=rule,
                        further=further if further > 1 else None,
                    )  # fmt: skip


def _rule(key: Key, scored: Scored, i: int, profiles: Sequence[Profile]) -> str | None:
    """The rule that would tell less than is told by itself, where that is coarse; None where it isn't, or no rule says it."""
    batch = profiles[-1]
    low, usual, high = (float(x[i]) for x in (scored.low, scored.expected, scored.high))
    column = key.column or ""
    if key.of == ROWS and low < usual + math.log(HALVED):
        return _written("ROWS", "expect_table_row_count_to_be_between", min_value=_rounded(math.exp(usual) * HALVED))
    if key.of == MISSING and high - usual > MANY:
        given = {"column": column} | ({} if usual == 0 else {"mostly": round(max(0.0, 1 - 2 * usual), 2)})
        return _written(f"{column}-NULL", "expect_column_values_to_not_be_null", **given)
    if key.of == UNSEEN and high - usual > MANY:
        known = batch.columns[column]
        # All that ever came: a country that orders once a month is no news.
        values = sorted({value for p in profiles if column in p.columns for value, _ in p.columns[column].top})
        if known.masked or known.numbers is not None or not 1 < len(values) < min(TOP, LISTED):
            return None
        return _written(f"{column}-SET", "expect_column_values_to_be_in_set", column=column, value_set=values)
    if (
        key.of in (QUANTILE, MEAN)
        and not names_things(column)
        and (numbers := batch.columns[column].numbers) is not None
    ):
        scale = float(scored.frame.scales[i - len(scored.rows)])
        least, middle, most = (scale * math.sinh(bounded(x)) for x in (low, usual, high))
        if (
            middle > 0
            and math.isfinite(numbers.mean * TIMES)
            and (most > TIMES * middle or least < middle / TIMES)
            and not batch.columns[column].masked
        ):
            # The last batch may be the one that was told.
            mean = median(
                n.mean for p in profiles if column in p.columns and (n := p.columns[column].numbers) is not None
            )
            bounds = {"min_value": _rounded(mean / TIMES), "max_value": _rounded(mean * TIMES)}
            return _written(f"{column}-MEAN", "expect_column_mean_to_be_between", column=column, **bounds)
    return None


def _rounded(value: float) -> float | int:
    """Two significant digits: a bound for people."""
    rounded = float(f"{value:.2g}")
    return int(rounded) if rounded.is_integer() else rounded


def _written(code: str, of: str, **kwargs: object) -> str:
    """One rule as the list of a suite has it; JSON is YAML."""
    name = "".join(ch if ch.isalnum() else "-" for ch in code.upper())
    given = ", ".join(f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in kwargs.items())
    return f"- {{code: {name}, type: {of}, kwargs: {{{given}}}, severity: warning}}"
