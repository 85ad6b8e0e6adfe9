"""What can be said without statistics: columns that came, went or were renamed, another encoding, an empty batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from expectations.drift.model import Alert
from expectations.profile.model import ColumnProfile, Profile

# A change of the header is never chance: it is scored like an error far beyond the threshold of a page.
CERTAIN = 4.0
# Files that must have ended with a line end for one without to be cut off.
FINISHED = 3
DELIMITERS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a vertical bar"}


def schema_alerts(profiles: Sequence[Profile]) -> list[Alert]:
    """Alerts on the header, the encoding and an empty batch; the batch is the last of the profiles."""
    *history, batch = profiles
    if not history:
        return []
    before = history[-1]
    recent = [name for p in history[-3:] for name in p.columns]
    gone = [name for name in before.columns if name not in batch.columns]
    come = [name for name in batch.columns if name not in recent]
    alerts = []
    renamed = renamed_columns(before, batch, gone, come)
    for name in gone:
        new = renamed.get(name)
        text = f"is called {_shown(new)} now" if new else "is gone"
        observed = f"column {_shown(new)}" if new else "no such column"
        alerts.append(_alert(name, f"Column {_shown(name)} {text}.", f"column {_shown(name)}", observed))
    for name in come:
        if name not in renamed.values():
            text = f"Column {_shown(name)} is new; no earlier batch had it."
            alerts.append(_alert(name, text, "no such column", f"column {_shown(name)}"))
    for old, new in renamed.items():
        text = f"Column {_shown(new)} is new and holds what {_shown(old)} held."
        alerts.append(_alert(new, text, f"column {_shown(old)}", f"column {_shown(new)}"))
    same = [name for name in before.columns if name in batch.columns]
    if [name for name in batch.columns if name in before.columns] != same and all(
        [n for n in p.columns if n in batch.columns] == same for p in history[-5:]
    ):
        seen = ", ".join(batch.columns)
        alerts.append(_alert(None, "The columns stand in another order.", ", ".join(before.columns), seen, score=1.0))
    if all(p.encoding == before.encoding for p in history) and batch.encoding != before.encoding:
        alerts.append(
            _alert(None, f"The file is no longer {before.encoding}.", before.encoding, batch.encoding, "format", 1.2)
        )
    separated = {p.delimiter for p in history if p.delimiter}
    if batch.delimiter and len(separated) == 1 and batch.delimiter not in separated:
        old, new = (DELIMITERS.get(d, d) for d in (separated.pop(), batch.delimiter))
        text = f"The columns are separated by {new}; in every batch before it was {old}."
        alerts.append(_alert(None, text, old, new, "format", 1.2))
    finished = [p.unfinished for p in history if p.unfinished is not None]
    if batch.unfinished and len(finished) >= FINISHED and not any(finished):
        text = "The file ends without a line end, as no batch before did: it was cut off inside its last row."
        alerts.append(_alert(None, text, "a line end", "none", "volume", 1.2))
    if batch.rows == 0 and all(p.rows for p in history):
        alerts.append(_alert(None, "The batch has no rows; none was ever empty.", "rows", "0 rows", "volume"))
    return alerts


def _shown(name: str) -> str:
    """A column's name; in quotes where it begins or ends with a space that nobody would see."""
    return name if name == name.strip() else f"'{name}'"


def _alert(
    column: str | None, message: str, expected: str, observed: str, kind: str = "schema", score: float = CERTAIN
) -> Alert:
    return Alert(column, kind, "page" if score >= CERTAIN else "digest", score, message, expected, observed)


def under_new_names(history: Sequence[Profile], batch: Profile) -> list[Profile]:
    """The history with the columns that the batch renamed under their new names, so that they go on."""
    before = history[-1]
    gone = [name for name in before.columns if name not in batch.columns]
    names = renamed_columns(before, batch, gone, [name for name in batch.columns if name not in before.columns])
    return [replace(p, columns={names.get(name, name): c for name, c in p.columns.items()}) for p in history]


def renamed_columns(before: Profile, batch: Profile, gone: list[str], come: list[str]) -> dict[str, str]:
    """Which new column took the place of which lost one: the same position, or the same values."""
    result: dict[str, str] = {}
    old_order, new_order = list(before.columns), list(batch.columns)
    for name in gone:
        place = old_order.index(name)
        free = [new for new in come if new not in result.values()]
        same_place = [new for new in free if new_order.index(new) == place and len(new_order) == len(old_order)]
        alike = [new for new in free if _alike(before.columns[name], batch.columns[new])]
        found = same_place or alike
        if found:
            result[name] = found[0]
    return result


def _alike(old: ColumnProfile, new: ColumnProfile) -> bool:
    shared = set(old.sketch.hashes) & set(new.sketch.hashes)
    return old.kind == new.kind and len(shared) > 0.5 * max(1, min(len(old.sketch.hashes), len(new.sketch.hashes)))
