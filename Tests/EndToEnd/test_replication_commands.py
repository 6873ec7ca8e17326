import json
import subprocess

import pytest

from journeys import make_bucket
from meridian_server import binary, eventually


@pytest.fixture
def command(server):
    def run(*arguments, expect=0):
        done = subprocess.run(
            [str(binary()), *arguments, "--data", str(server.data)], capture_output=True, text=True, timeout=60)
        assert done.returncode == expect, done.stdout + done.stderr
        return done.stdout + done.stderr
    return run


def test_what_failed_has_a_reason_and_is_retried(server, unique, command):
    s3 = server.overlay()
    source, target = make_bucket(server, unique(), "us-east-1"), make_bucket(server, unique(), "eu-west-1")
    for bucket in (source, target):
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_replication(Bucket=source, ReplicationConfiguration={
        "Role": "arn:aws:iam::123456789012:role/r",
        "Rules": [{"ID": "r", "Status": "Enabled", "Priority": 1, "Filter": {},
                   "DeleteMarkerReplication": {"Status": "Disabled"},
                   "Destination": {"Bucket": f"arn:aws:s3:::{target}"}}]})
    s3.delete_bucket(Bucket=target)
    s3.put_object(Bucket=source, Key="k", Body=b"1")
    status = lambda: s3.head_object(Bucket=source, Key="k").get("ReplicationStatus")
    eventually(lambda: status() == "FAILED", "the version is FAILED", seconds=60)
    failures = json.loads(command("replication", "failures", source, "--json"))["failures"]
    assert [(f["key"], f["reason"]) for f in failures] == [("k", "DstBucketNotFound")]
    make = {"Bucket": target, "CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}}
    s3.create_bucket(**make)
    s3.put_bucket_versioning(Bucket=target, VersioningConfiguration={"Status": "Enabled"})
    assert "1 retried" in command("replication", "retry", source)
    eventually(lambda: status() == "COMPLETED", "the version is COMPLETED")
    assert s3.head_object(Bucket=target, Key="k")["ReplicationStatus"] == "REPLICA"


def test_refusals_say_why(command):
    assert "does not exist" in command("replication", "retry", "no-such-bucket", expect=1)
    assert "does not exist" in command("replication", "mesh", "no-such-point", expect=1)
    assert "no region" in command("replication", "limit", "mars-1", "us-east-1", "1M", expect=1)


def test_limits_count_at_once(server, command):
    command("replication", "limit", "us-east-1", "eu-west-1", "1M")
    links = json.loads(command("replication", "status", "--json"))["links"]
    assert {(l["from"], l.get("to")): l.get("limitBytesPerSecond") for l in links}[("us-east-1", "eu-west-1")] == 1 << 20
    command("replication", "limit", "us-east-1", "eu-west-1", "none")
