"""The narrowest type that takes every value of a field and leaves room to grow, and what a person has to decide of it.

A type is chosen when all values fit, or nearly all: the few that don't are told, and would be set aside by a load.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from deployments.declarations.columns import parse_type
from deployments.declarations.kinds import SPELLED
from expectations.draft import readings
from expectations.draft.facts import FieldFacts, Reading, SourceColumn
from expectations.draft.measure import NEARLY_ALL

_ENOUGH = 200
_LENGTHS = (8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65535)
_PRECISIONS = (9, 12, 18, 24, 38)
_EPOCH = {"seconds": (10**9, 2 * 10**9), "milliseconds": (10**12, 2 * 10**12)}
_LONGEST_NUMBER = 18
_MOST_DIGITS = 38
_DAY_NUMBER = Reading("date", (), "%Y%m%d")
_DAY = re.compile(r"(^|_)(date|day|dt|datum|on)(_|$)")
_MONEY = re.compile(r"(price|amount|paid|cost|fee|total|revenue|sales|tax|fare|tip|balance|salary|payment)")


@dataclass(slots=True)
class Choice:
    """A type with the conversions it needs. `decide` are questions for a person; `notes` what is worth knowing."""

    type: str
    cast: tuple[str, ...] = ()
    null: tuple[str, ...] = ()
    format: str | None = None
    strip: tuple[str, ...] = ()
    zone: str | None = None
    misfits: int = 0
    decide: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def is_number(self) -> bool:
        return parse_type(self.type).is_number


def choose(name: str, facts: FieldFacts, zone: str | None, source: SourceColumn | None = None) -> Choice:
    """The type of a field. `zone`: of timestamps without one, None when nobody has said it."""
    own = _declared(source)
    if own is not None and own.type in ("binary", "json"):
        # Other values of them than text has: what their text looks like says nothing.
        return own
    if facts.filled == 0 and not facts.nullish:
        choice = own or Choice("varchar(256)")
        if facts.rows:
            choice.decide.append("no value seen: the type is a guess" if source is None else "no value seen")
        return choice
    if own is not None and own.is_number:
        # It keeps numbers, whatever they are called and however many digits were seen: neither labels nor another type.
        return _number(own, facts)
    reading = None if _is_text(source) else _reading(name, facts)
    choice = _text(facts, source) if reading is None else _typed(name, facts, reading, source)
    if choice.type == "timestamp":
        choice.zone = zone or "UTC"
        if zone is None and not (choice.format or "").endswith(("UTC", "Z")):
            choice.decide.insert(0, "which zone do these clocks show?")
    if choice.misfits:
        choice.decide.append(f"{choice.misfits:,} of {facts.filled:,} values aren't one and would be set aside")
    return choice


def _number(choice: Choice, facts: FieldFacts) -> Choice:
    """A number that the source itself declares."""
    choice.null = tuple(facts.nullish)
    choice.notes = [*_no_values(facts), *_moments(facts)]
    if choice.type == "double precision" and facts.places > 6:
        choice.notes.append("binary floats with all their digits")
    return choice


def _no_values(facts: FieldFacts) -> list[str]:
    said = ", ".join(f"{text} ({count:,})" for text, count in facts.nullish.items())
    return [f"read as no value: {said}"] if said else []


def _moments(facts: FieldFacts) -> list[str]:
    """That whole numbers may be moments."""
    if facts.low is None or facts.high is None or facts.places:
        return []
    return [
        f"may be a moment: {unit} since 1970"
        for unit, (low, high) in _EPOCH.items()
        if low <= facts.low and facts.high < high
    ]


def _reading(name: str, facts: FieldFacts) -> Reading | None:
    """The first reading that takes all values, or nearly all of many."""
    enough = 1.0 if facts.filled < _ENOUGH else NEARLY_ALL
    for wanted in (1.0, enough):
        for reading in facts.fits:
            if facts.filled and facts.share(reading) >= wanted and _is_meant(name, facts, reading):
                return reading
    return None


def _is_meant(name: str, facts: FieldFacts, reading: Reading) -> bool:
    """Whether the reading says what the values mean, and not only what they look like."""
    number = reading.kind in ("bigint", "decimal(38,12)", "double precision")
    if number and (facts.leading_zeros or facts.digits > _LONGEST_NUMBER or _is_label(name)):
        return False
    if number and _DAY.search(name) and facts.share(_DAY_NUMBER) == 1.0:
        return False
    if reading == readings.BOOLEAN:
        # 0 and 1 are numbers until somebody says more; one letter alone is a code.
        return len({value.lower() for value in facts.few}) == 2 and not any(value.isdigit() for value in facts.few)
    if reading == readings.WHOLE:
        # 17850.0 throughout is a whole number that a tool wrote as a float; 2.0 beside 2.5 never comes here.
        return facts.places <= 1
    if reading == _DAY_NUMBER:
        return _DAY.search(name) is not None
    return True


def _typed(name: str, facts: FieldFacts, reading: Reading, source: SourceColumn | None) -> Choice:
    choice = Choice(
        reading.kind,
        reading.cast,
        format=reading.format,
        strip=reading.strip,
        misfits=facts.filled - facts.fits[reading],
    )
    choice.null = (*(("",) if facts.empties else ()), *facts.nullish)
    if facts.padded:
        choice.cast = ("trim", *choice.cast)
    choice.notes += _no_values(facts)
    if reading.kind == "bigint":
        choice.type = _whole(name, facts)
        choice.notes += _moments(facts)
        if "whole_number" in reading.cast:
            choice.decide.append("whole numbers written with .0: a number, or the text of an id?")
    elif reading.kind == "decimal(38,12)":
        choice.type = _decimal(name, facts)
    elif reading == readings.DOUBLE:
        exponents = facts.places <= 6
        choice.notes.append("some are written with an exponent" if exponents else "binary floats with all their digits")
    elif reading.kind == "time" and source is None:
        choice.notes.append("a time of day; of a span of time make a number (seconds), or varchar")
    other = _other_separators(facts, reading)
    if other is not None:
        choice.decide.append(other)
    if "percent" in reading.cast:
        choice.notes.append("5% is stored as 0.05; cast: percent_points keeps it 5")
    if reading.strip:
        choice.decide.append(f"{reading.strip[0]} is taken off: has every row that unit?")
    if reading.format is not None and _is_ambiguous(facts, reading):
        choice.decide.append("day first or month first? the values don't tell")
    return choice


def _other_separators(facts: FieldFacts, reading: Reading) -> str | None:
    """The question that values don't answer where dots and commas could mean both: 1,234 and 1.234."""
    others = tuple(cast for cast in reading.cast if cast != "drop_thousands")
    comma = Reading("decimal(38,12)", (*others, "decimal_comma"), None, reading.strip)
    if not facts.places and "drop_thousands" not in reading.cast:
        return None
    if reading.kind == "double precision" or "decimal_comma" in reading.cast or facts.fits.get(comma, 0) < facts.filled:
        return None
    if "drop_thousands" in reading.cast:
        return "does the comma separate thousands, or decimals? (cast: decimal_comma)"
    return "does the dot separate decimals, or thousands? (cast: decimal_comma)"


def _whole(name: str, facts: FieldFacts) -> str:
    reach = max(abs(facts.low or 0), abs(facts.high or 0))
    # A tenfold of what was seen must fit; numbers of things grow without end.
    grows = re.search(r"(^|_)(id|no|nr|number|key)$", name) is not None or facts.distinct == facts.rows > 100
    if reach * 10 <= 32_767 and not grows:
        return "smallint"
    return "integer" if reach * 10 <= 2_147_483_647 else "bigint"


def _decimal(name: str, facts: FieldFacts) -> str:
    if facts.places > 6:
        return "double precision"
    # Money keeps its cents; of other measures nobody has promised how many places come.
    scale = 2 if facts.places <= 2 and _MONEY.search(name) else facts.places + 2
    needed = max(12, facts.digits + 3 + scale)
    return f"decimal({next(p for p in _PRECISIONS if p >= min(needed, 38))},{scale})"


def _text(facts: FieldFacts, source: SourceColumn | None) -> Choice:
    choice = Choice(f"varchar({_length(facts, source)})")
    if facts.nullish:
        said = ", ".join(f"'{text}' ({facts.nullish[text]:,})" for text in facts.nullish)
        choice.decide.append(f"is {said} no value? then null: [...]")
    if facts.padded:
        choice.notes.append(f"{facts.padded:,} values with blanks around them; cast: trim would take them off")
    if facts.leading_zeros:
        choice.notes.append("text, since a number would lose the zeros in front")
    return choice


def _length(facts: FieldFacts, source: SourceColumn | None) -> int:
    if facts.longest == facts.shortest == 36:
        return 36
    room = next((n for n in _LENGTHS if n >= facts.longest * 1.5), _LENGTHS[-1])
    declared = re.fullmatch(r"(?:character varying|character)\((\d+)\)", source.type) if source is not None else None
    if declared is not None:
        # The source counts characters, the warehouse bytes.
        limit = int(declared[1]) * (1 if facts.ascii_only else 4)
        return max(facts.longest, min(limit, _LENGTHS[-1]))
    return room


def _declared(source: SourceColumn | None) -> Choice | None:
    if source is None:
        return None
    kind = "double precision" if source.type == "real" else SPELLED.get(source.type)
    if kind is not None and kind not in ("decimal", "varchar"):
        return Choice(kind, zone="UTC" if kind == "timestamp" else None)
    number = re.fullmatch(r"numeric\((\d+),(\d+)\)", source.type)
    if number is None or int(number[1]) > _MOST_DIGITS or int(number[2]) > int(number[1]):
        return None
    return Choice(f"decimal({number[1]},{number[2]})")


def _is_text(source: SourceColumn | None) -> bool:
    """Whether the source itself keeps a field as text: digits in it are a label then, unless values say otherwise."""
    return source is not None and source.type.startswith(("character", "uuid"))


def _is_label(name: str) -> bool:
    return (
        re.search(r"(^|_)(phone|tel|telephone|mobile|fax|zip|zipcode|postcode|postal_code|ean|isbn|iban)$", name)
        is not None
    )


def _is_ambiguous(facts: FieldFacts, reading: Reading) -> bool:
    """Whether day and month could change places and all values would still be dates."""
    form = reading.format or ""
    if not re.match(r"%[dm].%[dm]", form):
        return False
    other = form.translate(str.maketrans("dm", "md"))
    swapped = Reading(reading.kind, reading.cast, other[:5] + form[5:])
    return facts.fits.get(swapped, 0) == facts.filled
