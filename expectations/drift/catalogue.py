"""Every figure that batches are compared by: one row each, and all that is known of it.

A figure is what `extract` and its like measure of a batch under a kind (what an alert is about) and a name. What is true of a
whole kind stands in `KINDS`, what is true of one figure in its row. Nothing else of this package lists names: whoever treats some
figures in another way asks for those that have a trait. `figures.named` refuses a name that has no row here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

# A share is rows that have it, of rows; a level is a number with the variance that few rows give it; a scaled level is one in the
# unit of its column (see `frame._scaled`).
Form = Literal["share", "level", "scaled"]
# How what is seen is written (see `words`).
Unit = Literal[
    "percent", "columns", "yes", "number", "duration", "rows", "characters", "more_characters", "odds", "times", "clock", "hours",
    "whole_hours", "size", "factor", "percent_off", "percent_spread", "correlation", "explained", "spread", "plain",
]  # fmt: skip
# What a key's `other` holds.
Other = Literal["", "value", "column", "segment", "part", "formula", "hour", "share", "since", "place"]
# Of rows that come in runs, which count as one: those of one value (`within`), of one value in each batch (`equal`) as well, of
# values that change slowly from row to row (`slow`) as well; with "" every row counts.
Runs = Literal["", "within", "equal", "slow"]
Trait = Literal[
    # Of a kind
    "any_weekday",  # has nothing to do with the day of the week
    "spelled",  # how values are written: follows from which texts came, where all of them stood there before
    "still_of_a_date",  # keeps its meaning for a column that repeats the batch's date
    "sampled",  # is an estimate from the rows that relations are measured of
    "world",  # varies with what the data is about: told later, unless its history was settled
    "copy",  # rows or columns that an earlier batch had: always the matter of a program
    # Of a figure
    "program",  # changes only when somebody changes a program, where its history was settled
    "slow_drift",  # is followed over weeks
    "one_row",  # one row, or one observation of a whole batch, makes it: no reason to stop the batch or to wake somebody
    "state",  # one yes or no for the whole batch
    "extreme",  # an outermost number
    "closed",  # tells of values that no other batch has, or that all others have
    "date",  # says whether a column agrees with the date it repeats
    "stands",  # where a clock stands, in hours
    "implied",  # what the numbers in a text imply where they only went on
    "size",  # how large numbers are: without a measure in a column that always held one and the same number
    "of_names",  # says next to nothing of numbers that only name things
    "of_values",  # what values a column has: hardly known of one that mostly rests
    "never",  # certain evidence: told early where every batch of the history had the same
    "beyond",  # certain enough to be told early where no batch of the history came as far
    "estimate",  # estimated from other columns or from few rows: told later
]
Name = tuple[str, str]

# The kinds of alerts, with what is true of all figures of the kind. The names are stable: incidents and acceptances are keyed by
# them.
KINDS: dict[str, tuple[Trait, ...]] = {
    "schema": ("still_of_a_date",),
    "volume": (),
    "completeness": ("any_weekday", "still_of_a_date", "program"),
    "values": ("world",),
    "categories": (),
    "format": ("any_weekday", "spelled", "still_of_a_date"),
    "clock": (),
    "redelivery": ("any_weekday", "copy"),
    "duplicates": ("any_weekday", "program"),
    "relation": ("sampled", "world"),
    "segment": ("sampled", "world"),
    "order": ("sampled",),
    "reference": (),
    "slow_drift": (),
}


@dataclass(frozen=True)
class Figure:
    """One figure. `sentence`: what it is called, with {column}, {other}, {segment}, {percent} or {since} filled in; the report
    shows some under these words: keep them. `side`: 1 (-1) where only more (less) of it is news. `spread`: of a figure of the
    numbers that are there, the field of `Numbers` by which these spread.
    """

    kind: str
    name: str
    form: Form
    sentence: str
    traits: tuple[Trait, ...] = ()
    unit: Unit = "percent"
    other: Other = ""
    side: int = 0
    runs: Runs = ""
    spread: Literal["", "deviation", "log_deviation"] = ""


_WRITTEN: tuple[Trait, ...] = ("program", "slow_drift")
_SIZE: tuple[Trait, ...] = ("slow_drift", "size", "of_names")

# fmt: off
_ROWS = (
    Figure("volume", "rows", "level", "the number of rows", ("slow_drift",), unit="rows"),

    Figure("duplicates", "duplicate_rows", "share", "rows that repeat another row", ("never", "beyond")),
    Figure("duplicates", "repeated_rows", "share", "rows equal to the row after them", ("never",)),
    Figure("duplicates", "repeated", "share", "rows whose {column} stands in another row as well"),

    Figure("redelivery", "exact", "share", "rows that an earlier batch already had", ("never", "beyond")),
    Figure("redelivery", "restamped", "share", "rows that an earlier batch already had, dates aside", ("never", "beyond")),
    Figure("redelivery", "same_figures", "share", "columns whose values equal an earlier batch's", unit="columns"),

    Figure("completeness", "absent", "share", "empty values in {column}", ("slow_drift", "never")),
    Figure("completeness", "missing", "share", "empty or placeholder values in {column}", ("slow_drift", "never", "beyond")),
    Figure("completeness", "filled", "share", "usual rows without {column}, of which none came",
           ("one_row", "never", "beyond"), side=1, runs="slow"),
    Figure("completeness", "all_absent", "share", "whether {column} is empty in every row", ("state",), unit="yes"),

    Figure("format", "unreadable_rows", "share", "lines that don't fit the header", _WRITTEN),
    Figure("format", "odd_at_once", "share", "columns with a value that is missing or written as none of them ever was",
           ("program", "one_row", "never", "beyond"), unit="columns", side=1),
    Figure("format", "edge_space", "share", "values with a space at their edge in {column}", _WRITTEN),
    Figure("format", "double_space", "share", "values with a double space in {column}", _WRITTEN),
    Figure("format", "upper", "share", "values of {column} in capital letters", _WRITTEN),
    Figure("format", "lower", "share", "values of {column} in small letters", _WRITTEN),
    Figure("format", "non_ascii", "share", "values with letters beyond ASCII in {column}", _WRITTEN),
    Figure("format", "garbled", "share", "values with garbled letters (wrong encoding) in {column}", _WRITTEN),
    Figure("format", "escaped", "share", "values of {column} with characters written as a web page does (&amp;)", _WRITTEN),
    Figure("format", "not_a_number", "share", "values that are no number in {column}", _WRITTEN),
    Figure("format", "not_a_date", "share", "values that are no date in {column}", _WRITTEN),
    Figure("format", "digits_only", "share", "values of digits only in {column}", ("slow_drift",), runs="equal"),
    Figure("format", "decimals_0", "share", "whole numbers in {column}", ("slow_drift", "of_values"), runs="equal"),
    Figure("format", "decimals_1", "share", "numbers with one decimal in {column}", ("slow_drift", "of_values"), runs="equal"),
    Figure("format", "decimals_2", "share", "numbers with two decimals in {column}", ("slow_drift", "of_values"), runs="equal"),
    Figure("format", "decimals_3", "share", "numbers with three or more decimals in {column}", ("slow_drift", "of_values"),
           runs="equal"),
    Figure("format", "pattern", "share", "values spelled like {other} in {column}",
           ("slow_drift", "implied", "of_values", "never", "beyond"), other="value", runs="equal"),
    # Two spellings in one batch are more than another value.
    Figure("format", "new_pattern", "share", "values spelled in a way never seen in {column}",
           ("implied", "of_values", "never", "beyond"), side=1, runs="within"),
    Figure("format", "length", "level", "the mean length of {column}", ("slow_drift", "implied", "never", "beyond"),
           unit="characters", runs="equal"),
    Figure("format", "beyond_digits", "level", "the characters of {column} that its numbers don't need (zeros in front, a unit)",
           ("slow_drift", "never", "beyond"), unit="more_characters", runs="equal"),

    Figure("categories", "category", "share", "rows with {other} in {column}", ("never", "beyond"), other="value", runs="slow"),
    Figure("categories", "gone", "share", "usual rows with values of {column} of which none came, as every earlier batch had",
           ("one_row", "closed", "never", "beyond"), runs="slow"),
    Figure("categories", "mix", "level",
           "the share of rows that would need another value of {column} for its usual mix, beyond chance",
           ("one_row", "of_values", "beyond"), unit="percent", side=1, runs="slow"),
    Figure("reference", "unseen", "share", "rows whose {column} was never seen before",
           ("closed", "of_values", "never", "beyond"), runs="slow"),

    Figure("values", "constant", "share", "whether {column} holds one and the same value in every row",
           ("program", "one_row", "state"), unit="yes"),
    Figure("values", "zero", "share", "zeros in {column}", ("slow_drift",), runs="slow"),
    Figure("values", "negative", "share", "negative numbers in {column}", ("program", "slow_drift", "beyond"), runs="slow"),
    Figure("values", "above", "share", "numbers above all earlier ones in {column}", ("of_names",), side=1, runs="slow"),
    Figure("values", "below", "share", "numbers below all earlier ones in {column}", ("of_names",), side=1, runs="slow"),
    Figure("values", "above_limit", "share", "numbers above the limit that several batches reach and none passes in {column}",
           ("program",), side=1, runs="equal"),
    Figure("values", "below_limit", "share", "numbers below the limit that several batches reach and none passes in {column}",
           ("program",), side=1, runs="equal"),
    Figure("values", "below_usual", "share", "numbers in {column} that would usually be among its lowest {percent} %",
           ("slow_drift", "of_names"), other="share", runs="slow"),
    Figure("values", "off_grid", "share", "numbers in {column} with a last digit ({other}) that hardly any had before",
           ("slow_drift", "of_values", "never", "beyond"), other="place", runs="slow"),
    Figure("values", "none_below", "share", "usual rows with numbers of {column} below the smallest that came",
           ("one_row", "of_names", "of_values", "beyond"), side=1, runs="slow"),
    Figure("values", "none_above", "share", "usual rows with numbers of {column} above the largest that came",
           ("one_row", "of_names", "of_values", "beyond"), side=1, runs="slow"),
    Figure("values", "skipped", "share", "numbers that the sequence of {column} leaves out",
           ("one_row", "never", "beyond"), side=1),
    Figure("values", "skipped_before", "share", "numbers that {column} leaves out between this batch and the one before",
           ("one_row", "never", "beyond"), side=1),
    Figure("values", "last_digit", "level",
           "the share of numbers in {column} that would need another last digit ({other}) for the usual mix, beyond chance",
           ("one_row", "of_values", "of_names", "beyond"), unit="percent", other="place", side=1, runs="slow"),
    Figure("values", "multiples", "share", "numbers in {column} that are multiples of {other}, zeros aside",
           ("slow_drift", "of_values", "of_names", "never", "beyond"), other="place", runs="slow"),
    Figure("values", "at_largest", "share", "rows that share the largest number of {column}", ("beyond",), side=1,
           runs="within"),
    Figure("values", "at_smallest", "share", "rows that share the smallest number of {column}", ("beyond",), side=1,
           runs="within"),
    Figure("values", "distinct", "level", "the number of different values of {column}", ("slow_drift",), unit="rows"),
    Figure("values", "per_value", "level", "how many rows each value of {column} has", unit="times"),
    Figure("values", "commonest", "level", "the share of rows with the commonest value of {column}", ("slow_drift", "never"),
           unit="odds", runs="slow"),
    Figure("values", "log_mean", "level", "the typical size of {column}", _SIZE, unit="size", runs="slow",
           spread="log_deviation"),
    # How far numbers spread goes by the few that are 0: that is not followed over weeks.
    Figure("values", "log_spread", "level", "the factor by which numbers of {column} typically differ", ("of_names", "estimate"),
           unit="factor", runs="slow"),
    Figure("values", "mean", "scaled", "the mean of {column}", _SIZE, unit="number", runs="slow", spread="deviation"),
    Figure("values", "quantile", "scaled", "the number that {percent} % of {column} are below", _SIZE, unit="number",
           other="share", runs="slow", spread="deviation"),
    Figure("values", "largest", "scaled", "the largest number in {column}", ("one_row", "extreme", "size"), unit="number",
           side=1),
    Figure("values", "smallest", "scaled", "the smallest number in {column}", ("one_row", "extreme", "size"), unit="number",
           side=-1),

    Figure("clock", "midnight", "share", "timestamps at exactly midnight in {column}", runs="slow"),
    Figure("clock", "whole_minutes", "share", "timestamps on the full minute in {column}", runs="slow"),
    Figure("clock", "hour", "share", "timestamps of {column} between {other}:00 and {other}:59", other="hour", runs="slow"),
    Figure("clock", "pause", "share", "usual rows in the hours of {column} in which none came, between the first and the last",
           ("one_row", "never", "beyond"), side=1, runs="slow"),
    Figure("clock", "date_part", "share", "rows in which {column} agrees with the batch's date", ("program", "date"),
           runs="slow"),
    Figure("clock", "late", "share", "timestamps of {column} later after the batch's date than all earlier ones", side=1,
           runs="slow"),
    Figure("clock", "early", "share", "timestamps of {column} earlier, counted from the batch's date, than all earlier ones",
           side=1, runs="slow"),
    Figure("clock", "late_limit", "share",
           "timestamps of {column} after the day or time at which several batches end and that none passes",
           ("program",), side=1, runs="equal"),
    Figure("clock", "early_limit", "share",
           "timestamps of {column} before the day or time at which several batches begin",
           ("program",), side=1, runs="equal"),
    Figure("clock", "in_order", "share", "rows in which {column} is not before {other}", ("program",), other="column",
           runs="slow"),
    Figure("clock", "days", "level", "the number of days in {column}", unit="rows", runs="slow"),
    Figure("clock", "starts", "level", "the start of {column}, counted from {since}", ("stands", "beyond"), unit="clock",
           other="since"),
    Figure("clock", "middle", "level", "the middle of {column}, counted from {since}", ("stands",), unit="clock",
           other="since"),
    Figure("clock", "ends", "level", "the end of {column}, counted from {since}", ("stands", "beyond"), unit="clock",
           other="since"),
    Figure("clock", "all", "level", "where all of {column} stands, counted from {since}", ("stands",), unit="clock",
           other="since"),
    Figure("clock", "shift", "level", "by how many hours the day of {column} is shifted against the usual", ("beyond",),
           unit="whole_hours"),
    *(Figure("clock", f"gap_{share}", "scaled", "the time from {other} to {column}", unit="duration", other="column", runs="slow")
      for share in (0.25, 0.5, 0.75)),

    Figure("order", "same_as_next", "share", "rows whose {column} equals the next row's", ("never",)),
    Figure("order", "out_of_order", "share", "whether {column} turns back more often from row to row than it always did",
           ("one_row", "never"), unit="yes", side=1),
    Figure("order", "changes", "level",
           "how often {column} changes from one row to the next (1 time: as often as in rows in no order)", unit="times"),
    Figure("order", "follows", "level", "how much {column} is like the row before (1: follows it, 0: not at all)", ("never",),
           unit="correlation"),

    Figure("relation", "determined", "share", "rows in which the same {other} comes with another {column}",
           ("program", "never", "beyond"), other="column"),
    Figure("relation", "combination", "share", "rows in which {column} and {other} stand together as never before",
           ("never",), other="column", side=1),
    Figure("relation", "by_two", "share", "rows in which {column} is none of what {other} of the row usually come with",
           ("one_row", "never", "beyond"), other="formula", side=1),
    Figure("relation", "formulas", "share", "rows in which {other} holds", ("program",), other="formula"),
    Figure("relation", "parts", "share", "rows in which {column} agrees with the date it is part of", ("date",), other="part"),
    Figure("relation", "correlation", "level",
           "how far {column} and {other} rise together (1: always, 0: not at all, -1: one falls)",
           unit="correlation", other="column"),
    Figure("relation", "exchanged", "level",
           "how far rows with one or the other value of {column} differ as usual (1: so, 0: not at all, -1: the other way round)",
           ("beyond",), unit="plain", side=-1),
    Figure("relation", "explained", "level", "how much of the differences in {column} goes with {other}", ("estimate",),
           unit="explained", other="column"),
    Figure("relation", "given_others", "level",
           "by how much {column} lies above or below what the other numbers of its rows lead to expect, on average",
           ("estimate",), unit="plain"),
    Figure("relation", "given_others_log", "level",
           "by how many percent {column} differs from what the other numbers of its rows lead to expect", ("estimate",),
           unit="percent_off"),
    Figure("relation", "given_others_spread", "level",
           "how far single values of {column} lie from what the other numbers of their rows lead to expect", ("estimate",),
           unit="spread"),
    Figure("relation", "given_others_log_spread", "level",
           "by how many percent values of {column} differ from what their rows' other numbers say", ("estimate",),
           unit="percent_spread"),

    Figure("segment", "missing", "share", "empty values in {column} where {segment}", other="segment", runs="slow"),
    Figure("segment", "mean", "level", "the typical size of {column} where {segment}", ("size", "estimate"), unit="size",
           other="segment", runs="slow"),
    Figure("segment", "hour", "level", "the time of day of {column} where {segment}, next to the other rows", ("estimate",),
           unit="hours", other="segment", runs="slow"),
)
# fmt: on

FIGURES: Mapping[Name, Figure] = {(row.kind, row.name): row for row in _ROWS}


def having(trait: Trait) -> frozenset[Name]:
    """The figures that have a trait, by their own row or by their kind, as (kind, name)."""
    return frozenset(of for of, row in FIGURES.items() if trait in row.traits or trait in KINDS[row.kind])


def known(kind: str, name: str) -> Name:
    """One figure for whoever treats it alone, as (kind, name); ValueError where the catalogue has none."""
    figure(kind, name)
    return kind, name


def figure(kind: str, name: str) -> Figure:
    """The row of a figure; ValueError where there is none: a name that is only here or there would be judged by no rule."""
    found = FIGURES.get((kind, name))
    if found is None:
        from difflib import get_close_matches

        near = get_close_matches(f"{kind}/{name}", [f"{k}/{n}" for k, n in FIGURES], n=1)
        raise ValueError(
            f"no figure {kind}/{name} in expectations/drift/catalogue.py{f'; nearest: {near[0]}' if near else ''}"
        )
    return found
