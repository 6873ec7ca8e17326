import os
import random
import signal
import string
import subprocess

import pytest

from journeys import AccessPoint, make_bucket
from meridian_server import REGIONS, Server, clean_environment
from region_process import Installation


@pytest.fixture(scope="session", autouse=True)
def quiet_environment():
    """In-process clients take nothing from the shell that runs the tests."""
    keep = clean_environment()
    for name in list(os.environ):
        if name not in keep:
            del os.environ[name]
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """One server for all tests that leave it as they found it, but for buckets of their own."""
    running = Server(tmp_path_factory.mktemp("meridian") / "data").start()
    yield running
    running.end()


@pytest.fixture
def new_server(tmp_path):
    """Makes servers that a test may stop, kill and configure."""
    made = []

    def make(name="data", start=True, **options):
        one = Server(tmp_path / name, **options)
        made.append(one)
        return one.start() if start else one

    yield make
    for one in made:
        one.end()


@pytest.fixture
def unique():
    """A name that no other test uses."""
    def make(prefix="b"):
        return prefix + "-" + "".join(random.choices(string.ascii_lowercase + string.digits, k=12))
    return make


@pytest.fixture
def s3(server):
    return server.overlay()


@pytest.fixture
def bucket(s3, unique):
    name = unique()
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def versioned(s3, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return bucket


@pytest.fixture
def access_point(server, unique):
    """An access point over three versioned buckets, one per region, without replication."""
    buckets = {region: make_bucket(server, unique(), region) for region in REGIONS}
    point = AccessPoint.create(server, unique("ap"), buckets)
    yield point
    point.delete()


@pytest.fixture
def small_disk(tmp_path, request):
    """A file system of its own, of 24 MiB unless the test says otherwise."""
    size = getattr(request, "param", "24m")
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)], capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"mounting a small disk needs root: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture
def apart(tmp_path):
    """Makes installations of a server with us-east-1 and a process for each other region."""
    made = []

    def make(names=(REGIONS[1],), start=True):
        one = Installation(tmp_path, [REGIONS[0], *names], list(names))
        made.append(one)
        return one.start() if start else one

    yield make
    for one in made:
        for region in one.regions.values():
            if region.process and region.process.poll() is None:
                region.process.send_signal(signal.SIGCONT)
        one.end()
