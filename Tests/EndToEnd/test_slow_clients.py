"""Clients that take their time, or never end: they cost the others nothing, and are cut in the end."""

import json
import os
import socket
import time

import pytest

from journeys import make_bucket
from wire import status_of

SLOW_CLIENTS = 200


@pytest.fixture(scope="module")
def strict(tmp_path_factory):
    """A server with short patience."""
    from meridian_server import Server

    folder = tmp_path_factory.mktemp("strict")
    config = folder / "config.json"
    config.write_text(json.dumps({
        "version": 1, "limits": {"headTimeoutSeconds": 2, "stallTimeoutSeconds": 2, "idleTimeoutSeconds": 2}}))
    running = Server(folder / "data")
    running.arguments += ["--config", str(config)]
    running.start()
    make_bucket(running, "slow-bucket", "us-east-1")
    yield running
    running.end()


def connect(server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), 20)


def read_to_end(connection) -> bytes:
    answer = b""
    try:
        while chunk := connection.recv(65536):
            answer += chunk
    except ConnectionResetError:
        pass
    return answer


def presigned(server, method: str, key: str) -> str:
    url = server.plain(signature_version="s3v4").generate_presigned_url(
        method, Params={"Bucket": "slow-bucket", "Key": key})
    return url.split(str(server.port), 1)[1]


@pytest.mark.parametrize("begun", [b"G", b"GET / HTTP/1.1\r\nHost: a\r\nX-Half: ", b"\x16\x03\x01\x02\x00\x01"])
def test_a_head_that_does_not_come(strict, begun):
    with connect(strict) as connection:
        connection.sendall(begun)
        answer = read_to_end(connection)
    assert answer == b"" or status_of(answer) in (400, 408)


def test_a_head_that_drips(strict):
    """A byte now and then does not buy more time."""
    end = time.monotonic() + 15
    with connect(strict) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX: ")
        with pytest.raises(OSError):
            while time.monotonic() < end:
                connection.sendall(b"a")
                time.sleep(0.2)  # the client's slowness


def test_an_idle_connection(strict):
    with connect(strict) as connection:
        connection.sendall(b"GET /-/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert status_of(read_to_end(connection)) == 200


def test_a_body_that_stalls(strict):
    with connect(strict) as connection:
        path = presigned(strict, "put_object", "stalled")
        connection.sendall(
            f"PUT {path} HTTP/1.1\r\nHost: 127.0.0.1:{strict.port}\r\nContent-Length: 1000000\r\n\r\n".encode() + b"x" * 1000)
        answer = read_to_end(connection)
    assert status_of(answer) == 400 and b"<Code>RequestTimeout</Code>" in answer
    assert strict.overlay().list_objects_v2(Bucket="slow-bucket", Prefix="stalled")["KeyCount"] == 0


def test_a_slow_body_that_moves_is_welcome(strict):
    with connect(strict) as connection:
        path = presigned(strict, "put_object", "moving")
        connection.sendall(
            f"PUT {path} HTTP/1.1\r\nHost: 127.0.0.1:{strict.port}\r\nContent-Length: 100\r\nConnection: close\r\n\r\n"
            .encode())
        for _ in range(10):
            time.sleep(0.4)  # 4 s in all, longer than any one silence may be
            connection.sendall(b"0123456789")
        assert status_of(read_to_end(connection)) == 200
    assert strict.overlay().head_object(Bucket="slow-bucket", Key="moving")["ContentLength"] == 100


def test_a_reader_that_does_not_read(strict):
    strict.overlay().put_object(Bucket="slow-bucket", Key="large", Body=bytes(50_000_000))
    path = presigned(strict, "get_object", "large")
    with connect(strict) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{strict.port}\r\n\r\n".encode())
        time.sleep(5)  # the client's slowness
        assert len(read_to_end(connection)) < 50_000_000, "the rest was not kept for it"


def test_many_slow_clients_hold_up_nobody(server, bucket):
    slow = [connect(server) for _ in range(SLOW_CLIENTS)]
    try:
        for number, connection in enumerate(slow):
            connection.sendall([
                b"GET / HTTP/1.1\r\nHost: a\r\n", b"\x16\x03\x01\x02\x00",
                b"PUT /b/k HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n12"][number % 3])
        s3, body = server.overlay(), os.urandom(100_000)
        for number in range(20):
            s3.put_object(Bucket=bucket, Key=str(number), Body=body)
            assert s3.get_object(Bucket=bucket, Key=str(number))["Body"].read() == body
    finally:
        for connection in slow:
            connection.close()
