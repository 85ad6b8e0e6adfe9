"""Drift: whether a batch's profile is explained by the table's own history."""

from expectations.drift.detect import detect
from expectations.drift.model import Accepted, Alert, Band, Lowered, Verdict

__all__ = ["Accepted", "Alert", "Band", "Lowered", "Verdict", "detect"]
