import base64
import hashlib
import os
import zlib

import pytest

from journeys import refused

# Inline, the edge of inline, a blob, several reads of a blob.
SIZES = [0, 1, 32 * 1024, 32 * 1024 + 1, 3_000_000]
KEYS = ["plain", "a/b//c", "dir/", "sp ace+plus", "ü/ñ/漢字/🙂", "per%20cent%", "a&b=c?d#e", "~!*'()", "./x", "x" * 1024]


@pytest.mark.parametrize("size", SIZES)
def test_bytes_come_back(s3, bucket, size):
    body = os.urandom(size)
    put = s3.put_object(Bucket=bucket, Key="k", Body=body)
    assert put["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == body
    assert got["ContentLength"] == size and got["ETag"] == put["ETag"]
    assert s3.head_object(Bucket=bucket, Key="k")["ContentLength"] == size


@pytest.mark.parametrize("key", KEYS, ids=range(len(KEYS)))
def test_any_key(s3, bucket, key):
    s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"x"
    assert [o["Key"] for o in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [key]
    s3.delete_object(Bucket=bucket, Key=key)
    with refused("NoSuchKey", 404):
        s3.get_object(Bucket=bucket, Key=key)


def test_keys_are_bytes_not_unicode(s3, bucket):
    composed, decomposed = "\u00e9", "e\u0301"
    s3.put_object(Bucket=bucket, Key=composed, Body=b"1")
    s3.put_object(Bucket=bucket, Key=decomposed, Body=b"2")
    assert s3.get_object(Bucket=bucket, Key=composed)["Body"].read() == b"1"
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 2


def test_a_key_that_is_too_long(s3, bucket):
    with refused("KeyTooLongError", 400):
        s3.put_object(Bucket=bucket, Key="x" * 1025, Body=b"")


def test_metadata_and_content_headers(s3, bucket):
    given = dict(
        ContentType="text/x-test", CacheControl="no-cache", ContentDisposition="attachment", ContentEncoding="gzip",
        ContentLanguage="de", Metadata={"who": "me", "empty": ""})
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", **given)
    head = s3.head_object(Bucket=bucket, Key="k")
    for name, value in given.items():
        assert head[name] == value


def test_response_headers_can_be_overridden(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    got = s3.get_object(Bucket=bucket, Key="k", ResponseContentType="text/html", ResponseCacheControl="max-age=1")
    assert got["ContentType"] == "text/html" and got["CacheControl"] == "max-age=1"


@pytest.mark.parametrize("spec,start,end", [
    ("bytes=0-9", 0, 10), ("bytes=5-", 5, 100), ("bytes=-7", 93, 100), ("bytes=90-500", 90, 100), ("bytes=-500", 0, 100)])
def test_ranges(s3, bucket, spec, start, end):
    body = os.urandom(100)
    s3.put_object(Bucket=bucket, Key="k", Body=body)
    got = s3.get_object(Bucket=bucket, Key="k", Range=spec)
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert got["Body"].read() == body[start:end]
    assert got["ContentRange"] == f"bytes {start}-{end - 1}/100"
    shown = [h for h in got["ResponseMetadata"]["HTTPHeaders"] if h.startswith("x-amz-checksum-")]
    # A part must not carry the whole object's checksum; a range that is the whole object does, as at AWS.
    assert bool(shown) == ((start, end) == (0, 100))


def test_a_range_past_the_end(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    with refused("InvalidRange", 416):
        s3.get_object(Bucket=bucket, Key="k", Range="bytes=10-")


def test_conditional_reads(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]
    modified = s3.head_object(Bucket=bucket, Key="k")["LastModified"]
    assert s3.get_object(Bucket=bucket, Key="k", IfMatch=etag)["ETag"] == etag
    with refused("PreconditionFailed", 412):
        s3.get_object(Bucket=bucket, Key="k", IfMatch='"other"')
    with refused("304", 304):
        s3.get_object(Bucket=bucket, Key="k", IfNoneMatch=etag)
    with refused("304", 304):
        s3.get_object(Bucket=bucket, Key="k", IfModifiedSince=modified)
    s3.get_object(Bucket=bucket, Key="k", IfUnmodifiedSince=modified)
    ranged = s3.get_object(Bucket=bucket, Key="k", IfMatch=etag, Range="bytes=0-0")
    assert ranged["ResponseMetadata"]["HTTPStatusCode"] == 206


def test_conditional_writes(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"1", IfNoneMatch="*")["ETag"]
    with refused("PreconditionFailed", 412):
        s3.put_object(Bucket=bucket, Key="k", Body=b"2", IfNoneMatch="*")
    s3.put_object(Bucket=bucket, Key="k", Body=b"3", IfMatch=etag)
    with refused("PreconditionFailed", 412):
        s3.put_object(Bucket=bucket, Key="k", Body=b"4", IfMatch=etag)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"3"


def test_copy_keeps_or_replaces_metadata(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a b/ü", Body=b"data" * 20_000, Metadata={"a": "1"}, ContentType="text/x-a")
    source = {"Bucket": bucket, "Key": "a b/ü"}
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=source)
    head = s3.head_object(Bucket=bucket, Key="copy")
    assert head["Metadata"] == {"a": "1"} and head["ContentType"] == "text/x-a"
    s3.copy_object(Bucket=bucket, Key="copy2", CopySource=source, MetadataDirective="REPLACE", Metadata={"b": "2"})
    assert s3.head_object(Bucket=bucket, Key="copy2")["Metadata"] == {"b": "2"}
    assert s3.get_object(Bucket=bucket, Key="copy2")["Body"].read() == b"data" * 20_000
    with refused("InvalidRequest", 400):
        s3.copy_object(Bucket=bucket, Key="a b/ü", CopySource=source)
    with refused("NoSuchKey", 404):
        s3.copy_object(Bucket=bucket, Key="x", CopySource={"Bucket": bucket, "Key": "none"})


def test_tags(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Tagging="a=1&b=c%20d")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == [
        {"Key": "a", "Value": "1"}, {"Key": "b", "Value": "c d"}]
    assert s3.get_object(Bucket=bucket, Key="k")["TagCount"] == 2
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": [{"Key": "z", "Value": ""}]})
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == [{"Key": "z", "Value": ""}]
    s3.delete_object_tagging(Bucket=bucket, Key="k")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == []
    many = [{"Key": str(n), "Value": ""} for n in range(11)]
    with refused("BadRequest", 400):
        s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": many})


def test_delete_objects(s3, bucket):
    for key in ["a", "b", "ü&<"]:
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": k} for k in ["a", "ü&<", "missing"]]})
    assert sorted(d["Key"] for d in answer["Deleted"]) == ["a", "missing", "ü&<"]
    assert [o["Key"] for o in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["b"]
    quiet = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "b"}], "Quiet": True})
    assert "Deleted" not in quiet


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
@pytest.mark.parametrize("route", ["overlay", "proxied"])
def test_checksums(server, bucket, algorithm, route):
    """Headers over http, trailers over TLS."""
    s3 = getattr(server, route)()
    body = os.urandom(100_000)
    put = s3.put_object(Bucket=bucket, Key="k", Body=body, ChecksumAlgorithm=algorithm)
    field = f"Checksum{algorithm}"
    got = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert got["Body"].read() == body
    assert got[field] == put[field] and got["ChecksumType"] == "FULL_OBJECT"
    if algorithm == "SHA256":
        assert got[field] == base64.b64encode(hashlib.sha256(body).digest()).decode()
    if algorithm == "CRC32":
        assert got[field] == base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()


def test_wrong_checksums_store_nothing(s3, bucket):
    with refused("BadDigest", 400):
        s3.put_object(Bucket=bucket, Key="k", Body=b"x", ChecksumCRC32="AAAAAA==")
    with refused("BadDigest", 400):
        s3.put_object(Bucket=bucket, Key="k", Body=b"x", ContentMD5="1B2M2Y8AsgTpgAmY7PhCfg==")
    with refused("InvalidDigest", 400):
        s3.put_object(Bucket=bucket, Key="k", Body=b"x", ContentMD5="short")
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
