"""The profile of a batch: what is measured and kept of it, so that later batches can be compared with it."""

from expectations.profile.files import profile_file
from expectations.profile.measure import measure
from expectations.profile.model import ColumnKind, ColumnProfile, Profile

__all__ = ["ColumnKind", "ColumnProfile", "Profile", "measure", "profile_file"]
