#!/usr/bin/env python3
"""beside_rgw.py BINARY --ceph DIR --lab LAB: how late replicas are, beside Ceph RGW multisite in the same run.

Meridian runs as a server and a process for each of two regions: two buckets with rules both ways. RGW runs as two zones
of one zonegroup (LAB/ceph-up.sh): the same bucket in both. Everything is asked by the same code, with the same pauses,
and the two take turns, each idle while the other is measured:

* lag: 4 KiB objects at a fixed rate into the source; from the moment a PUT was answered the destination is asked with
  HEAD until the object is there (after 2 ms; every 10 ms after the first 50 ms, every 50 ms after the first second);
* burst: many objects on 16 connections, as fast as they go in; from the last PUT's answer the destination's listing is
  asked until all are in it. Afterwards each of them is asked for with HEAD;
* outage: the destination's process is ended, with SIGKILL and in other rounds with SIGTERM, objects are written
  meanwhile, it is started again; from the first 200 for the bucket there the listing is asked until all are in it. The
  time from the restart itself is told too: what starts slowly may have caught up by the time it answers.

Prints one table. Exits with 1 if Meridian misses a goal. `--only meridian` needs neither DIR nor LAB."""

import argparse
import json
import os
import pathlib
import queue
import re
import selectors
import signal
import subprocess
import sys
import threading
import time
from urllib.parse import quote

from regions import Installation
from server import REGIONS
from wire import Connection, Signer, quantile

GOALS = {"lag p50 ms": 20, "lag p99 ms": 100, "burst tail ms": 500, "kill -9: catch-up ms": 2000,
         "SIGTERM: catch-up ms": 2000}


class End:
    """One end of a replication: an address, a bucket, and keys."""

    def __init__(self, port, bucket, sign):
        self.port, self.bucket, self.sign = port, bucket, sign

    def connect(self):
        return Connection(self.port, timeout=30)

    def put(self, link, key, body):
        answer = link.ask(self.sign.request("PUT", f"/{self.bucket}/{key}", body=body))
        if answer.status != 200:
            sys.exit(f"PUT into {self.bucket} answered {answer.status}: {answer.body!r}")

    def has(self, link, key):
        return link.ask(self.sign.request("HEAD", f"/{self.bucket}/{key}"), is_head=True).status == 200

    def has_bucket(self):
        try:
            link = Connection(self.port, timeout=5)
            status = link.ask(self.sign.request("HEAD", f"/{self.bucket}"), is_head=True).status
            link.close()
            return status == 200
        except OSError:
            return False

    def count(self, link, prefix):
        """How many keys with this prefix are listed now; -1 if that was refused."""
        count, after = 0, prefix
        while True:
            query = f"list-type=2&prefix={quote(prefix, safe='')}&start-after={quote(after, safe='')}"
            answer = link.ask(self.sign.request("GET", f"/{self.bucket}", query=query))
            if answer.status != 200:
                return -1
            keys = re.findall(rb"<Key>([^<]*)</Key>", answer.body)
            count += len(keys)
            if b"<IsTruncated>true" not in answer.body:
                return count
            after = keys[-1].decode()


# MARK: The two sides


class Meridian:
    name = "Meridian"

    def __init__(self, given):
        self.installation = Installation(given.binary, single=given.single, names=REGIONS[:2])

    def __enter__(self):
        self.installation.__enter__()
        buckets = self.installation.make_buckets("beside", REGIONS[:2])
        regions = [self.installation.regions[name] for name in buckets]
        self.source, self.destination = (
            End(region.port, buckets[region.name], region.signer()) for region in regions)
        self.away = regions[1]
        return self

    def __exit__(self, *arguments):
        self.installation.__exit__(*arguments)

    def cpu(self):
        return self.installation.cpu_of_all()

    def end_destination(self, how):
        if how == signal.SIGKILL:
            self.away.kill()
        else:
            self.away.stop()

    def restart_destination(self):
        self.away.spawn()


class Gateway:
    name = "Ceph RGW"
    PORT = 18100

    def __init__(self, given):
        self.folder, self.lab = pathlib.Path(given.ceph), pathlib.Path(given.lab)
        self.environment = {**os.environ, "MULTISITE": "1", "MON_PORT": "14300", "RGW_PORT": str(self.PORT),
                            "SYNC_LEASE": str(given.lease)}

    def up(self):
        subprocess.run(
            [self.lab / "ceph-up.sh", self.folder], env=self.environment, stdout=subprocess.DEVNULL, check=True)

    def __enter__(self):
        self.up()
        bucket = f"beside-{int(time.time())}"
        self.source, self.destination = (
            End(port, bucket, Signer("testaccess", "testsecret0123456789", f"127.0.0.1:{port}"))
            for port in (self.PORT, self.PORT + 1))
        link = self.source.connect()
        answer = link.ask(self.source.sign.request("PUT", f"/{bucket}"))
        if answer.status != 200:
            sys.exit(f"RGW does not make a bucket: {answer.status} {answer.body!r}")
        link.close()
        return self

    def __exit__(self, *_):
        subprocess.run([self.lab / "ceph-down.sh", self.folder], check=True)

    def pid(self, name):
        return int((self.folder / "run" / f"{name}.pid").read_text())

    def cpu(self):
        ticks = 0
        for file in (self.folder / "run").glob("*.pid"):
            fields = pathlib.Path(f"/proc/{file.read_text().strip()}/stat").read_text().rsplit(")", 1)[1].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def end_destination(self, how):
        pid = self.pid("rgw.b")
        os.kill(pid, how)
        while pathlib.Path(f"/proc/{pid}").exists():
            time.sleep(0.01)

    def restart_destination(self):
        self.up()


# MARK: What is measured


def pause(since):
    passed = time.monotonic() - since
    time.sleep(0.002 if passed < 0.05 else 0.01 if passed < 1 else 0.05)


def warm(side, patience=300):
    """Until the destination has the bucket and one object arrives within a second. Returns the seconds that took."""
    begun, number = time.monotonic(), 0
    while not side.destination.has_bucket():
        if time.monotonic() - begun > patience:
            sys.exit(f"{side.name}: the bucket has not arrived within {patience} s")
        time.sleep(0.05)
    there, here = side.destination.connect(), side.source.connect()
    while True:
        number += 1
        key = f"warm/{time.time_ns()}"
        side.source.put(here, key, b"w")
        written = time.monotonic()
        while not side.destination.has(there, key):
            if time.monotonic() - begun > patience:
                sys.exit(f"{side.name}: a first object has not arrived within {patience} s")
            pause(written)
        if time.monotonic() - written < 1:
            return time.monotonic() - begun


def lag(side, given, tag):
    written, lags, late = queue.Queue(), [], []

    def watch():
        link = side.destination.connect()
        while (item := written.get()) is not None:
            key, answered = item
            while not side.destination.has(link, key):
                if time.monotonic() - answered > 120:
                    late.append(key)
                    break
                pause(answered)
            lags.append((time.monotonic() - answered) * 1000)

    watchers = [threading.Thread(target=watch) for _ in range(24)]
    for watcher in watchers:
        watcher.start()
    link, body, begun, cpu = side.source.connect(), os.urandom(4096), time.monotonic(), side.cpu()
    for number in range(given.count):
        if (wait := begun + number / given.rate - time.monotonic()) > 0:
            time.sleep(wait)
        key = f"lag/{tag}/{number:06d}"
        side.source.put(link, key, body)
        written.put((key, time.monotonic()))
    took = time.monotonic() - begun
    for _ in watchers:
        written.put(None)
    for watcher in watchers:
        watcher.join()
    return {"lags ms": lags, "rate": given.count / took, "late": late, "cpu": side.cpu() - cpu}


def burst(side, given, tag):
    prefix, body, end = f"burst/{tag}/", os.urandom(4096), side.source
    looker = side.destination.connect()
    ready, number, busy, begun, cpu = selectors.DefaultSelector(), 0, 0, time.monotonic(), side.cpu()
    for _ in range(16):
        link = end.connect()
        link.send(end.sign.request("PUT", f"/{end.bucket}/{prefix}{number:06d}", body=body))
        ready.register(link.socket, selectors.EVENT_READ, link)
        number, busy = number + 1, busy + 1
    while busy:
        for event, _ in ready.select():
            link = event.data
            if (answer := link.receive()).status != 200:
                sys.exit(f"{side.name}: PUT answered {answer.status}: {answer.body!r}")
            busy -= 1
            if number < given.burst:
                link.send(end.sign.request("PUT", f"/{end.bucket}/{prefix}{number:06d}", body=body))
                number, busy = number + 1, busy + 1
    ended = time.monotonic()
    at_end = count = side.destination.count(looker, prefix)
    while count < number and time.monotonic() - ended < 120:
        pause(ended)
        count = side.destination.count(looker, prefix)
    tail = time.monotonic() - ended
    unreadable = sum(not side.destination.has(looker, f"{prefix}{n:06d}") for n in range(number))
    return {"tail ms": tail * 1000, "put/s": number / (ended - begun), "there at the first look": at_end,
            "missing": number - count, "unreadable": unreadable, "cpu": side.cpu() - cpu}


def killed(side, given, tag):
    return outage(side, given, f"kill-{tag}", signal.SIGKILL)


def stopped(side, given, tag):
    return outage(side, given, f"stop-{tag}", signal.SIGTERM)


def outage(side, given, tag, how):
    prefix, body = f"outage/{tag}/", os.urandom(4096)
    link = side.source.connect()
    side.end_destination(how)
    begun = time.monotonic()
    time.sleep(given.pause)
    for number in range(given.missed):
        side.source.put(link, f"{prefix}{number:06d}", body)
    time.sleep(max(0, given.outage - (time.monotonic() - begun)))
    begun = time.monotonic()
    side.restart_destination()
    while not side.destination.has_bucket():
        if time.monotonic() - begun > 120:
            sys.exit(f"{side.name}: the destination is not back within 120 s")
        time.sleep(0.005)
    back, looker = time.monotonic(), side.destination.connect()
    at_first = count = side.destination.count(looker, prefix)
    while count < given.missed and time.monotonic() - back < 300:
        pause(back)
        count = side.destination.count(looker, prefix)
    caught_up = time.monotonic() - back
    unreadable = sum(not side.destination.has(looker, f"{prefix}{n:06d}") for n in range(given.missed))
    return {"catch-up ms": caught_up * 1000, "restart ms": (back - begun) * 1000,
            "total ms": (back - begun + caught_up) * 1000, "there at the first look": at_first,
            "missing": given.missed - count, "unreadable": unreadable}


# MARK: The run


def measure(sides, given):
    """All rounds: one side after the other, and the other way round in every second round."""
    found = {side.name: {"lag": [], "burst": [], "killed": [], "stopped": [], "load": []} for side in sides}
    kinds = [("lag", lag, given.rounds), ("burst", burst, given.rounds), ("killed", killed, given.outages),
             ("stopped", stopped, given.outages)]
    for kind, run, rounds in kinds:
        for number in range(rounds):
            for side in sides if number % 2 == 0 else sides[::-1]:
                waited = warm(side)
                result = run(side, given, f"{int(time.time())}-{number}")
                found[side.name][kind].append(result)
                found[side.name]["load"].append(os.getloadavg()[0])
                shown = {k: round(v, 1) if isinstance(v, float) else v for k, v in result.items() if k != "lags ms"}
                if kind == "lag":
                    shown["p50 ms"], shown["p99 ms"] = (round(quantile(result["lags ms"], q), 1) for q in (.5, .99))
                print(f"  {kind} {number + 1}, {side.name}: {shown}; load {os.getloadavg()[0]:.1f}, warm after "
                      f"{waited:.1f} s", flush=True)
    return found


def summary(found):
    """The figures of one side: over all rounds for lag, the median and the worst for the others."""
    rows, lags = {}, [value for part in found["lag"] for value in part["lags ms"]]
    if lags:
        rows.update({"lag p50 ms": quantile(lags, .5), "lag p90 ms": quantile(lags, .9),
                     "lag p99 ms": quantile(lags, .99), "lag max ms": max(lags),
                     "lag: CPU s per 1000, asking included": sum(p["cpu"] for p in found["lag"]) / len(lags) * 1000})
    for kind, value, title in (
            ("burst", "tail ms", "burst tail"),
            ("killed", "catch-up ms", "kill -9: catch-up"), ("killed", "total ms", "kill -9: restart to all there"),
            ("stopped", "catch-up ms", "SIGTERM: catch-up"), ("stopped", "total ms", "SIGTERM: restart to all there")):
        values = [part[value] for part in found[kind]]
        if values:
            rows.update({f"{title} ms": quantile(values, .5), f"{title} worst ms": max(values)})
    if found["burst"]:
        rows["burst PUT/s"] = quantile([part["put/s"] for part in found["burst"]], .5)
    rows["missing"] = sum(
        part.get("missing", 0) + part.get("unreadable", 0) + len(part.get("late", ()))
        for kind in ("lag", "burst", "killed", "stopped") for part in found[kind])
    return rows


def judge(rows):
    """Which goals Meridian misses; the worst round counts, not the median."""
    worst = {name: name[:-3] + " worst ms" for name in GOALS}
    missed = [f"{name}: {rows[worst[name] if worst[name] in rows else name]:.1f}, the goal is below {goal}"
              for name, goal in GOALS.items()
              if name in rows and rows[worst[name] if worst[name] in rows else name] >= goal]
    return missed + ([f"{rows['missing']} objects did not arrive"] if rows["missing"] else [])


def table(summaries, lease):
    names = list(summaries)
    print(f"\n| | {' | '.join(names)} | goal |\n|---|{'---|' * len(names)}---|")
    for title in next(iter(summaries.values())):
        cells = " | ".join(f"{summaries[name].get(title, float('nan')):.1f}" for name in names)
        print(f"| {title} | {cells} | {'< ' + str(GOALS[title]) if title in GOALS else ''} |")
    if "Ceph RGW" in names:
        print(f"\nRGW with rgw_sync_lease_period={lease} (its default is 120).")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("binary")
    arguments.add_argument("--ceph", help="folder for Ceph's data, made if it is not there")
    arguments.add_argument("--lab", help="folder with ceph-up.sh and ceph-down.sh")
    arguments.add_argument("--lease", type=int, default=30, help="rgw_sync_lease_period in seconds")
    arguments.add_argument("--only", choices=("meridian", "rgw"))
    arguments.add_argument("--single", action="store_true", help="Meridian's regions in one process; no outage then")
    arguments.add_argument("--rounds", type=int, default=3, help="of lag and of bursts")
    arguments.add_argument("--outages", type=int, default=2, help="of each kind")
    arguments.add_argument("--count", type=int, default=400, help="objects of one round of lag")
    arguments.add_argument("--rate", type=float, default=20, help="objects per second")
    arguments.add_argument("--burst", type=int, default=2000)
    arguments.add_argument("--missed", type=int, default=200, help="objects written during an outage")
    arguments.add_argument("--pause", type=float, default=2, help="seconds between the kill and the first of them")
    arguments.add_argument("--outage", type=float, default=10, help="seconds from the kill to the restart, at least")
    arguments.add_argument("--json", help="a file for all figures")
    given = arguments.parse_args()
    if given.only != "meridian" and not (given.ceph and given.lab):
        arguments.error("--ceph and --lab are needed, or --only meridian")
    if given.single:
        given.outages = 0
    # Watchers and the writer share an interpreter: nobody is to wait long for it.
    sys.setswitchinterval(0.0005)
    makers = [maker for maker, name in ((Meridian, "meridian"), (Gateway, "rgw")) if given.only in (None, name)]
    run(makers, given)


def run(makers, given, sides=()):
    """Enters the sides one after the other, so that all are left whatever happens; then measures."""
    if len(sides) < len(makers):
        with makers[len(sides)](given) as side:
            return run(makers, given, (*sides, side))
    found = measure(list(sides), given)
    summaries = {name: summary(part) for name, part in found.items()}
    table(summaries, given.lease)
    missed = judge(summaries["Meridian"]) if "Meridian" in summaries else []
    if given.json:
        with open(given.json, "w") as file:
            json.dump({"lease": given.lease, "isSingle": given.single, "summary": summaries, "missed": missed,
                       "rounds": found}, file, indent=1)
    for line in missed:
        print(f"missed: {line}")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
