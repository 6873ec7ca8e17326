import json
import shutil
import subprocess

import pytest

from journeys import AccessPoint, make_bucket, replicate_all_ways, replicate
from meridian_server import binary, eventually
from replication_pair import AWAY, HOME, THIRD, pair_in


@pytest.fixture
def verify(server):
    def run(*arguments, expect=0):
        done = subprocess.run(
            [str(binary()), "verify", *arguments, "--json", "--data", str(server.data)],
            capture_output=True, text=True, timeout=120)
        assert expect is None or done.returncode == expect, done.stdout + done.stderr
        if done.returncode == 1:
            return done.stderr, None
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        assert [line["type"] for line in lines] == ["finding"] * (len(lines) - 1) + ["summary"]
        return [line["finding"] for line in lines[:-1]], lines[-1]
    return run


def is_equal(verify, *arguments):
    findings, summary = verify(*arguments, expect=None)
    return not findings and len({member["digest"] for member in summary["members"]}) == 1


def test_regions_are_proven_equal_and_made_equal(server, unique, verify):
    regions = ["us-east-1", "eu-west-1", "ap-southeast-1"]
    buckets = {region: make_bucket(server, unique(), region) for region in regions}
    point = AccessPoint.create(server, unique(), buckets)
    replicate_all_ways(server, buckets)
    s3 = server.overlay()
    home, other = buckets["us-east-1"], buckets["eu-west-1"]
    for number in range(40):
        s3.put_object(Bucket=home if number % 2 else other, Key=f"k{number}", Body=b"x" * number)
    s3.put_object(Bucket=home, Key="large", Body=b"y" * 100_000)
    s3.delete_object(Bucket=home, Key="k3")
    everyone = ("--access-point", point.name)
    eventually(lambda: is_equal(verify, *everyone), "the members are equal", seconds=30)
    findings, summary = verify(*everyone, "--strict")
    assert summary["exchangedBytes"] == 2 * 128 * 24
    assert {member["versions"] for member in summary["members"]} == {42}

    s3.delete_bucket_replication(Bucket=home)
    s3.put_object(Bucket=home, Key="forgotten", Body=b"1", ContentType="text/plain")
    s3.delete_object(Bucket=home, Key="k5")
    s3.put_object_tagging(Bucket=home, Key="k7", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    replicate(server, home, [buckets["eu-west-1"], buckets["ap-southeast-1"]])
    findings, summary = verify(*everyone, expect=2)
    assert sorted((f["verdict"], f["key"], f["source"]) for f in findings) == sorted(
        [("missing", "forgotten", home), ("missing", "k5", home), ("different-metadata", "k7", home)] * 2)
    assert all(f["isDifference"] for f in findings) and summary["differences"] == 6

    findings, summary = verify(*everyone, "--repair", expect=2)
    assert summary["repaired"] == 6
    eventually(lambda: is_equal(verify, *everyone), "the members are equal again", seconds=30)
    assert s3.get_object(Bucket=other, Key="forgotten")["ContentType"] == "text/plain"
    assert s3.get_object_tagging(Bucket=other, Key="k7")["TagSet"] == [{"Key": "a", "Value": "b"}]
    assert s3.list_objects_v2(Bucket=other, Prefix="k5").get("KeyCount") == 0
    assert verify(home)[1]["verdicts"] == {}, "one bucket is compared with those of its rules"


def test_what_no_rule_promises_is_told_apart(server, unique, verify):
    source, target = make_bucket(server, unique(), "us-east-1"), make_bucket(server, unique(), "eu-west-1")
    replicate(server, source, [target], prefix="photos/")
    s3 = server.overlay()
    s3.put_object(Bucket=source, Key="photos/1", Body=b"1")
    s3.put_object(Bucket=source, Key="notes/1", Body=b"1")
    s3.put_object(Bucket=target, Key="photos/2", Body=b"1")
    eventually(lambda: "in-flight" not in verify(source, target)[1]["verdicts"], "nothing is on its way")
    findings, _ = verify(source, target)
    assert sorted((f["verdict"], f["key"], f["bucket"]) for f in findings) == [
        ("only-there", "notes/1", target), ("only-there", "photos/2", source)]
    verify(source, target, "--strict", expect=2)
    unrelated = make_bucket(server, unique(), "eu-west-1")
    assert verify(source, unrelated)[1]["isWithoutRules"]


def test_what_was_removed_for_good_is_told_and_left_alone(server, unique, verify):
    home, other = make_bucket(server, unique(), "us-east-1"), make_bucket(server, unique(), "eu-west-1")
    replicate_all_ways(server, {"us-east-1": home, "eu-west-1": other})
    s3 = server.overlay()
    kept = s3.put_object(Bucket=home, Key="kept", Body=b"1")["VersionId"]
    gone = s3.put_object(Bucket=home, Key="gone", Body=b"2")["VersionId"]
    origin = s3.put_object(Bucket=home, Key="origin", Body=b"3")["VersionId"]
    eventually(lambda: is_equal(verify, home, other), "the buckets are equal", seconds=30)

    s3.delete_object(Bucket=other, Key="gone", VersionId=gone)
    s3.delete_object(Bucket=home, Key="origin", VersionId=origin)
    told = sorted([("erased", "gone", gone, other, home), ("erased", "origin", origin, home, other)])

    def say(findings):
        return sorted((f["verdict"], f["key"], f["versionID"], f["bucket"], f["source"]) for f in findings)

    findings, summary = verify(home, other)
    assert say(findings) == told and not any(f["isDifference"] or f["isPromised"] for f in findings)
    assert summary["differences"] == 0 and summary["verdicts"] == {"erased": 2}
    verify(home, other, "--strict", expect=2)
    findings, summary = verify(home, other, "--repair")
    assert say(findings) == told and summary["repaired"] == 0

    # A difference beside them is found and repaired; they stay.
    s3.delete_bucket_replication(Bucket=home)
    s3.put_object(Bucket=home, Key="late", Body=b"4")
    replicate(server, home, [other])
    findings, summary = verify(home, other, "--repair", expect=2)
    assert summary["verdicts"] == {"erased": 2, "missing": 1} and summary["repaired"] == 1
    eventually(lambda: say(verify(home, other, expect=None)[0]) == told, "only the removals are left", seconds=30)
    assert [v["VersionId"] for v in s3.list_object_versions(Bucket=other, Prefix="gone").get("Versions", [])] == []
    assert s3.head_object(Bucket=other, Key="kept")["VersionId"] == kept

    # Removed on the other side too, they are no difference at all.
    s3.delete_object(Bucket=home, Key="gone", VersionId=gone)
    s3.delete_object(Bucket=other, Key="origin", VersionId=origin)
    assert is_equal(verify, home, other)


def test_refusals_say_why(server, unique, verify):
    assert "does not exist" in verify("no-such-bucket", "nor-this-one", expect=1)[0]
    assert "does not exist" in verify("--access-point", "no-such-point", expect=1)[0]
    assert "nothing to compare" in verify(make_bucket(server, unique(), "us-east-1"), expect=1)[0]


def test_a_region_that_is_away_is_named(apart, unique):
    one = apart((AWAY, THIRD))
    pair = pair_in(one.server, unique)
    alone = make_bucket(one.server, unique(), HOME)
    one.regions[AWAY].kill()
    for buckets in ([pair.source], [alone], [pair.source, pair.target]):
        done = one.server.command("verify", *buckets)
        assert (done.returncode, done.stdout) == (1, "")
        assert f"egion {AWAY} cannot be" in done.stderr and "connection refused" in done.stderr, done.stderr
        if len(buckets) == 1:
            assert "Verify again when it answers, or name the buckets to compare" in done.stderr, done.stderr
    assert pair.command("verify", pair.source, alone)["isWithoutRules"], "regions that answer are compared"


def test_what_an_older_backup_of_a_region_lacks_is_brought_back(apart, unique):
    one = apart()
    pair = pair_in(one.server, unique)
    away = one.regions[AWAY]
    replicate(one.server, pair.target, [pair.source], region=AWAY)
    pair.put("before")
    eventually(pair.is_equal, "both have the first version")
    assert away.stop() == 0
    backup = away.data.with_name("backup")
    shutil.copytree(away.data, backup)
    away.start()

    pair.put("made-here")
    made = away.s3().put_object(Bucket=pair.target, Key="made-there", Body=b"x" * 100_000)["VersionId"]
    settled = lambda: pair.command("verify", pair.source, pair.target, "--strict")
    eventually(settled, "both have what was made since")
    assert away.stop() == 0
    shutil.rmtree(away.data)
    shutil.copytree(backup, away.data)
    away.start()

    counts = lambda: pair.command("verify", pair.source, pair.target, expect=2)["verdicts"]
    eventually(lambda: counts() == {"missing": 1, "only-there": 1}, "what was lost is shown")
    report = pair.command("resync", pair.source, "--to", pair.target)
    assert (report["succeeded"], report["failed"]) == (3, 0)
    eventually(settled, "both have the same again")
    again = away.s3().get_object(Bucket=pair.target, Key="made-there")
    assert again["VersionId"] == made and again["Body"].read() == b"x" * 100_000
