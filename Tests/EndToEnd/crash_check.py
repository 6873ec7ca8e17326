"""What has to hold after a server was killed: seen by a client, and in the files of the stopped server."""

import contextlib
import json
import os
import re
import sqlite3
import threading
from collections import Counter

from botocore.exceptions import ClientError

from meridian_server import REGIONS, Server, eventually
from wire import fetch

PART = 5 * 1024 * 1024
INLINE, SMALL_BLOB, BLOB = 10, 40_000, 300_000


class Writers:
    """Threads that put, overwrite, tag, delete and upload in parts until the server dies, and remember every answer.

    A request without an answer is in doubt: its key may have either state, so such a key says nothing and is left out.
    """

    def __init__(self, server: Server, buckets: dict[str, str], count: int = 6):
        self.server, self.buckets, self.count = server, buckets, count
        # (bucket, key): the body, or None after an acknowledged delete.
        self.known: dict[tuple[str, str], bytes | None] = {}
        # Answered writes per key that make a version or a delete marker.
        self.writes: Counter = Counter()
        self.doubtful: set[tuple[str, str]] = set()
        self.kinds: Counter = Counter()
        self.unexpected: list[Exception] = []

    @contextlib.contextmanager
    def running(self, round_number: int):
        stop = threading.Event()
        threads = [
            threading.Thread(target=self._write, args=(round_number, n, stop)) for n in range(self.count)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            stop.set()
            for thread in threads:
                thread.join()

    def _write(self, round_number: int, writer: int, stop: threading.Event):
        region = REGIONS[writer % len(REGIONS)]
        s3, bucket, number = self.server.overlay(region=region), self.buckets[region], 0
        while not stop.is_set():
            number += 1
            key = f"{round_number}/{writer}/{number}"
            body = os.urandom([INLINE, SMALL_BLOB, BLOB][number % 3])
            try:
                self._step("put", (bucket, key), body, lambda: s3.put_object(Bucket=bucket, Key=key, Body=body))
                if number % 4 == 0:
                    other = os.urandom(BLOB)
                    self._step("overwrite", (bucket, key), other, lambda: s3.put_object(
                        Bucket=bucket, Key=key, Body=other, Metadata={"again": "yes"}))
                if number % 5 == 0:
                    self._step("delete", (bucket, key), None, lambda: s3.delete_object(Bucket=bucket, Key=key))
                if number % 7 == 3:
                    whole = os.urandom(PART + 1000)
                    self._step("multipart", (bucket, key), whole, lambda: upload(s3, bucket, key, whole))
            except ClientError as error:
                # A server that is killed answers nothing; an error is a wrong answer.
                self.unexpected.append(error)
                return
            except Exception:
                return

    def _step(self, kind: str, where: tuple[str, str], after: bytes | None, action):
        self.doubtful.add(where)
        action()
        self.doubtful.discard(where)
        self.known[where] = after
        self.writes[where] += 1
        self.kinds[kind] += 1

    @property
    def answered(self) -> int:
        return sum(self.kinds.values())


def upload(s3, bucket: str, key: str, body: bytes):
    upload_id = s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
    parts = [
        {"PartNumber": number, "ETag": s3.upload_part(
            Bucket=bucket, Key=key, UploadId=upload_id, PartNumber=number, Body=piece)["ETag"]}
        for number, piece in enumerate([body[:PART], body[PART:]], 1)]
    s3.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload_id, MultipartUpload={"Parts": parts})


def nothing_waits(server: Server):
    def settled():
        return json.loads(server.command("status", "--json").stdout)["replication"] == []
    eventually(settled, "nothing waits for replication", 180)


def replicated_so_far(server: Server) -> int:
    """Versions and changes that any region has sent to any other since the start."""
    metrics = fetch(server.endpoint + "/-/metrics")[2].decode()
    values = re.findall(r"^meridian_replication_versions_total\{[^}]*\} (\d+)$", metrics, re.MULTILINE)
    return sum(int(value) for value in values)


def check_seen_by_clients(server: Server, writers: Writers) -> int:
    """Every answered write is readable in every region, and nothing was made twice. The number of keys looked at."""
    s3 = server.overlay()
    sure = {where: body for where, body in writers.known.items() if where not in writers.doubtful}
    for (source, key), body in sure.items():
        for bucket in writers.buckets.values():
            found = read(s3, bucket, key)
            assert found == body, (source, bucket, key, found and len(found), body and len(body))
    versions = {bucket: all_versions(s3, bucket) for bucket in writers.buckets.values()}
    first = next(iter(versions.values()))
    for bucket, found in versions.items():
        assert found == first, f"{bucket} has other versions: {set(found) ^ set(first)}"
        assert len(found) == len(set(found))
        made = Counter(key for key, *_ in found)
        for (source, key) in sure:
            assert made[key] == writers.writes[source, key], (bucket, key)
    return len(sure)


def read(s3, bucket: str, key: str) -> bytes | None:
    try:
        return s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except s3.exceptions.NoSuchKey:
        return None


def all_versions(s3, bucket: str) -> list[tuple[str, str, str]]:
    found = []
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        found += [(v["Key"], v["VersionId"], v["ETag"]) for v in page.get("Versions", [])]
        found += [(m["Key"], m["VersionId"], "marker") for m in page.get("DeleteMarkers", [])]
    return sorted(found)


def abort_uploads(server: Server, buckets: dict[str, str]) -> int:
    """Ends the uploads that the kill left open, whose parts are no orphans. How many there were."""
    count = 0
    for region, bucket in buckets.items():
        s3 = server.overlay(region=region)
        for page in s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket):
            for open_upload in page.get("Uploads", []):
                s3.abort_multipart_upload(Bucket=bucket, Key=open_upload["Key"], UploadId=open_upload["UploadId"])
                count += 1
    return count


def blob_files(server: Server, region: str) -> set[str]:
    """The names of the blobs on disk, as the metadata spells them."""
    folder = server.data / "regions" / region / "blobs" / "blobs"
    return {f"{file.parts[-3]}-{file.name}" for file in folder.glob("*/??/*")}


def check_files(server: Server) -> int:
    """In the data folder of a stopped server: files and references match one to one. The number of files."""
    total = 0
    for region in REGIONS:
        folder = server.data / "regions" / region
        with contextlib.closing(sqlite3.connect(folder / "metadata.sqlite")) as metadata:
            assert metadata.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            referenced = {row[0] for row in metadata.execute("SELECT blob FROM blob_refs WHERE count > 0")}
            waiting = {row[0] for row in metadata.execute("SELECT blob FROM garbage")}
            assert metadata.execute("SELECT count(*) FROM outbox").fetchone() == (0,)
        on_disk = blob_files(server, region)
        assert referenced <= on_disk, f"lost in {region}: {referenced - on_disk}"
        assert on_disk <= referenced | waiting, f"orphans in {region}: {on_disk - referenced - waiting}"
        assert os.listdir(folder / "blobs" / "staging") == []
        total += len(on_disk)
    return total
