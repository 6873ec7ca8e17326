"""SIGTERM under load: what was begun is finished or refused, never lost."""

import os
import socket
import threading

from botocore.exceptions import ClientError

from journeys import make_bucket
from meridian_server import eventually
from wire import status_of


def test_a_stop_under_load(new_server):
    server = new_server()
    bucket = make_bucket(server, "busy", "us-east-1")
    acknowledged, wrong = {}, []
    stopping = threading.Event()

    def write(writer: int):
        s3, number = server.overlay(), 0
        while True:
            number += 1
            key, body = f"{writer}/{number}", os.urandom([100, 200_000, 2_000_000][number % 3])
            try:
                s3.put_object(Bucket=bucket, Key=key, Body=body)
                acknowledged[key] = body
            except ClientError as error:
                # Told to come again, and only once a stop is under way.
                if not stopping.is_set() or error.response["ResponseMetadata"]["HTTPStatusCode"] != 503:
                    wrong.append(error)
                return
            except Exception as error:
                if not stopping.is_set():
                    wrong.append(error)
                return

    writers = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    for writer in writers:
        writer.start()
    eventually(lambda: len(acknowledged) > 50, "the load runs")
    stopping.set()
    code = server.stop()
    for writer in writers:
        writer.join()
    assert code == 0 and wrong == []
    server.start()
    s3 = server.overlay()
    for key, body in acknowledged.items():
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == body, key


def test_an_upload_in_flight_may_finish(new_server):
    server = new_server()
    bucket = make_bucket(server, "in-flight", "us-east-1")
    url = server.plain(signature_version="s3v4").generate_presigned_url(
        "put_object", Params={"Bucket": bucket, "Key": "k"})
    path = url.split(str(server.port), 1)[1]
    with socket.create_connection(("127.0.0.1", server.port), 20) as connection:
        connection.sendall(
            f"PUT {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Length: 100000\r\n"
            "Expect: 100-continue\r\n\r\n".encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 100"), "the upload is under way"
        connection.sendall(b"x" * 50_000)
        server.process.terminate()
        eventually(lambda: "stopping" in server.log_text(), "the stop has begun")
        connection.sendall(b"x" * 50_000)
        assert status_of(connection.recv(4096)) == 200
        assert server.process.wait(30) == 0
    server.start()
    assert server.overlay().head_object(Bucket=bucket, Key="k")["ContentLength"] == 100_000


def test_a_stop_does_not_wait_for_ever(new_server, tmp_path):
    config = tmp_path / "config.json"
    config.write_text('{"version": 1, "limits": {"drainTimeoutSeconds": 1}}')
    server = new_server(start=False)
    server.arguments += ["--config", str(config)]
    server.start()
    bucket = make_bucket(server, "endless", "us-east-1")
    url = server.plain(signature_version="s3v4").generate_presigned_url(
        "put_object", Params={"Bucket": bucket, "Key": "k"})
    path = url.split(str(server.port), 1)[1]
    with socket.create_connection(("127.0.0.1", server.port), 20) as connection:
        connection.sendall(
            f"PUT {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Length: 100000\r\n\r\nx".encode())
        assert server.stop() == 0
    server.start()
    assert server.overlay().list_objects_v2(Bucket=bucket)["KeyCount"] == 0
