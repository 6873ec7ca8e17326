import json
import subprocess

import pytest

from journeys import AccessPoint, make_bucket, replicate
from meridian_server import binary, eventually
from replication_pair import HOME, pair_in
from wire import fetch


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
    # Whoever looks at the state of the server sees it, and that the regions are well.
    report = json.loads(command("status", "--json"))
    assert sum(row["failedVersions"] for row in report["replication"] if row["sourceBucket"] == source) == 1
    assert report["failedVersions"] == sum(region["failedVersions"] for region in report["regions"]) >= 1
    shown = command("status")
    assert "FAILED to replicate   up" in shown and "Replication: nothing waits" not in shown
    assert f"! 1 version of {source} FAILED to replicate: see `meridian replication failures {source}`." in shown
    page = fetch(server.endpoint + "/-/")[2].decode()
    assert f"1 version of {source} FAILED to replicate" in page and "Nothing waits" not in page
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
    assert "500K, 1.5M or 20M; or 'none'" in command("replication", "limit", "us-east-1", "eu-west-1", "20MB", expect=1)


def test_buckets_of_one_region_have_a_link_that_can_be_limited(server, unique, command):
    source, target = make_bucket(server, unique(), "us-east-1"), make_bucket(server, unique(), "us-east-1")
    replicate(server, source, [target])
    command("replication", "limit", "us-east-1", "us-east-1", "4K")
    try:
        server.overlay().put_object(Bucket=source, Key="k", Body=b"x" * 2_000_000)
        link = lambda: next(
            link for link in json.loads(command("replication", "status", "--json"))["links"]
            if link["from"] == link.get("to") == "us-east-1")
        busy = eventually(lambda: link() if link()["bytesPerSecond"] else None, "bytes go over the link")
        # At the unlimited rate, or at that of a link that was idle until now, it would be far from this.
        assert busy["pendingVersions"] == 1 and 300 < busy["etaSeconds"] < 600
    finally:
        command("replication", "limit", "us-east-1", "us-east-1", "none")
    eventually(lambda: server.overlay().head_object(Bucket=target, Key="k"), "the limit is lifted")


def test_what_a_disabled_rule_holds_is_named(server, unique, command):
    pair = pair_in(server, unique)
    # Slow enough that work is left when the rule is disabled, which then holds it.
    command("replication", "limit", HOME, "eu-west-1", "2K")
    try:
        pair.put(*[f"k{n}" for n in range(20)], size=30_000)
        pair.rules(("all", ""), disabled=("all",))
        rows = [r for r in json.loads(command("status", "--json"))["replication"] if r["sourceBucket"] == pair.source]
        assert [(r["rule"], r["isEnabled"]) for r in rows] == [("all", False)] and rows[0]["pendingVersions"] > 0
        assert "all (disabled)" in command("status")
        assert "all (disabled)" in fetch(server.endpoint + "/-/")[2].decode()
    finally:
        command("replication", "limit", HOME, "eu-west-1", "none")


def test_a_mesh_is_one_json_document_and_names_what_carries_less(server, unique, command):
    def mesh(*options):
        done = subprocess.run(
            [str(binary()), "replication", "mesh", name, *options, "--data", str(server.data)], capture_output=True,
            text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
        return done
    name = unique()
    one, two = make_bucket(server, unique(), "us-east-1"), make_bucket(server, unique(), "eu-west-1")
    AccessPoint.create(server, name, {"us-east-1": one, "eu-west-1": two})
    server.overlay().put_bucket_replication(Bucket=one, ReplicationConfiguration={
        "Role": "arn:aws:iam::123456789012:role/r",
        "Rules": [{"ID": "logs", "Status": "Enabled", "Priority": 7, "Filter": {"Prefix": "logs/"},
                   "DeleteMarkerReplication": {"Status": "Disabled"},
                   "Destination": {"Bucket": f"arn:aws:s3:::{two}"}}]})
    looked = mesh("--json")
    plan = json.loads(looked.stdout)
    assert (plan["version"], plan["isDone"], plan["isComplete"], plan["carriesLess"]) == (1, False, False, True)
    assert "Nothing was changed" in looked.stderr
    assert len(server.overlay().get_bucket_replication(Bucket=one)["ReplicationConfiguration"]["Rules"]) == 1
    done = json.loads(mesh("--json", "--yes").stdout)
    assert (done["isDone"], done["isComplete"], done["members"]) == (True, True, plan["members"])
    for options in ([], ["--yes"]):
        again = json.loads(mesh("--json", *options).stdout)
        assert (again["isDone"], again["isComplete"], again["carriesLess"]) == (False, True, True)
    shown = mesh().stdout
    assert f"! rule 'logs' wins over 'mesh-{two}' for what has the prefix 'logs/' to {two}, " in shown
    assert "but without delete markers and changes of replicas" in shown and "replicates to every other" not in shown


def test_keys_cannot_steer_the_terminal(server, unique, command):
    pair = pair_in(server, unique)
    key = "a\tb\u009b2J\nc"
    pair.s3.delete_bucket(Bucket=pair.target)
    pair.s3.put_object(Bucket=pair.source, Key=key, Body=b"1")
    shown = r'"a\tb\u{9B}2J\nc"'
    eventually(lambda: shown in command("replication", "failures", pair.source), "the failure is listed", seconds=60)
    of_key = command("replication", "status", f"{pair.source}/{key}")
    listed = command("replication", "failures", pair.source, "--json")
    assert "\u009b" not in listed and [f["key"] for f in json.loads(listed)["failures"]] == [key]
    assert of_key.startswith(shown + ": NOT the same in all regions\n"), of_key
