"""Drift alerts of a run, each with a picture of the expected range and what was seen where both are known."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from markupsafe import Markup

from expectations.record import DriftAlert, RunRecord
from expectations.report import words
from expectations.report.charts import Reach, reach
from expectations.report.lines import is_load
from expectations.report.texts import Texts

_RANGE = re.compile(r"(?P<expected>.+?) \((?P<low>.+) to (?P<high>.+)\)")


@dataclass(frozen=True, slots=True)
class AlertView:
    """One alert in words and, where its bounds are known, as a picture; `folded`: those that its cause explains as well."""

    alert: DriftAlert
    tone: str
    level: str
    title: str
    picture: Markup | None
    since: str
    folded: tuple[AlertView, ...] = ()


@dataclass(frozen=True, slots=True)
class BandRow:
    """One watched figure: how near it came to being told, as a share of the threshold."""

    figure: str
    percent: int
    told: bool


def batch_said(label: str, loads: Mapping[str, datetime]) -> str:
    """A batch by the name that people know, a load without one by when it ended; '' where that isn't known any more."""
    if label in loads:
        return words.moment(loads[label])
    return "" if is_load(label) else label


def alert_views(record: RunRecord, loads: Mapping[str, datetime], texts: Texts) -> tuple[AlertView, ...]:
    """Each alert of the run that stands by itself. `loads`: when those ended that have no name."""
    drift = record.drift
    if drift is None:
        return ()
    bands: list[dict[str, Any]] = list(drift.bands.get("figures", ()))

    def view(alert: DriftAlert) -> AlertView:
        return AlertView(
            alert=alert, tone="bad" if alert.level == "page" else "warn", level=texts(f"drift.level_{alert.level}"),
            title=texts(f"drift.kind_{alert.kind}") if texts.known(f"drift.kind_{alert.kind}") else alert.kind,
            picture=_picture(alert, bands, texts), since=batch_said(alert.since or "", loads),
            folded=tuple(map(view, drift.folded_under(alert))),
        )  # fmt: skip

    return tuple(map(view, drift.leading))


def band_rows(record: RunRecord) -> tuple[BandRow, ...]:
    """Everything that was watched, the least usual first."""
    bands = record.drift.bands.get("figures", ()) if record.drift else ()
    rows = [
        BandRow(str(band["figure"]), round(100 * float(band["score"])), float(band["score"]) >= 1)
        for band in bands
        if math.isfinite(float(band["score"]))
    ]
    return tuple(sorted(rows, key=lambda row: -row.percent))


def _picture(alert: DriftAlert, bands: list[dict[str, Any]], texts: Texts) -> Markup | None:
    told = _RANGE.fullmatch(str(alert.expected or ""))
    if told is None:
        return None
    for band in bands:
        of_this = band.get("column") == alert.column and band.get("kind") == alert.kind
        if not of_this or str(band.get("figure", "")).lower() not in alert.message.lower():
            continue
        low, expected, high, seen = (float(band[name]) for name in ("low", "expected", "high", "observed"))
        if all(map(math.isfinite, (low, expected, high, seen))):
            # How many rows these are stands in the sentence.
            seen_said = str(alert.observed).partition(" (")[0]
            shown = Reach(low, expected, high, seen, told["low"], told["high"], seen_said)
            return reach(shown, alert.message, texts("drift.usual"), texts("drift.seen"))
    return None
