"""The global endpoint in a process of its own."""

import http.client
import os
import socket
import threading
import urllib.error
import urllib.request

import pytest

from edge_process import Edge
from journeys import AccessPoint, answering_region, make_bucket, refused
from meridian_server import REGIONS, eventually


@pytest.fixture
def edge_of():
    made = []

    def make(server, home="us-east-1"):
        one = Edge(server, home)
        made.append(one)
        return one.start()

    yield make
    for one in made:
        one.end()


@pytest.fixture
def edge(server, edge_of):
    return edge_of(server)


def test_plain_buckets(edge, bucket):
    s3 = edge.overlay()
    body = os.urandom(300_000)
    s3.put_object(Bucket=bucket, Key="a/key with spaces+ü", Body=body, Metadata={"m": "v"})
    answer = s3.get_object(Bucket=bucket, Key="a/key with spaces+ü")
    assert answer["Body"].read() == body and answer["Metadata"] == {"m": "v"}
    part = s3.get_object(Bucket=bucket, Key="a/key with spaces+ü", Range="bytes=10-19")
    assert part["Body"].read() == body[10:20]
    assert s3.head_object(Bucket=bucket, Key="a/key with spaces+ü")["ContentLength"] == len(body)
    s3.put_object(Bucket=bucket, Key="empty", Body=b"")
    assert [o["Key"] for o in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["a/key with spaces+ü", "empty"]
    with refused("NoSuchKey", 404):
        s3.get_object(Bucket=bucket, Key="none")
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "a/key with spaces+ü"}, {"Key": "empty"}]})
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


@pytest.mark.parametrize("home", REGIONS)
def test_access_points_are_served_near_the_edge(server, edge_of, access_point, home):
    s3 = edge_of(server, home).overlay()
    for form in [access_point.arn, access_point.arn_by_name, access_point.alias, access_point.name]:
        written = s3.put_object(Bucket=form, Key="k", Body=b"here")
        assert answering_region(written) == home, form
        read = s3.get_object(Bucket=form, Key="k")
        assert read["Body"].read() == b"here" and answering_region(read) == home
        assert read["ResponseMetadata"]["HTTPHeaders"]["x-meridian-route"] == "nearest"


def test_connect_and_tls_end_at_the_edge(edge, bucket):
    s3 = edge.proxied()
    s3.put_object(Bucket=bucket, Key="k", Body=b"sealed" * 50_000)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"sealed" * 50_000


def test_multipart_stays_in_its_region(server, edge, access_point):
    s3 = edge.overlay()
    upload = s3.create_multipart_upload(Bucket=access_point.arn, Key="big")["UploadId"]
    part = os.urandom(5 << 20)
    first = s3.upload_part(Bucket=access_point.arn, Key="big", UploadId=upload, PartNumber=1, Body=part)
    access_point.dial(us_east_1=0)
    second = s3.upload_part(Bucket=access_point.arn, Key="big", UploadId=upload, PartNumber=2, Body=b"tail")
    assert answering_region(first) == answering_region(second) == "us-east-1"
    done = s3.complete_multipart_upload(
        Bucket=access_point.arn, Key="big", UploadId=upload, MultipartUpload={"Parts": [
            {"PartNumber": 1, "ETag": first["ETag"]}, {"PartNumber": 2, "ETag": second["ETag"]}]})
    assert answering_region(done) == "us-east-1"
    stored = server.overlay().get_object(Bucket=access_point.buckets["us-east-1"], Key="big")["Body"].read()
    assert stored == part + b"tail"


def test_listings_stay_in_one_region_under_shares(server, edge_of, access_point):
    access_point.dial(us_east_1=30, eu_west_1=70, ap_southeast_1=0)
    s3 = edge_of(server, home="eu-west-1").overlay()
    seen = {answering_region(s3.list_objects(Bucket=access_point.arn)) for _ in range(20)}
    assert seen == {"eu-west-1"}


def test_the_request_after_a_failover_goes_to_the_other_region(edge, access_point):
    s3 = edge.overlay()
    for target, dials in [("eu-west-1", (0, 100, 0)), ("ap-southeast-1", (0, 0, 100)), ("us-east-1", (100, 0, 0))]:
        access_point.dial(**dict(zip(["us_east_1", "eu_west_1", "ap_southeast_1"], dials)))
        assert answering_region(s3.put_object(Bucket=access_point.arn, Key="k", Body=b"x")) == target
        assert answering_region(s3.head_bucket(Bucket=access_point.alias)) == target


def test_new_access_points_reach_the_edge(server, edge, unique):
    buckets = {region: make_bucket(server, unique(), region) for region in REGIONS[1:]}
    point = AccessPoint.create(server, unique("ap"), buckets)
    assert answering_region(edge.overlay().head_bucket(Bucket=point.arn)) == "eu-west-1"
    point.delete()
    with refused("404", 404):
        edge.overlay().head_bucket(Bucket=point.arn)


def test_clients_cannot_choose_the_region(edge, access_point):
    s3 = edge.overlay()
    forged = "v1 ap-southeast-1 nearest ap-southeast-1 1 1795000000 " + "0" * 64
    s3.meta.events.register(
        "before-send.s3.*", lambda request, **_: request.headers.__setitem__("x-meridian-edge-route", forged))
    assert answering_region(s3.head_bucket(Bucket=access_point.arn)) == "us-east-1"


def test_the_origins_own_pages_are_not_forwarded(edge, server):
    for path in ["/-/status", "/-/metrics", "/-/routes?after=-1", "/-/"]:
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(edge.endpoint + path, timeout=10)
        assert caught.value.code == 404
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(server.endpoint + "/-/routes?after=-1", timeout=10)
    assert caught.value.code == 403


def test_refused_uploads_are_not_sent(edge, bucket):
    """With Expect: 100-continue the origin's refusal comes before the body."""
    with socket.create_connection(("127.0.0.1", edge.port), timeout=30) as wire:
        wire.sendall(
            f"PUT /{bucket}/k HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n".encode())
        answer = http.client.HTTPResponse(wire)
        answer.begin()
        assert answer.status == 403 and b"<Code>AccessDenied</Code>" in answer.read()


def test_an_origin_that_dies_and_returns(new_server, edge_of, unique):
    server = new_server()
    edge = edge_of(server)
    name = make_bucket(server, unique(), "us-east-1")
    s3 = edge.overlay()
    s3.put_object(Bucket=name, Key="k", Body=b"kept")
    server.kill()
    for attempt in [lambda: s3.get_object(Bucket=name, Key="k"), lambda: s3.put_object(Bucket=name, Key="n", Body=b"x")]:
        with refused("ServiceUnavailable", 503):
            attempt()
    with urllib.request.urlopen(edge.endpoint + "/-/health", timeout=10) as health:
        assert health.status == 200
    server.start()
    assert s3.get_object(Bucket=name, Key="k")["Body"].read() == b"kept"
    assert edge.stop() == 0


def test_an_origin_that_dies_within_an_answer(new_server, edge_of, unique):
    server = new_server()
    edge = edge_of(server)
    name = make_bucket(server, unique(), "us-east-1")
    s3 = edge.overlay()
    size = 64 << 20
    s3.put_object(Bucket=name, Key="big", Body=bytes(size))
    body = s3.get_object(Bucket=name, Key="big")["Body"]
    body.read(1 << 20)
    server.kill()
    with pytest.raises(Exception, match="(?i)incomplete|broken|reset|connection|read"):
        body.read()


def test_a_stop_finishes_what_is_running(server, edge_of, bucket):
    edge = edge_of(server)
    s3 = edge.overlay()
    s3.put_object(Bucket=bucket, Key="big", Body=bytes(32 << 20))
    body = s3.get_object(Bucket=bucket, Key="big")["Body"]
    body.read(1 << 20)
    codes = []
    stopping = threading.Thread(target=lambda: codes.append(edge.stop()))
    stopping.start()
    assert len(body.read()) == (31 << 20)
    stopping.join()
    assert codes == [0]
    eventually(lambda: not accepts(edge.port), "the port is closed")


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_an_edge_needs_the_servers_folder(new_server):
    server = new_server(start=False)
    done = server.command("edge", "--listen", "127.0.0.1:0")
    assert done.returncode == 1 and "meridian serve" in done.stderr
