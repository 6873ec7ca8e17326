"""Starts an installation: the server alone with all regions in it, or the server and a process for every region."""

import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import time

from server import REGIONS, Server
from wire import Connection, Signer


def free_port():
    """A port below those that the kernel gives to outgoing connections: it must still be free when a region that was
    killed is started again."""
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


class Region:
    """One `meridian region` process: its port, its folder, its life."""

    def __init__(self, installation, name):
        self.installation, self.name = installation, name
        self.port = free_port()
        self.data = installation.folder / f"region-{name}"
        self.process = None

    def spawn(self):
        owner = self.installation
        with open(owner.folder / f"{self.name}.log", "ab") as log:
            self.process = subprocess.Popen(
                [owner.binary, "region", self.name, "--config", str(owner.config), "--data", str(self.data),
                 "--secrets", str(owner.data), "--origin", f"http://127.0.0.1:{owner.port}"], stdout=log, stderr=log)

    def start(self, patience=60):
        """Starts (again) and waits until the port answers HTTP. Returns the seconds that took."""
        begun = time.monotonic()
        self.spawn()
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() - begun > patience:
                log = (self.installation.folder / f"{self.name}.log").read_text()[-2000:]
                raise RuntimeError(f"region {self.name} did not start: {log}")
            time.sleep(0.005)
        return time.monotonic() - begun

    def answers(self):
        try:
            link = Connection(self.port, timeout=5)
            status = link.ask(self.signer().request("GET", "/")).status
            link.close()
            return status < 500
        except OSError:
            return False

    def signer(self):
        owner = self.installation
        return Signer(owner.access_key, owner.secret_key, f"127.0.0.1:{self.port}", self.name)

    def client(self):
        """A boto3 client of this region's own address."""
        import boto3
        from botocore.config import Config

        owner = self.installation
        return boto3.Session().client(
            "s3", region_name=self.name, endpoint_url=f"http://127.0.0.1:{self.port}",
            aws_access_key_id=owner.access_key, aws_secret_access_key=owner.secret_key,
            config=Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}))

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()
            raise RuntimeError(f"region {self.name} did not stop within 30 s of SIGTERM") from None


class Inside:
    """A region within the server's process, with the same face: what happens to it happens to all."""

    def __init__(self, installation, name):
        self.installation, self.name = installation, name

    port = property(lambda self: self.installation.port)
    data = property(lambda self: self.installation.data)
    process = property(lambda self: self.installation.process)
    signer = Region.signer
    client = Region.client
    answers = Region.answers

    def kill(self):
        self.installation.kill()

    def start(self):
        return self.installation.start()


class Installation(Server):
    """The server and its regions. A context manager, as Server is."""

    def __init__(self, binary, keep=False, single=False, names=REGIONS):
        super().__init__(binary, keep)
        self.single = single
        self.config = None
        if single:
            self.regions = {name: Inside(self, name) for name in names}
        else:
            self.port = free_port()
            self.regions = {name: Region(self, name) for name in names}
            self.config = self.folder / "meridian.json"
            self.config.write_text(json.dumps({"version": 1, "homeRegion": names[0], "regions": [
                {"name": region.name, "server": f"127.0.0.1:{region.port}"} for region in self.regions.values()]}))

    def command(self):
        return super().command() + (["--config", str(self.config)] if self.config else [])

    def __enter__(self):
        try:
            super().__enter__()
            if not self.single:
                for region in self.regions.values():
                    region.start()
            return self
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *arguments):
        try:
            if not self.single:
                for region in self.regions.values():
                    region.stop()
        finally:
            super().__exit__(*arguments)

    def processes(self):
        """Everything that can be killed for itself."""
        return [self] if self.single else [self, *self.regions.values()]

    def cpu_of_all(self):
        return sum(Server.cpu_seconds(process) for process in self.processes())

    def meridian(self, *arguments):
        """A command of the binary against the server. Returns its exit code, output and errors."""
        done = subprocess.run(
            [self.binary, *arguments, "--data", str(self.data)], capture_output=True, text=True, timeout=600)
        return done.returncode, done.stdout, done.stderr

    # MARK: What only the stores themselves can tell

    def store(self, name):
        """The folder of a region's store, wherever in the region's data folder it is."""
        found = [file.parent for file in self.regions[name].data.rglob("metadata.sqlite")
                 if not self.single or file.parent.name == name]
        if len(found) != 1:
            raise RuntimeError(f"{len(found)} stores of {name} below {self.regions[name].data}")
        return found[0]

    def query(self, name, statement):
        """Rows of a region's metadata, read while the region runs."""
        database = sqlite3.connect(f"file:{self.store(name) / 'metadata.sqlite'}?mode=ro", uri=True, timeout=5)
        try:
            return database.execute(statement).fetchall()
        finally:
            database.close()

    def outbox(self):
        """Entries that wait, by region."""
        return {name: self.query(name, "SELECT count(*) FROM outbox")[0][0] for name in self.regions}
