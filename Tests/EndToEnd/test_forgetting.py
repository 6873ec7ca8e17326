"""What a region removed for good is remembered while any region may send it again, and no longer (docs/design/0013)."""

import contextlib
import sqlite3

import pytest

from meridian_server import eventually
from replication_pair import AWAY, THIRD, pair_in
from stepping_clock import SteppingClock


@pytest.fixture
def clock(tmp_path, monkeypatch):
    return SteppingClock(tmp_path, monkeypatch)


def remembered(region) -> list[bytes]:
    """The stamps of the removals that the region's process remembers, oldest version first."""
    database = region.data / "regions" / region.name / "metadata.sqlite"
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return [stamp for stamp, in connection.execute("SELECT stamp FROM erasures ORDER BY stamp")]


def start_again(region):
    """A region forgets when it starts, and each hour."""
    region.stop()
    region.start()


def test_removals_are_forgotten_when_every_region_is_past_them(clock, apart, unique):
    one = apart((AWAY, THIRD))
    home, region, third = one.server, one.regions[AWAY], one.regions[THIRD]
    pair = pair_in(home, unique)
    pair.put("before")
    eventually(pair.is_equal, "replication works")
    # Work that has failed can be retried at any time: it is between the two versions that will be removed.
    region.kill()
    pair.put("failed")
    pair.s3.delete_bucket_replication(Bucket=pair.source)
    eventually(lambda: set(pair.failures()) == {"failed"}, "without a rule it is given up")
    region.start()
    pair.rules(("all", ""))
    pair.put("after")
    eventually(lambda: [v[0] for v in pair.versions(pair.target)] == ["after", "before"], "the other one arrives")

    for key, version, _, _ in pair.versions(pair.target):
        region.s3().delete_object(Bucket=pair.target, Key=key, VersionId=version)
    before, after = remembered(region)
    # Not yet seven days old.
    start_again(region)

    clock.set("client", 8 * 24)
    third.kill()
    start_again(region)
    kept = "removed versions are remembered on"
    eventually(lambda: f"cannot connect to 127.0.0.1:{third.port}" in region.log_text().partition(kept)[2], "it says so")
    assert remembered(region) == [before, after], "a region that is away may have work left"

    third.start()
    start_again(region)
    eventually(lambda: remembered(region) == [after], "what is older than all work is forgotten")

    pair.command("replication", "retry", pair.source)
    eventually(lambda: [v[0] for v in pair.versions(pair.target)] == ["failed"], "the work is done")
    start_again(region)
    eventually(lambda: remembered(region) == [], "without work all is forgotten")
    assert [v[0] for v in pair.versions(pair.target)] == ["failed"], "nothing came back"
