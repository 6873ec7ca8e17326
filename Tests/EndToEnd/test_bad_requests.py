"""Whatever comes in, the answer is clear and the server stays up."""

import random
import socket

import pytest

from journeys import refused
from wire import exchange, fetch, status_of


@pytest.fixture(autouse=True)
def still_up(server):
    yield
    assert fetch(server.endpoint + "/-/health")[0] == 200


@pytest.mark.parametrize("request_bytes", [
    b"\r\n\r\n", b"GARBAGE\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
    b"PUT /b/k HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    b"PUT /b/k HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET /%zz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", b"GET /b/%ff HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
])
def test_malformed_http(server, request_bytes):
    answer = exchange(server.port, request_bytes, timeout=5, half_close=True)
    if answer:
        assert 400 <= status_of(answer) < 506


def test_a_head_that_is_too_large(server):
    answer = exchange(server.port, b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 2_000_000 + b"\r\n\r\n", timeout=5)
    assert answer == b"" or status_of(answer) in (400, 413, 414, 431)


def test_random_bytes(server):
    generator = random.Random(7)
    for _ in range(50):
        exchange(server.port, generator.randbytes(generator.randrange(1, 2000)), timeout=1, half_close=True)
    for _ in range(20):
        exchange(server.port, b"\x16\x03\x01" + generator.randbytes(300), timeout=1, half_close=True)


def test_a_body_that_never_comes_whole(server):
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(b"PUT /b/k HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nabc")


def test_an_unsigned_upload_is_refused_before_its_body(server):
    head = b"PUT /some-bucket/k HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\nExpect: 100-continue\r\n\r\n"
    answer = exchange(server.port, head, timeout=5, half_close=False)
    assert status_of(answer) in (403, 404), "no 100 Continue for a stranger"


@pytest.mark.parametrize("body", [
    b"", b"<", b"<a></b>", b"<Delete>" * 2000, b"<Delete><Object></Object></Delete>",
    b'<!DOCTYPE a [<!ENTITY b "c">]><Delete>&b;</Delete>', b"\xff\xfe"])
def test_broken_xml(server, bucket, body):
    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
    import base64, hashlib

    env = server.environment()
    request = AWSRequest(
        method="POST", url=f"{server.endpoint}/{bucket}?delete", data=body,
        headers={"Content-MD5": base64.b64encode(hashlib.md5(body).digest()).decode()})
    S3SigV4Auth(Credentials(env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"]), "s3", "us-east-1").add_auth(request)
    status, _, answer = fetch(request.url, "POST", body, dict(request.headers))
    assert status == 400 and b"<Code>" in answer


def test_an_unknown_host_is_a_plain_endpoint(server):
    answer = exchange(server.port, b"GET / HTTP/1.1\r\nHost: what.ever\r\nConnection: close\r\n\r\n")
    assert status_of(answer) == 403 and b"AccessDenied" in answer


def test_the_clock_of_the_client_is_far_off(server, bucket, monkeypatch):
    import botocore.auth
    import botocore.crt.auth
    import datetime

    real = botocore.auth.get_current_datetime
    for signer in [botocore.auth, botocore.crt.auth]:  # which of them signs depends on whether awscrt is there
        monkeypatch.setattr(
            signer, "get_current_datetime", lambda *a, **k: real(*a, **k) - datetime.timedelta(hours=1))
    with refused("RequestTimeTooSkewed", 403):
        server.overlay().list_objects_v2(Bucket=bucket)
