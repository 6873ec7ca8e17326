#!/usr/bin/env python3
"""million_keys.py BINARY [--keys N]: listings of a bucket with a million keys.

Fills one versioned bucket through the S3 API, then times pages of every kind of listing, each page checked for what it
must contain. Prints milliseconds as p50 and p99, as one client on one connection sees them."""

import argparse
import multiprocessing
import random
import re
import sys
import time
import urllib.parse

from server import Server
from wire import Connection, quantile, signer

BUCKET = "million"
GROUPS = 1000


def key(number, keys):
    """A thousand folders with deep keys, in an order of writing that is not the order of the keys."""
    group, item = number % GROUPS, number // GROUPS
    return f"tree/{group:04d}/year/month/day/{item:07d}"


def fill(server_facts, part, parts, keys, connections):
    server = server_facts
    sign = signer(server)
    links = [Connection(server.port) for _ in range(connections)]
    numbers = range(part, keys, parts)
    for start in range(0, len(numbers), connections):
        batch = numbers[start:start + connections]
        for link, number in zip(links, batch):
            link.send(sign.request("PUT", f"/{BUCKET}/{key(number, keys)}", body=b"x" * 32))
        for link, _ in zip(links, batch):
            answer = link.receive()
            if answer.status != 200:
                sys.exit(f"PUT answered {answer.status}: {answer.body[:300]!r}")


class Facts:
    """What a filling process needs to know; a Server itself cannot be sent to it."""

    def __init__(self, server):
        self.port, self.access_key, self.secret_key = server.port, server.access_key, server.secret_key


def encode(**parameters):
    pairs = sorted((name.replace("_", "-"), str(value)) for name, value in parameters.items())
    return "&".join(f"{name}={urllib.parse.quote(value, safe='-_.~')}" for name, value in pairs)


def report(title, times, cpu):
    print(f"{title:44} n={len(times):4}  p50 {quantile(times, .5):7.2f} ms   p99 {quantile(times, .99):7.2f} ms   "
          f"server CPU {cpu / len(times) * 1000:6.2f} ms", flush=True)


def measure(title, server, link, sign, queries, check):
    times, cpu = [], server.cpu_seconds()
    for query in queries:
        begun = time.perf_counter()
        answer = link.ask(sign.request("GET", f"/{BUCKET}", query=query))
        times.append((time.perf_counter() - begun) * 1000)
        if answer.status != 200 or not check(answer.body):
            sys.exit(f"{title}: {query}: {answer.status} {answer.body[:600]!r}")
    report(title, times, server.cpu_seconds() - cpu)


def items(tag, count, first=None):
    """A check: exactly `count` elements of this kind, and optionally which key comes first."""
    def check(body):
        found = body.count(f"<{tag}>".encode())
        head = re.search(rb"<Key>([^<]*)</Key>", body)
        return found == count and (first is None or head and head.group(1).decode() == first)
    return check


def tokens(link, sign, count):
    """Follows continuation tokens from the first page and yields the queries."""
    query = encode(list_type=2)
    for _ in range(count):
        body = link.ask(sign.request("GET", f"/{BUCKET}", query=query)).body
        token = re.search(rb"<NextContinuationToken>([^<]*)<", body).group(1).decode()
        query = encode(list_type=2, continuation_token=token)
        yield query


def listings(server, keys, runs):
    link, sign = Connection(server.port), signer(server)
    per_group = keys // GROUPS
    page = min(1000, keys)
    somewhere = [f"tree/{random.randrange(GROUPS // 2):04d}/year/month/day/{random.randrange(per_group):07d}"
                 for _ in range(runs)]
    folder = [f"tree/{random.randrange(GROUPS):04d}/" for _ in range(runs)]
    measure("first page, 1000 keys", server, link, sign, [encode(list_type=2)] * runs, items("Contents", page, key(0, keys)))
    measure("page in the middle (start-after), 1000 keys", server, link, sign,
            [encode(list_type=2, start_after=k) for k in somewhere], items("Contents", page))
    measure("page by continuation token, 1000 keys", server, link, sign, list(tokens(link, sign, min(runs, keys // 1000 - 1))),
            items("Contents", page))
    measure("page in the middle, 10 keys", server, link, sign,
            [encode(list_type=2, max_keys=10, start_after=k) for k in somewhere], items("Contents", 10))
    measure("prefix, 1000 keys below it", server, link, sign,
            [encode(list_type=2, prefix=p) for p in folder], items("Contents", min(1000, per_group)))
    measure("delimiter, 1000 common prefixes", server, link, sign,
            [encode(delimiter="/", list_type=2, prefix="tree/")] * runs, items("CommonPrefixes", GROUPS))
    measure("delimiter at the root, 1 common prefix", server, link, sign,
            [encode(delimiter="/", list_type=2)] * runs, items("CommonPrefixes", 1))
    measure("versions, first page of 1000", server, link, sign, [encode(versions="")] * runs, items("Version", page))
    measure("versions in the middle, 1000", server, link, sign,
            [encode(key_marker=k, versions="") for k in somewhere], items("Version", page))
    measure("versions, delimiter, 1000 common prefixes", server, link, sign,
            [encode(delimiter="/", prefix="tree/", versions="")] * runs, items("CommonPrefixes", GROUPS))


def single_objects(server, keys, runs):
    """Reads and writes of single objects in the full bucket."""
    link, sign = Connection(server.port), signer(server)
    for method in ("GET", "HEAD", "PUT"):
        times, cpu = [], server.cpu_seconds()
        for _ in range(runs):
            path = f"/{BUCKET}/{key(random.randrange(keys), keys)}"
            request = sign.request(method, path, body=b"y" * 32 if method == "PUT" else b"")
            begun = time.perf_counter()
            answer = link.ask(request, is_head=method == "HEAD")
            times.append((time.perf_counter() - begun) * 1000)
            if answer.status != 200:
                sys.exit(f"{method} {path}: {answer.status}")
        report(f"{method} of a random key", times, server.cpu_seconds() - cpu)


def whole(server, keys):
    """Lists everything once and checks that every key is there exactly once and in order."""
    link, sign = Connection(server.port), signer(server)
    begun, query, seen, last = time.perf_counter(), encode(list_type=2), 0, ""
    while query:
        body = link.ask(sign.request("GET", f"/{BUCKET}", query=query)).body
        for found in re.findall(rb"<Key>([^<]*)</Key>", body):
            if found.decode() <= last:
                sys.exit(f"{found!r} is listed after {last!r}")
            last, seen = found.decode(), seen + 1
        token = re.search(rb"<NextContinuationToken>([^<]*)<", body)
        query = encode(list_type=2, continuation_token=token.group(1).decode()) if token else None
    if seen != keys:
        sys.exit(f"{seen} keys are listed instead of {keys}")
    print(f"whole bucket, page after page: {seen} keys, each once and in order, {time.perf_counter() - begun:.1f} s")


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("binary")
    arguments.add_argument("--keys", type=int, default=1_000_000, help="a multiple of 1000")
    arguments.add_argument("--processes", type=int, default=2)
    arguments.add_argument("--connections", type=int, default=64, help="per process")
    arguments.add_argument("--runs", type=int, default=200, help="pages of each kind")
    given = arguments.parse_args()
    random.seed(1)
    with Server(given.binary) as server:
        server.client().create_bucket(Bucket=BUCKET)
        server.client().put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        begun, cpu = time.monotonic(), server.cpu_seconds()
        workers = [
            multiprocessing.Process(
                target=fill, args=(Facts(server), part, given.processes, given.keys, given.connections))
            for part in range(given.processes)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        if any(worker.exitcode for worker in workers):
            sys.exit("filling failed")
        took, cpu = time.monotonic() - begun, server.cpu_seconds() - cpu
        print(f"filled {given.keys} keys of 32 bytes in {took:.0f} s: {given.keys / took:.0f} PUT/s, each durable when "
              f"answered; {cpu / given.keys * 1000:.3f} server CPU s per 1000", flush=True)
        listings(server, given.keys, given.runs)
        single_objects(server, given.keys, given.runs)
        whole(server, given.keys)
        size = sum(f.stat().st_size for f in server.data.rglob("*") if f.is_file())
        print(f"server memory {server.resident_bytes() / 1e6:.0f} MB, data folder {size / 1e6:.0f} MB")
        server.stop()
        print(f"restart: ready in {server.start():.2f} s")


if __name__ == "__main__":
    main()
