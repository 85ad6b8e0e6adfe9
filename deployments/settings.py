"""Settings: where the warehouse, the stage and the sources are. The environment wins over .env.

Values may be secrets: they are never printed; errors name the setting, not its value.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from deployments.declarations.problems import nearest
from deployments.errors import DeclarationError
from deployments.project import SHOP

_PREFIX = "HEADGATE_"
_NAMES = ("PROJECT", "STATE", "WAREHOUSE_URL", "STAGE_URL", "COPY_IAM_ROLE", "REPORT_URL", "PII_KEY", "LANGUAGE",
          "STATEMENT_TIMEOUT_SECONDS", "DASK")  # fmt: skip
DASK_LOCAL = "local"


@dataclass(frozen=True)
class Settings:
    """What the environment says. `warehouse_url` and `stage_url` None: the embedded stack is used."""

    project: Path
    state: Path
    warehouse_url: str | None = field(default=None, repr=False)
    stage_url: str | None = None
    copy_iam_role: str | None = None
    report_url: str | None = None
    pii_key: str | None = field(default=None, repr=False)
    language: str = "en"
    connections: Mapping[str, str] = field(default_factory=dict, repr=False)
    notify: Mapping[str, str] = field(default_factory=dict, repr=False)
    statement_timeout_seconds: int = 3600
    keep_days: int = 7
    quarantine_days: int = 90
    local_stack: bool = False
    dask: str | None = None
    """Where the parts of a batch are checked and staged: None in this process, `local`, or a scheduler's address."""

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
        return "postgresql" if self.warehouse_url is None else urlsplit(self.warehouse_url).scheme

    def connection(self, name: str) -> str:
        """The URL of a named connection; DeclarationError that names the setting when it is absent."""
        if name in self.connections:
            return self.connections[name]
        hint = nearest(name, self.connections)
        setting = f"{_PREFIX}CONNECTION_{name.upper()}"
        raise DeclarationError(
            f"connection '{name}' isn't configured: {setting} is not set"
            + (f"; did you mean '{hint}'?" if hint else ""),
            code="NO-CONNECTION",
            next_command=f"export {setting}=...   (or write it into .env)",
            connection=name,
        )


def read_settings(environment: Mapping[str, str] | None = None, folder: Path | None = None) -> Settings:
    """Settings of a process started in `folder` (default: the current one)."""
    here = folder or Path.cwd()
    values = {**_dotenv(here / ".env"), **(os.environ if environment is None else environment)}
    _refuse_typos(values)

    def get(name: str) -> str | None:
        return values.get(_PREFIX + name) or None

    project = Path(get("PROJECT") or (here if (here / "tables").is_dir() else SHOP)).absolute()
    warehouse = get("WAREHOUSE_URL")
    if warehouse is not None and urlsplit(warehouse).scheme not in ("postgresql", "redshift"):
        raise _wrong("HEADGATE_WAREHOUSE_URL must start with postgresql:// or redshift://")
    stage = get("STAGE_URL")
    if stage is not None and urlsplit(stage).scheme not in ("s3", "file"):
        raise _wrong("HEADGATE_STAGE_URL must start with s3:// or file://")
    keep_days, quarantine_days = get("KEEP_DAYS") or "7", get("QUARANTINE_DAYS") or "90"
    for setting, value in (("KEEP_DAYS", keep_days), ("QUARANTINE_DAYS", quarantine_days)):
        if not value.isdecimal() or int(value) < 1:
            raise _wrong(f"HEADGATE_{setting} must be a whole number of days, 1 or more")
    timeout = get("STATEMENT_TIMEOUT_SECONDS") or "3600"
    if not timeout.isdecimal():
        raise _wrong("HEADGATE_STATEMENT_TIMEOUT_SECONDS must be a whole number of seconds")
    dask = get("DASK")
    if dask not in (None, DASK_LOCAL) and urlsplit(dask).scheme not in ("tcp", "tls"):
        raise _wrong(f"HEADGATE_DASK must be '{DASK_LOCAL}' or the address of a scheduler: tcp:// or tls://")
    return Settings(
        project=project,
        state=Path(get("STATE") or here / ".headgate").absolute(),
        warehouse_url=warehouse,
        stage_url=stage,
        copy_iam_role=get("COPY_IAM_ROLE"),
        report_url=get("REPORT_URL"),
        pii_key=get("PII_KEY"),
        language=get("LANGUAGE") or "en",
        connections=_named(values, "CONNECTION_"),
        notify=_named(values, "NOTIFY_"),
        statement_timeout_seconds=int(timeout),
        keep_days=int(keep_days),
        quarantine_days=int(quarantine_days),
        dask=dask,
    )


def environment_for_runs(environment: Mapping[str, str] | None = None, folder: Path | None = None) -> dict[str, str]:
    """What has to be in the environment of a process started elsewhere, to have the settings of one started here.

    Everything of `.env`, and project and state folder as absolute paths; what is set already stays as it is.
    """
    here = folder or Path.cwd()
    given = os.environ if environment is None else environment
    settings = read_settings(environment, folder)
    return {
        **{name: value for name, value in _dotenv(here / ".env").items() if name not in given},
        _PREFIX + "PROJECT": str(settings.project),
        _PREFIX + "STATE": str(settings.state),
    }


def _named(values: Mapping[str, str], kind: str) -> dict[str, str]:
    start = _PREFIX + kind
    return {
        name.removeprefix(start).lower(): value for name, value in values.items() if name.startswith(start) and value
    }


def _refuse_typos(values: Mapping[str, str]) -> None:
    """A mistyped HEADGATE_WAREHOUSE_URL must not mean the local stack."""
    for name in values:
        rest = name.removeprefix(_PREFIX)
        known = rest in _NAMES or rest.startswith(("CONNECTION_", "NOTIFY_", "TEST_"))
        if name.startswith(_PREFIX) and not known:
            close = difflib.get_close_matches(rest, _NAMES, n=1, cutoff=0.85)
            if close:
                raise _wrong(f"{name} is not a known setting; did you mean '{_PREFIX}{close[0]}'?")


def _wrong(message: str) -> DeclarationError:
    return DeclarationError(message, code="SETTING", next_command="mend the environment or .env; then: headgate check")


def _dotenv(file: Path) -> dict[str, str]:
    """NAME=value lines; quotes around a value are taken off, '#' begins a comment line."""
    if not file.is_file():
        return {}
    pairs = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and not name.startswith("#"):
            value = value.strip()
            quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
            pairs[name.strip()] = value[1:-1] if quoted else value
    return pairs
