"""The driver's connection to a MySQL server that isn't trusted: whoever answers there learns no password and gets no file.

The driver itself sends a password in the clear to whoever asks for it so, and encrypts it with any key that it is sent. MySQL's
own clients do neither unless they are told to.
"""

from __future__ import annotations

import struct
from typing import Any

import pymysql
from pymysql.connections import MAX_PACKET_LEN, Connection
from pymysql.constants import CR
from pymysql.cursors import SSCursor

LARGEST_PACKET_PIECES = 64
"""Pieces of 16 MB in one answer: the gigabyte that MySQL allows at most."""
_HEAD_BYTES = 4
_SHOWS_THE_PASSWORD = (b"mysql_clear_password", b"dialog", b"mysql_old_password")
STRANGE = (ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError, ValueError,
            struct.error)  # fmt: skip
"""What an answer raises that isn't one, in the driver and where its fields are read."""


class GuardedConnection(Connection):  # type: ignore[misc]
    """`proven`: the server's certificate is proven, so that it may ask for the password itself (PAM, LDAP)."""

    _read_timeout: int | None
    connect_timeout: int | None

    def __init__(self, *, proven: bool, **named: Any) -> None:
        self._proven, self._pieces = proven, 0
        super().__init__(**named)

    @property
    def server_public_key(self) -> None:
        """None: a key that comes without TLS may be anybody's."""

    @server_public_key.setter
    def server_public_key(self, key: bytes | None) -> None:
        if key:
            raise _refused("wants the password by a key of its own on a connection that isn't secured")

    def _process_auth(self, plugin_name: bytes, auth_packet: Any, handler: Any = None) -> Any:
        if plugin_name in _SHOWS_THE_PASSWORD and not self._proven:
            raise _refused(f"wants the password itself ({plugin_name.decode()}), and nothing proves who it is")
        return super()._process_auth(plugin_name, auth_packet, handler)

    def connect(self, sock: Any = None) -> None:
        # The driver lets a server that takes the connection be silent for as long as a statement may take: an hour and more.
        patience, self._read_timeout = self._read_timeout, self.connect_timeout
        try:
            super().connect(sock)
        except UnicodeDecodeError as error:
            raise strange(error) from None
        except UnicodeError:
            # The host of the address, which isn't a name.
            raise
        except STRANGE as error:
            raise strange(error) from None
        finally:
            self._read_timeout = patience

    def _read_query_result(self, unbuffered: bool = False) -> Any:
        try:
            return super()._read_query_result(unbuffered)
        except STRANGE as error:
            raise strange(error) from None

    def _read_bytes(self, num_bytes: int) -> bytes:
        if num_bytes == MAX_PACKET_LEN:
            self._pieces += 1
            if self._pieces > LARGEST_PACKET_PIECES:
                self._force_close()
                raise strange(OverflowError())
        elif num_bytes != _HEAD_BYTES:
            self._pieces = 0
        return super()._read_bytes(num_bytes)  # type: ignore[no-any-return]


class GuardedRows(SSCursor):  # type: ignore[misc]
    """Rows one by one, as they come."""

    def read_next(self) -> Any:
        try:
            return super().read_next()
        except STRANGE as error:
            raise strange(error) from None


def strange(error: Exception) -> pymysql.OperationalError:
    """What the driver stumbles over in an answer is an error of the connection, and none of ours."""
    # So the driver refuses LOAD DATA LOCAL: the answer to any statement may ask for a file.
    how = "it asks for a file of this machine" if type(error) is RuntimeError else type(error).__name__
    return pymysql.OperationalError(CR.CR_MALFORMED_PACKET, how)


def _refused(how: str) -> pymysql.OperationalError:
    return pymysql.OperationalError(CR.CR_AUTH_PLUGIN_ERR, f"the server {how}")
