"""Where the program begins: all four packages must come from one distribution.

Their names are common words. A user's own `flows/` found first would otherwise end in an ImportError that explains
nothing, or worse, in running the wrong code.
"""

from __future__ import annotations

import gc
import importlib.util
import sys
from pathlib import Path

PACKAGES = ("flows", "tasks", "expectations", "deployments")
EXIT_USAGE = 2
AT_THE_START, YOUNG_OBJECTS = 500_000, 50_000
"""New objects that may lead to cycles, before the first look and between later ones: some megabytes. Python's own is 700."""


def strangers() -> dict[str, str]:
    """Packages that another folder provides (or nobody), and from where."""
    home = Path(__file__).resolve().parent.parent
    found = {}
    for name in PACKAGES:
        spec = importlib.util.find_spec(name)
        places = list(spec.submodule_search_locations or []) if spec is not None else []
        if spec is None or spec.origin is None or Path(spec.origin).resolve().parent.parent != home:
            found[name] = places[0] if places else (spec.origin if spec and spec.origin else "nowhere")
    return found


def collect_seldom() -> None:
    """Let Python look for cycles of garbage less often.

    A command imports two thousand modules, of which nearly everything stays: walking through all of it again and again was a
    fifth of the CPU of a small run, and once in every 50,000 objects still a thirtieth.
    """
    older = gc.get_threshold()[1:]

    def often(phase: str, _: dict[str, int]) -> None:
        if phase == "stop":
            gc.callbacks.remove(often)
            gc.set_threshold(YOUNG_OBJECTS, *older)

    gc.callbacks.append(often)
    gc.set_threshold(AT_THE_START, *older)


def main() -> None:
    """The `headgate` command."""
    collect_seldom()
    found = strangers()
    if found:
        listing = "\n".join(f"  {name}: found in {place}" for name, place in found.items())
        print(
            "headgate: another package hides one of headgate's own "
            f"({', '.join(found)}), so nothing was run.\n{listing}\n"
            f"  expected beside: {Path(__file__).resolve().parent}\n"
            "  who must act: engineer (environment)\n"
            "  next: start headgate from another folder, or take that folder out of PYTHONPATH",
            file=sys.stderr,
        )
        raise SystemExit(EXIT_USAGE)
    from importlib import import_module

    import_module("flows.cli").program()
