"""Start a server away from this terminal: own session, own log, recorded by pid, if asked for under another user id.

Run as a script by a bare interpreter (`python -I -S launch.py <json>`): only the standard library, nothing of ours.
It ends at once; the server's parent is then the system's first process, so a long-lived caller keeps no zombie.
The server inherits one descriptor, the lock that shows it is alive (see filelock.py).
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

CLONE_NEWUSER = 0x10000000


def start_identity(pid: int) -> str | None:
    """What tells a process from a later one with the same pid: boot and start time. None: no such process."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        # The second field is the program's name in brackets and may hold anything; start time is field 22.
        return f"{boot}:{int(Path(f'/proc/{pid}/stat').read_bytes().rpartition(b')')[2].split()[19])}"
    except FileNotFoundError:
        if sys.platform == "linux":
            return None
    except ProcessLookupError:
        return None
    with os.popen(f"/bin/ps -o lstart= -p {pid:d}") as told:  # noqa: S605 (a number only)
        return told.read().strip() or None


def enter_user_namespace(uid: int, gid: int) -> None:
    """From here on this process is `uid` to itself; outside, it and its files stay the caller's own."""
    outside_uid, outside_gid = os.geteuid(), os.getegid()
    import ctypes

    # os.unshare came with Python 3.12 only; this is the same call.
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWUSER) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{uid} {outside_uid} 1"),
        ("gid_map", f"{gid} {outside_gid} 1"),
    ):
        Path(f"/proc/self/{name}").write_text(text, encoding="ascii")


def take_account(account: dict[str, int | str]) -> None:
    """Become the asked user: `{"kind": "own" | "namespace" | "switch", "uid": .., "gid": ..}`."""
    uid, gid = int(account.get("uid", -1)), int(account.get("gid", -1))
    if account["kind"] == "namespace":
        enter_user_namespace(uid, gid)
    elif account["kind"] == "switch":
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)


def _detach(spec: dict[str, object]) -> None:
    if os.fork():
        os._exit(0)
    os.setsid()
    # A background shell job ignores SIGINT and hands that on; servers need their signals.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    os.umask(0o077)
    log = os.open(str(spec["log"]), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    null = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((null, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    record = Path(str(spec["record"]))
    fresh = record.with_name(record.name + ".new")
    fresh.write_text(json.dumps({"pid": os.getpid(), "started": start_identity(os.getpid())}), encoding="ascii")
    fresh.replace(record)


def main(text: str) -> None:
    """Do as the JSON says: account, argv, cwd; with `log` and `record` detached, without them in the foreground."""
    spec = json.loads(text)
    if spec.get("record"):
        _detach(spec)
    take_account(spec["account"])
    os.chdir(spec["cwd"])
    os.execv(spec["argv"][0], spec["argv"])  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1])
