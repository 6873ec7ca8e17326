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

from checking import check_bytes, check_commands, check_files, check_listing
from regions import Installation
from server import REGIONS
from wire import quantile, signer
from writing import Progress, Writer

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
        took, waiting = time.monotonic() - begun, max(restart["waiting"] for restart in watch.restarts[-len(step):])
        print(f"  kill {number + 1:2}: {' and '.join(step):32} at {at:6} objects, "
              f"{waiting:5} entries wait, ready in {took:.2f} s", flush=True)
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
    print(f"{len(restarts)} restarts, at which p50 {quantile(waited, .5)}, max {max(waited)} entries waited "
          f"(at most {watch.most} at any time); start to ready p50 {quantile(ready, .5):.2f} s, max {max(ready):.2f} s")
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
    wrong += check_commands(installation, buckets, POINT)
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
    arguments.add_argument("--gap", type=float, default=1.5, help="seconds from a restart to the next kill, at most")
    arguments.add_argument("--down", type=float, default=1.0, help="seconds that a region is dead, at most (3x at times)")
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
