"""kill -9 in the middle of everything."""

import json
import os
import time

import pytest

from crash_check import (
    Writers, abort_uploads, check_files, check_seen_by_clients, nothing_waits, replicated_so_far)
from journeys import make_bucket, replicate_all_ways
from meridian_server import REGIONS, eventually

# MERIDIAN_KILLS=20 is the long run.
KILLS = int(os.environ.get("MERIDIAN_KILLS", "3"))


@pytest.fixture
def mesh():
    def make(server):
        buckets = {region: make_bucket(server, f"crash-{region}", region) for region in REGIONS}
        replicate_all_ways(server, buckets)
        return buckets
    return make


def test_kill_9_during_mixed_writes(new_server, mesh, record_property):
    """What was acknowledged is readable and replicated, no file stays without an owner, no work is done twice."""
    server = new_server()
    buckets = mesh(server)
    writers = Writers(server, buckets)
    for round_number in range(KILLS):
        before = writers.answered
        with writers.running(round_number):
            eventually(lambda: writers.answered > before + 60, "some writes are acknowledged")
            server.kill()
        assert not writers.unexpected
        server.start()

    nothing_waits(server)
    looked_at = check_seen_by_clients(server, writers)
    open_uploads = abort_uploads(server, buckets)
    assert server.stop() == 0
    files = check_files(server)
    server.start()
    assert check_seen_by_clients(server, writers) == looked_at

    # Work that was finished before a crash is not begun again after it.
    nothing_waits(server)
    server.kill()
    server.start()
    marker = "after everything"
    server.overlay().put_object(Bucket=buckets["us-east-1"], Key=marker, Body=b"x")
    nothing_waits(server)
    assert replicated_so_far(server) == 2, "only the new object, to two regions"
    print(json.dumps({
        "kills": KILLS, "answered": writers.kinds, "keys": looked_at, "in doubt": len(writers.doubtful),
        "uploads left open": open_uploads, "blob files": files}))


def test_kill_9_in_the_first_second(new_server):
    """A start that is killed at any point leaves a folder that starts."""
    server = new_server(start=False)
    for pause in [0.0, 0.02, 0.05, 0.1, 0.2, 0.4]:
        server.launch()
        time.sleep(pause)  # not a wait for something, but the moment of the crash
        assert server.process.poll() is None, server.log_text()
        server.kill()
    server.start()
    make_bucket(server, "alive", "us-east-1")
