"""The S3 server and the Prefect server of the stack."""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.exceptions import ClientError
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync import client as sockets
from websockets.typing import Origin, Subprotocol

from deployments.embedded import filelock, process, python_servers, serve
from deployments.embedded.process import ServerFiles
from deployments.embedded.stack import EmbeddedStack, StackState
from deployments.errors import DeclarationError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def s3_client(state: StackState) -> S3Client:
    return boto3.client(
        "s3",
        endpoint_url=state.s3_endpoint,
        aws_access_key_id=state.s3_access_key,
        aws_secret_access_key=state.s3_secret_key,
        region_name=state.s3_region,
    )


def test_the_bucket_is_there_and_keeps_objects(stack: EmbeddedStack) -> None:
    state = stack.up(("s3",))
    client = s3_client(state)
    client.put_object(Bucket=state.s3_bucket, Key="한글/part 1", Body=b"rows")
    assert client.get_object(Bucket=state.s3_bucket, Key="한글/part 1")["Body"].read() == b"rows"
    with pytest.raises(ClientError, match="PreconditionFailed"):
        client.put_object(Bucket=state.s3_bucket, Key="한글/part 1", Body=b"other", IfNoneMatch="*")


def test_an_answer_does_not_wait_for_the_callers_confirmation() -> None:
    with serve.bind(0) as listener:
        listener.listen()
        with socket.create_connection(listener.getsockname()) as caller:
            answering, _ = listener.accept()
            with answering:
                assert answering.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
            assert caller.recv(1) == b""


def test_after_kill_9_it_comes_back_empty_at_the_same_address(
    stack: EmbeddedStack, kill_all: Callable[[ServerFiles], set[int]]
) -> None:
    first = stack.up(("s3",))
    s3_client(first).put_object(Bucket=first.s3_bucket, Key="part", Body=b"rows")
    assert kill_all(ServerFiles(stack.folder / "s3"))
    assert stack.status().s3_endpoint is None
    again = stack.up(("s3",))
    assert again.s3_endpoint == first.s3_endpoint
    assert s3_client(again).list_objects_v2(Bucket=again.s3_bucket)["KeyCount"] == 0


def test_a_proxy_of_the_environment_is_not_asked(stack: EmbeddedStack, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    state = stack.up(("s3",))
    assert state.s3.running
    assert "127.0.0.1" in state.environment()["NO_PROXY"].split(",")


def test_it_ends_when_its_folder_is_deleted(stack: EmbeddedStack) -> None:
    stack.up(("s3",))
    files = ServerFiles(stack.folder / "s3")
    kept = stack.folder.parent / "kept.lock"
    os.link(files.alive, kept)
    shutil.rmtree(files.folder)
    assert filelock.wait_until_free(kept, 120)


def test_missing_packages_are_named(stack: EmbeddedStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(python_servers.S3, "prepare", lambda *_: python_servers._require("moto", "no_such_package"))
    with pytest.raises(DeclarationError, match='"no_such_package"') as caught:
        stack.up(("s3",))
    assert caught.value.next_command == "pip install 'headgate[local]'"


def test_prefect_is_our_own_quiet_server(stack: EmbeddedStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Settings meant for another server, and a home that can't be written, must not reach it.
    monkeypatch.setenv("PREFECT_API_DATABASE_CONNECTION_URL", "postgresql+asyncpg://nobody@127.0.0.1:1/production")
    monkeypatch.setenv("PREFECT_SERVER_API_AUTH_STRING", "admin:secret")
    monkeypatch.setenv("HOME", "/nonexistent")
    state = stack.up(("prefect",))
    files = ServerFiles(stack.folder / "prefect")
    assert state.environment()["PREFECT_API_URL"] == state.prefect_api_url
    settings = read(f"{state.prefect_api_url}/admin/settings", state.prefect_login)
    assert '"analytics_enabled":false' in settings.replace(" ", "")
    assert f'"{files.folder}/home"' in settings
    # The page in the browser is served and asks this server.
    assert state.prefect_api_url in read(f"http://{state.prefect.address}/ui-settings")
    assert (files.folder / "home" / "prefect.db").exists()
    # On a busy machine it says that one of its services came late.
    assert [line for line in process.log_tail(files).splitlines() if "longer than its loop interval" not in line] == []
    only_with_its_login(state)
    no_page_of_another_origin(state)
    no_socket_without_its_login(state)
    assert stack.down() == ["prefect"]


def only_with_its_login(state: StackState) -> None:
    """Neither without one nor with that of another server; the file that holds it is its owner's."""
    for login in (None, "admin:secret"):
        for path in ("admin/settings", "admin/version", "deployments/name/a/b"):
            with pytest.raises(urllib.error.HTTPError, match="401"):
                read(f"{state.prefect_api_url}/{path}", login)
    assert (state.folder / "prefect" / "login").stat().st_mode & 0o777 == 0o600
    assert state.prefect_login is not None
    assert len(state.prefect_login) > 30
    assert state.prefect_login not in repr(state)
    assert state.environment()["PREFECT_API_AUTH_STRING"] == state.prefect_login


def no_page_of_another_origin(state: StackState) -> None:
    for origin, allowed in (("https://evil.example", False), (f"http://{state.prefect.address}", True)):
        asked = urllib.request.Request(f"{state.prefect_api_url}/deployments/filter", method="OPTIONS", headers={
            "Origin": origin, "Access-Control-Request-Method": "POST"})  # fmt: skip
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            answer = opener.open(asked, timeout=30).headers
        except urllib.error.HTTPError as refused:
            answer = refused.headers
        assert answer.get("access-control-allow-origin") == (origin if allowed else None)


def heard(url: str, spoken: list[Subprotocol] | None, words: list[str]) -> str | bytes:
    """The first answer to what a page of another origin says to a web socket."""
    with sockets.connect(url, subprotocols=spoken, origin=Origin("https://evil.example"), proxy=None) as socket_:
        for word in words:
            socket_.send(word)
        return socket_.recv(30)


def no_socket_without_its_login(state: StackState) -> None:
    """Events are heard and sent, and logs heard, over web sockets: what guards the pages doesn't guard these."""
    assert state.prefect_api_url is not None
    asked = json.dumps({"type": "filter", "filter": {"occurred": {}}})
    wrong: list[list[object]] = [[], [{"type": "filter"}], [{"type": "auth"}], [{"type": "auth", "token": "admin:secret"}],
                                 [{"type": "auth", "token": ["x"]}], [{"type": "auth", "token": ""}]]  # fmt: skip
    for path in ("events/in", "events/out", "logs/out"):
        url = f"{state.prefect_api_url.replace('http', 'ws', 1)}/{path}"
        for words in wrong:
            for spoken in (None, [Subprotocol("prefect")]):
                with pytest.raises((InvalidStatus, ConnectionClosed)):
                    heard(url, spoken, [*map(json.dumps, words), asked])
        with sockets.connect(url, subprotocols=[Subprotocol("prefect")], proxy=None) as socket_:
            socket_.send(json.dumps({"type": "auth", "token": state.prefect_login}))
            assert json.loads(socket_.recv(30)) == {"type": "auth_success"}


def read(url: str, login: str | None = None) -> str:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    sign = {"Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"} if login else {}
    with opener.open(urllib.request.Request(url, headers=sign), timeout=30) as answer:
        return str(answer.read().decode())
