#!/usr/bin/env python3
"""kill_regions.py BINARY: every region is killed with SIGKILL ten times while objects of mixed sizes are written.

Each region is a process of its own (`--single`: all in the server's process, which is killed instead). Three buckets
replicate to one another (six rules). Writers put, overwrite and delete, in each region directly and through the access
point, and go on while regions die and come back at random moments, two of them at a time now and then. At the end, once
the outboxes are empty, everything is killed and started once more, and:

* `meridian verify --strict` finds the regions equal;
* every acknowledged version is in all three regions, byte by byte (SHA-256), under the same version id;
* every version is listed once, the regions list the same, and nobody's version is there: what was not acknowledged is
  the one of an attempt without an answer, once for each attempt at most;
* the newest version of a key is its last acknowledged change, or a later one without an answer;
* blob files and the rows that name them match one to one, and nothing is in staging.

Prints for each kill how long it took from the restart until what had waited at that moment was delivered. Exits with 1
if anything does not hold."""

import argparse
import json
import random
import sqlite3
import sys
import threading
import time
from collections import Counter

from regions import Installation
from server import REGIONS
from wire import quantile, signer
from writing import Progress, Writer, read_versions

POINT, SERVER = "kill-regions", "server"


class Watch(threading.Thread):
    """Looks at the outboxes: how much waits, how old the oldest entry is, and when the entries that waited at a restart
    have all left. Regions that are down are left alone."""

    def __init__(self, installation, interval):
        super().__init__(daemon=True)
        self.installation, self.interval = installation, interval
        self.down, self.lock = set(), threading.Lock()
        self.restarts, self.oldest, self.most, self.over = [], {}, 0, False
        self.deaths = {}

    def run(self):
        while not self.over:
            self.look()
            time.sleep(self.interval)

    def look(self):
        waiting, now = {}, time.time() * 1000
        for name in self.installation.regions:
            if name in self.down:
                continue
            code = self.installation.regions[name].process.poll()
            if code is not None and name not in self.down:
                self.deaths[name] = f"{name} ended by itself with {code}"
            try:
                waiting[name] = self.installation.query(
                    name, "SELECT coalesce(min(id), 0), count(*), min(enqueued) FROM outbox")[0]
            except (sqlite3.Error, RuntimeError):
                continue
        for name, (_, _, since) in waiting.items():
            if since is not None:
                self.oldest[name] = max(self.oldest.get(name, 0), (now - since) / 1000)
        self.most = max(self.most, sum(count for _, count, _ in waiting.values()))
        with self.lock:
            for restart in self.restarts:
                for name, mark in list(restart["marks"].items()):
                    if name in waiting and (waiting[name][1] == 0 or waiting[name][0] > mark):
                        del restart["marks"][name]
                if not restart["marks"] and restart["drained"] is None:
                    restart["drained"] = time.monotonic() - restart["begun"]

    def note(self, restart):
        """From here on the time runs until everything that waits now, in any region, has been delivered."""
        marks, waiting = {}, 0
        for name in self.installation.regions:
            if name in self.down:
                continue
            newest, count = self.installation.query(name, "SELECT coalesce(max(id), 0), count(*) FROM outbox")[0]
            marks[name], waiting = newest, waiting + count
        restart.update(marks=marks, waiting=waiting, drained=None)
        with self.lock:
            self.restarts.append(restart)


def schedule(chance, given):
    """Which processes die together, in order: each of them as often as asked for."""
    if given.single:
        return [[SERVER]] * given.kills
    rest = [name for name in (*REGIONS, *([SERVER] if given.server else [])) for _ in range(given.kills)]
    chance.shuffle(rest)
    steps = []
    while rest:
        step = [rest.pop()]
        if rest and rest[-1] != step[0] and chance.random() < 0.2:
            step.append(rest.pop())
        steps.append(step)
    return steps


def play(installation, progress, watch, steps, given):
    """Kills and restarts, while the writers write."""
    chance = random.Random(f"{given.seed}-kills")
    for number, step in enumerate(steps):
        progress.share = (number + 1) / (len(steps) + 1)
        # Writing is to spread over all kills: a kill comes at a random moment, but not before its share is written.
        limit = time.monotonic() + 60
        while progress.written < progress.objects * number / (len(steps) + 1) and time.monotonic() < limit:
            time.sleep(0.01)
        time.sleep(chance.uniform(0, given.gap))
        watch.down |= set(installation.regions if given.single else step)
        at = progress.written
        processes = {name: installation.regions.get(name, installation) for name in step}
        for process in processes.values():
            process.kill()
        time.sleep(chance.uniform(0, given.down) * (3 if chance.random() < 0.1 else 1))
        begun = time.monotonic()
        for name, process in processes.items():
            restart = {"process": name, "written": at, "begun": time.monotonic()}
            restart["ready"] = process.start()
            watch.down -= set(installation.regions if given.single else [name])
            watch.note(restart)
        took = time.monotonic() - begun
        print(f"  kill {number + 1:2}: {' and '.join(step):32} at {at:6} objects, "
              f"{sum(r['waiting'] for r in watch.restarts[-len(step):]):5} entries wait, ready in {took:.2f} s", flush=True)
    progress.over = True


def wait_for_quiet(installation, patience=300):
    """Returns the seconds until all outboxes were empty, or none if they stayed."""
    begun = time.monotonic()
    while time.monotonic() - begun < patience:
        if sum(installation.outbox().values()) == 0:
            return time.monotonic() - begun
        time.sleep(0.02)
    return None


def abort_uploads(installation, buckets):
    """Uploads that were cut off are there still, as they should be; without them all parts belong to versions."""
    count = 0
    for region, bucket in buckets.items():
        s3 = installation.client(region=region)
        for page in s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket):
            for upload in page.get("Uploads", ()):
                s3.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
                count += 1
    return count


def restart_all(installation):
    """The last unclean end: everything that is checked is what starts after crashes leave."""
    for process in installation.processes():
        process.kill()
    for process in installation.processes():
        process.start()


# MARK: What must hold


def versions(region, bucket):
    """(key, version id, is delete marker, is latest, size) of everything in a bucket, as its own region lists it."""
    import boto3
    from botocore.config import Config

    owner = region.installation
    s3 = boto3.Session().client(
        "s3", region_name=region.name, endpoint_url=f"http://127.0.0.1:{region.port}",
        aws_access_key_id=owner.access_key, aws_secret_access_key=owner.secret_key,
        config=Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}))
    rows = []
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        rows += [(r["Key"], r["VersionId"], False, r["IsLatest"], r["Size"]) for r in page.get("Versions", ())]
        rows += [(r["Key"], r["VersionId"], True, r["IsLatest"], 0) for r in page.get("DeleteMarkers", ())]
    return sorted(rows)


def check_listing(installation, buckets, writers, facts):
    """That the regions agree, and hold what was acknowledged and nothing that nobody asked for."""
    wrong = []
    lists = {name: versions(installation.regions[name], bucket) for name, bucket in buckets.items()}
    first = lists[REGIONS[0]]
    for name, rows in lists.items():
        if len({(key, version) for key, version, *_ in rows}) != len(rows):
            wrong.append(f"{name} lists a version twice")
        if rows != first:
            wrong.append(f"{name} and {REGIONS[0]} differ in {len(set(rows) ^ set(first))} rows")
    listed = {(row[0], row[1]): row for row in first}
    acknowledged = Counter((a.key, a.version) for writer in writers for a in writer.acknowledged())
    wrong += [f"two changes were acknowledged with one version: {row}" for row, n in acknowledged.items() if n > 1]
    wrong += [f"acknowledged and not there: {row}" for row in acknowledged if row not in listed]
    extra = [row for row in first if (row[0], row[1]) not in acknowledged]
    problems, owner_of = attribute(installation, buckets, writers, extra)
    wrong += problems + check_newest(writers, first, owner_of)
    facts.update(versions=len(first), deleteMarkers=sum(row[2] for row in first), acknowledged=len(acknowledged),
                 unanswered=sum(len(writer.unknown()) for writer in writers), unansweredTookEffect=len(extra),
                 lost=sum(row not in listed for row in acknowledged), doubled=len(problems))
    return wrong


def attribute(installation, buckets, writers, extra):
    """Finds for each version that was not acknowledged the attempt without an answer that made it, each one once."""
    import hashlib
    from wire import Connection

    region = installation.regions[REGIONS[0]]
    link, sign, wrong, owner_of = Connection(region.port), region.signer(), [], {}
    open_ones = {}
    for writer in writers:
        for attempt in writer.unknown():
            open_ones.setdefault((attempt.key, attempt.digest), []).append(attempt)
    for key, version, is_marker, *_ in extra:
        digest = None
        if not is_marker:
            answer = link.ask(sign.request("GET", f"/{buckets[REGIONS[0]]}/{key}", query=f"versionId={version}"))
            digest = hashlib.sha256(answer.body).digest()
        found = open_ones.get((key, digest))
        if found:
            owner_of[key, version] = found.pop(0)
        else:
            wrong.append(f"nobody's version, or one too many: {key} {version} {'(marker)' if is_marker else ''}")
    link.close()
    return wrong, owner_of


def check_newest(writers, rows, owner_of):
    """A key's newest version is the last acknowledged change, or an attempt without an answer that came after it."""
    newest = {key: version for key, version, _, is_latest, _ in rows if is_latest}
    wrong = []
    for writer in writers:
        last = {}
        for attempt in writer.acknowledged():
            last[attempt.key] = attempt
        for key, attempt in last.items():
            later = owner_of.get((key, newest.get(key)))
            if newest.get(key) != attempt.version and not (later and later.order > attempt.order):
                wrong.append(f"{key}: newest is {newest.get(key)}, but {attempt.version} was acknowledged last"
                             f"{' (through the access point)' if writer.is_routed else ''}")
    return wrong


def check_bytes(installation, buckets, writers, facts):
    """Reads every acknowledged version in every region."""
    wrong, counts, threads = [], [], []
    attempts = [a for writer in writers for a in writer.acknowledged() if a.digest]

    def read(region, bucket, part):
        try:
            count, problems = read_versions(region.port, region.signer(), bucket, part)
        except OSError as error:
            count, problems = 0, [f"reading {bucket}: {error!r}"]
        counts.append(count)
        wrong.extend(problems)

    for name, bucket in buckets.items():
        threads.append(threading.Thread(target=read, args=(installation.regions[name], bucket, attempts)))
        threads[-1].start()
    for thread in threads:
        thread.join()
    facts["versionsRead"] = sum(counts)
    if sum(counts) != len(attempts) * len(buckets):
        wrong.append(f"{sum(counts)} versions were read instead of {len(attempts) * len(buckets)}")
    return wrong


def check_files(installation, facts):
    """Blob files against the rows that name them."""
    wrong, totals = [], Counter()
    for name in installation.regions:
        blobs = installation.store(name) / "blobs"
        files = {f"{f.relative_to(blobs / 'blobs').parts[0]}-{f.name}" for f in (blobs / "blobs").rglob("*")
                 if f.is_file() and f.name != "confirmed"}
        rows = {row for row, in installation.query(name, "SELECT blob FROM blob_refs UNION SELECT blob FROM arrivals")}
        staged = sum(1 for f in (blobs / "staging").rglob("*") if f.is_file())
        totals.update(files=len(files), orphans=len(files - rows), missing=len(rows - files), staged=staged)
        if files != rows or staged:
            wrong.append(f"{name}: {len(files - rows)} blob files without a row, {len(rows - files)} rows without a "
                         f"file, {staged} in staging")
    facts["blobs"] = dict(totals)
    return wrong


def check_commands(installation, buckets):
    wrong = []
    code, output, errors = installation.meridian("verify", "--access-point", POINT, "--strict")
    print(f"meridian verify --access-point {POINT} --strict: exit code {code}")
    if code != 0:
        wrong.append(f"verify --strict: exit code {code}: {output[-800:]} {errors[-300:]}")
        code, output, errors = installation.meridian("verify", "--access-point", POINT)
        print(f"meridian verify --access-point {POINT}: exit code {code}")
    for bucket in buckets.values():
        code, output, errors = installation.meridian("replication", "failures", bucket, "--json")
        if code != 0 or json.loads(output)["failures"]:
            wrong.append(f"replication failures of {bucket}: exit code {code}: {output[:500]} {errors[-300:]}")
    return wrong


# MARK: The run


def make_writers(installation, buckets, label, progress, given):
    writers = []
    for name, bucket in buckets.items():
        region = installation.regions[name]
        for _ in range(given.writers):
            writers.append(Writer(len(writers), given.seed, region.port, region.signer(), bucket, progress, False))
    for _ in range(given.writers):
        writers.append(Writer(
            len(writers), given.seed, installation.port, signer(installation), label, progress, True))
    return writers


def report_kills(watch, facts):
    restarts = watch.restarts
    for restart in restarts:
        restart.pop("marks")
        restart.pop("begun")
    done = [restart["drained"] for restart in restarts if restart["drained"] is not None]
    waited = [restart["waiting"] for restart in restarts]
    ready = [restart["ready"] for restart in restarts]
    facts.update(restarts=restarts, oldestPendingSeconds=watch.oldest, mostWaiting=watch.most)
    if not restarts:
        return []
    print(f"{len(restarts)} restarts, at which {sum(waited)} entries waited (at one {max(waited)}; at most {watch.most} at "
          f"any time); start to ready p50 {quantile(ready, .5):.2f} s, max {max(ready):.2f} s")
    if done:
        print(f"start to all of these delivered: p50 {quantile(done, .5):.2f} s, p90 {quantile(done, .9):.2f} s, max "
              f"{max(done):.2f} s")
    print("longest that an entry waited: " + ", ".join(f"{n} {s:.1f} s" for n, s in sorted(watch.oldest.items())))
    return ["entries that waited at a restart never left"] if len(done) != len(restarts) else []


def report_writers(writers, facts, took):
    statuses = Counter()
    for writer in writers:
        statuses.update(writer.statuses)
    every = [a for writer in writers for a in writer.acknowledged()]
    sizes = [a.size for a in every if a.digest]
    facts.update(
        objects=len(sizes), bytes=sum(sizes), inParts=sum(a.kind == "parts" for a in every),
        deletes=len(every) - len(sizes), overPoint=sum(len(w.acknowledged()) for w in writers if w.is_routed),
        cut=sum(w.cut for w in writers), readsBack=sum(w.reads for w in writers), statuses=dict(statuses),
        uploadsAnew=sum(w.uploads_anew for w in writers), writingSeconds=took)
    print(f"{facts['objects']} objects written ({sum(sizes) / 1e6:.0f} MB, {facts['inParts']} in parts) and "
          f"{facts['deletes']} deletes in {took:.0f} s, {facts['overPoint']} of these through the access point; "
          f"{facts['cut']} requests cut off; answers {dict(sorted(statuses.items()))}; {facts['readsBack']} read back "
          f"meanwhile; {facts['uploadsAnew']} uploads begun again")


def prove(installation, given, facts):
    buckets = installation.make_buckets("kill")
    label = installation.make_access_point(POINT, buckets.values()).split("/")[1]
    progress, watch = Progress(given.objects), Watch(installation, 0.05)
    writers = make_writers(installation, buckets, label, progress, given)
    begun = time.monotonic()
    watch.start()
    for writer in writers:
        writer.start()
    play(installation, progress, watch, schedule(random.Random(given.seed), given), given)
    for writer in writers:
        writer.join()
    report_writers(writers, facts, time.monotonic() - begun)
    wrong = [line for writer in writers for line in writer.wrong]
    quiet = wait_for_quiet(installation)
    if quiet is None:
        wrong.append(f"outbox entries stay: {installation.outbox()}")
    else:
        print(f"outboxes empty {quiet:.2f} s after the last write")
    time.sleep(1)
    watch.over = True
    watch.join()
    wrong += [*watch.deaths.values(), *report_kills(watch, facts)]
    facts.update(quietSeconds=quiet, abortedUploads=abort_uploads(installation, buckets))
    time.sleep(3)
    restart_all(installation)
    if wait_for_quiet(installation, 60) is None:
        wrong.append(f"outbox entries after the last restart: {installation.outbox()}")
    # Files first, as they are right after the start.
    wrong += check_files(installation, facts)
    wrong += check_commands(installation, buckets)
    wrong += check_listing(installation, buckets, writers, facts)
    wrong += check_bytes(installation, buckets, writers, facts)
    print(f"{facts['versions']} versions ({facts['deleteMarkers']} delete markers) in each of 3 regions; "
          f"{facts['acknowledged']} acknowledged; {facts['unanswered']} attempts without an answer, of which "
          f"{facts['unansweredTookEffect']} took effect; {facts['lost']} lost, {facts['doubled']} doubled or nobody's")
    print(f"{facts['versionsRead']} reads of acknowledged versions compared by SHA-256; blob files {facts['blobs']}; "
          f"{facts['abortedUploads']} unfinished uploads were still there")
    return wrong


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("binary")
    arguments.add_argument("--objects", type=int, default=10_000, help="to be written at least")
    arguments.add_argument("--kills", type=int, default=10, help="of each region")
    arguments.add_argument("--writers", type=int, default=2, help="for each region, and as many for the access point")
    arguments.add_argument("--gap", type=float, default=1.5, help="seconds between a restart and the next kill, at most")
    arguments.add_argument("--down", type=float, default=1.0, help="seconds that a region stays dead, at most (3x at times)")
    arguments.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    arguments.add_argument("--single", action="store_true", help="all regions in the server's process")
    arguments.add_argument("--server", action="store_true", help="kill the server of the access point, too")
    arguments.add_argument("--keep", action="store_true", help="leave the data folder")
    arguments.add_argument("--json", help="a file for the figures")
    given = arguments.parse_args()
    print(f"seed {given.seed}; {'one process' if given.single else 'a process for each region'}", flush=True)
    facts = {"seed": given.seed, "isSingle": given.single, "kills": given.kills}
    with Installation(given.binary, keep=given.keep, single=given.single) as installation:
        if given.keep:
            print(f"data in {installation.folder}")
        wrong = prove(installation, given, facts)
    facts["wrong"] = wrong
    if given.json:
        with open(given.json, "w") as file:
            json.dump(facts, file, indent=1)
    print(f"{len(wrong)} things wrong")
    for line in wrong[:20]:
        print("  ", line)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
