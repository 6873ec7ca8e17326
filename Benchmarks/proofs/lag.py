#!/usr/bin/env python3
"""lag.py BINARY: how late replicas are.

Two regions with two-way rules. `steady`: small objects at a fixed rate into one region; from the moment a PUT was
answered, the destination bucket is asked every few milliseconds until the object is there. `burst`: many objects as
fast as they go in; how long after the last PUT's answer the last one is there. Prints milliseconds."""

import argparse
import queue
import re
import sys
import threading
import time
from urllib.parse import quote

from server import REGIONS, Server
from wire import Connection, quantile, signer


def steady(server, source, destination, count, size, rate, poll):
    written, lags = queue.Queue(), []

    def watch():
        sign, link = signer(server), Connection(server.port)
        while (item := written.get()) is not None:
            key, answered = item
            while link.ask(sign.request("HEAD", f"/{destination}/{key}"), is_head=True).status != 200:
                if time.monotonic() - answered > 60:
                    sys.exit(f"{key} has not arrived within 60 s")
                time.sleep(poll)
            lags.append((time.monotonic() - answered) * 1000)

    watchers = [threading.Thread(target=watch) for _ in range(4)]
    for watcher in watchers:
        watcher.start()
    sign, link, body = signer(server), Connection(server.port), b"l" * size
    due = time.monotonic()
    for number in range(count):
        if (wait := due - time.monotonic()) > 0:
            time.sleep(wait)
        due += 1 / rate
        key = f"from-{source}/{size}/{number:06d}"
        answer = link.ask(sign.request("PUT", f"/{source}/{key}", body=body))
        if answer.status != 200:
            sys.exit(f"PUT answered {answer.status}: {answer.body!r}")
        written.put((key, time.monotonic()))
    for _ in watchers:
        written.put(None)
    for watcher in watchers:
        watcher.join()
    print(f"steady {rate:g}/s, {size} bytes, n={count}: lag p50 {quantile(lags, .5):.1f} ms, p90 "
          f"{quantile(lags, .9):.1f} ms, p99 {quantile(lags, .99):.1f} ms, max {max(lags):.1f} ms "
          f"(asked every {poll * 1000:g} ms)", flush=True)


def present(link, sign, bucket, prefix):
    """How many keys with this prefix the bucket has now."""
    count, after = 0, prefix
    while True:
        query = f"list-type=2&prefix={quote(prefix, safe='')}&start-after={quote(after, safe='')}"
        body = link.ask(sign.request("GET", f"/{bucket}", query=query)).body
        keys = re.findall(rb"<Key>([^<]*)</Key>", body)
        count += len(keys)
        if b"<IsTruncated>true" not in body:
            return count
        after = keys[-1].decode()


def burst(server, source, destination, count, size, connections, name):
    sign, body, prefix = signer(server), b"b" * size, f"{name}/"
    links = [Connection(server.port) for _ in range(connections)]
    begun = time.monotonic()
    for start in range(0, count, connections):
        numbers = range(start, min(start + connections, count))
        for link, number in zip(links, numbers):
            link.send(sign.request("PUT", f"/{source}/{prefix}{number:06d}", body=body))
        for link, _ in zip(links, numbers):
            if (answer := link.receive()).status != 200:
                sys.exit(f"PUT answered {answer.status}: {answer.body!r}")
    ended, at_end, missing = time.monotonic(), None, count
    while missing:
        missing = count - present(links[0], sign, destination, prefix)
        at_end = count - missing if at_end is None else at_end
        if time.monotonic() - ended > 120:
            sys.exit(f"{missing} of {count} have not arrived within 120 s")
    tail = time.monotonic() - ended
    print(f"burst of {count} x {size} bytes on {connections} connections: {count / (ended - begun):.0f} PUT/s; "
          f"{at_end} there at the first look after the last PUT, all {tail * 1000:.0f} ms after it", flush=True)


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("binary")
    arguments.add_argument("--count", type=int, default=400)
    arguments.add_argument("--rate", type=float, default=20)
    arguments.add_argument("--poll", type=float, default=0.002, help="seconds between two looks")
    arguments.add_argument("--burst", type=int, default=2000)
    given = arguments.parse_args()
    with Server(given.binary) as server:
        buckets = list(server.make_buckets("lag", REGIONS[:2]).values())
        for source, destination in (buckets, buckets[::-1]):
            print(f"{source} -> {destination}")
            steady(server, source, destination, given.count, 4096, given.rate, given.poll)
        steady(server, *buckets, given.count // 10, 1 << 20, 2, given.poll)
        for number in range(3):
            burst(server, *buckets, given.burst, 4096, 16, f"burst{number}")
        burst(server, *buckets, 100, 1 << 20, 16, "large")


if __name__ == "__main__":
    main()
