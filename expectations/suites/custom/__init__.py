"""Our own expectations, for what the library has no check for, and its search for patterns in linear time.

They import Great Expectations: only running code may.

Each is a subclass in the library's own way, so that it stands in the same suite, result and report as the others.
"""

from __future__ import annotations


def register() -> None:
    """Make our expectations known to the library; defining a class registers it."""
    from expectations.suites.custom import counts, freshness, patterns, references, sums, windows  # noqa: F401
