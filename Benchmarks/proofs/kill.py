#!/usr/bin/env python3
"""kill.py BINARY: kill -9 in the middle of mixed writes, again and again.

Writers in three regions put small and large objects, upload in parts, overwrite and delete, all of it replicated both
ways between all regions; the server is killed at a random moment and started again. After every restart each writer
looks whether what was acknowledged is there with its bytes. At the end, once replication has settled:

* every acknowledged version is in its region with its bytes, and in the others under the same version id;
* every version is listed once, and the three regions list the same versions;
* no outbox entry stays;
* in a bucket without versions every key holds its last acknowledged change, or one that was cut off after it;
* after an unclean end and a start there are exactly as many blob files as versions refer to, none in staging.

Exits with 1 if any of this does not hold."""

import argparse
import hashlib
import random
import re
import sqlite3
import sys
import threading
import time
import urllib.parse

from server import Server
from wire import Connection, quantile, signer

PLAIN, PLAIN_REGION = "kill-plain", "us-east-1"
SMALL, LARGE, PART = 2_000, 1_200_000, 5 << 20


def content(name, size):
    """Bytes that are different for every name, and the same every time."""
    seed = hashlib.sha256(name.encode()).digest()
    return (seed * (size // len(seed) + 1))[:size]


class Write:
    """One change of a key: what was asked for, and what was answered."""

    def __init__(self, kind, key, name=None, size=0):
        self.kind, self.key, self.name, self.size = kind, key, name, size
        self.version = None


class Writer(threading.Thread):
    """Changes its own keys, one request after another, until the server is gone. Only the last one can be in doubt."""

    def __init__(self, server, bucket, number):
        super().__init__()
        self.server, self.bucket, self.number = server, bucket, number
        self.sign, self.chance = signer(server), random.Random(number)
        self.acknowledged, self.doubtful, self.count, self.trouble = [], [], 0, []

    def begin(self):
        """A thread runs once; a round goes on with what the earlier ones know."""
        threading.Thread.__init__(self)
        self.start()

    def run(self):
        try:
            self.link = Connection(self.server.port)
            while True:
                self.step()
        except OSError:
            pass

    def step(self):
        self.count += 1
        key = f"w{self.number}/{self.chance.randrange(40):03d}"
        name = f"{self.number}-{self.count}"
        draw = self.chance.random()
        if draw < 0.62:
            self.put(Write("put", key, name, SMALL))
        elif draw < 0.80:
            self.put(Write("put", key, name, LARGE))
        elif draw < 0.86:
            self.upload(Write("parts", key, name, 2 * PART))
        else:
            self.change(Write("delete", key), "DELETE")

    def put(self, write):
        self.change(write, "PUT", body=content(write.name, write.size))

    def change(self, write, method, query="", body=b"", version=lambda answer: answer.header("x-amz-version-id")):
        self.doubtful.append(write)
        answer = self.ask(method, write.key, query, body)
        if answer.status in (200, 204):
            write.version = version(answer)
            self.acknowledged.append(write)
        else:
            self.trouble.append((method, write.key, query, answer.status, answer.body[:300]))
        self.doubtful.remove(write)

    def ask(self, method, key, query="", body=b""):
        return self.link.ask(self.sign.request(method, f"/{self.bucket}/{key}", query=query, body=body))

    def upload(self, write):
        answer = self.ask("POST", write.key, "uploads=")
        identifier = re.search(rb"<UploadId>([^<]*)<", answer.body).group(1).decode()
        data, tags = content(write.name, write.size), []
        for number in (1, 2):
            query = f"partNumber={number}&uploadId={urllib.parse.quote(identifier, safe='-_.~')}"
            part = data[(number - 1) * PART:number * PART]
            tags.append(self.ask("PUT", write.key, query, part).header("etag"))
        body = "".join(f"<Part><PartNumber>{n + 1}</PartNumber><ETag>{tag}</ETag></Part>" for n, tag in enumerate(tags))
        self.change(
            write, "POST", f"uploadId={urllib.parse.quote(identifier, safe='-_.~')}",
            f"<CompleteMultipartUpload>{body}</CompleteMultipartUpload>".encode())

    def check(self, bucket, writes):
        """Reads these versions in a bucket and compares them byte by byte. Returns what is wrong."""
        link, wrong = Connection(self.server.port), []
        for write in writes:
            if write.kind == "delete":
                continue
            answer = link.ask(self.sign.request("GET", f"/{bucket}/{write.key}", query=f"versionId={write.version}"))
            if answer.status != 200 or answer.body != content(write.name, write.size):
                wrong.append(f"{bucket}/{write.key} {write.version}: {answer.status}, {len(answer.body)} bytes")
        link.close()
        return wrong


class PlainWriter(Writer):
    """Writes to a bucket without versions: every overwrite and delete leaves a file behind that has to go."""

    def __init__(self, server, bucket, number):
        super().__init__(server, bucket, number)
        # By key, what it may hold: the last acknowledged change, and behind it one that was cut off.
        self.state = {}

    def change(self, write, *arguments, **named):
        self.state.setdefault(write.key, [Write("delete", write.key)]).append(write)
        before = len(self.acknowledged)
        super().change(write, *arguments, **named)
        if len(self.acknowledged) > before:
            self.state[write.key] = [write]

    def check(self, bucket, _):
        link, wrong = Connection(self.server.port), []
        for key, candidates in self.state.items():
            answer = link.ask(self.sign.request("GET", f"/{bucket}/{key}"))
            found = None
            for write in candidates:
                if write.kind == "delete" and answer.status == 404:
                    found = write
                elif write.kind != "delete" and answer.status == 200 and answer.body == content(write.name, write.size):
                    found = write
            if found is None:
                wrong.append(f"{bucket}/{key}: {answer.status}, {len(answer.body)} bytes; may be "
                             f"{[write.name or 'deleted' for write in candidates]}")
            else:
                self.state[key] = [found]
        link.close()
        return wrong


def versions(server, bucket):
    """(key, version id, is delete marker, is latest, size) of everything in a bucket, in listed order."""
    rows = []
    for page in server.client().get_paginator("list_object_versions").paginate(Bucket=bucket):
        rows += [(r["Key"], r["VersionId"], False, r["IsLatest"], r["Size"]) for r in page.get("Versions", ())]
        rows += [(r["Key"], r["VersionId"], True, r["IsLatest"], 0) for r in page.get("DeleteMarkers", ())]
    return sorted(rows)


def outbox(server):
    """Entries that wait, over all regions, read from the stores themselves."""
    total = 0
    for file in (server.data / "regions").glob("*/metadata.sqlite"):
        database = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
        total += database.execute("SELECT count(*) FROM outbox").fetchone()[0]
        database.close()
    return total


def wait_for_quiet(server):
    begun = time.monotonic()
    while (left := outbox(server)) > 0:
        if time.monotonic() - begun > 300:
            sys.exit(f"{left} outbox entries stay")
        time.sleep(0.02)
    return time.monotonic() - begun


def play(server, writers, rounds, patience):
    """The rounds. Returns what was wrong, the times of the restarts and of replication catching up, and how many entries
    waited in the outbox at the kills."""
    wrong, starts, quiet, waiting = [], [], [], []
    for _ in range(rounds):
        known = [len(writer.acknowledged) for writer in writers]
        for writer in writers:
            writer.begin()
        time.sleep(random.uniform(0.3, 1.0) * patience)
        server.kill()
        for writer in writers:
            writer.join()
        waiting.append(outbox(server))
        starts.append(server.start())
        quiet.append(wait_for_quiet(server) + starts[-1])
        for writer, before in zip(writers, known):
            wrong += writer.check(writer.bucket, writer.acknowledged[before:])
    return wrong, starts, quiet, waiting


def check_versions(server, writers, buckets):
    """That the regions agree, and that they hold what was acknowledged and nothing that nobody asked for."""
    wrong, lists = [], {bucket: versions(server, bucket) for bucket in buckets}
    first = lists[buckets[0]]
    for bucket, rows in lists.items():
        if len({(key, version) for key, version, *_ in rows}) != len(rows):
            wrong.append(f"{bucket} lists a version twice")
        if rows != first:
            wrong.append(f"{bucket} and {buckets[0]} differ in {len(set(rows) ^ set(first))} rows")
    listed = {(key, version) for key, version, *_ in first}
    acknowledged = {(write.key, write.version) for writer in writers for write in writer.acknowledged}
    doubtful = sum(len(writer.doubtful) for writer in writers)
    wrong += [f"acknowledged and not there: {row}" for row in acknowledged - listed]
    extra = len(listed - acknowledged)
    if extra > doubtful:
        wrong.append(f"{extra} versions that nobody was told of, but only {doubtful} requests were cut off")
    print(f"{len(first)} versions ({sum(row[2] for row in first)} delete markers) in each of {len(buckets)} regions; "
          f"{len(acknowledged)} acknowledged, {doubtful} requests cut off, of which {extra} took effect")
    return wrong, first


def check_files(server, rows, plain, writers):
    """Blob files against what the versions need: none for small objects, one for large ones; an upload in parts is one
    file a part where it was made, and one file where it is a replica."""
    wrong = []
    for region in sorted(p for p in (server.data / "regions").iterdir()):
        own = {f"w{writer.number}" for writer in writers if writer.bucket.endswith(region.name)}
        need = sum(
            1 if size == LARGE else 2 if key.split("/")[0] in own else 1
            for key, *_, size in rows if size > SMALL)
        if region.name == PLAIN_REGION:
            need += sum({LARGE: 1, 2 * PART: 2}.get(size, 0) for *_, size in plain)
        files = sum(1 for f in (region / "blobs" / "blobs").rglob("*") if f.is_file() and f.name != "confirmed")
        staged = sum(1 for f in (region / "blobs" / "staging").rglob("*") if f.is_file())
        print(f"{region.name}: {files} blob files for {need} that versions refer to, {staged} staged")
        if files != need or staged:
            wrong.append(f"{region.name} has {files} blob files instead of {need}, {staged} in staging")
    return wrong


def abort_uploads(server, buckets):
    """Uploads that a kill cut off are there still, as they should be; without them all parts belong to versions."""
    s3, count = server.client(), 0
    for bucket in buckets:
        for upload in s3.list_multipart_uploads(Bucket=bucket).get("Uploads", ()):
            s3.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
            count += 1
    return count


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("binary")
    arguments.add_argument("--rounds", type=int, default=20)
    arguments.add_argument("--seconds", type=float, default=3, help="of writing before a kill, at most")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--keep", action="store_true", help="leave the data folder")
    given = arguments.parse_args()
    random.seed(given.seed)
    with Server(given.binary, keep=given.keep) as server:
        buckets = list(server.make_buckets("kill").values())
        server.client().create_bucket(Bucket=PLAIN)
        writers = [Writer(server, buckets[number % 3], number) for number in range(6)]
        plain = [PlainWriter(server, PLAIN, number) for number in (6, 7)]
        wrong, starts, quiet, waiting = play(server, writers + plain, given.rounds, given.seconds)
        aborted = abort_uploads(server, [*buckets, PLAIN])
        print(f"{given.rounds} kills, with {sum(waiting)} outbox entries waiting (in one of them {max(waiting)}); restart to "
              f"ready p50 {quantile(starts, .5):.2f} s, max {max(starts):.2f} s, to an empty outbox p50 "
              f"{quantile(quiet, .5):.2f} s, max {max(quiet):.2f} s; {aborted} unfinished uploads were still there")
        # The last unclean end: everything below is what a start after a crash leaves.
        time.sleep(3)
        server.kill()
        server.start()
        mismatch, rows = check_versions(server, writers, buckets)
        wrong += mismatch + check_files(server, rows, versions(server, PLAIN), writers)
        checked = 0
        for writer in writers:
            for bucket in buckets:
                wrong += writer.check(bucket, writer.acknowledged)
                checked += sum(write.kind != "delete" for write in writer.acknowledged)
        for writer in plain:
            wrong += writer.check(PLAIN, ())
        overwritten = sum(len(writer.acknowledged) for writer in plain)
        print(f"{overwritten} acknowledged changes of {sum(len(writer.state) for writer in plain)} keys without versions")
        wrong += [f"refused: {row}" for writer in writers + plain for row in writer.trouble]
        if (left := outbox(server)) > 0:
            wrong.append(f"{left} outbox entries at the end")
        print(f"{checked} acknowledged versions read back byte by byte; {len(wrong)} things wrong")
        for line in wrong[:20]:
            print("  ", line)
        sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
