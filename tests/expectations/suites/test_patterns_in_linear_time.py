"""A text of a source can't hold a worker by a pattern that Python's `re` reads in every possible way."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pandas as pd
import pytest

PATTERNS = ("^(a+)+$", "^([a-z0-9_.]+)+@x$", "(a|a)*b", "^(([a-z])+.)+[A-Z]([a-z])+$")


RULES = ("match_regex", "not_match_regex", "match_regex_list", "not_match_regex_list")
PROGRAM = """
import json
import resource
import sys
import pandas as pd
from deployments.declarations.suite import Suite
from expectations.suites.library import context
from expectations.suites.run import run_suite
from expectations.suites.targets import InMemoryBatch
context()
used = int(sum(resource.getrusage(resource.RUSAGE_SELF)[:2]))
resource.setrlimit(resource.RLIMIT_CPU, (used + 40, used + 40))
suite = Suite.model_validate(json.load(sys.stdin))
print(*(rule.outcome for rule in run_suite(suite, InMemoryBatch(pd.DataFrame({"x": ["a" * 5000 + "!"]}))).rules))
"""


def test_a_long_text_is_searched_at_once() -> None:
    """In a process of its own with a limit of CPU seconds: a search that never ends can't be ended from inside."""
    rules = [
        {"code": f"R{n}-{m}", "type": f"expect_column_values_to_{rule}",
         "kwargs": {"column": "x"} | ({"regex_list": [pattern]} if rule.endswith("list") else {"regex": pattern})}
        for n, rule in enumerate(RULES) for m, pattern in enumerate(PATTERNS)
    ]  # fmt: skip
    told = json.dumps({"table": "a.b", "expectations": rules})
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", PROGRAM], input=told, capture_output=True, text=True,
                          timeout=600)  # fmt: skip
    wanted = ["pass" if rule.startswith("not") else "fail" for rule in RULES for _ in PATTERNS]
    assert (done.returncode, done.stdout.split()) == (0, wanted), done.stderr[-500:]


@pytest.mark.parametrize("pattern", [
    "^a", "b$", r"\d", r"\w+", "(?i)É", "a.c", r"^\s*$", "(?=a)a", r"(a)\1", "[^a]", "", "None", "x{2,3}",
])  # fmt: skip
def test_it_finds_what_pythons_own_search_finds(pattern: str) -> None:
    from expectations.suites.custom.patterns import found

    texts = ["", "a", "ab", "b\n", "é", "É", "a\nc", "abc", "٣", "aa", " \t", "None", "xx", "xxxx", "ä_ß", "a\udcffb"]
    values: Any = pd.Series(texts[:-1], index=range(100, 100 + len(texts) - 1))
    assert list(found(values, pattern)) == list(values.str.contains(pattern))
    assert list(found(values, pattern).index) == list(values.index)
    assert len(found(values.iloc[:0], pattern)) == 0
