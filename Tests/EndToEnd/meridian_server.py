"""A real Meridian server on free ports with a data folder of its own, and clients that reach it on each route."""

import os
import shlex
import signal
import socket
import subprocess
import time
from pathlib import Path

import boto3
import botocore.session
from botocore.config import Config

ROOT = Path(__file__).resolve().parents[2]
ACCOUNT = "123456789012"
REGIONS = ["us-east-1", "eu-west-1", "ap-southeast-1"]
# Slow machines get more time; a test that waits this long has failed on any.
PATIENCE = float(os.environ.get("MERIDIAN_TEST_PATIENCE", "30"))


def binary() -> Path:
    path = Path(os.environ.get("MERIDIAN_BINARY", ROOT / ".build/debug/meridian")).resolve()
    if not path.is_file():
        raise RuntimeError(f"{path} is missing: build it with `swift build --product meridian`, or set MERIDIAN_BINARY")
    return path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def eventually(condition, what: str, seconds: float = PATIENCE):
    """The first true result of `condition`. A client error counts as not yet."""
    end = time.monotonic() + seconds
    last = None
    while True:
        try:
            result = condition()
            if result:
                return result
            last = result
        except Exception as error:  # said below when it never came true
            last = error
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {seconds} s; last: {last!r}")
        time.sleep(0.05)


def clean_environment() -> dict:
    """This process's environment without anything that points AWS clients or proxies elsewhere."""
    gone = {"http_proxy", "https_proxy", "all_proxy", "no_proxy", "ssl_cert_file", "request_ca_bundle"}
    return {k: v for k, v in os.environ.items() if not k.startswith("AWS_") and k.lower() not in gone}


class MeridianProcess:
    """A `meridian` that serves on a port, and its log."""

    def __init__(self, name: str, port: int, log: Path):
        self.name, self.port, self.log = name, port, log
        self.process: subprocess.Popen | None = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def spawn(self, *arguments: str):
        """Starts the process and waits for nothing."""
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [binary(), *arguments], stdout=log, stderr=log, env=clean_environment(), start_new_session=True)

    def wait_until(self, is_ready):
        """A process that ends instead of getting ready is an error at once."""
        eventually(lambda: self.process.poll() is not None or is_ready(), f"{self.name} is ready")
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.name} ended with {self.process.returncode}: {self.log_text()[-2000:]}")

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def kill(self):
        """SIGKILL, as a crash."""
        self.process.kill()
        self.process.wait(PATIENCE)

    def end(self):
        if self.process and self.process.poll() is None:
            try:
                self.stop()
            except subprocess.TimeoutExpired:
                self.kill()

    def log_text(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""


class Server(MeridianProcess):
    def __init__(self, data: Path, port: int | None = None, arguments: list[str] | None = None):
        self.data = Path(data)
        super().__init__("the server", port or free_port(), self.data.parent / f"{self.data.name}.log")
        self.arguments = arguments if arguments is not None else ["--listen", f"127.0.0.1:{self.port}"]

    def command(self, *arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [binary(), *arguments, "--data", str(self.data)], capture_output=True, text=True, timeout=PATIENCE,
            env=clean_environment())

    def launch(self):
        """Starts the process and waits for nothing."""
        self.spawn("serve", "--data", str(self.data), *self.arguments)

    def start(self) -> "Server":
        self.launch()
        try:
            self.wait_until(lambda: self.command("status").returncode == 0)
        except AssertionError:
            self.kill()
            raise
        return self

    def environment(self, *arguments: str) -> dict:
        """What a shell has after eval "$(meridian env ...)"."""
        line = shlex.join([str(binary()), "env", *arguments, "--data", str(self.data)])
        done = subprocess.run(
            ["sh", "-c", f'eval "$({line})"; env -0'], capture_output=True, check=True, env=clean_environment())
        pairs = done.stdout.decode().split("\0")
        return dict(pair.split("=", 1) for pair in pairs if "=" in pair)

    # Clients. `**config` goes to botocore's Config.

    def overlay(self, service: str = "s3", region: str = "us-east-1", **config):
        """Route A: boto3 with the data overlay, as after `meridian env`."""
        env = self.environment()
        core = botocore.session.Session()
        core.set_config_variable("data_path", env["AWS_DATA_PATH"])
        return self._client(core, env, service, region, endpoint_url=env["AWS_ENDPOINT_URL"], **config)

    def proxied(self, service: str = "s3", region: str = "us-east-1", **config):
        """Route B: real AWS host names, TLS and SigV4A through our CONNECT, as after `meridian env --proxy`."""
        env = self.environment("--proxy")
        return self._client(
            botocore.session.Session(), env, service, region, verify=env["AWS_CA_BUNDLE"],
            proxies={"https": env["HTTPS_PROXY"]}, **config)

    def plain(self, service: str = "s3", region: str = "us-east-1", keys: tuple[str, str] | None = None, **config):
        """A plain endpoint with path style, as other tools use it."""
        env = self.environment()
        if keys:
            env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"] = keys
        config.setdefault("s3", {"addressing_style": "path"})
        return self._client(
            botocore.session.Session(), env, service, region, endpoint_url=self.endpoint, **config)

    def _client(self, core, env, service, region, endpoint_url=None, verify=None, **config):
        session = boto3.Session(
            botocore_session=core, aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"], region_name=region)
        # A retry would hide a failure.
        config.setdefault("retries", {"total_max_attempts": 1})
        config.setdefault("read_timeout", 30)
        return session.client(service, endpoint_url=endpoint_url, verify=verify, config=Config(**config))

    def run(self, *command: str, route: tuple[str, ...] = (), check: bool = True, **extra) -> subprocess.CompletedProcess:
        """A command with the environment of `meridian env`."""
        env = self.environment(*route) | extra.pop("env", {})
        done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=PATIENCE * 4, **extra)
        if check:
            assert done.returncode == 0, f"{shlex.join(command)}\n{done.stdout}\n{done.stderr}"
        return done
