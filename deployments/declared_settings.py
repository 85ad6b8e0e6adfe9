"""Every setting there is: name, kind, default, whether it is secret, what it means. What is read, refused, listed by
`headgate settings`, kept as blocks and written in the docs comes from here.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

PREFIX = "HEADGATE_"


def connection_setting(name: str) -> str:
    """The setting that holds the address, and the login, of a connection."""
    return f"{PREFIX}CONNECTION_{name.upper()}"


MIN_PII_KEY = 32
"""Hashes of what can be listed (e-mail addresses, phone numbers) are guessed by trying keys: a short one doesn't hold."""
MIN_ANSWER_KEY = 32
MIN_HISTORY_DAYS = 30
"""The watch looks at failed runs of two weeks, the weekly review at two weeks."""
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


@dataclass(frozen=True)
class Block:
    """Where a setting is kept on a Prefect server: the type of block after `headgate-`, and the field in it."""

    kind: str
    field: str


@dataclass(frozen=True)
class Setting:
    """One setting, `HEADGATE_` and its name. `read` turns its text into the value, or raises ValueError: what it must be.

    A `family` is a setting per name of the user's own: HEADGATE_CONNECTION_<NAME>.
    """

    name: str
    kind: str
    meaning: str
    read: Callable[[str], object] = str
    default: str | None = None
    absent: str = ""
    secret: bool = False
    family: bool = False
    block: Block | None = None
    of_process: bool = False
    """Read where it is used, also where there is no project: it is no field of `Settings`."""

    @property
    def variable(self) -> str:
        return PREFIX + self.name + ("_<NAME>" if self.family else "")

    @property
    def said_default(self) -> str:
        """What holds when it isn't set, for people."""
        return self.default or self.absent


def _address(*schemes: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text.partition("://")[0] not in schemes:
            raise ValueError(f"must start with {' or '.join(f'{known}://' for known in schemes)}")
        return text

    return read


def _number(unit: str, least: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdecimal()) or not least <= int(text) < 2**31:
            raise ValueError(f"must be a whole number of {unit}" + (f", {least} or more" if least else ""))
        return int(text)

    return read


def _history(text: str) -> int:
    days = _number("days", 0)(text)
    if 0 < days < MIN_HISTORY_DAYS:
        raise ValueError(f"must be {MIN_HISTORY_DAYS} days or more, or 0: for good")
    return days


def _switch(text: str) -> bool:
    if text.lower() not in _TRUE + _FALSE:
        raise ValueError(f"must be one of {', '.join(_TRUE + _FALSE)}")
    return text.lower() in _TRUE


def _answer_address(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1")):
        raise ValueError("must start with https:// (http:// only of this machine)")
    if not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ValueError("must be a host and perhaps a path, with nothing else")
    return text.rstrip("/")


def _answer_key(text: str) -> str:
    if len(text) < MIN_ANSWER_KEY:
        raise ValueError(f"must have {MIN_ANSWER_KEY} characters or more: openssl rand -hex 32 makes one")
    return text


def _dask(text: str) -> str:
    if text != "local":
        try:
            _address("tcp", "tls")(text)
        except ValueError:
            raise ValueError("must be 'local' or the address of a scheduler: tcp:// or tls://") from None
    return text


SETTINGS: tuple[Setting, ...] = (
    Setting("PROJECT", "folder", "the project's folder; `shop`: the shipped example",
            absent="the current folder"),
    Setting("STATE", "folder", "local state: spool, waiting notices, the local stack; closed to other users",
            absent="`.headgate/`"),
    Setting("WAREHOUSE_URL", "address", "`redshift://user:password@cluster:5439/db` or `postgresql://...`",
            _address("postgresql", "redshift"), absent="the local stack", secret=True, block=Block("warehouse", "url")),
    Setting("STAGE_URL", "address", "where batches are staged: `s3://bucket/prefix` or `file:///folder`",
            _address("s3", "file"), absent="the local stack, else a folder of the state",
            block=Block("stage", "url")),
    Setting("COPY_IAM_ROLE", "ARN", "the role Redshift assumes to read the stage",
            block=Block("warehouse", "copy_iam_role")),
    Setting("CONNECTION", "address", "the address of a source's connection; sources name it in lower case",
            secret=True, family=True, block=Block("connection", "url")),
    Setting("NOTIFY", "address", "where notices go; routes of `oncall.yaml` name it in lower case ([kinds](on-call.md))",
            secret=True, family=True, block=Block("notify", "url")),
    Setting("REPORT_URL", "address", "where the pages are written, `s3://` or `file://`",
            _address("s3", "file"), absent="a folder of the state"),
    Setting("ANSWER_URL", "address", "where people reach the page of `headgate watch --answers`: notices then have links to "
            "acknowledge and silence ([how](on-call-rota.md#answer-by-a-link))", _answer_address, absent="no links"),
    Setting("ANSWER_KEY", "text", f"signs those links: {MIN_ANSWER_KEY} random characters or more, the same wherever a watch "
            "runs", _answer_key, absent="no links", secret=True),
    Setting("PII_KEY", "text", f"the key of hashed columns: {MIN_PII_KEY} random characters or more; another key gives "
            "other hashes", absent="made for the local stack", secret=True),
    Setting("PII_KEY_BEFORE", "text", "the key before a new one, while tables hashed with it are loaded anew "
            "([how](erase.md#a-new-key))", absent="one key only", secret=True),
    Setting("SHORT_PII_KEY", "switch", f"go on with a key of less than {MIN_PII_KEY} characters until its hashes are "
            "made anew", _switch, default="no"),
    Setting("STATEMENT_TIMEOUT_SECONDS", "seconds", "the warehouse cancels a longer statement; 0: never",
            _number("seconds", 0), default="3600"),
    Setting("CONNECT_TIMEOUT_SECONDS", "seconds", "how long the warehouse, the database of a source or the object store may "
            "take to let us in", _number("seconds", 1), default="15", of_process=True),
    Setting("NETWORK_TIMEOUT_SECONDS", "seconds", "how long a network between us and a database may swallow what is sent "
            "before the connection counts as lost", _number("seconds", 10), default="180", of_process=True),
    Setting("STAGE_TIMEOUT_SECONDS", "seconds", "how long the object store, or a queue, may be silent", _number("seconds", 1),
            default="60", of_process=True),
    Setting("NOTIFY_TIMEOUT_SECONDS", "seconds", "how long a channel may take for a notice; it waits in the outbox then",
            _number("seconds", 1), default="10", of_process=True),
    Setting("LOCK_TIMEOUT_SECONDS", "seconds", "how long a statement waits for a lock (PostgreSQL); 0: as long as it takes",
            _number("seconds", 0), default="20", of_process=True),
    Setting("SOURCE_TIMEOUT_SECONDS", "seconds", "how long a source on the web may be silent", _number("seconds", 1),
            default="60", of_process=True),
    Setting("SOURCE_READ_SECONDS", "seconds", "how long one answer of a source on the web may take as a whole",
            _number("seconds", 1), default="3600", of_process=True),
    Setting("EXIT_TIMEOUT_SECONDS", "seconds", "how long a command that has done its work may take to tell a Prefect server "
            "of it", _number("seconds", 1), default="20", of_process=True),
    Setting("WORKERS_TIMEOUT_SECONDS", "seconds", "how long a Dask cluster may be without a worker while parts wait for one",
            _number("seconds", 1), default="60", of_process=True),
    Setting("STACK_TIMEOUT_SECONDS", "seconds", "how long a server of the local stack may take to start",
            _number("seconds", 1), default="180", of_process=True),
    Setting("KEEP_DAYS", "days", "how long `headgate clean` leaves what a failed run staged", _number("days", 1),
            default="7"),
    Setting("QUARANTINE_DAYS", "days", "how long rows set aside are kept once they are replayed, replaced or given up",
            _number("days", 1), default="90"),
    Setting("HISTORY_DAYS", "days", "how long the details of runs are kept in `ops` "
            "([which](scale.md#how-large-the-books-grow)): 30 or more; 0: for good", _history, default="0"),
    Setting("SPOOL_LIMIT_MB", "megabytes", "a batch that is larger, unpacked, is refused before it fills the disk",
            _number("megabytes", 1), default="65536"),
    Setting("DASK", "text", "where the parts of a batch are checked and staged: `local` or a scheduler's `tcp://` address "
            "([when](scale.md#dask))", _dask, absent="threads"),
    Setting("USER", "text", "who decides, in decisions that are recorded", absent="the user of the process",
            of_process=True),
    Setting("CACHE", "folder", "profiles that `headgate drift score` keeps", absent="the user's cache folder",
            of_process=True),
    Setting("DEBUG", "switch", "show the trace of every error, as `--debug` does", _switch, default="no",
            of_process=True),
)  # fmt: skip

_PLAIN = {item.name: item for item in SETTINGS if not item.family}
_FAMILIES = {item.name: item for item in SETTINGS if item.family}
# The project's own tests and trials.
_OF_TESTS = re.compile(r"(TEST|BENCH)_\w+|CI|KILL_AT|RULES_PER_BATCH")
# Kubernetes puts these into every pod beside a service called headgate, or headgate-anything.
_OF_KUBERNETES = re.compile(r"(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_\w+)?)?)")


def waiting_time(name: str) -> int:
    """The seconds that a setting of the process says, or its default; a value that is none was refused before."""
    setting = _PLAIN[name]
    assert setting.default is not None
    try:
        return int(str(setting.read(os.environ.get(setting.variable) or setting.default)))
    except ValueError:
        return int(setting.default)


def setting_of(variable: str) -> tuple[Setting, str] | None:
    """The setting a variable is, and the name in it when it is one of a family; None when it is none of ours."""
    if not variable.startswith(PREFIX):
        return None
    rest = variable.removeprefix(PREFIX)
    if rest in _PLAIN:
        return _PLAIN[rest], ""
    for start, setting in _FAMILIES.items():
        name = rest.removeprefix(f"{start}_")
        if name not in ("", rest):
            return setting, name.lower()
    return None


def mistyped(variables: Iterable[str]) -> tuple[str, str] | None:
    """The first variable that is meant for us and is no setting, with what was probably meant ('' when nothing is near)."""
    for variable in sorted(variables):
        name = _normal(variable)
        head, _, rest = name.partition("_")
        ours = name.startswith("HEADGATE")
        if setting_of(variable) is not None or not (ours or _near(head, ["HEADGATE"], 0.75)):
            continue
        rest = name.removeprefix("HEADGATE").lstrip("_") if ours else rest
        meant = _meant(rest)
        # Of a program that is only called alike, nothing is known: only what is nearly a setting is told.
        if ours and variable.startswith(PREFIX):
            if not (_OF_TESTS.fullmatch(rest) or _OF_KUBERNETES.fullmatch(rest)):
                return variable, meant
        elif meant:
            return variable, meant
    return None


def _normal(variable: str) -> str:
    return re.sub(r"[-.]", "_", variable).upper()


def _meant(rest: str) -> str:
    """The setting that is spelt nearly like this, if there is one."""
    for start in _FAMILIES:
        # CONNECTIONS_SHOP, CONECTION_SHOP: the name after it is the user's own.
        head, _, name = rest.partition("_")
        if name and (head[:4] == start[:4] or _near(head, [start], 0.8)):
            return f"{PREFIX}{start}_{name}"
    found = _near(rest, [*_PLAIN, *_FAMILIES], 0.7)
    return "" if not found else (_FAMILIES | _PLAIN)[found].variable


def _near(word: str, known: list[str], cutoff: float) -> str:
    found = difflib.get_close_matches(word, known, n=1, cutoff=cutoff)
    return found[0] if found else ""
