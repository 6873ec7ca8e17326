"""Signed requests over plain keep-alive sockets: little work per request, so that the server and not the client is
measured. SigV4 with UNSIGNED-PAYLOAD."""

import datetime
import hashlib
import hmac
import re
import socket
import urllib.parse


class Signer:
    def __init__(self, access_key, secret_key, host, region="us-east-1"):
        self.access_key, self.secret_key = access_key, secret_key
        self.host, self.region = host, region
        self._day, self._key = None, None

    def request(self, method, path, query="", body=b"", headers=()):
        """The bytes of a request. `path` is unencoded; `query` is encoded, its parameters in order."""
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        day = now[:8]
        if day != self._day:
            self._day, self._key = day, self._signing_key(day)
        path = urllib.parse.quote(path, safe="/-_.~")
        canonical = (
            f"{method}\n{path}\n{query}\nhost:{self.host}\nx-amz-content-sha256:UNSIGNED-PAYLOAD\n"
            f"x-amz-date:{now}\n\nhost;x-amz-content-sha256;x-amz-date\nUNSIGNED-PAYLOAD")
        scope = f"{day}/{self.region}/s3/aws4_request"
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        text = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{digest}"
        signature = hmac.digest(self._key, text.encode(), "sha256").hex()
        extra = "".join(f"{name}: {value}\r\n" for name, value in headers)
        target = f"{path}?{query}" if query else path
        head = (
            f"{method} {target} HTTP/1.1\r\nHost: {self.host}\r\nx-amz-date: {now}\r\n"
            f"x-amz-content-sha256: UNSIGNED-PAYLOAD\r\nAuthorization: AWS4-HMAC-SHA256 "
            f"Credential={self.access_key}/{scope}, SignedHeaders=host;x-amz-content-sha256;x-amz-date, "
            f"Signature={signature}\r\nContent-Length: {len(body)}\r\n{extra}\r\n")
        return head.encode() + body

    def _signing_key(self, day):
        key = ("AWS4" + self.secret_key).encode()
        for part in (day, self.region, "s3", "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        return key


LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.I)
CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.I)


class Answer:
    def __init__(self, head, body):
        self.head, self.body = head, body
        self.status = int(head[9:12])

    def header(self, name):
        match = re.search(rb"\r\n" + name.encode() + rb": *([^\r]*)", self.head, re.I)
        return match.group(1).decode() if match else None


class Connection:
    """One keep-alive connection. Every failure is an OSError; the connection is of no use afterwards."""

    def __init__(self, port, timeout=60):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.rest = b""

    def send(self, request):
        self.socket.sendall(request)

    def receive(self, is_head=False):
        data = self.rest
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += self._more()
        head, data = data[:end], data[end + 4:]
        if not is_head and CHUNKED.search(head):
            return Answer(head, self._chunks(data))
        length = LENGTH.search(head)
        if length is None and not (is_head or head[9:12] in (b"204", b"304")):
            raise OSError(f"an answer without a length: {head!r}")
        expected = 0 if length is None or is_head else int(length.group(1))
        if len(data) < expected:
            pieces, have = [data], len(data)
            while have < expected:
                pieces.append(self._more())
                have += len(pieces[-1])
            data = b"".join(pieces)
        self.rest = data[expected:]
        return Answer(head, data[:expected])

    def _chunks(self, data):
        """A body in chunks without trailers: what others than Meridian send."""
        pieces = []
        while True:
            while (end := data.find(b"\r\n")) < 0:
                data += self._more()
            size = int(data[:end].split(b";")[0], 16)
            while len(data) < end + 4 + size:
                data += self._more()
            pieces.append(data[end + 2:end + 2 + size])
            data = data[end + 4 + size:]
            if size == 0:
                self.rest = data
                return b"".join(pieces)

    def _more(self):
        piece = self.socket.recv(1 << 18)
        if not piece:
            raise ConnectionResetError("the server closed the connection")
        return piece

    def ask(self, request, is_head=False):
        self.send(request)
        return self.receive(is_head)

    def close(self):
        self.socket.close()


def signer(server, region="us-east-1"):
    return Signer(server.access_key, server.secret_key, f"127.0.0.1:{server.port}", region)


def quantile(values, share):
    """The value below which `share` of them are (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
