"""What an operator learns of requests: the access log, metrics, and damage that is found."""

import json
import os
import socket

import pytest
from botocore.exceptions import ClientError

from journeys import make_bucket
from meridian_server import eventually, free_port
from wire import fetch


def metrics(server) -> dict[str, float]:
    lines = fetch(server.endpoint + "/-/metrics")[2].decode().splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if line[:1] not in "#"}


def log_lines(server) -> list[dict]:
    return [json.loads(line) for line in server.log_text().splitlines() if line.startswith("{")]


def entry(server, request_id: str, logger: str = "access") -> dict:
    """A line of the log that names the request."""
    def find():
        named = [e for e in log_lines(server) if request_id in (e.get("request.id"), e.get("id"))]
        return next((e for e in named if e["logger"] == logger), None)
    return eventually(find, f"a line of {logger} for {request_id}")


@pytest.fixture
def logged(new_server):
    port = free_port()
    return new_server(port=port, arguments=["--listen", f"127.0.0.1:{port}", "--log-level", "info"])


def test_bytes_in_are_what_was_received(logged):
    make_bucket(logged, "counted", "us-east-1")
    body = os.urandom(100_000)
    # Over TLS botocore sends aws-chunked in HTTP's chunks: no length is announced.
    put = logged.proxied().put_object(Bucket="counted", Key="k", Body=body)
    line = entry(logged, put["ResponseMetadata"]["RequestId"])
    assert 100_000 < int(line["bytes.in"]) < 101_000
    got = logged.overlay().get_object(Bucket="counted", Key="k")
    got["Body"].read()
    line = entry(logged, got["ResponseMetadata"]["RequestId"])
    assert int(line["bytes.out"]) == 100_000 and int(line["bytes.in"]) == 0


def test_a_client_that_goes_away_is_counted_as_aborted(logged):
    make_bucket(logged, "left", "us-east-1")
    s3 = logged.overlay()
    s3.put_object(Bucket="left", Key="k", Body=bytes(60_000_000))
    link = s3.generate_presigned_url("get_object", Params={"Bucket": "left", "Key": "k"})
    with socket.create_connection(("127.0.0.1", logged.port)) as client:
        target = link[len(logged.endpoint):]
        client.sendall(f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{logged.port}\r\n\r\n".encode())
        assert client.recv(12) == b"HTTP/1.1 200"
    name = 'meridian_requests_total{operation="GetObject",region="us-east-1",status="aborted"}'
    eventually(lambda: metrics(logged).get(name) == 1, "the aborted request")
    [line] = [e for e in log_lines(logged) if e["logger"] == "access" and e.get("s3.operation") == "GetObject"]
    assert int(line["http.status"]) == 0 and 0 < int(line["bytes.out"]) < 60_000_000

    with socket.create_connection(("127.0.0.1", logged.port)) as client:
        link = s3.generate_presigned_url("put_object", Params={"Bucket": "left", "Key": "never"})
        target = link[len(logged.endpoint):]
        client.sendall(
            f"PUT {target} HTTP/1.1\r\nHost: 127.0.0.1:{logged.port}\r\nContent-Length: 9\r\n\r\nhalf".encode())
    name = 'meridian_requests_total{operation="PutObject",region="us-east-1",status="aborted"}'
    eventually(lambda: metrics(logged).get(name) == 1, "the aborted upload")


def test_damage_is_told_and_never_served(logged):
    make_bucket(logged, "damaged", "us-east-1")
    s3 = logged.overlay()
    s3.put_object(Bucket="damaged", Key="k", Body=os.urandom(3_000_000))
    [blob] = [p for p in (logged.data / "regions/us-east-1/blobs/blobs").glob("*/??/*") if p.is_file()]

    def flip(offset: int):
        with open(blob, "r+b") as file:
            file.seek(offset)
            byte = file.read(1)[0]
            file.seek(offset)
            file.write(bytes([byte ^ 1]))

    name = 'meridian_storage_damaged_reads_total{region="us-east-1"}'
    assert metrics(logged)[name] == 0
    flip(10)
    with pytest.raises(ClientError) as caught:
        s3.get_object(Bucket="damaged", Key="k")
    answer = caught.value.response
    assert answer["Error"]["Code"] == "InternalError" and answer["ResponseMetadata"]["HTTPStatusCode"] == 500
    line = entry(logged, answer["ResponseMetadata"]["RequestId"], logger="meridian")
    assert line["level"] == "error" and "block 0" in line["error"]
    assert metrics(logged)[name] == 1

    flip(10)
    flip(2_000_000)
    got = s3.get_object(Bucket="damaged", Key="k")
    with pytest.raises(Exception):
        got["Body"].read()
    line = entry(logged, got["ResponseMetadata"]["RequestId"], logger="meridian")
    assert line["level"] == "error" and line["message"] == "answer broken off" and "block 7" in line["error"]
    line = entry(logged, got["ResponseMetadata"]["RequestId"])
    assert int(line["http.status"]) == 0 and line["s3.error"] == "InternalError"
    assert metrics(logged)[name] == 2
    assert s3.get_object(Bucket="damaged", Key="k", Range="bytes=0-99")["Body"].read()
