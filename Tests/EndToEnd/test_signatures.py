"""Whoever changes any part of a signed request on its way is refused, and nothing is stored."""

import re

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.crt.auth import CrtS3SigV4AsymAuth

from wire import exchange, status_of

BODY = b"pay 10 to alice"


def signed(server, algorithm: str, bucket: str) -> tuple[str, dict[str, str], bytes]:
    env = server.environment()
    keys = Credentials(env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"])
    path = f"/{bucket}/k?x-id=PutObject"
    request = AWSRequest(
        method="PUT", url=server.endpoint + path, data=BODY,
        headers={"x-amz-meta-to": "alice", "Content-Type": "text/plain", "Host": f"127.0.0.1:{server.port}"})
    request.context["payload_signing_enabled"] = True
    signer = S3SigV4Auth(keys, "s3", "us-east-1") if algorithm == "v4" else CrtS3SigV4AsymAuth(keys, "s3", "*")
    signer.add_auth(request)
    headers = {
        name.lower(): value.decode() if isinstance(value, bytes) else value for name, value in request.headers.items()}
    return path, headers | {"content-length": str(len(BODY)), "connection": "close"}, BODY


def send(server, path, headers, body, method="PUT") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{n}: {v}\r\n" for n, v in headers.items()) + "\r\n"
    return exchange(server.port, head.encode() + body)


def in_authorization(pattern, replacement):
    def change(headers):
        changed = re.sub(pattern, replacement, headers["authorization"])
        assert changed != headers["authorization"]
        headers["authorization"] = changed
    return change


def flip_last_digit(match):
    return match.group(0)[:-1] + ("0" if match.group(0)[-1] != "0" else "1")


def other_header(name, value):
    def change(headers):
        assert name in headers and headers[name] != value
        headers[name] = value
    return change


HEADER_CHANGES = {
    "metadata": other_header("x-amz-meta-to", "mallory"),
    "content type": other_header("content-type", "text/html"),
    "host": other_header("host", "s3.us-east-1.amazonaws.com"),
    "payload hash": other_header("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
    "one digit of the signature": in_authorization(r"Signature=[0-9a-f]+", flip_last_digit),
    "no signature": in_authorization(r"Signature=[0-9a-f]+", "Signature="),
    "a signature that is no number": in_authorization(r"Signature=[0-9a-f]+", "Signature=zz"),
    "a signature without end": in_authorization(r"Signature=[0-9a-f]+", "Signature=" + "30" * 4000),
    "a header is no longer signed": in_authorization("x-amz-meta-to;?", ""),
    "the service of the scope": in_authorization("/s3/aws4_request", "/ec2/aws4_request"),
    "the day of the scope": in_authorization(r"/20\d{6}/", "/20200101/"),
    "somebody else's key": in_authorization("Credential=[A-Z0-9]+/", "Credential=AKIANOSUCHKEY0000000/"),
}


@pytest.fixture(params=["v4", "v4a"])
def algorithm(request):
    return request.param


def refused_and_nothing_stored(s3, bucket, answer):
    assert status_of(answer) in (400, 403), answer[:500]
    assert re.search(
        rb"<Code>(SignatureDoesNotMatch|AccessDenied|AuthorizationHeaderMalformed|InvalidAccessKeyId|"
        rb"XAmzContentSHA256Mismatch|RequestTimeTooSkewed|InvalidRequest|InvalidArgument|BadDigest)</Code>", answer), answer
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_the_honest_request(server, s3, bucket, algorithm):
    assert status_of(send(server, *signed(server, algorithm, bucket))) == 200
    assert s3.get_object(Bucket=bucket, Key="k")["Metadata"] == {"to": "alice"}


@pytest.mark.parametrize("change", HEADER_CHANGES.values(), ids=HEADER_CHANGES.keys())
def test_changed_headers(server, s3, bucket, algorithm, change):
    path, headers, body = signed(server, algorithm, bucket)
    change(headers)
    refused_and_nothing_stored(s3, bucket, send(server, path, headers, body))


def test_a_changed_date(server, s3, bucket, algorithm):
    path, headers, body = signed(server, algorithm, bucket)
    date = headers["x-amz-date"]
    headers["x-amz-date"] = date[:-2] + ("9Z" if date[-2] != "9" else "8Z")
    refused_and_nothing_stored(s3, bucket, send(server, path, headers, body))


def test_a_changed_region_set(server, s3, bucket):
    path, headers, body = signed(server, "v4a", bucket)
    assert headers["x-amz-region-set"] == "*"
    headers["x-amz-region-set"] = "us-east-1"
    refused_and_nothing_stored(s3, bucket, send(server, path, headers, body))


def test_another_region_in_the_scope(server, s3, bucket):
    path, headers, body = signed(server, "v4", bucket)
    in_authorization("/us-east-1/", "/eu-west-1/")(headers)
    refused_and_nothing_stored(s3, bucket, send(server, path, headers, body))


def test_one_algorithm_does_not_pass_for_the_other(server, s3, bucket, algorithm):
    path, headers, body = signed(server, algorithm, bucket)
    names = {"v4": ("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"), "v4a": ("AWS4-ECDSA-P256-SHA256", "AWS4-HMAC-SHA256")}
    in_authorization(*names[algorithm])(headers)
    refused_and_nothing_stored(s3, bucket, send(server, path, headers, body))


@pytest.mark.parametrize("what", ["key", "query", "method", "body", "a shorter body"])
def test_changed_requests(server, s3, bucket, algorithm, what):
    path, headers, body = signed(server, algorithm, bucket)
    method = "PUT"
    if what == "key":
        path = path.replace("/k?", "/K?")
    elif what == "query":
        path += "&tagging"
    elif what == "method":
        method = "DELETE"
    elif what == "body":
        body = body.replace(b"10", b"99")
    else:
        body = body[:-1]
        headers["content-length"] = str(len(body))
    refused_and_nothing_stored(s3, bucket, send(server, path, headers, body, method))


def streamed(server, bucket, change=lambda wire: wire) -> bytes:
    """A PUT as boto3 sends it through TLS, chunked with a trailer, changed behind its signature."""
    env = server.environment()
    keys = Credentials(env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"])
    path = f"/{bucket}/k"
    request = AWSRequest(
        method="PUT", url=server.endpoint + path, data=b"",
        headers={
            "Content-Encoding": "aws-chunked", "x-amz-trailer": "x-amz-checksum-crc32",
            "x-amz-decoded-content-length": str(len(BODY)), "Host": f"127.0.0.1:{server.port}"})
    request.context["payload_signing_enabled"] = False
    request.context["checksum"] = {"request_algorithm": {"in": "trailer", "algorithm": "crc32"}}
    CrtS3SigV4AsymAuth(keys, "s3", "*").add_auth(request)
    headers = {
        name.lower(): value.decode() if isinstance(value, bytes) else value for name, value in request.headers.items()}
    assert headers["x-amz-content-sha256"] == "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
    import base64
    import zlib

    crc = base64.b64encode(zlib.crc32(BODY).to_bytes(4, "big"))
    body = change(b"%x\r\n%s\r\n0\r\nx-amz-checksum-crc32:%s\r\n\r\n" % (len(BODY), BODY, crc))
    headers |= {"content-length": str(len(body)), "connection": "close"}
    return send(server, path, headers, body)


def test_an_honest_stream(server, s3, bucket):
    assert status_of(streamed(server, bucket)) == 200
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == BODY


@pytest.mark.parametrize("change", [
    lambda wire: wire.replace(b"10", b"99"), lambda wire: wire.replace(b"x-amz-checksum-crc32:", b"x-amz-checksum-crc32:A"),
    lambda wire: wire.replace(b"x-amz-checksum-crc32:", b"x-amz-checksum-sha256:"), lambda wire: wire[:-4],
    lambda wire: b"zz" + wire[1:], lambda wire: b"f" * 30 + wire, lambda wire: wire.replace(b"0\r\nx-amz", b"x-amz"),
    lambda wire: wire[: wire.index(b"x-amz")] + b"\r\n", lambda wire: b""],
    ids=["data", "checksum", "name of the checksum", "end", "chunk size", "huge chunk size", "last chunk", "no trailer",
         "nothing"])
def test_changed_streams(server, s3, bucket, change):
    answer = streamed(server, bucket, change)
    assert status_of(answer) == 400 and b"<Code>" in answer, answer[:500]
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
