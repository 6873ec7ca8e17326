"""Damaged bytes and rows of a source: never replicated broken, a reason that can be seen, and nothing else held up.

Reading them: `stored data is damaged` in docs/operate.md. Damaged files of the folder: test_data_folder.
"""

import contextlib
import json
import os
import sqlite3
from pathlib import Path

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from journeys import make_bucket, refused, replicate, replicate_all_ways
from meridian_server import eventually
from replication_pair import AWAY, BLOB, HOME, pair_in


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


def failed(pair) -> dict[str, str]:
    """It is given up after some tries, as a refusal is."""
    return eventually(pair.failures, "the damaged version fails")


def retried(pair):
    """What failed goes again, once its bytes are what they were."""
    assert pair.command("replication", "retry", pair.source)["buckets"] == [
        {"bucket": pair.source, "retried": 1, "withoutRule": 0, "damaged": 0}]
    eventually(pair.is_equal, "it arrives once it is restored")


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
        assert "stored data is damaged" in failed(pair)["damaged"]
        assert pair.status("damaged") == "FAILED"
    retried(pair)


def test_a_damaged_small_object_never_arrives(apart, unique):
    """Its bytes are in the database."""
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
    failed(pair)
    one.server.stop()
    rewrite(bytes([body[0] ^ 1]) + body[1:], body)
    one.server.start()
    retried(pair)


@pytest.mark.parametrize("damage, is_brought", [
    ("UPDATE outbox SET stamp = x'00' WHERE key = ?", True),
    ("UPDATE outbox SET kind = 77 WHERE key = ?", True),
    ("UPDATE current_objects SET record = x'00ff' WHERE key = ?", False)], ids=["whose-work", "which-work", "version"])
def test_a_damaged_row_holds_up_nothing_else(apart, unique, damage, is_brought):
    one = apart()
    pair = pair_in(one.server, unique)
    one.regions[AWAY].kill()
    pair.put("damaged", "sound", "sound/2")
    one.server.stop()
    database = one.server.data / "regions" / HOME / "metadata.sqlite"
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        assert connection.execute(damage, (b"damaged",)).rowcount == 1
    one.server.start()
    one.regions[AWAY].start()
    sound = {"sound", "sound/2"}
    eventually(lambda: {v[0] for v in pair.versions(pair.target)} == sound, "the others go on")
    shown = pair.command("replication", "status", f"{pair.source}/damaged")
    is_told = any("stored data is damaged" in (region.get("trouble") or "") for region in shown["regions"])
    assert is_told == ("outbox" not in damage), shown
    assert ("reading the outbox: The outbox entry 1 " in one.server.log_text()) == ("outbox" in damage)
    summary = pair.command("verify", pair.source, pair.target, "--repair", expect=2)
    assert summary["verdicts"] == {"missing" if is_brought else "damaged": 1}
    assert summary["repaired"] == (1 if is_brought else 0)
    if is_brought:
        # No work is known for this version any more: it can be seen to be missing, and be sent again.
        eventually(lambda: {v[0] for v in pair.versions(pair.target)} == {"damaged", *sound}, "it is brought")
    pair.put("damaged", "sound")
    eventually(lambda: sum(v[0] == "sound" for v in pair.versions(pair.target)) == 2, "new versions arrive")
    if "outbox" not in damage:
        assert "stored data is damaged" in failed(pair)["damaged"]
        assert pair.command("replication", "retry", pair.source)["buckets"][0]["damaged"] == 1
    else:
        eventually(lambda: pair.status("damaged") == "COMPLETED", "of the damaged key, too")


def verified(server, *arguments: str, expect: int = 0) -> list[dict]:
    """The findings of `meridian verify`."""
    done = server.command("verify", *arguments, "--json")
    assert done.returncode == expect, done.stdout + done.stderr
    return [line["finding"] for line in map(json.loads, done.stdout.splitlines()) if line["type"] == "finding"]


def damage_records(process, region: str, key: str):
    process.stop()
    database = process.data / "regions" / region / "metadata.sqlite"
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        statement = "UPDATE {} SET record = x'00ff', large = NULL WHERE key = ?"
        changed = [connection.execute(statement.format(table), (key.encode(),)).rowcount
                   for table in ["current_objects", "other_versions"]]
        assert sum(changed) > 0
    process.start()


@pytest.mark.parametrize("size", [100, BLOB], ids=["small", "large"])
@pytest.mark.parametrize("region", [HOME, AWAY], ids=["where-it-was-made", "its-replica"])
def test_a_damaged_record_comes_back_from_another_region(new_server, unique, region, size):
    server = new_server()
    buckets = {name: make_bucket(server, unique(), name) for name in [HOME, AWAY]}
    replicate_all_ways(server, buckets)
    home, away = buckets.values()
    s3 = server.plain()
    bodies = {key: os.urandom(size) for key in ["damaged", "sound", "sound/2"]}
    ids = {key: s3.put_object(Bucket=home, Key=key, Body=body)["VersionId"] for key, body in bodies.items()}
    eventually(lambda: not verified(server, home, away, "--strict"), "the buckets are equal")
    damage_records(server, region, "damaged")

    s3 = server.plain()
    for request in [s3.list_objects_v2, s3.list_object_versions]:
        with refused("InternalError", 500):
            request(Bucket=buckets[region])
    assert f"version {ids['damaged']} of \\\"damaged\\\"" in server.log_text()
    # Equal digests tell what was written; what can be read has to be asked for.
    assert not verified(server, home, away)
    finding, = verified(server, home, away, "--records", expect=2)
    assert (finding["verdict"], finding["key"], finding["bucket"]) == ("damaged", "damaged", buckets[region])
    assert finding["versionID"] == ids["damaged"] and finding["isPromised"] and finding["isDifference"]

    # Another difference in whatever slot is enough, too.
    s3.delete_bucket_replication(Bucket=home)
    s3.put_object(Bucket=home, Key="late", Body=b"late")
    replicate(server, home, [away])
    found = verified(server, home, away, expect=2)
    assert sorted(f["verdict"] for f in found) == ["damaged", "missing"]
    repaired = verified(server, home, away, "--repair", expect=2)
    assert all(f["isRepaired"] for f in repaired)
    eventually(lambda: not verified(server, home, away, "--strict", "--records"), "all is as it was")
    for bucket in [home, away]:
        listed = s3.list_object_versions(Bucket=bucket)["Versions"]
        assert [v["Key"] for v in listed] == ["damaged", "late", "sound", "sound/2"]
        assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 4
        found = s3.get_object(Bucket=bucket, Key="damaged", VersionId=ids["damaged"])
        assert found["Body"].read() == bodies["damaged"]
        assert found["ReplicationStatus"] == ("COMPLETED" if bucket == home else "REPLICA")


@pytest.mark.parametrize("region", [HOME, AWAY])
def test_a_damaged_record_comes_back_from_another_process(apart, unique, region):
    one = apart()
    pair = pair_in(one.server, unique)
    replicate(one.server, pair.target, [pair.source], region=AWAY)
    pair.put("damaged", "sound")
    eventually(pair.is_equal, "the buckets are equal")
    damage_records({HOME: one.server, AWAY: one.regions[AWAY]}[region], region, "damaged")
    found = eventually(
        lambda: pair.command("verify", pair.source, pair.target, "--records", "--repair", expect=2), "both can be asked")
    assert found["verdicts"] == {"damaged": 1} and found["repaired"] == 1
    eventually(pair.is_equal, "all is as it was")
    assert pair.command("verify", pair.source, pair.target, "--records")["verdicts"] == {}


def test_a_damaged_record_can_be_removed_or_written_over(new_server, unique):
    server = new_server()
    bucket = make_bucket(server, unique(), HOME)
    s3 = server.plain()
    first = s3.put_object(Bucket=bucket, Key="k", Body=b"1")["VersionId"]
    damage_records(server, HOME, "k")
    s3 = server.plain()
    with refused("InternalError", 500):
        s3.get_object(Bucket=bucket, Key="k")
    s3.put_object(Bucket=bucket, Key="k", Body=b"2")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"2"
    with refused("InternalError", 500):
        s3.list_object_versions(Bucket=bucket)
    s3.delete_object(Bucket=bucket, Key="k", VersionId=first)
    assert [v["IsLatest"] for v in s3.list_object_versions(Bucket=bucket)["Versions"]] == [True]


@pytest.mark.parametrize("is_removed", [True, False], ids=["removed", "failed"])
def test_later_versions_of_a_key_go_on(apart, unique, is_removed):
    """A key's versions are sent in order, so the damaged one holds up those behind it, until it is gone or has failed."""
    one = apart()
    pair = pair_in(one.server, unique)
    one.regions[AWAY].kill()
    body = os.urandom(BLOB)
    damaged_id = pair.s3.put_object(Bucket=pair.source, Key="damaged", Body=body)["VersionId"]
    one.server.kill()
    path, at = blob_of(one.server, body)
    with damaged(path, at):
        one.server.start()
        one.regions[AWAY].start()
        eventually(lambda: pair.is_told("damaged", "stored data is damaged"), "the reason is shown")
        pair.put("damaged")
        if is_removed:
            pair.s3.delete_object(Bucket=pair.source, Key="damaged", VersionId=damaged_id)
            eventually(pair.is_equal, "the later version arrives")
        else:
            eventually(lambda: pair.status("damaged") == "COMPLETED", "the later version arrives")
            failed(pair)
        assert len(pair.versions(pair.target)) == 1
    if not is_removed:
        retried(pair)
