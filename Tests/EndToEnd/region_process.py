"""An installation whose regions run in processes of their own, and clients that reach each process."""

import json
import subprocess
from pathlib import Path

import boto3
from botocore.config import Config

from meridian_server import PATIENCE, MeridianProcess, Server, binary, clean_environment, free_port


def has_started(process: subprocess.Popen, data: Path) -> bool:
    """Whether this process has bound its ports."""
    path = data / "runtime.json"
    return path.exists() and json.loads(path.read_text())["pid"] == process.pid


class Origin(Server):
    """A server whose regions may be away: `meridian status` would say that not everything is well."""

    def start(self) -> "Origin":
        self.launch()
        self.wait_until(lambda: has_started(self.process, self.data))
        return self


class Region(MeridianProcess):
    """A `meridian region NAME`."""

    def __init__(self, name: str, origin: Server, config: Path, port: int):
        super().__init__(name, port, origin.data.parent / f"{name}.log")
        self.origin, self.config = origin, config
        self.data = origin.data.parent / f"data-{name}"

    def launch(self) -> "Region":
        """Starts the process and waits for nothing."""
        self.spawn(
            "region", self.name, "--config", str(self.config), "--data", str(self.data),
            "--secrets", str(self.origin.data), "--origin", self.origin.endpoint)
        return self

    def wait(self) -> "Region":
        self.wait_until(lambda: has_started(self.process, self.data))
        return self

    def start(self) -> "Region":
        return self.launch().wait()

    def s3(self, region: str | None = None, **config):
        """Path style, straight to this process, signed for `region` or its own. The keys are read from the file, so that the server may be away."""
        keys = json.loads((self.origin.data / "credentials.json").read_text())
        config.setdefault("retries", {"total_max_attempts": 1})
        config.setdefault("read_timeout", 30)
        return boto3.client(
            "s3", region_name=region or self.name, endpoint_url=self.endpoint, aws_access_key_id=keys["accessKeyID"],
            aws_secret_access_key=keys["secretAccessKey"], config=Config(s3={"addressing_style": "path"}, **config))


class Installation:
    """A server and a process for each region of `apart`."""

    def __init__(self, folder: Path, regions: list[str], apart: list[str]):
        self.config = folder / "meridian.json"
        ports = {name: free_port() for name in apart}
        entries = [
            {"name": name, "server": f"127.0.0.1:{ports[name]}"} if name in ports else name for name in regions]
        self.config.write_text(json.dumps({"version": 1, "regions": entries}))
        port = free_port()
        self.server = Origin(
            folder / "data", port=port,
            arguments=["--listen", f"127.0.0.1:{port}", "--config", str(self.config)])
        self.regions = {name: Region(name, self.server, self.config, ports[name]) for name in apart}

    def start(self) -> "Installation":
        self.server.start()
        for region in self.regions.values():
            region.launch()
        for region in self.regions.values():
            region.wait()
        return self

    def end(self):
        for region in self.regions.values():
            region.end()
        self.server.end()

    def everywhere(self, region: str | None = None):
        """A client for each process, by the process's name; signed for `region` or the process's own."""
        return {"server": self.server.plain(region=region or "us-east-1")} | {
            name: one.s3(region) for name, one in self.regions.items()}


def refuses_to_start(installation: Installation, name: str, data: Path, config: Path | None = None) -> str:
    """What `meridian region` says when it ends with an error at once."""
    done = subprocess.run(
        [binary(), "region", name, "--config", str(config or installation.config), "--data", str(data),
         "--secrets", str(installation.server.data), "--origin", installation.server.endpoint],
        capture_output=True, text=True, timeout=PATIENCE, env=clean_environment())
    assert done.returncode == 1, (done.returncode, done.stdout, done.stderr)
    return done.stderr
