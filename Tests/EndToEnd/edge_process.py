"""A `meridian edge` in front of a server, and clients that go through it."""

import urllib.request

import botocore.session

from meridian_server import MeridianProcess, Server, free_port


class Edge(MeridianProcess):
    def __init__(self, origin: Server, home: str = "us-east-1"):
        port = free_port()
        super().__init__("the edge", port, origin.data.parent / f"edge-{home}-{port}.log")
        self.origin, self.home = origin, home

    def start(self) -> "Edge":
        self.spawn(
            "edge", "--data", str(self.origin.data), "--listen", f"127.0.0.1:{self.port}",
            "--origin", self.origin.endpoint, "--home", self.home)
        self.wait_until(self._is_healthy)
        return self

    def _is_healthy(self) -> bool:
        with urllib.request.urlopen(f"{self.endpoint}/-/health", timeout=5) as answer:
            return answer.status == 200

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
