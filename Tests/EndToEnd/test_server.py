"""Starting, stopping, crashing; what an operator sees."""

import json
import os
import socket
import stat
import subprocess

import pytest

from journeys import AccessPoint, answering_region, make_bucket, replicate_all_ways
from meridian_server import PATIENCE, REGIONS, binary, clean_environment, eventually
from wire import fetch


def test_first_start_makes_private_keys_and_says_how_to_go_on(new_server):
    server = new_server()
    assert stat.S_IMODE(os.stat(server.data).st_mode) == 0o700
    keys = server.data / "credentials.json"
    assert stat.S_IMODE(os.stat(keys).st_mode) == 0o600
    secret = json.loads(keys.read_text())["secretAccessKey"]
    banner = eventually(lambda: server.log_text() if "is ready" in server.log_text() else None, "the banner")
    assert f"127.0.0.1:{server.port}" in banner and "meridian env" in banner
    assert secret not in banner


def test_status_and_env(new_server):
    server = new_server()
    make_bucket(server, "status-bucket", "eu-west-1")
    shown = server.command("status")
    assert shown.returncode == 0 and all(region in shown.stdout for region in REGIONS)
    report = json.loads(server.command("status", "--json").stdout)
    assert report["version"] == 1
    assert {r["name"]: r["buckets"] for r in report["regions"]}["eu-west-1"] == 1
    assert server.environment()["AWS_ENDPOINT_URL"] == server.endpoint
    assert server.environment("--proxy")["HTTPS_PROXY"] == server.endpoint
    server.stop()
    stopped = server.command("status")
    assert stopped.returncode == 1 and "No server is running" in stopped.stderr


def test_the_console_answers_on_this_machine(server):
    server.overlay().list_buckets()  # A counter shows once there is something to count.
    assert fetch(server.endpoint + "/-/health")[::2] == (200, b"ok\n")
    status, headers, page = fetch(server.endpoint + "/-/")
    assert status == 200 and b"Regions" in page and "default-src 'none'" in headers["Content-Security-Policy"]
    status, _, metrics = fetch(server.endpoint + "/-/metrics")
    assert status == 200 and b"# TYPE meridian_requests_total counter" in metrics
    assert json.loads(fetch(server.endpoint + "/-/status")[2])["version"] == 1


@pytest.mark.parametrize("host, status", [
    ("evil.example.com", 403), ("127.0.0.1.evil.example:9000", 403), ("localhost:1", 200), ("any.localhost", 200),
    ("[::1]:9000", 200)])
def test_the_console_answers_only_to_its_own_names(server, host, status):
    for path in ("/-/", "/-/status", "/-/metrics", "/-/health"):
        answer = fetch(server.endpoint + path, headers={"Host": host})
        assert answer[0] == status and (status == 200 or b"Host" in answer[2])


def test_a_stop_is_graceful_and_a_restart_keeps_everything(new_server):
    server = new_server()
    buckets = {region: make_bucket(server, f"keep-{region}", region) for region in REGIONS}
    replicate_all_ways(server, buckets)
    point = AccessPoint.create(server, "keep", buckets)
    point.dial(us_east_1=0, eu_west_1=100, ap_southeast_1=0)
    body = os.urandom(1_000_000)
    version = server.overlay().put_object(Bucket=point.arn, Key="k", Body=body)["VersionId"]
    assert server.stop() == 0
    server.start()
    s3 = server.overlay()
    got = s3.get_object(Bucket=point.arn, Key="k")
    assert got["Body"].read() == body and got["VersionId"] == version and answering_region(got) == "eu-west-1"
    assert point.dials() == {"us-east-1": 0, "eu-west-1": 100, "ap-southeast-1": 0}
    for bucket in buckets.values():
        assert eventually(lambda: s3.head_object(Bucket=bucket, Key="k"), "the replica")["VersionId"] == version


def test_a_second_server_on_the_same_data_is_refused(new_server):
    server = new_server()
    second = new_server(start=False)
    done = subprocess.run(
        [binary(), "serve", "--data", str(server.data), "--listen", f"127.0.0.1:{second.port}"],
        capture_output=True, text=True, timeout=PATIENCE, env=clean_environment())
    assert done.returncode == 1 and f"pid {server.process.pid}" in done.stderr
    assert server.command("status").returncode == 0


def refused_start(tmp_path, *arguments):
    done = subprocess.run(
        [binary(), "serve", "--data", str(tmp_path / "new"), *arguments], capture_output=True, text=True,
        timeout=PATIENCE, env=clean_environment())
    assert done.returncode != 0
    assert "Fatal error" not in done.stderr
    return done.stderr


def test_a_busy_port_is_said_plainly(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = refused_start(tmp_path, "--listen", f"127.0.0.1:{port}")
    assert f"127.0.0.1:{port}" in said and "use" in said


@pytest.mark.parametrize("text,part", [
    ("{", "not valid JSON"), ('{"version": 1, "regoins": []}', "Unknown key regoins"),
    ('{"version": 7}', "version 7 is not known"), ('{"version": 1, "listen": ["nowhere"]}', "HOST:PORT")])
def test_bad_configuration(tmp_path, text, part):
    file = tmp_path / "config.json"
    file.write_text(text)
    said = refused_start(tmp_path, "--config", str(file))
    assert part in said and str(file) in said
    assert not (tmp_path / "new").exists(), "a refused start leaves nothing behind"


@pytest.mark.parametrize("arguments,part", [
    (["--bogus"], "Unknown option"), (["extra"], "Unexpected argument"), (["--listen", "nowhere"], "HOST:PORT"),
    (["--listen", "127.0.0.1:99999"], "HOST:PORT"), (["--listen", "203.0.113.7:8080"], "203.0.113.7:8080"),
    (["--log-level", "loud"], "is no log level"), (["--config", "/no/such/file"], "no configuration file"),
    (["--config", "/"], "cannot be read")])
def test_bad_options(tmp_path, arguments, part):
    assert part in refused_start(tmp_path, *arguments)


def test_a_folder_with_other_peoples_files(tmp_path):
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "thesis.txt").write_text("precious")
    said = refused_start(tmp_path, "--data", str(foreign))
    assert "thesis.txt" in said and os.listdir(foreign) == ["thesis.txt"]


def test_users_of_the_configuration(new_server, tmp_path):
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"version": 1, "users": [
        {"accessKeyID": "AKIAALICE", "secretAccessKey": "wonderland", "name": "alice"},
        {"accessKeyID": "AKIAMALLORY", "secretAccessKey": "looking-glass", "account": "999999999999"}]}))
    server = new_server(start=False)
    server.arguments += ["--config", str(config)]
    server.start()
    make_bucket(server, "wonder-bucket", "us-east-1")
    alice = server.plain(keys=("AKIAALICE", "wonderland"))
    alice.put_object(Bucket="wonder-bucket", Key="k", Body=b"x")
    mallory = server.plain(keys=("AKIAMALLORY", "looking-glass"))
    for attempt in [
        lambda: mallory.get_object(Bucket="wonder-bucket", Key="k"),
        lambda: mallory.put_object(Bucket="wonder-bucket", Key="k", Body=b"y"),
        lambda: mallory.delete_bucket(Bucket="wonder-bucket"),
    ]:
        with pytest.raises(mallory.exceptions.ClientError) as caught:
            attempt()
        assert caught.value.response["Error"]["Code"] == "AccessDenied"
    assert mallory.list_buckets()["Buckets"] == []


def test_a_region_that_cannot_be_written_is_not_healthy(new_server):
    server = new_server()
    # In the way of the probe's file: works for root too, who is stopped by no permission.
    (server.data / "regions/eu-west-1/probe").mkdir()
    shown = server.command("status")
    assert shown.returncode == 1 and "Region eu-west-1 is not healthy: cannot write" in shown.stdout
    assert fetch(server.endpoint + "/-/health")[0] == 503
    (server.data / "regions/eu-west-1/probe").rmdir()
    assert server.command("status").returncode == 0
    assert fetch(server.endpoint + "/-/health")[0] == 200


def test_a_region_taken_out_of_the_configuration_is_said(new_server, tmp_path):
    server = new_server()
    make_bucket(server, "left-out", "eu-west-1")
    server.stop()
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"version": 1, "regions": ["us-east-1"]}))
    server.arguments += ["--config", str(config)]
    server.start()
    warnings = [line for line in server.log_text().splitlines() if '"level":"warning"' in line]
    assert any("a region with data is not configured" in line and "eu-west-1" in line for line in warnings)
    shown = server.command("status")
    assert shown.returncode == 0 and "Region eu-west-1 has data here but is not configured" in shown.stdout
    assert json.loads(server.command("status", "--json").stdout)["unservedRegions"] == ["ap-southeast-1", "eu-west-1"]


def test_where_a_bucket_goes_without_a_constraint(new_server, tmp_path):
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"version": 1, "regions": ["eu-west-1", "us-east-1"], "homeRegion": "eu-west-1"}))
    server = new_server(start=False)
    server.arguments += ["--config", str(config)]
    server.start()
    for region, expected in [("us-east-1", "us-east-1"), ("sa-east-1", "eu-west-1")]:
        s3 = server.plain(region=region)
        s3.create_bucket(Bucket=f"from-{region}")
        assert answering_region(s3.head_bucket(Bucket=f"from-{region}")) == expected
