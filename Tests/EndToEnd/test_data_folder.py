"""Folders that are not ours, not readable or damaged: refused in words, and left as they are."""

import os
import shutil
import sqlite3
import subprocess

import pytest

from journeys import make_bucket
from meridian_server import PATIENCE, binary, clean_environment, free_port


def refused_start(data, *before) -> str:
    done = subprocess.run(
        [*before, binary(), "serve", "--data", str(data), "--listen", f"127.0.0.1:{free_port()}"],
        capture_output=True, text=True, timeout=PATIENCE, env=clean_environment())
    assert done.returncode == 1, done
    assert done.stderr.startswith("meridian: ") and "Fatal error" not in done.stderr
    return done.stderr


def content(folder) -> dict[str, bytes]:
    return {
        str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name != "lock" and not file.name.endswith(("-wal", "-shm"))}


@pytest.fixture
def folder(new_server, tmp_path):
    """The folder of a server that has been used and stopped."""
    server = new_server()
    make_bucket(server, "kept", "us-east-1")
    server.overlay().put_object(Bucket="kept", Key="k", Body=os.urandom(100_000))
    assert server.stop() == 0
    return server.data


def test_a_file_in_its_place(tmp_path):
    (tmp_path / "file").write_text("precious")
    assert "is not a folder" in refused_start(tmp_path / "file")
    assert "Not a directory" in refused_start(tmp_path / "file" / "below")
    assert (tmp_path / "file").read_text() == "precious"


def test_a_folder_that_nobody_may_make():
    assert "cannot be used" in refused_start("/proc/no/such/place")


def test_a_folder_of_another_user(folder):
    if os.getuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("becoming another user needs root and setpriv")
    os.chmod(folder, 0o700)
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    reachable = subprocess.run([*nobody, binary(), "--version"], capture_output=True, env=clean_environment())
    if reachable.returncode != 0:
        pytest.skip("the binary is in a folder that other users may not read")
    said = refused_start(folder, *nobody)
    assert "Permission denied" in said and str(folder) in said


def spoil(name, new):
    def act(folder):
        (folder / name).write_bytes(new)
    return act


def newer_format(folder):
    database = sqlite3.connect(folder / "regions/us-east-1/metadata.sqlite")
    database.execute("PRAGMA user_version = 99")
    database.commit()
    database.close()


NOISE = bytes(range(256)) * 64


@pytest.mark.parametrize("act,part", [
    (spoil("meridian.json", b'{"format": "meridian-data", "version": 9}'), "newer Meridian"),
    (spoil("meridian.json", b"{}"), "is not the marker"),
    (spoil("credentials.json", b"{"), "credentials.json is not understood"),
    (spoil("ca.pem", b"xx"), "ca.pem is not usable"),
    (spoil("control.sqlite", NOISE), "control.sqlite"),
    (spoil("regions/us-east-1/metadata.sqlite", NOISE), "is not a SQLite database"),
    (newer_format, "newer version"),
    (spoil("regions/eu-west-1/blobs/format", b"other-program 1\n"), "other-program 1"),
], ids=["newer marker", "foreign marker", "keys", "certificate", "control store", "metadata", "newer metadata", "blobs"])
def test_damaged_and_newer_files(folder, act, part):
    act(folder)
    before = content(folder)
    assert part in refused_start(folder)
    assert content(folder) == before, "a refused start changes nothing"


def test_a_start_without_ipv6(tmp_path):
    """The default's [::1] is left out where the machine has no IPv6."""
    shell = (
        "ip link set lo up && echo 1 >/proc/sys/net/ipv6/conf/lo/disable_ipv6; "
        f"timeout --foreground --preserve-status -s TERM 5 {binary()} serve --data {tmp_path / 'data'}")
    done = subprocess.run(
        ["unshare", "--net", "sh", "-c", shell], capture_output=True, text=True, timeout=PATIENCE, env=clean_environment())
    if "unshare" in done.stderr or "ip:" in done.stderr or "cannot create" in done.stderr or "ip: not found" in done.stderr:
        pytest.skip("a network of its own needs root, unshare and ip")
    assert "is ready" in done.stderr + done.stdout and "127.0.0.1:9000" in done.stderr + done.stdout
    assert "not listening on [::1]:9000" in done.stderr
    assert done.returncode == 0
