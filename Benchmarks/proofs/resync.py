#!/usr/bin/env python3
"""resync.py BINARY: what clients notice of a resync.

Objects that were there before the rules are brought to another region with `meridian resync` while a client goes on
writing and reading in the source region. Prints the client's latency before and meanwhile, and the rate of the resync."""

import argparse
import subprocess
import sys
import threading
import time

from server import Server
from wire import Connection, quantile, signer


def fill(server, bucket, count, size):
    def write(part):
        sign, link = signer(server), Connection(server.port)
        for number in range(part, count, 8):
            if link.ask(sign.request("PUT", f"/{bucket}/old/{number:07d}", body=b"o" * size)).status != 200:
                sys.exit("a PUT failed")
    threads = [threading.Thread(target=write, args=(part,)) for part in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def foreground(server, bucket, goes_on, pause=0.005):
    """One client, a PUT and a GET by turns with a pause between. Milliseconds of each kind."""
    sign, link, took, number = signer(server), Connection(server.port), {"PUT": [], "GET": []}, 0
    while goes_on():
        for method, body in (("PUT", b"n" * 4096), ("GET", b"")):
            begun = time.monotonic()
            if link.ask(sign.request(method, f"/{bucket}/new/{number:06d}", body=body)).status != 200:
                sys.exit(f"{method} failed")
            took[method].append((time.monotonic() - begun) * 1000)
            time.sleep(pause)
        number += 1
    return took


def tell(name, took):
    print(f"{name}: " + "; ".join(
        f"{method} n={len(times)} p50 {quantile(times, .5):.1f} ms, p99 {quantile(times, .99):.1f} ms, "
        f"max {max(times):.1f} ms" for method, times in took.items()), flush=True)


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("binary")
    arguments.add_argument("--objects", type=int, default=50_000)
    arguments.add_argument("--size", type=int, default=4096)
    options = arguments.parse_args()
    with Server(options.binary) as server:
        buckets = server.make_buckets("resync", replicate=False)
        source, destination = buckets["us-east-1"], buckets["eu-west-1"]
        fill(server, source, options.objects, options.size)
        server.client().put_bucket_replication(Bucket=source, ReplicationConfiguration={
            "Role": "arn:aws:iam::123456789012:role/replication",
            "Rules": [{
                "ID": "all", "Priority": 1, "Status": "Enabled", "Filter": {"Prefix": ""},
                "Destination": {"Bucket": f"arn:aws:s3:::{destination}"},
                "DeleteMarkerReplication": {"Status": "Enabled"}}]})
        until = time.monotonic() + 10
        tell("before", foreground(server, source, lambda: time.monotonic() < until))
        begun = time.monotonic()
        resync = subprocess.Popen(
            [server.binary, "resync", source, "--data", str(server.data)], stdout=subprocess.DEVNULL)
        took = foreground(server, source, lambda: resync.poll() is None)
        seconds = time.monotonic() - begun
        tell("meanwhile", took)
        print(f"{options.objects} objects of {options.size} bytes in {seconds:.1f} s: "
              f"{options.objects / seconds:.0f} per second", flush=True)
        if resync.returncode != 0:
            sys.exit(f"resync ended with {resync.returncode}")


if __name__ == "__main__":
    main()
