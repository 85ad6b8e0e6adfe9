"""A TCP proxy in front of PostgreSQL that cuts a connection, or changes a statement, at a chosen moment."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Event, Lock, Thread
from typing import Literal

When = Literal["before", "after", "middle"]
MIDDLE_BYTES = 200_000
PATIENCE_SECONDS = 120.0


@dataclass
class Fault:
    """What happens when a client sends `match`: the server never sees it (`before`), or it does and its answer is lost
    (`after`) or cut short (`middle`), or it gets the statement `instead`. `then` is called before the client learns
    that it was cut off."""

    match: bytes
    when: When
    times: int
    instead: str | None = None
    then: Callable[[], None] | None = None


@dataclass
class Pair:
    """The two ends of one connection."""

    client: socket.socket
    server: socket.socket
    muted: bool = False
    left_bytes: int | None = None
    """How much of the answer the client still gets."""
    answered: Event = field(default_factory=Event)

    def close(self) -> None:
        for end in (self.client, self.server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


class Wire:
    """Listens on a free port of loopback. While `down` is set, nobody is let in."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._faults: list[Fault] = []
        self._lock = Lock()
        self._pairs: list[Pair] = []
        self.fired = 0
        self.down = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        Thread(target=self._accept, daemon=True).start()

    def cut(self, match: str, when: When, times: int = 1, then: Callable[[], None] | None = None) -> None:
        """Cut the connection when this is sent."""
        self._faults.append(Fault(match.encode(), when, times, then=then))

    def swap(self, match: str, statement: str, times: int = 1) -> None:
        """The server gets another statement instead of the one that holds `match`."""
        self._faults.append(Fault(match.encode(), "before", times, instead=statement))

    def forget(self) -> None:
        """From now on everything passes."""
        self._faults.clear()

    def cut_all(self) -> None:
        """Cut every connection there is."""
        for pair in self._pairs:
            pair.close()

    def close(self) -> None:
        self._listener.close()
        self.cut_all()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                if self.down:
                    raise ConnectionRefusedError
                server = socket.create_connection(self._target)
            except OSError:
                client.close()
                continue
            pair = Pair(client, server)
            self._pairs.append(pair)
            Thread(target=self._up, args=(pair,), daemon=True).start()
            Thread(target=self._down, args=(pair,), daemon=True).start()

    def _up(self, pair: Pair) -> None:
        with suppress(OSError):
            while data := pair.client.recv(1 << 20):
                fault = self._fault(data)
                if fault is None:
                    pair.server.sendall(data)
                elif fault.instead is not None:
                    text = fault.instead.encode() + b"\0"
                    pair.server.sendall(b"Q" + struct.pack("!I", len(text) + 4) + text)
                elif fault.when == "middle":
                    pair.left_bytes = MIDDLE_BYTES
                    pair.server.sendall(data)
                else:
                    if fault.when == "after":
                        pair.muted = True
                        pair.server.sendall(data)
                        pair.answered.wait(PATIENCE_SECONDS)
                    if fault.then is not None:
                        fault.then()
                    break
        pair.close()

    def _down(self, pair: Pair) -> None:
        with suppress(OSError):
            while data := pair.server.recv(1 << 20):
                if pair.muted:
                    pair.answered.set()
                elif pair.left_bytes is None:
                    pair.client.sendall(data)
                else:
                    pair.client.sendall(data[: pair.left_bytes])
                    pair.left_bytes -= len(data)
                    if pair.left_bytes <= 0:
                        break
        if not pair.muted:
            pair.close()
        pair.answered.set()

    def _fault(self, data: bytes) -> Fault | None:
        with self._lock:
            for fault in self._faults:
                if fault.times and fault.match in data:
                    fault.times -= 1
                    self.fired += 1
                    return fault
        return None
