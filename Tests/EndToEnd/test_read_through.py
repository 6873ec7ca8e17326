"""A read through an access point answers as if replication were instantaneous."""

import os
import subprocess

import pytest

from journeys import AccessPoint, make_bucket, refused, replicate
from meridian_server import binary, eventually

HOME, AWAY = "us-east-1", "eu-west-1"


@pytest.fixture
def slow(new_server):
    """A server whose link between two regions lets hardly anything through, the buckets, and an access point that
    serves from the far one."""
    server = new_server()
    buckets = {HOME: make_bucket(server, "near", HOME), AWAY: make_bucket(server, "far", AWAY)}
    replicate(server, "near", ["far"], prefix="kept/")
    point = AccessPoint.create(server, "slow", buckets)
    point.dial(us_east_1=0, eu_west_1=100)
    meridian(server, "replication", "limit", HOME, AWAY, "1024")
    return server, point


def meridian(server, *arguments):
    done = subprocess.run(
        [str(binary()), *arguments, "--data", str(server.data)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def header(answer: dict, name: str):
    return answer["ResponseMetadata"]["HTTPHeaders"].get(name)


def put(server, key: str, size: int = 400_000) -> tuple[bytes, str]:
    body = os.urandom(size)
    return body, server.overlay().put_object(Bucket="near", Key=key, Body=body, Tagging="a=b")["VersionId"]


def test_what_is_on_its_way_is_read_where_it_is(slow):
    server, point = slow
    s3 = server.overlay()
    body, version = put(server, "kept/k")
    got = s3.get_object(Bucket=point.arn, Key="kept/k")
    assert got["Body"].read() == body and got["VersionId"] == version
    assert header(got, "x-meridian-served-by") == HOME and header(got, "x-amz-bucket-region") == AWAY
    part = s3.get_object(Bucket=point.arn, Key="kept/k", Range="bytes=100000-199999")
    assert part["Body"].read() == body[100_000:200_000] and part["ResponseMetadata"]["HTTPStatusCode"] == 206
    head = s3.head_object(Bucket=point.arn, Key="kept/k", VersionId=version)
    assert head["ContentLength"] == len(body) and head["ReplicationStatus"] == "REPLICA"
    assert s3.get_object_tagging(Bucket=point.arn, Key="kept/k")["TagSet"] == [{"Key": "a", "Value": "b"}]
    told = s3.get_object_attributes(Bucket=point.arn, Key="kept/k", ObjectAttributes=["ObjectSize", "ETag"])
    assert told["ObjectSize"] == len(body) and f'"{told["ETag"]}"' == head["ETag"]
    s3.copy_object(Bucket="near", Key="copy", CopySource={"Bucket": point.arn, "Key": "kept/k"})
    assert s3.get_object(Bucket="near", Key="copy")["Body"].read() == body
    with refused("NoSuchKey"):
        s3.get_object(Bucket="far", Key="kept/k")  # The bucket itself has it when it has arrived.

    meridian(server, "replication", "limit", HOME, AWAY, "none")
    eventually(lambda: s3.head_object(Bucket="far", Key="kept/k"), "it arrives")
    got = s3.get_object(Bucket=point.arn, Key="kept/k")
    assert got["Body"].read() == body and header(got, "x-meridian-served-by") is None


def test_all_reads_see_what_is_on_its_way_above_a_delete_marker(slow):
    server, point = slow
    s3 = server.overlay()
    meridian(server, "replication", "limit", HOME, AWAY, "none")
    put(server, "kept/k", size=1)
    eventually(lambda: s3.head_object(Bucket="far", Key="kept/k"), "it arrives")
    s3.delete_object(Bucket="far", Key="kept/k")
    meridian(server, "replication", "limit", HOME, AWAY, "1024")
    ask = {"Bucket": point.arn, "Key": "kept/k"}
    with refused("MethodNotAllowed"):
        s3.get_object_tagging(**ask)
    for key in ("kept/k", "kept/new"):
        ask["Key"] = key
        _, version = put(server, key)
        for answer in (
                s3.head_object(**ask), s3.get_object_tagging(**ask), s3.get_object_acl(**ask),
                s3.get_object_attributes(ObjectAttributes=["ETag"], **ask)):
            assert header(answer, "x-amz-version-id") == version and header(answer, "x-meridian-served-by") == HOME
        assert s3.get_object_tagging(**ask)["TagSet"] == [{"Key": "a", "Value": "b"}]
        assert s3.get_object_acl(VersionId=version, **ask)["Grants"][0]["Permission"] == "FULL_CONTROL"
    with refused("NoSuchKey"):
        s3.get_object_acl(Bucket="far", Key="kept/new")


def test_nothing_appears_that_no_rule_brings(slow):
    server, point = slow
    s3 = server.overlay()
    put(server, "elsewhere/k")
    for ask in (s3.get_object, s3.get_object_tagging):
        with refused("NoSuchKey"):
            ask(Bucket=point.arn, Key="elsewhere/k")
    with refused("NoSuchKey"):
        s3.get_object_attributes(Bucket=point.arn, Key="elsewhere/k", ObjectAttributes=["ETag"])
    with refused("NoSuchKey"):
        s3.copy_object(Bucket="near", Key="copy", CopySource={"Bucket": point.arn, "Key": "elsewhere/k"})
    # Removed while it was on its way: gone for whoever asks.
    _, version = put(server, "kept/gone")
    assert header(s3.head_object(Bucket=point.arn, Key="kept/gone"), "x-meridian-served-by") == HOME
    s3.delete_object(Bucket="near", Key="kept/gone", VersionId=version)
    with refused("NoSuchKey"):
        s3.get_object(Bucket=point.arn, Key="kept/gone")


def test_the_access_points_setting_decides(slow):
    server, point = slow
    s3 = server.overlay()
    old, _ = put(server, "kept/k", size=10)
    eventually(lambda: s3.head_object(Bucket="far", Key="kept/k"), "the small version arrives")
    new, _ = put(server, "kept/k")
    assert s3.get_object(Bucket=point.arn, Key="kept/k")["Body"].read() == old, "read-through asks for what is missing"
    meridian(server, "access-point", "reads", "slow", "freshest")
    eventually(lambda: s3.get_object(Bucket=point.arn, Key="kept/k")["Body"].read() == new, "the freshest")
    put(server, "kept/other")
    assert s3.head_object(Bucket=point.arn, Key="kept/other")["ContentLength"] == 400_000
    meridian(server, "access-point", "reads", "slow", "local")

    def is_local():
        with refused("404"):
            s3.head_object(Bucket=point.arn, Key="kept/other")
        return True
    eventually(is_local, "local reads")
    assert s3.get_object(Bucket=point.arn, Key="kept/k")["Body"].read() == old
