"""A disk that is full: told in an S3 error, nothing lost, and writing goes on when there is room again."""

import os
import subprocess

import pytest
from botocore.exceptions import ClientError

from journeys import make_bucket
from meridian_server import eventually


def fill(s3, bucket: str, size: int, most: int) -> tuple[dict[str, bytes], ClientError]:
    """Puts objects until one is refused: those that were stored, and the error."""
    stored = {}
    for number in range(most):
        body = os.urandom(size)
        try:
            s3.put_object(Bucket=bucket, Key=f"{size}/{number}", Body=body)
        except ClientError as error:
            return stored, error
        stored[f"{size}/{number}"] = body
    raise AssertionError("the disk never became full")


def test_nothing_is_lost(small_disk, new_server, tmp_path):
    server = new_server(name="small/data")
    bucket = make_bucket(server, "full-disk", "us-east-1", versioned=False)
    s3 = server.overlay()
    stored = {}
    # First by blobs, then what is left by objects that live in the metadata.
    for size, most in [(1_000_000, 40), (16_000, 4000)]:
        more, error = fill(s3, bucket, size, most)
        stored |= more
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 503, error.response
        assert error.response["Error"]["Code"] == "ServiceUnavailable" and "disk is full" in str(error)
        assert server.process.poll() is None, server.log_text()[-2000:]
    assert len(stored) > 10
    shown = server.command("status")
    assert shown.returncode == 1 and "NOT HEALTHY: no space" in shown.stdout
    for key, body in stored.items():
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == body, key
    listed = {o["Key"] for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket) for o in page["Contents"]}
    assert listed == set(stored), "what was refused is not there"

    # Room again, by whoever runs the machine; the same server goes on.
    subprocess.run(["mount", "-o", "remount,size=48m", str(small_disk)], check=True)
    eventually(lambda: s3.put_object(Bucket=bucket, Key="after", Body=os.urandom(1_000_000)), "writing goes on")
    assert server.command("status").returncode == 0
    key = next(iter(stored))
    s3.delete_object(Bucket=bucket, Key=key)
    del stored[key]
    server.kill()
    server.start()
    s3 = server.overlay()
    for key, body in stored.items():
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == body, key
    assert s3.head_object(Bucket=bucket, Key="after")["ContentLength"] == 1_000_000


# Several disks, since it matters how much of the log is not in the file yet when the disk is full.
@pytest.mark.parametrize("small_disk", ["24m", "24900k", "26300k"], indirect=True)
@pytest.mark.parametrize("size, most, removed", [(1_000_000, 40, 8), (990_000, 40, 8), (16_000, 4000, 400)])
def test_deleting_makes_room(small_disk, new_server, size, most, removed):
    """Somebody whose disk is full can help himself, however little the last object left."""
    server = new_server(name="small/data")
    bucket = make_bucket(server, "full-disk", "us-east-1", versioned=False)
    s3 = server.overlay()
    stored, _ = fill(s3, bucket, size, most)
    for key in list(stored)[:removed]:
        s3.delete_object(Bucket=bucket, Key=key)
    eventually(lambda: s3.put_object(Bucket=bucket, Key="after", Body=os.urandom(size)), "there is room")


def test_a_start_on_a_full_disk_is_refused_in_words(small_disk, new_server, tmp_path):
    with open(small_disk / "filler", "wb") as filler:
        with pytest.raises(OSError):
            while True:
                filler.write(bytes(1 << 20))
                filler.flush()
    server = new_server(name="small/data", start=False)
    server.log = tmp_path / "log"
    server.launch()
    assert server.process.wait(30) == 1
    said = server.log_text()
    assert "meridian: " in said and ("full" in said or "No space left" in said), said
    (small_disk / "filler").unlink()
    server.start()
