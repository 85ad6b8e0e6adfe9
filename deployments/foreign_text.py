"""Text that others wrote (names of a source, messages of a driver) made harmless where it is shown.

Control characters steer terminals, bidirectional ones show a text in another order than it has, lone surrogates can't be
written at all: each becomes the escape that Python would write.
"""

from __future__ import annotations

import re

_STEERING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
# How JSON writes control characters; \t alone is let through.
_ESCAPED = re.compile(r"\\[bfnru]")
_WORD_ABOUT_THE_REST = 40
_OURS = re.compile(r"\n(?=\s*(?:next|who must act|error|warning|done)\b\s*[:\[])", re.IGNORECASE)


def printable(text: str, limit: int = 16_000) -> str:
    """A text of several lines, of at most so many characters. No line of it passes for one that only we write."""
    clean = _OURS.sub(r"\\x0a", _STEERING.sub(_escape, text))
    if len(clean) <= limit:
        return clean
    # No longer than the limit with the word about the rest, so that cleaning it again changes nothing.
    kept = limit - _WORD_ABOUT_THE_REST
    return f"{clean[:kept]}... ({len(clean) - kept:,} more characters)"


def is_harmless(json: str, limit: int = 16_000) -> bool:
    """Whether for certain `printable` changes no text of a JSON document; False where each has to be looked at."""
    return len(json) <= limit and not _ESCAPED.search(json) and not _STEERING.search(json)


def one_line(text: str, limit: int = 200) -> str:
    """A name or a message of somebody else's, on one line."""
    return printable(text.replace("\n", "\\x0a").replace("\t", "\\x09"), limit)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
