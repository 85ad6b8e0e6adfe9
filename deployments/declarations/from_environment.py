"""`${NAME}` in a declaration: what differs between environments, such as a bucket or a schema, from the environment. Never a
secret: those stay in settings, which no declaration shows.

Only whole values are filled in, after YAML was read: what a variable holds is a text and can't become a key or a list.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from deployments.declarations.problems import KeyPath

_MARK = re.compile(r"\$\$\{|\$\{([^{}]*)\}?")
_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,127}")
_SECRET = re.compile(
    r"(?i)(^|[_.-])((password|passwd|passphrase|pwd|secret|token|credential|(api|access|private)[_-]?key)s?($|[_.-])"
    r"|(key|pass|auth|authorization|cookie|dsn|signature|jwt|bearer)$)"
)
_IN_ADDRESS = re.compile(r"[?&;]([^=&?;]*)=[^&;]*$")
_LOGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/\s]*@")
_OURS = "HEADGATE_"
_ALLOWED = "capital letters, digits and _; $${ stands for ${ itself"
_TO_SETTINGS = "a connection: HEADGATE_CONNECTION_<NAME>, which no declaration shows"


@dataclass
class Filled:
    """Values with what the environment says put in; the names that were asked for; what is wrong: place, message, what is
    allowed. A place that is wrong keeps its text."""

    values: object
    variables: set[str] = field(default_factory=set)
    faults: list[tuple[KeyPath, str, str]] = field(default_factory=list)


def filled(data: object, environment: Mapping[str, str]) -> Filled:
    """Fill in every text of a document."""
    found = Filled(data)
    found.values = _values(found, data, (), environment)
    return found


def _values(found: Filled, node: object, place: KeyPath, environment: Mapping[str, str]) -> object:
    if isinstance(node, dict):
        return {key: _values(found, value, (*place, str(key)), environment) for key, value in node.items()}
    if isinstance(node, list):
        return [_values(found, value, (*place, n), environment) for n, value in enumerate(node)]
    if isinstance(node, str) and "${" in node:
        return _text(found, node, place, environment)
    return node


def _text(found: Filled, text: str, place: KeyPath, environment: Mapping[str, str]) -> str:
    wrong = False

    def value(mark: re.Match[str]) -> str:
        nonlocal wrong
        if mark[0] == "$${":
            return "${"
        fault = _fault(mark, text, place, environment)
        if fault is not None:
            wrong = True
            found.faults.append((place, *fault))
            return mark[0]
        found.variables.add(mark[1])
        return environment[mark[1]]

    put_in = _MARK.sub(value, text)
    return text if wrong else put_in


def _fault(mark: re.Match[str], text: str, place: KeyPath, environment: Mapping[str, str]) -> tuple[str, str] | None:
    name = mark[1]
    if not mark[0].endswith("}") or not _NAME.fullmatch(name):
        return f"'{mark[0]}' isn't a name of the environment", _ALLOWED
    if name.startswith(_OURS):
        return f"{name} is a setting, which no declaration reads", "a name of your own, such as ORDERS_BUCKET"
    if _SECRET.search(name):
        return f"{name} holds a secret by its name, which must not come into a declaration", _TO_SETTINGS
    secret = _secret_place(text, mark.start(), place)
    if secret is not None:
        return f"'{secret}' holds a secret by its name, which must not come into a declaration", _TO_SETTINGS
    if name not in environment:
        return f"{name} isn't set", f"export {name}=... (or a line of .env), on every worker as well"
    if _LOGIN.match(environment[name]):
        return f"{name} holds an address with a login, which must not come into a declaration", _TO_SETTINGS
    return None


def _secret_place(text: str, start: int, place: KeyPath) -> str | None:
    """What says that a secret stands at a place of a source: its key, a parameter of an address, or a login in front of '@'."""
    if not place or place[0] != "source":
        return None
    key = next((part for part in reversed(place) if isinstance(part, str)), "")
    parameter = _IN_ADDRESS.search(text[:start])
    for name in (key, parameter[1] if parameter else ""):
        if _SECRET.search(name):
            return name
    return "user:password@" if _LOGIN.match(text) else None
