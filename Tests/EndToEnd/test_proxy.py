"""The CONNECT proxy of route B and its certificate authority."""

import socket
import ssl

import pytest

from wire import exchange, status_of

OURS = [
    "s3.amazonaws.com", "s3.us-east-1.amazonaws.com", "s3.dualstack.eu-west-1.amazonaws.com",
    "bucket.s3.us-east-1.amazonaws.com", "my-point.mrap.accesspoint.s3-global.amazonaws.com",
    "accesspoint.s3-global.amazonaws.com", "123456789012.s3-control.us-west-2.amazonaws.com",
    # 63 characters: too long for a common name.
    "my-global-access-point.mrap.accesspoint.s3-global.amazonaws.com",
]


def tunnel(server, host, port=443, version="1.1") -> tuple[socket.socket, bytes]:
    connection = socket.create_connection(("127.0.0.1", server.port), 20)
    connection.sendall(f"CONNECT {host}:{port} HTTP/{version}\r\n\r\n".encode())
    answer = b""
    while b"\r\n\r\n" not in answer and (chunk := connection.recv(4096)):
        answer += chunk
    return connection, answer


def authority(server) -> str:
    return server.environment("--proxy")["AWS_CA_BUNDLE"]


@pytest.mark.parametrize("host", OURS)
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_our_names_have_certificates_that_strict_clients_take(server, host, version):
    context = ssl.create_default_context(cafile=authority(server))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.minimum_version = context.maximum_version = version
    connection, answer = tunnel(server, host)
    assert status_of(answer) == 200
    with context.wrap_socket(connection, server_hostname=host) as tls:
        path = "/v20180820/mrap/instances" if ".s3-control." in host else "/"
        for _ in range(2):  # the tunnel is kept alive
            tls.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            assert tls.recv(65536).startswith(b"HTTP/1.1 403")


@pytest.mark.parametrize("host", [
    "example.com", "amazonaws.com", "ec2.us-east-1.amazonaws.com", "s3.amazonaws.com.example.com", "169.254.169.254",
    "127.0.0.1", "evil-amazonaws.com"])
def test_foreign_names_are_refused(server, host):
    connection, answer = tunnel(server, host)
    connection.close()
    assert status_of(answer) == 403


def test_only_port_443(server):
    connection, answer = tunnel(server, "s3.amazonaws.com", port=22)
    connection.close()
    assert status_of(answer) == 403


def test_http_1_0_connect_without_headers(server):
    connection, answer = tunnel(server, "s3.amazonaws.com", version="1.0")
    connection.close()
    assert status_of(answer) == 200


def test_absolute_form(server):
    answer = exchange(
        server.port, b"GET http://s3.internal/ HTTP/1.1\r\nHost: s3.internal\r\nConnection: close\r\n\r\n")
    assert status_of(answer) == 403 and b"AccessDenied" in answer


def test_the_authority_cannot_sign_for_others(server):
    from subprocess import run

    text = run(
        ["openssl", "x509", "-in", authority(server), "-noout", "-text"], capture_output=True, text=True)
    if text.returncode != 0:
        pytest.skip("there is no openssl here")
    assert "X509v3 Name Constraints: critical" in text.stdout and "DNS:amazonaws.com" in text.stdout
