#!/usr/bin/env python3
"""failover.py BINARY: route changes under load.

A steady load of GET and PUT goes through the access point (keep-alive connections in processes of their own) while its
routes are turned from one region to the other and back, by SubmitMultiRegionAccessPointRoutes. Every answer names the
region that served it. What must hold, else this exits with 1:

* a request that is sent after the submit was answered is served by the new region;
* no request fails."""

import argparse
import multiprocessing
import random
import sys
import time

from server import REGIONS, Server
from wire import Connection, quantile, signer

POINT = "failover"


class Facts:
    """What a loading process needs to know; a Server itself cannot be sent to it."""

    def __init__(self, server):
        self.port, self.access_key, self.secret_key = server.port, server.access_key, server.secret_key


def load(facts, label, number, interval, end, results):
    """Sends one request every `interval` seconds, half of them GET, half PUT; all times are CLOCK_MONOTONIC."""
    sign, link, done, chance = signer(facts), Connection(facts.port), [], random.Random(number)
    due = time.monotonic() + chance.random() * interval
    count = 0
    while due < end:
        if (wait := due - time.monotonic()) > 0:
            time.sleep(wait)
        due += interval
        count += 1
        method = "GET" if count % 2 else "PUT"
        path = f"/{label}/seed-{chance.randrange(50)}" if method == "GET" else f"/{label}/new/{number}-{count}"
        request = sign.request(method, path, body=b"" if method == "GET" else b"z" * 4096)
        sent = time.monotonic()
        try:
            answer = link.ask(request)
            done.append((sent, time.monotonic(), method, answer.status, answer.header("x-amz-bucket-region")))
        except OSError as error:
            done.append((sent, time.monotonic(), method, repr(error), None))
            link = Connection(facts.port)
    results.put(done)


def routes(active, buckets):
    rows = "".join(
        f"<Route><Bucket>{bucket}</Bucket><Region>{region}</Region>"
        f"<TrafficDialPercentage>{100 if region == active else 0}</TrafficDialPercentage></Route>"
        for region, bucket in buckets.items())
    return (
        '<SubmitMultiRegionAccessPointRoutesRequest xmlns="http://awss3control.amazonaws.com/doc/2018-08-20/">'
        f"<RouteUpdates>{rows}</RouteUpdates></SubmitMultiRegionAccessPointRoutesRequest>").encode()


class Operator:
    """Turns the routes over a raw connection, so that the times are those of the wire."""

    def __init__(self, server, arn, buckets):
        self.sign, self.link = signer(server, "us-west-2"), Connection(server.port)
        self.path, self.buckets = f"/v20180820/mrap/instances/{arn}/routes", buckets

    def turn(self, region):
        request = self.sign.request("PATCH", self.path, body=routes(region, self.buckets))
        sent = time.monotonic()
        answer = self.link.ask(request)
        if answer.status != 200:
            sys.exit(f"submit answered {answer.status}: {answer.body!r}")
        return sent, time.monotonic(), region


def judge(turns, requests):
    """Prints the figures; returns the number of broken promises."""
    first, second = REGIONS[:2]
    wrong, behind_send, behind_done, judged = 0, [], [], 0
    for index, (_, answered, region) in enumerate(turns):
        old = second if region == first else first
        until = turns[index + 1][0] if index + 1 < len(turns) else float("inf")
        phase = [r for r in requests if answered <= r[0] and r[1] <= until]
        judged += len(phase)
        wrong += sum(r[4] != region for r in phase)
        since = turns[index - 1][1] if index else 0
        stale = [r for r in requests if since < r[1] and r[0] < until and r[4] == old]
        if stale:
            behind_send.append((max(r[0] for r in stale) - answered) * 1000)
            behind_done.append((max(r[1] for r in stale) - answered) * 1000)
    submit = [(answered - sent) * 1000 for sent, answered, _ in turns]
    failed = [r for r in requests if r[3] != 200]
    times = [(done - sent) * 1000 for sent, done, *_ in requests]
    span = max(r[1] for r in requests) - min(r[0] for r in requests)
    print(f"{len(turns)} route changes under {len(requests) / span:.0f} requests/s; the submit itself takes p50 "
          f"{quantile(submit, .5):.1f} ms, max {max(submit):.1f} ms")
    for title, values in (("sent", behind_send), ("answered", behind_done)):
        print(f"last request served by the old region, {title}: p50 {quantile(values, .5):+.1f} ms, "
              f"max {max(values):+.1f} ms after the submit's answer (negative: before it)")
    print(f"requests sent after a submit's answer: {judged}, of these served by the old region: {wrong}")
    print(f"failed requests: {len(failed)} of {len(requests)}; latency p50 {quantile(times, .5):.1f} ms, "
          f"p99 {quantile(times, .99):.1f} ms, max {max(times):.1f} ms")
    for row in failed[:5]:
        print("  failed:", row)
    return wrong + len(failed)


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("binary")
    arguments.add_argument("--turns", type=int, default=20)
    arguments.add_argument("--rate", type=float, default=100, help="requests per second")
    arguments.add_argument("--connections", type=int, default=10)
    arguments.add_argument("--gap", type=float, default=1.0, help="seconds between changes")
    given = arguments.parse_args()
    random.seed(1)
    with Server(given.binary) as server:
        buckets = server.make_buckets("failover", REGIONS[:2])
        s3 = server.client()
        for number in range(50):
            for bucket in buckets.values():
                s3.put_object(Bucket=bucket, Key=f"seed-{number}", Body=b"s" * 4096)
        arn = server.make_access_point(POINT, buckets.values())
        operator = Operator(server, arn, buckets)
        operator.turn(REGIONS[0])
        end = time.monotonic() + 2 + given.turns * given.gap
        results = multiprocessing.Queue()
        workers = [
            multiprocessing.Process(
                target=load, args=(Facts(server), arn.split("/")[1], number, given.connections / given.rate, end, results))
            for number in range(given.connections)]
        for worker in workers:
            worker.start()
        time.sleep(1)
        turns = []
        for number in range(given.turns):
            turns.append(operator.turn(REGIONS[(number + 1) % 2]))
            time.sleep(given.gap * random.uniform(0.9, 1.0))
        requests = sorted(row for _ in workers for row in results.get())
        for worker in workers:
            worker.join()
        sys.exit(1 if judge(turns, requests) else 0)


if __name__ == "__main__":
    main()
