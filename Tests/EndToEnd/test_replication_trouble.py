"""What replication does in trouble: a defined answer, a reason that can be seen, and nothing lost.

Elsewhere: a killed region (test_region_processes), a bucket that was gone before the write (test_replication_commands),
a source's own disk (test_disk_full), damaged data (test_damaged_data), what was removed for good (test_verify).
"""

import json
import shutil
import signal
import subprocess
import time

import pytest
from botocore.exceptions import ClientError

from journeys import make_bucket, refused, replicate
from meridian_server import eventually
from replication_pair import AWAY, HOME, THIRD, Pair, pair_in
from stepping_clock import SteppingClock


def test_the_destinations_disk_fills_up(small_disk, apart, unique):
    one = apart(start=False)
    one.regions[AWAY].data = small_disk / "data"
    one.start()
    pair = pair_in(one.server, unique)
    pair.put(*[f"large/{n}" for n in range(30)], size=1_000_000)
    pair.put("last", "small", size=1_000_000)
    stuck = eventually(
        lambda: [n for n in range(30) if pair.is_told(f"large/{n}", "disk is full")],
        "the reason is shown at a version")
    assert "disk is full" in pair.link()["lastFailure"]
    assert pair.failures() == {} and pair.status(f"large/{stuck[0]}") == "PENDING"
    # The source goes on, and the destination answers.
    pair.put("later")
    assert pair.s3.list_objects_v2(Bucket=pair.target)["KeyCount"] > 0
    subprocess.run(["mount", "-o", "remount,size=96m", str(small_disk)], check=True)
    eventually(pair.is_equal, "everything is there when there is room")


def test_the_destination_is_deleted_while_work_is_on_its_way(server, unique):
    pair = pair_in(server, unique)
    pair.command("replication", "limit", HOME, AWAY, "20K")
    try:
        pair.put("on-its-way", size=3_000_000)
        eventually(lambda: pair.link()["inFlight"] > 0, "it is on its way")
        pair.s3.delete_bucket(Bucket=pair.target)
        pair.put("after")
    finally:
        pair.command("replication", "limit", HOME, AWAY, "none")
    keys = ["on-its-way", "after"]
    eventually(lambda: pair.reason("after", "DstBucketNotFound"), "the reason is shown while it is tried again")
    eventually(
        lambda: pair.failures() == dict.fromkeys(keys, "DstBucketNotFound"), "both are given up", seconds=40)
    assert {pair.status(key) for key in keys} == {"FAILED"}
    server.plain(region=AWAY).create_bucket(
        Bucket=pair.target, CreateBucketConfiguration={"LocationConstraint": AWAY})
    pair.s3.put_bucket_versioning(Bucket=pair.target, VersioningConfiguration={"Status": "Enabled"})
    assert pair.command("replication", "retry", pair.source)["buckets"] == [
        {"bucket": pair.source, "retried": 2, "withoutRule": 0, "damaged": 0}]
    eventually(pair.is_equal, "what failed is there after a retry")


def test_the_destinations_versioning_is_suspended(server, unique):
    pair = pair_in(server, unique)
    with refused("InvalidBucketState", 409):
        pair.s3.put_bucket_versioning(Bucket=pair.source, VersioningConfiguration={"Status": "Suspended"})
    pair.s3.put_bucket_versioning(Bucket=pair.target, VersioningConfiguration={"Status": "Suspended"})
    pair.put("k", "short", size=100)
    eventually(lambda: pair.reason("k", "DstBucketUnversioned"), "the reason is shown while it is tried again")
    eventually(
        lambda: pair.failures() == {"k": "DstBucketUnversioned", "short": "DstBucketUnversioned"}, "they are given up",
        seconds=40)
    assert pair.status("k") == "FAILED" and pair.versions(pair.target) == []
    pair.s3.put_bucket_versioning(Bucket=pair.target, VersioningConfiguration={"Status": "Enabled"})
    pair.command("replication", "retry", pair.source)
    eventually(pair.is_equal, "what failed is there after a retry")


def test_rules_change_while_the_destination_is_away(apart, unique):
    one = apart()
    pair = pair_in(one.server, unique)
    kinds = ("kept", "disabled", "removed", "renamed", "deleted")
    pair.rules(*[(kind, f"{kind}/") for kind in kinds])
    one.regions[AWAY].kill()
    for kind in kinds:
        pair.put(f"{kind}/0", f"{kind}/1")
    told = f"cannot connect to 127.0.0.1:{one.regions[AWAY].port}: connection refused"
    eventually(lambda: pair.reason("kept/0", told), "the reason is shown in words")
    pair.rules(
        ("kept", "kept/"), ("disabled", "disabled/"), ("other-name", "renamed/"), ("deleted", "deleted/"),
        disabled=("disabled",))
    for key, version, _, _ in pair.versions(pair.source):
        if key.startswith("deleted/"):
            pair.s3.delete_object(Bucket=pair.source, Key=key, VersionId=version)
    # What no rule covers any more is given up with a reason, without waiting for the region.
    gone = {f"removed/{n}": "SrcBucketReplicationConfigMissing" for n in (0, 1)}
    eventually(lambda: pair.failures() == gone, "what no rule covers is given up")
    assert pair.status("removed/0") == "FAILED" and pair.status("disabled/0") == "PENDING"
    one.regions[AWAY].start()
    expected = {f"{kind}/{n}" for kind in ("kept", "renamed") for n in (0, 1)}
    eventually(lambda: {v[0] for v in pair.versions(pair.target)} == expected, "what rules cover arrives")
    eventually(lambda: {pair.status(key) for key in expected} == {"COMPLETED"}, "and is COMPLETED")
    shown = {r["rule"]: r for r in pair.command("replication", "status")["rules"] if r["sourceBucket"] == pair.source}
    assert (shown["disabled"]["isEnabled"], shown["disabled"]["pendingVersions"]) == (False, 2)
    assert all(r["pendingVersions"] == 0 for name, r in shown.items() if name != "disabled"), shown
    # Without any rules nothing is left PENDING; with them again all can be brought.
    pair.s3.delete_bucket_replication(Bucket=pair.source)
    gone |= {f"disabled/{n}": "SrcBucketReplicationConfigMissing" for n in (0, 1)}
    eventually(lambda: pair.failures() == gone, "nothing is PENDING for ever")
    assert pair.command("replication", "retry", pair.source)["buckets"][0]["withoutRule"] == 4
    pair.rules(("all", ""))
    pair.command("replication", "retry", pair.source)
    eventually(pair.is_equal, "everything is there")


def test_a_destination_that_cannot_be_looked_at_is_refused(apart, unique):
    one = apart()
    pair = pair_in(one.server, unique)
    bare = make_bucket(one.server, unique(), AWAY, versioned=False)
    fresh = make_bucket(one.server, unique(), HOME)
    with refused("InvalidRequest", 400):
        replicate(one.server, fresh, [bare])
    one.regions[AWAY].kill()
    for destination in (bare, pair.target):
        with refused("ServiceUnavailable", 503) as caught:
            replicate(one.server, fresh, [destination])
        assert AWAY in caught.value.response["Error"]["Message"]
    replicate(one.server, pair.source, [pair.target], prefix="other/")  # A known one can be changed.
    with refused("ServiceUnavailable", 503):
        replicate(one.server, pair.source, [pair.target, bare])
    one.regions[AWAY].start()
    eventually(lambda: replicate(one.server, fresh, [pair.target]) or True, "the region is asked again")
    with refused("InvalidRequest", 400):
        replicate(one.server, fresh, [bare])


def test_a_region_is_taken_out_and_put_back(apart, unique):
    one = apart((AWAY, THIRD))
    pair = pair_in(one.server, unique)
    third = one.regions[THIRD]
    other = Pair(one.server, make_bucket(one.server, unique(), HOME), make_bucket(one.server, unique(), THIRD))
    one.regions[AWAY].stop()
    pair.put("before")
    whole = one.config.read_text()
    document = json.loads(whole)
    document["regions"] = [r for r in document["regions"] if not isinstance(r, dict) or r["name"] != AWAY]
    one.config.write_text(json.dumps(document))
    third.stop(), one.server.stop()
    one.server.start(), third.start()
    eventually(lambda: pair.put("during") or True, "the source takes writes")
    eventually(lambda: pair.reason("before", "no link to region", AWAY), "the reason is shown")
    eventually(lambda: pair.reason("during", "no link to region", AWAY), "for later work as well")
    assert pair.status("before") == "PENDING" and pair.failures() == {}
    for s3 in (one.server.plain(), third.s3()):
        with pytest.raises(ClientError) as caught:
            s3.put_object(Bucket=pair.target, Key="k", Body=b"")
        assert 400 <= caught.value.response["ResponseMetadata"]["HTTPStatusCode"] <= 503, caught.value.response
    other.put("k")
    eventually(other.is_equal, "the others go on")

    one.config.write_text(whole)
    third.stop(), one.server.stop()
    one.server.start(), third.start(), one.regions[AWAY].start()
    eventually(pair.is_equal, "everything is there when the region is back")
    eventually(other.is_equal, "for the others as well")


def test_a_region_hangs(apart, unique):
    one = apart()
    pair = pair_in(one.server, unique)
    pair.put("before")
    eventually(pair.is_equal, "replication works")
    hung = one.regions[AWAY].process
    hung.send_signal(signal.SIGSTOP)
    end = time.monotonic() + 5
    number = 0
    while time.monotonic() < end:
        pair.put(f"small/{number}", size=100)
        pair.put(f"large/{number % 3}")
        number += 1
        time.sleep(0.1)
    assert number > 10, "the source takes writes meanwhile"
    assert pair.link()["pendingVersions"] > 0
    hung.send_signal(signal.SIGCONT)
    eventually(pair.is_equal, "all is there, once")


@pytest.fixture
def cut():
    """Cuts a port off: what goes there or comes from there disappears, without an end of the connection."""
    if not shutil.which("iptables"):
        pytest.skip("cutting a connection without FIN or RST needs iptables")
    drops = []

    def change(port: int, away: bool):
        for side in ("--dport", "--sport"):
            rule = ["INPUT", "-p", "tcp", side, str(port), "-j", "DROP"]
            done = subprocess.run(["iptables", "-w", "-I" if away else "-D", *rule], capture_output=True, text=True)
            if done.returncode != 0:
                pytest.skip(f"iptables: {done.stderr.strip()}")
            drops.append((away, rule))

    yield change
    for away, rule in drops:
        if away and (False, rule) not in drops:
            subprocess.run(["iptables", "-w", "-D", *rule], check=True)


def test_a_connection_is_cut_without_an_end(apart, unique, cut):
    one = apart()
    pair = pair_in(one.server, unique)
    region = one.regions[AWAY]
    pair.put("before", "before/2")
    eventually(pair.is_equal, "replication works")
    cut(region.port, True)
    pair.put("during", "during/2")
    eventually(lambda: pair.reason("during", f"no answer from {AWAY}"), "it is noticed, and the reason is shown")
    # The other side forgets the connections, and nobody tells this side.
    region.kill()
    region.launch()
    cut(region.port, False)
    region.wait()
    eventually(pair.is_equal, "all is there, once")


@pytest.fixture
def clock(tmp_path, monkeypatch):
    return SteppingClock(tmp_path, monkeypatch)


def test_the_clock_steps_by_hours(clock, apart, unique):
    one = apart()
    pair = pair_in(one.server, unique)
    one.regions[AWAY].kill()
    pair.put("k", "now")
    clock.set("client", 5)
    pair.put("k", "ahead")
    written = pair.s3.head_object(Bucket=pair.source, Key="ahead")["LastModified"].timestamp()
    assert 4.9 < (written - time.time()) / 3600 < 5.1, "the server has the clock of the test"
    # What is tried now is put off to a time that is hours ahead soon.
    eventually(lambda: pair.reason("ahead", str(one.regions[AWAY].port)), "it has been tried")
    clock.set("client", -5)
    pair.put("k", "behind")
    last = pair.s3.head_object(Bucket=pair.source, Key="k")["ETag"]
    one.regions[AWAY].start()
    eventually(pair.is_equal, "everything is there, in the same order")
    assert len(pair.versions(pair.target)) == 6
    assert pair.s3.head_object(Bucket=pair.target, Key="k")["ETag"] == last, "the last write is the current one"


def test_a_regions_clock_is_off_by_hours(clock, apart, unique):
    one = apart(start=False)
    one.server.start()
    clock.set(AWAY, 0)
    clock.use(AWAY)
    one.regions[AWAY].start()
    clock.use("client")
    pair = pair_in(one.server, unique)
    clock.set(AWAY, 3)
    pair.put("k")
    eventually(lambda: pair.reason("k", "process's clock is 10", "ahead of the caller's"), "the reason is shown")
    assert pair.failures() == {} and pair.status("k") == "PENDING"
    clock.set(AWAY, 0)
    eventually(pair.is_equal, "it arrives when the clock is right again")
