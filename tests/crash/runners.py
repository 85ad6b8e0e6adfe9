"""Where the processes of a trial come from: forked from a warm one, or started cold."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from play import Order

PATIENCE_SECONDS = 180.0


class Zygote:
    """The warm process, spoken to in lines."""

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        self._log = log.open("ab")
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("zygote.py"))], env=dict(environment), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log,
        )  # fmt: skip
        answer = self._read(PATIENCE_SECONDS)
        if not answer.get("ready"):
            raise RuntimeError(f"the warm process has threads and can't be forked: {answer}")

    def fork(self, order: Order) -> int:
        return int(self._ask({"order": order.line()})["pid"])

    def wait(self, pid: int) -> int:
        """The status a child ended with; one that hangs is killed and raises TimeoutError."""
        self._tell({"wait": pid})
        try:
            return int(self._read(PATIENCE_SECONDS)["ended"])
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            self._read(PATIENCE_SECONDS)
            raise

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._log.close()

    def _ask(self, message: Mapping[str, object]) -> dict[str, Any]:
        self._tell(message)
        return self._read(PATIENCE_SECONDS)

    def _tell(self, message: Mapping[str, object]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()

    def _read(self, seconds: float) -> dict[str, Any]:
        assert self.process.stdout is not None
        if not select.select([self.process.stdout], [], [], seconds)[0]:
            raise TimeoutError
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the warm process is gone: {Path(str(self._log.name)).read_text()[-2000:]}")
        return dict(json.loads(line))


class Cold:
    """Whole processes with the real flow under Prefect."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)
        self._running: dict[int, subprocess.Popen[bytes]] = {}

    def fork(self, order: Order) -> int:
        with Path(order.out + ".log").open("ab") as log:
            command = [sys.executable, str(Path(__file__).with_name("play.py")), order.line()]
            child = subprocess.Popen(command, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._running[child.pid] = child
        return child.pid

    def wait(self, pid: int) -> int:
        child = self._running.pop(pid)
        try:
            return child.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
            raise TimeoutError from None

    def close(self) -> None:
        for child in self._running.values():
            child.kill()
            child.wait()
