import time

import pytest
from botocore.auth import HmacV1QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.crt.auth import CrtS3SigV4AsymQueryAuth

from wire import fetch


def v2(server, path, method="GET", expires=600):
    env = server.environment()
    keys = Credentials(env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"])
    request = AWSRequest(method=method, url=server.endpoint + path)
    signer = HmacV1QueryAuth(keys, expires=expires)
    request.context["client_config"] = None
    signer.add_auth(request)
    return request.prepare().url


def v4(server, bucket, key, method="get_object", expires=600):
    return server.overlay(signature_version="s3v4").generate_presigned_url(
        method, Params={"Bucket": bucket, "Key": key}, ExpiresIn=expires)


def v4a(server, path, method="GET", expires=600):
    env = server.environment()
    keys = Credentials(env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"])
    request = AWSRequest(method=method, url=server.endpoint + path)
    CrtS3SigV4AsymQueryAuth(keys, "s3", "*", expires=expires).add_auth(request)
    return request.prepare().url


@pytest.fixture
def url(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="a b/ü.txt", Body=b"hello")
    path = f"/{bucket}/a%20b/%C3%BC.txt"
    return {
        "v2": lambda **o: v2(server, path, **o),
        "v4": lambda **o: v4(server, bucket, "a b/ü.txt", **o),
        "v4a": lambda **o: v4a(server, path, **o),
    }


@pytest.mark.parametrize("version", ["v2", "v4", "v4a"])
def test_get(url, version):
    assert fetch(url[version]())[::2] == (200, b"hello")


@pytest.mark.parametrize("version", ["v2", "v4", "v4a"])
def test_one_changed_character_is_refused(url, version):
    good = url[version]()
    moved = good.replace("%C3%BC.txt", "%C3%BD.txt")
    assert moved != good
    status, _, body = fetch(moved)
    assert status == 403 and b"<Code>SignatureDoesNotMatch</Code>" in body
    status, _, body = fetch(good, method="DELETE")
    assert status == 403 and b"<Code>SignatureDoesNotMatch</Code>" in body


@pytest.mark.parametrize("version", ["v2", "v4", "v4a"])
def test_expired(url, version):
    early = url[version](expires=-10) if version == "v2" else url[version](expires=1)
    end = time.monotonic() + 3
    while version != "v2" and time.monotonic() < end:
        if fetch(early)[0] == 403:
            break
        time.sleep(0.2)
    status, _, body = fetch(early)
    assert status == 403 and b"<Code>AccessDenied</Code>" in body and b"expired" in body


def test_put(server, s3, bucket):
    address = v4(server, bucket, "up", method="put_object")
    assert fetch(address, method="PUT", data=b"by url")[0] == 200
    assert s3.get_object(Bucket=bucket, Key="up")["Body"].read() == b"by url"


def test_a_stranger_gets_nothing(server, bucket):
    status, _, body = fetch(f"{server.endpoint}/{bucket}/k")
    assert status == 403 and b"<Code>AccessDenied</Code>" in body


@pytest.mark.parametrize("key,code", [("AKIANOSUCHKEY0000000", "InvalidAccessKeyId"), (None, "SignatureDoesNotMatch")])
def test_wrong_keys(server, bucket, key, code):
    env = server.environment()
    client = server.plain(keys=(key or env["AWS_ACCESS_KEY_ID"], "wrong-secret"))
    with pytest.raises(client.exceptions.ClientError) as caught:
        client.list_objects_v2(Bucket=bucket)
    assert caught.value.response["Error"]["Code"] == code
