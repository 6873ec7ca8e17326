"""What replication does in trouble: a defined answer, a reason that can be seen, and nothing lost.

Elsewhere: a killed region (test_region_processes), a bucket that was gone before the write (test_replication_commands), a
source's own disk (test_disk_full), what was removed for good and digests (test_verify).
"""

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import time
from datetime import timedelta
from pathlib import Path

import botocore.auth
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from journeys import make_bucket, refused
from meridian_server import ACCOUNT, REGIONS, binary, clean_environment, eventually
from region_process import Installation

HOME, AWAY, THIRD = REGIONS
BLOB = 300_000


class Pair:
    """A bucket in us-east-1 and one in eu-west-1 that it replicates to, whatever becomes of the processes."""

    def __init__(self, server, source: str, target: str):
        self.server, self.source, self.target = server, source, target
        self.s3 = server.plain()
        self.rules(("all", ""))

    def rules(self, *rules: tuple[str, str], disabled: tuple[str, ...] = ()):
        """Rules by id and prefix, all to the target."""
        self.s3.put_bucket_replication(Bucket=self.source, ReplicationConfiguration={
            "Role": f"arn:aws:iam::{ACCOUNT}:role/r",
            "Rules": [
                {"ID": name, "Status": "Disabled" if name in disabled else "Enabled", "Priority": number,
                 "Filter": {"Prefix": prefix}, "DeleteMarkerReplication": {"Status": "Enabled"},
                 "Destination": {"Bucket": f"arn:aws:s3:::{self.target}"}}
                for number, (name, prefix) in enumerate(rules, 1)]})

    def put(self, *keys: str, size: int = BLOB):
        for key in keys:
            self.s3.put_object(Bucket=self.source, Key=key, Body=os.urandom(size))

    def command(self, *arguments: str, expect: int = 0) -> dict:
        done = subprocess.run(
            [str(binary()), *arguments, "--json", "--data", str(self.server.data)], capture_output=True, text=True,
            timeout=60, env=clean_environment())
        assert done.returncode == expect, (done.returncode, done.stdout, done.stderr)
        if arguments[0] == "verify":
            return json.loads(done.stdout.splitlines()[-1])
        return json.loads(done.stdout)

    def work(self, key: str) -> list[dict]:
        """What is left to do for the versions of a key, as `meridian replication status BUCKET/KEY` shows it."""
        shown = self.command("replication", "status", f"{self.source}/{key}")
        mine = [r for r in shown["regions"] if r["bucket"] == self.source]
        return [work for region in mine for version in region["versions"] for work in version["work"]]

    def reason(self, key: str, *parts: str) -> bool:
        reasons = [work.get("reason") or "" for work in self.work(key)]
        assert any(all(part in reason for part in parts) for reason in reasons), reasons
        return True

    def link(self) -> dict:
        links = self.command("replication", "status")["links"]
        return next(link for link in links if (link["from"], link.get("to")) == (HOME, AWAY))

    def failures(self) -> dict[str, str]:
        listed = self.command("replication", "failures", self.source)["failures"]
        return {failure["key"]: failure["reason"] for failure in listed}

    def status(self, key: str) -> str:
        return self.s3.head_object(Bucket=self.source, Key=key).get("ReplicationStatus")

    def versions(self, bucket: str) -> list[tuple]:
        pages = self.s3.get_paginator("list_object_versions").paginate(Bucket=bucket)
        return [(v["Key"], v["VersionId"], v["ETag"], v["IsLatest"]) for page in pages for v in page.get("Versions", [])]

    def is_equal(self) -> bool:
        """All versions are in both, once, with the same bytes; nothing waits or has failed."""
        here, there = self.versions(self.source), self.versions(self.target)
        assert here == there, (len(here), len(there))
        summary = self.command("verify", self.source, self.target, "--strict")
        assert len({member["digest"] for member in summary["members"]}) == 1, summary
        for key, version, etag, _ in there:
            body = self.s3.get_object(Bucket=self.target, Key=key, VersionId=version)["Body"].read()
            assert body == self.s3.get_object(Bucket=self.source, Key=key, VersionId=version)["Body"].read()
            assert self.s3.head_object(Bucket=self.source, Key=key, VersionId=version)["ReplicationStatus"] == "COMPLETED"
        assert self.failures() == {}
        return True


@pytest.fixture
def apart(tmp_path):
    """Makes installations of a server with us-east-1 and a process for each other region, and pairs in them."""
    made = []

    def make(names=(AWAY,), start=True):
        one = Installation(tmp_path, [HOME, *names], list(names))
        made.append(one)
        return one.start() if start else one

    yield make
    for one in made:
        for region in one.regions.values():
            if region.process and region.process.poll() is None:
                region.process.send_signal(signal.SIGCONT)
        one.end()


def pair_in(server, unique) -> Pair:
    source = make_bucket(server, unique(), HOME)
    target = unique()
    s3 = server.plain(region=AWAY)
    s3.create_bucket(Bucket=target, CreateBucketConfiguration={"LocationConstraint": AWAY})
    enable = {"Bucket": target, "VersioningConfiguration": {"Status": "Enabled"}}
    eventually(lambda: s3.put_bucket_versioning(**enable), "the target takes versions")
    return Pair(server, source, target)


def test_the_destinations_disk_fills_up(small_disk, apart, unique):
    one = apart(start=False)
    one.regions[AWAY].data = small_disk / "data"
    one.start()
    pair = pair_in(one.server, unique)
    pair.put(*[f"large/{n}" for n in range(30)], size=1_000_000)
    pair.put("last", "small", size=1_000_000)
    stuck = eventually(
        lambda: [n for n in range(30) if any("disk is full" in (w.get("reason") or "") for w in pair.work(f"large/{n}"))],
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
        {"bucket": pair.source, "retried": 2, "withoutRule": 0}]
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


@contextlib.contextmanager
def damaged(path: Path, offset: int):
    whole = path.read_bytes()
    path.write_bytes(whole[:offset] + bytes([whole[offset] ^ 1]) + whole[offset + 1:])
    yield
    path.write_bytes(whole)


def blob_of(server, body: bytes) -> tuple[Path, int]:
    """The file that holds these bytes, and where they begin."""
    for path in (server.data / "regions" / HOME / "blobs").rglob("*"):
        if path.is_file() and (at := path.read_bytes().find(body[:64])) >= 0:
            return path, at
    raise AssertionError("no blob has these bytes")


@pytest.mark.parametrize("where", [10, BLOB - 10], ids=["first", "last"])
def test_a_damaged_blob_never_arrives(apart, unique, where):
    one = apart()
    pair = pair_in(one.server, unique)
    one.regions[AWAY].kill()
    body = os.urandom(BLOB)
    pair.s3.put_object(Bucket=pair.source, Key="damaged", Body=body)
    pair.put("sound")
    one.server.kill()
    path, at = blob_of(one.server, body)
    with damaged(path, at + where):
        one.server.start()
        one.regions[AWAY].start()
        eventually(lambda: pair.reason("damaged", "stored data is damaged"), "the reason is shown")
        with pytest.raises((ClientError, BotoCoreError)):
            pair.s3.get_object(Bucket=pair.source, Key="damaged")["Body"].read()
        pair.put("later")
        eventually(lambda: {v[0] for v in pair.versions(pair.target)} == {"sound", "later"}, "the others go on")
        assert pair.status("damaged") == "PENDING"
    eventually(pair.is_equal, "it arrives once it is restored")


def test_a_damaged_row_never_arrives_and_holds_up_nothing(apart, unique):
    """An object that lives in the metadata, and work that cannot be read."""
    one = apart()
    pair = pair_in(one.server, unique)
    one.regions[AWAY].kill()
    body = os.urandom(1000)
    pair.s3.put_object(Bucket=pair.source, Key="damaged", Body=body)
    pair.put("sound", "large")
    one.server.stop()
    database = one.server.data / "regions" / HOME / "metadata.sqlite"

    def rewrite(old: bytes, new: bytes):
        with contextlib.closing(sqlite3.connect(database)) as connection, connection:
            changed = connection.execute("UPDATE inline_data SET bytes = ? WHERE bytes = ?", (new, old)).rowcount
            assert changed == 1

    rewrite(body, bytes([body[0] ^ 1]) + body[1:])
    one.server.start()
    one.regions[AWAY].start()
    eventually(lambda: pair.reason("damaged", "damaged"), "the reason is shown")
    with refused("InternalError", 500):
        pair.s3.get_object(Bucket=pair.source, Key="damaged")
    eventually(lambda: {v[0] for v in pair.versions(pair.target)} == {"sound", "large"}, "the others go on")
    one.server.stop()
    rewrite(bytes([body[0] ^ 1]) + body[1:], body)
    one.server.start()
    eventually(pair.is_equal, "it arrives once it is restored")


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
    eventually(lambda: pair.reason("during", "no answer from eu-west-1"), "it is noticed, and the reason is shown", seconds=15)
    # The other side forgets the connections, and nobody tells this side.
    region.kill()
    region.launch()
    cut(region.port, False)
    region.wait()
    eventually(pair.is_equal, "all is there, once")


class Clock:
    """The clock of processes that are started under it, and of the clients in this one."""

    library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)

    def __init__(self, folder: Path, monkeypatch):
        self.file, self.hours = folder, 0
        monkeypatch.setenv("LD_PRELOAD", str(self.library))
        monkeypatch.setenv("FAKETIME_NO_CACHE", "1")
        monkeypatch.setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        self.folder, self.monkeypatch = folder, monkeypatch
        now = botocore.auth.get_current_datetime
        monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *a, **k: now(*a, **k) + timedelta(hours=self.hours))
        self.set("client", 0)

    def set(self, whose: str, hours: int):
        """Sets a clock that goes on from there; `client` is that of clients, and of commands."""
        path = self.folder / f"clock-{whose}"
        fresh = path.with_suffix(".new")
        fresh.write_text(f"{hours * 3600:+d}\n")
        fresh.rename(path)
        if whose == "client":
            self.hours = hours
            self.use("client")

    def use(self, whose: str):
        self.monkeypatch.setenv("FAKETIME_TIMESTAMP_FILE", str(self.folder / f"clock-{whose}"))


@pytest.fixture
def clock(tmp_path, monkeypatch):
    if Clock.library is None:
        pytest.skip("stepping a clock needs libfaketime; the simulation covers it (SimulationTests)")
    return Clock(tmp_path, monkeypatch)


def test_the_clock_steps_by_hours(clock, apart, unique):
    one = apart()
    pair = pair_in(one.server, unique)
    one.regions[AWAY].kill()
    pair.put("k", "now")
    clock.set("client", 5)
    pair.put("k", "ahead")
    # Work is tried, and put off to a time that is hours ahead soon.
    eventually(lambda: pair.reason("ahead", ""), "it has been tried")
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
    eventually(lambda: pair.reason("k", "clock"), "the reason is shown")
    assert pair.failures() == {} and pair.status("k") == "PENDING"
    clock.set(AWAY, 0)
    eventually(pair.is_equal, "it arrives when the clock is right again")
