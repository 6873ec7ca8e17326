"""Damaged bytes and rows of a source: never replicated broken, a reason that can be seen, and nothing else held up.

Reading them: `stored data is damaged` in docs/operate.md. Damaged files of the folder: test_data_folder.
"""

import contextlib
import os
import sqlite3
from pathlib import Path

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from journeys import refused
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


@pytest.mark.parametrize("damage, is_found", [
    ("UPDATE outbox SET stamp = x'00' WHERE key = ?", True),
    ("UPDATE outbox SET kind = 77 WHERE key = ?", False),
    ("UPDATE current_objects SET record = x'00ff' WHERE key = ?", False)], ids=["whose-work", "which-work", "version"])
def test_a_damaged_row_holds_up_nothing_else(apart, unique, damage, is_found):
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
    assert any("stored data is damaged" in (region.get("trouble") or "") for region in shown["regions"]), shown
    assert ("reading the outbox: The outbox entry 1 " in one.server.log_text()) == ("outbox" in damage)
    if is_found:
        # No work is known for this version any more: it can be seen to be missing, and be sent again.
        pair.command("verify", pair.source, pair.target, "--repair", expect=2)
        eventually(lambda: {v[0] for v in pair.versions(pair.target)} == {"damaged", *sound}, "it is brought")
    pair.put("damaged", "sound")
    eventually(lambda: sum(v[0] == "sound" for v in pair.versions(pair.target)) == 2, "new versions arrive")
    if "outbox" not in damage:
        assert "stored data is damaged" in failed(pair)["damaged"]
        assert pair.command("replication", "retry", pair.source)["buckets"][0]["damaged"] == 1
    else:
        eventually(lambda: pair.status("damaged") == "COMPLETED", "of the damaged key, too")


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
