"""Where a long name may go on in the next line, on pages and in mails."""

from __future__ import annotations

import re

from markupsafe import Markup, escape


def breaks(text: str) -> Markup:
    """A text whose long names and addresses may go on in the next line after `_`, `.` and `/`, rather than within a word."""
    # Nor within a decimal number, or between the two with which an address begins.
    return Markup(re.sub(r"(_|\.(?!\d)|/(?!/))", r"\1<wbr>", str(escape(text))))  # noqa: S704
