"""Starts the real server on a free port with its own data folder, and stops it by its process id."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ACCOUNT = "123456789012"
REGIONS = ("us-east-1", "eu-west-1", "ap-southeast-1")


class Server:
    """One `meridian serve` process. A context manager: leaving it stops the server and removes the data folder."""

    def __init__(self, binary, keep=False):
        self.binary = os.path.abspath(binary)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="meridian-proof-"))
        self.data = self.folder / "data"
        self.keep = keep
        self.port = 0
        self.process = None

    def __enter__(self):
        # SIGTERM ends a proof as Ctrl-C does: by leaving this block.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        self.start()
        return self

    def __exit__(self, *_):
        try:
            self.stop()
        finally:
            if not self.keep:
                shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, patience=60):
        """Starts (again) and waits until it is ready. The port stays the same. Returns the seconds that took."""
        begun = time.monotonic()
        with open(self.folder / "server.log", "ab") as log:
            self.process = subprocess.Popen(self.command(), stdout=log, stderr=log)
        while True:
            record = self._runtime()
            if record and record["pid"] == self.process.pid:
                break
            if self.process.poll() is not None or time.monotonic() - begun > patience:
                raise RuntimeError(f"the server did not start: {(self.folder / 'server.log').read_text()[-2000:]}")
            time.sleep(0.005)
        self.port = int(record["addresses"][0].rsplit(":", 1)[1])
        keys = json.loads((self.data / "credentials.json").read_text())
        self.access_key, self.secret_key = keys["accessKeyID"], keys["secretAccessKey"]
        return time.monotonic() - begun

    def command(self):
        return [self.binary, "serve", "--data", str(self.data), "--listen", f"127.0.0.1:{self.port}"]

    def _runtime(self):
        try:
            return json.loads((self.data / "runtime.json").read_text())
        except (FileNotFoundError, ValueError):
            return None

    def kill(self):
        """SIGKILL, as a crash would end it."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()
            raise RuntimeError("the server did not stop within 30 s of SIGTERM") from None

    def cpu_seconds(self):
        """User and system time of the server so far (Linux)."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_bytes(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/statm").read_text().split()
        return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")

    # MARK: Clients and the first things every proof needs

    def client(self, service="s3", region="us-east-1"):
        """A boto3 client as `meridian env` sets it up: an endpoint and the overlay in the data folder."""
        import boto3
        from botocore.config import Config

        os.environ["AWS_DATA_PATH"] = str(self.data / "botocore")
        return boto3.Session().client(
            service, region_name=region, endpoint_url=f"http://127.0.0.1:{self.port}",
            aws_access_key_id=self.access_key, aws_secret_access_key=self.secret_key,
            config=Config(retries={"max_attempts": 1}, max_pool_connections=64))

    def make_buckets(self, name, regions=REGIONS, replicate=True):
        """One versioned bucket per region, `NAME-REGION`, with rules from each to every other one. Returns them."""
        s3 = self.client()
        buckets = {region: f"{name}-{region}" for region in regions}
        for region, bucket in buckets.items():
            place = {} if region == "us-east-1" else {
                "CreateBucketConfiguration": {"LocationConstraint": region}}
            self.client(region=region).create_bucket(Bucket=bucket, **place)
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        for bucket in buckets.values() if replicate else ():
            others = [other for other in buckets.values() if other != bucket]
            s3.put_bucket_replication(Bucket=bucket, ReplicationConfiguration={
                "Role": f"arn:aws:iam::{ACCOUNT}:role/replication",
                "Rules": [{
                    "ID": f"to-{other}", "Priority": index + 1, "Status": "Enabled", "Filter": {"Prefix": ""},
                    "Destination": {"Bucket": f"arn:aws:s3:::{other}"},
                    "DeleteMarkerReplication": {"Status": "Enabled"}} for index, other in enumerate(others)]})
        return buckets

    def make_access_point(self, name, buckets):
        """Creates the access point and waits until it is ready. Returns its ARN."""
        control = self.client("s3control", "us-west-2")
        token = control.create_multi_region_access_point(
            AccountId=ACCOUNT, Details={"Name": name, "Regions": [{"Bucket": b} for b in buckets]})["RequestTokenARN"]
        for _ in range(600):
            status = control.describe_multi_region_access_point_operation(
                AccountId=ACCOUNT, RequestTokenARN=token)["AsyncOperation"]["RequestStatus"]
            if status == "SUCCEEDED":
                break
            time.sleep(0.05)
        else:
            raise RuntimeError(f"the access point stays {status}")
        alias = control.get_multi_region_access_point(AccountId=ACCOUNT, Name=name)["AccessPoint"]["Alias"]
        return f"arn:aws:s3::{ACCOUNT}:accesspoint/{alias}"
