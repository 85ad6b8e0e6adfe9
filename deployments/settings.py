"""Settings: where the warehouse, the stage and the sources are. The environment wins over .env.

Which settings there are stands in `declared_settings.py`. Values may be secrets: they are never printed; errors name the
setting, not its value.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deployments import dotenv_file
from deployments.addresses import fault_of
from deployments.declarations.problems import nearest
from deployments.declared_settings import MIN_PII_KEY, PREFIX, mistyped, setting_of
from deployments.errors import DeclarationError
from deployments.project import SHOP, is_project

DASK_LOCAL = "local"
SHOP_NAME = "shop"
"""What the shipped example is asked for by; a folder of that name is `./shop`."""


@dataclass(frozen=True)
class Settings:
    """What the environment says. `warehouse_url` and `stage_url` None: the embedded stack is used.

    `project` need not be one: a command that works on it is refused by `load_project`.
    """

    project: Path
    state: Path
    warehouse_url: str | None = field(default=None, repr=False)
    stage_url: str | None = field(default=None, repr=False)
    copy_iam_role: str | None = None
    report_url: str | None = field(default=None, repr=False)
    answer_url: str | None = None
    answer_key: str | None = field(default=None, repr=False)
    pii_key: str | None = field(default=None, repr=False)
    pii_key_before: str | None = field(default=None, repr=False)
    short_pii_key: bool = False
    connections: Mapping[str, str] = field(default_factory=dict, repr=False)
    notify: Mapping[str, str] = field(default_factory=dict, repr=False)
    statement_timeout_seconds: int = 3600
    keep_days: int = 7
    quarantine_days: int = 90
    history_days: int = 0
    spool_limit_mb: int = 65_536
    local_stack: bool = False
    dask: str | None = None
    """Where the parts of a batch are checked and staged: None in this process, `local`, or a scheduler's address."""

    local_bucket: str | None = field(default=None, repr=False)
    """The bucket of the local stack, as an address with its keys; sources in that bucket are read from there."""

    def __post_init__(self) -> None:
        addresses = {"WAREHOUSE_URL": self.warehouse_url, "STAGE_URL": self.stage_url, "REPORT_URL": self.report_url}
        addresses |= {f"CONNECTION_{name.upper()}": address for name, address in self.connections.items()}
        for name, address in addresses.items():
            fault = None if address is None else fault_of(address)
            if fault is not None:
                raise _wrong(f"{PREFIX}{name} {fault}")
        if (self.answer_url is None) != (self.answer_key is None):
            absent = "ANSWER_KEY" if self.answer_key is None else "ANSWER_URL"
            raise _wrong(
                f"links that answer a notice need {PREFIX}ANSWER_URL and {PREFIX}ANSWER_KEY; {PREFIX}{absent} isn't set"
            )

    @property
    def is_shop(self) -> bool:
        """Whether the example project is used: its sources are then part of the local stack."""
        return self.project == SHOP

    @property
    def embedded(self) -> bool:
        """Whether the local stack stands in for a warehouse."""
        return self.warehouse_url is None

    @property
    def dialect(self) -> str:
        return "postgresql" if self.warehouse_url is None else self.warehouse_url.partition("://")[0]

    def connection(self, name: str) -> str:
        """The URL of a named connection; DeclarationError that names the setting when it is absent."""
        if name in self.connections:
            return self.connections[name]
        hint = nearest(name, self.connections)
        setting = f"{PREFIX}CONNECTION_{name.upper()}"
        raise DeclarationError(
            f"connection '{name}' isn't configured: {setting} is not set"
            + (f"; did you mean '{hint}'?" if hint else ""),
            code="NO-CONNECTION",
            next_command=f"export {setting}=...   (or write it into .env)",
            connection=name,
        )

    def hashing_key(self, table: str) -> bytes:
        """The key of a table's hashed columns; DeclarationError when there is none, or one that can be guessed."""
        if self.pii_key is None:
            raise DeclarationError(
                f"{table} has hashed columns, and {PREFIX}PII_KEY is not set", code="NO-PII-KEY",
                next_command=f"export {PREFIX}PII_KEY=...   (a long random text, the same on every worker)",
            )  # fmt: skip
        if self.pii_key_before == self.pii_key:
            raise DeclarationError(
                f"{PREFIX}PII_KEY_BEFORE is the same as {PREFIX}PII_KEY: one of the two is another key", code="SHORT-KEY",
                next_command=f"unset {PREFIX}PII_KEY_BEFORE",
            )  # fmt: skip
        if len(self.pii_key) < MIN_PII_KEY and not self.short_pii_key:
            raise DeclarationError(
                f"{PREFIX}PII_KEY has less than {MIN_PII_KEY} characters: who sees hashes of e-mail addresses finds such a "
                f"key by trying. Make one with: openssl rand -hex 32, and say the old one as {PREFIX}PII_KEY_BEFORE until "
                f"tables with hashed columns are loaded anew; meanwhile {PREFIX}SHORT_PII_KEY=yes goes on with the old key",
                code="SHORT-KEY",
                next_command=f"export {PREFIX}PII_KEY=...   (a long random text), or {PREFIX}SHORT_PII_KEY=yes",
            )
        return self.pii_key.encode()

    @property
    def hash_keys(self) -> dict[str, bytes]:
        """Keys of hashed columns by their names, the one for new tables first. A name tells keys apart and nothing of them."""
        given = [key.encode() for key in (self.pii_key, self.pii_key_before) if key is not None]
        return {hmac.new(key, b"headgate: the name of a key", "sha256").hexdigest()[:16]: key for key in given}


def read_settings(environment: Mapping[str, str] | None = None, folder: Path | None = None) -> Settings:
    """Settings of a process started in `folder` (default: the current one).

    Without `environment` it is the process's own, with what the folder's `.env` says put into it: whatever is started or
    asked later (Prefect, AWS, a worker's runs) has the same values.
    """
    here = folder or Path.cwd()
    if environment is None:
        dotenv_file.enter(here)
        values: Mapping[str, str] = os.environ
    else:
        values = {**dotenv_file.read(here / dotenv_file.NAME), **environment}
    _refuse_typos(values)
    read: dict[str, Any] = {}
    families: dict[str, dict[str, str]] = {"CONNECTION": {}, "NOTIFY": {}}
    for variable in sorted(values):
        found = setting_of(variable)
        if found is None or not values[variable]:
            continue
        setting, name = found
        try:
            value = setting.read(values[variable])
        except ValueError as error:
            raise _wrong(f"{variable} {error}") from None
        if setting.family:
            families[setting.name][name] = values[variable]
        elif not setting.of_process:
            read[setting.name.lower()] = value
    project = _project(here, read.pop("project", None))
    given_state = read.pop("state", None)
    state = Path(given_state).absolute() if given_state else _usual_state(here, project)
    return Settings(project=project, state=state, connections=families["CONNECTION"], notify=families["NOTIFY"], **read)


def environment_for_runs(environment: Mapping[str, str] | None = None, folder: Path | None = None) -> dict[str, str]:
    """What has to be in the environment of a process started elsewhere, to have the settings of one started here.

    Everything of `.env`, and project and state folder as absolute paths; what is set already stays as it is.
    """
    here = folder or Path.cwd()
    given = os.environ if environment is None else environment
    settings = read_settings(environment, folder)
    return {
        **{name: value for name, value in dotenv_file.read(here / dotenv_file.NAME).items() if name not in given},
        PREFIX + "PROJECT": str(settings.project),
        PREFIX + "STATE": str(settings.state),
    }


def _project(here: Path, given: str | None) -> Path:
    if given is None:
        return here.absolute()
    if given != SHOP_NAME:
        return (here / given).absolute()
    if is_project(here / SHOP_NAME):
        raise _wrong(f"{PREFIX}PROJECT={SHOP_NAME} means the shipped example, and there is a project in ./{SHOP_NAME}: "
                     f"write ./{SHOP_NAME} for that one")  # fmt: skip
    return SHOP


def _usual_state(here: Path, project: Path) -> Path:
    """`.headgate` of the folder; the example has its own where the folder is somebody's project."""
    usual = here.absolute() / ".headgate"
    return usual / SHOP_NAME if project == SHOP and is_project(here) else usual


def _refuse_typos(values: Mapping[str, str]) -> None:
    """A mistyped HEADGATE_WAREHOUSE_URL must not mean the local stack."""
    found = mistyped(values)
    if found is not None:
        variable, meant = found
        hint = f"; did you mean '{meant}'?" if meant else ": headgate settings lists them"
        raise _wrong(f"{variable} is not a known setting{hint}")


def _wrong(message: str) -> DeclarationError:
    return DeclarationError(message, code="SETTING", next_command="mend the environment or .env; then: headgate check")
