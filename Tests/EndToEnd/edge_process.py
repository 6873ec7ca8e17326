"""A `meridian edge` in front of a server, and clients that go through it."""

import os
import signal
import subprocess
import urllib.request

import botocore.session

from meridian_server import PATIENCE, Server, binary, clean_environment, eventually, free_port


class Edge:
    def __init__(self, origin: Server, home: str = "us-east-1"):
        self.origin, self.home, self.port = origin, home, free_port()
        self.log = origin.data.parent / f"edge-{home}-{self.port}.log"
        self.process: subprocess.Popen | None = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> "Edge":
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [binary(), "edge", "--data", str(self.origin.data), "--listen", f"127.0.0.1:{self.port}",
                 "--origin", self.origin.endpoint, "--home", self.home],
                stdout=log, stderr=log, env=clean_environment(), start_new_session=True)

        def ready():
            if self.process.poll() is not None:
                raise RuntimeError(f"the edge ended with {self.process.returncode}: {self.log_text()[-2000:]}")
            with urllib.request.urlopen(f"{self.endpoint}/-/health", timeout=5) as answer:
                return answer.status == 200

        eventually(ready, "the edge is ready")
        return self

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def end(self):
        if self.process and self.process.poll() is None:
            try:
                self.stop()
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(PATIENCE)

    def log_text(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def overlay(self, service: str = "s3", region: str = "us-east-1", **config):
        """Route A, through the edge."""
        env = self.origin.environment()
        core = botocore.session.Session()
        core.set_config_variable("data_path", env["AWS_DATA_PATH"])
        return self.origin._client(core, env, service, region, endpoint_url=self.endpoint, **config)

    def proxied(self, service: str = "s3", region: str = "us-east-1", **config):
        """Route B, CONNECT and TLS ending at the edge."""
        env = self.origin.environment("--proxy")
        return self.origin._client(
            botocore.session.Session(), env, service, region, verify=env["AWS_CA_BUNDLE"],
            proxies={"https": self.endpoint}, **config)
