"""Whatever comes in, the answer is clear and the server stays up."""

import random
import re
import socket
import time

import pytest

from journeys import make_bucket, refused
from wire import exchange, fetch, status_of


@pytest.fixture(autouse=True)
def still_up(server):
    yield
    assert fetch(server.endpoint + "/-/health")[0] == 200


def request(line: bytes, *headers: bytes, host: bytes = b"Host: a") -> bytes:
    return b"\r\n".join([line + b" HTTP/1.1", host, b"Connection: close", *headers]) + b"\r\n\r\n"


MALFORMED = [
    (b"GARBAGE\r\n\r\n", b"InvalidRequest"),
    (b"GET / HTTP/9.9\r\n\r\n", b"InvalidRequest|NotImplemented|HttpVersionNotSupported"),
    (b"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n", b"InvalidRequest"),
    (request(b"BREW /b/k"), b"InvalidRequest|MethodNotAllowed"),
    (request(b"GET /", b"Host: b"), b"InvalidRequest"),
    (request(b"GET /", b"Bad Name: x"), b"InvalidRequest"),
    (request(b"GET /", b"Content-Length: -1"), b"InvalidRequest"),
    (request(b"GET /", b"Content-Length: 99999999999999999999"), b"InvalidRequest"),
    (request(b"GET /", b"Content-Length: 5", b"Content-Length: 6"), b"InvalidRequest"),
    (request(b"PUT /b/k", b"Transfer-Encoding: chunked", b"Content-Length: 5") + b"0\r\n\r\n", b"InvalidRequest"),
    (request(b"PUT /b/k", b"Transfer-Encoding: gzip") + b"0\r\n\r\n", b"NotImplemented|InvalidRequest"),
    (request(b"GET /%zz"), b"InvalidURI"), (request(b"GET /b/%ff"), b"InvalidURI"),
    (request(b"OPTIONS /b/k"), b"MethodNotAllowed|AccessForbidden|BadRequest"),
    (request(b"GET /", b"Authorization: Basic eDp5"), b"InvalidArgument"),
    (request(b"GET /", b"Authorization: AWS4-HMAC-SHA256 nonsense"), b"AuthorizationHeaderMalformed"),
    (request(b"GET /?X-Amz-Algorithm=AWS4-HMAC-SHA256"), b"AuthorizationQueryParametersError"),
    (request(b"GET /?X-Amz-Algorithm=ROT13&X-Amz-Signature=0"), b"AuthorizationQueryParametersError|InvalidArgument"),
]


@pytest.mark.parametrize("sent,codes", MALFORMED, ids=range(len(MALFORMED)))
def test_malformed_http(server, sent, codes):
    answer = exchange(server.port, sent, timeout=5)
    assert 400 <= status_of(answer) < 506
    code = re.search(rb"<Code>(.*?)</Code><Message>.+</Message>", answer)
    assert code and code.group(1) in codes.split(b"|"), answer


@pytest.mark.parametrize("sent", [
    b"\r\n\r\n", b"", b"G", b"GET / HTTP/1.1\r\nHost: a", b"PUT /b/k HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf",
    b"PUT /b/k HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"])
def test_requests_that_end_too_early(server, sent):
    answer = exchange(server.port, sent, timeout=5, half_close=True)
    assert answer == b"" or 400 <= status_of(answer) < 500


@pytest.mark.parametrize("sent", [
    request(b"GET /", b"X: " + b"a" * 100_000), request(b"GET /" + b"a" * 100_000), request(b"GET /?" + b"a&" * 50_000),
    request(b"GET /", *(b"X-%d: 1" % n for n in range(1000)))], ids=["one header", "path", "query", "many headers"])
def test_a_head_that_is_too_large(server, sent):
    answer = exchange(server.port, sent, timeout=5)
    assert status_of(answer) in (400, 414, 431)
    assert b"<Code>RequestHeaderSectionTooLarge</Code>" in answer and b"must not be longer than 65536 bytes" in answer


def test_a_head_without_end(server):
    """What comes after the limit is dropped for a while, so that the refusal can be read, and then cut."""
    end = time.monotonic() + 20
    with socket.create_connection(("127.0.0.1", server.port), 20) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX: ")
        with pytest.raises(OSError):
            while time.monotonic() < end:
                connection.sendall(b"a" * 65536)


def test_metadata_that_is_too_large(server, s3, bucket):
    with refused("MetadataTooLarge", 400):
        s3.put_object(Bucket=bucket, Key="k", Body=b"x", Metadata={"a": "b" * 2048})


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
    status, _, answer = send_xml(server, "POST", f"/{bucket}?delete", body)
    assert status == 400 and b"<Code>" in answer


def send_xml(server, method, target, body):
    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
    import base64, hashlib

    env = server.environment()
    request = AWSRequest(
        method=method, url=f"{server.endpoint}{target}", data=body,
        headers={"Content-MD5": base64.b64encode(hashlib.md5(body).digest()).decode()})
    S3SigV4Auth(Credentials(env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"]), "s3", "us-east-1").add_auth(request)
    return fetch(request.url, method, body, dict(request.headers))


@pytest.mark.parametrize("namespace, piece, name", [
    ("", "<Filter><ObjectSizeGreaterThan>1000000</ObjectSizeGreaterThan></Filter>", b"ObjectSizeGreaterThan"),
    ("", "<Filter><tag><Key>k</Key><Value>v</Value></tag></Filter>", b"tag"),
    ("", "<Filter>logs/</Filter>", b"logs/"), ("", "<Filter/><Until>2030</Until>", b"Until"),
    ("http://s3.amazonaws.com/doc/2006-03-02/", "<Filter/>", b"ReplicationConfiguration")])
def test_a_rule_is_never_wider_than_it_says(server, s3, versioned, unique, namespace, piece, name):
    target = make_bucket(server, unique(), "eu-west-1")

    def put(filter_, namespace):
        return send_xml(server, "PUT", f"/{versioned}?replication", (
            f'<ReplicationConfiguration xmlns="{namespace}"><Role>arn:aws:iam::123456789012:role/r</Role><Rule>'
            f"<Status>Enabled</Status><Priority>1</Priority>{filter_}<DeleteMarkerReplication><Status>Disabled</Status>"
            f"</DeleteMarkerReplication><Destination><Bucket>arn:aws:s3:::{target}</Bucket></Destination></Rule>"
            f"</ReplicationConfiguration>").encode())

    status, _, answer = put(piece, namespace)
    assert status == 400 and b"<Code>MalformedXML</Code>" in answer, answer
    assert b"'" + name + b"'" in answer.replace(b"&apos;", b"'"), answer
    with refused("ReplicationConfigurationNotFoundError"):
        s3.get_bucket_replication(Bucket=versioned)
    assert put("<Filter/>", "http://s3.amazonaws.com/doc/2006-03-01/")[0] == 200


@pytest.mark.parametrize("host", [b"what.ever", b"", b"a b", b"[::1", b"a:99999999", b"x" * 5000, b"\xc3\xbc"])
def test_an_unknown_host_is_a_plain_endpoint(server, host):
    answer = exchange(server.port, request(b"GET /", host=b"Host: " + host))
    assert status_of(answer) in (400, 403) and re.search(rb"<Code>(AccessDenied|InvalidRequest|InvalidURI)</Code>", answer)


def test_a_host_of_another_account_or_service(server):
    for host in [b"ec2.us-east-1.amazonaws.com", b"no-such-point.mrap.accesspoint.s3-global.amazonaws.com"]:
        answer = exchange(server.port, request(b"GET /k", host=b"Host: " + host))
        assert status_of(answer) in (400, 403, 404) and b"<Code>" in answer


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
