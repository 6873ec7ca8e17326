"""Two buckets of which one replicates to the other, and what can be seen of that."""

import json
import os
import subprocess

from journeys import make_bucket
from meridian_server import ACCOUNT, REGIONS, binary, clean_environment, eventually

HOME, AWAY, THIRD = REGIONS
BLOB = 300_000


class Pair:
    """A bucket in us-east-1 and one in eu-west-1 that it replicates to, whatever becomes of the processes."""

    def __init__(self, server, source: str, target: str):
        self.server, self.source, self.target = server, source, target
        self.s3 = server.plain()
        self.rules(("all", ""))

    def rules(self, *rules: tuple[str, str], disabled: tuple[str, ...] = ()):
        """Rules by id and prefix, all to the target."""
        self.s3.put_bucket_replication(Bucket=self.source, ReplicationConfiguration={
            "Role": f"arn:aws:iam::{ACCOUNT}:role/r",
            "Rules": [
                {"ID": name, "Status": "Disabled" if name in disabled else "Enabled", "Priority": number,
                 "Filter": {"Prefix": prefix}, "DeleteMarkerReplication": {"Status": "Enabled"},
                 "Destination": {"Bucket": f"arn:aws:s3:::{self.target}"}}
                for number, (name, prefix) in enumerate(rules, 1)]})

    def put(self, *keys: str, size: int = BLOB):
        for key in keys:
            self.s3.put_object(Bucket=self.source, Key=key, Body=os.urandom(size))

    def command(self, *arguments: str, expect: int = 0) -> dict:
        done = subprocess.run(
            [str(binary()), *arguments, "--json", "--data", str(self.server.data)], capture_output=True, text=True,
            timeout=60, env=clean_environment())
        assert done.returncode == expect, (done.returncode, done.stdout, done.stderr)
        if arguments[0] == "verify":
            return json.loads(done.stdout.splitlines()[-1])
        return json.loads(done.stdout)

    def work(self, key: str) -> list[dict]:
        """What is left to do for the versions of a key, as `meridian replication status BUCKET/KEY` shows it."""
        shown = self.command("replication", "status", f"{self.source}/{key}")
        mine = [r for r in shown["regions"] if r["bucket"] == self.source]
        return [work for region in mine for version in region["versions"] for work in version["work"]]

    def reason(self, key: str, *parts: str) -> bool:
        reasons = [work.get("reason") or "" for work in self.work(key)]
        assert any(all(part in reason for part in parts) for reason in reasons), reasons
        return True

    def is_told(self, key: str, part: str) -> bool:
        return any(part in (work.get("reason") or "") for work in self.work(key))

    def link(self) -> dict:
        links = self.command("replication", "status")["links"]
        return next(link for link in links if (link["from"], link.get("to")) == (HOME, AWAY))

    def failures(self) -> dict[str, str]:
        listed = self.command("replication", "failures", self.source)["failures"]
        return {failure["key"]: failure["reason"] for failure in listed}

    def status(self, key: str) -> str:
        return self.s3.head_object(Bucket=self.source, Key=key).get("ReplicationStatus")

    def versions(self, bucket: str) -> list[tuple]:
        pages = self.s3.get_paginator("list_object_versions").paginate(Bucket=bucket)
        listed = [v for page in pages for v in page.get("Versions", [])]
        return [(v["Key"], v["VersionId"], v["ETag"], v["IsLatest"]) for v in listed]

    def is_equal(self) -> bool:
        """All versions are in both, once, with the same bytes; nothing waits or has failed."""
        here, there = self.versions(self.source), self.versions(self.target)
        assert here == there, (len(here), len(there))
        summary = self.command("verify", self.source, self.target, "--strict")
        assert len({member["digest"] for member in summary["members"]}) == 1, summary
        for key, version, etag, _ in there:
            body = self.s3.get_object(Bucket=self.target, Key=key, VersionId=version)["Body"].read()
            assert body == self.s3.get_object(Bucket=self.source, Key=key, VersionId=version)["Body"].read()
            head = self.s3.head_object(Bucket=self.source, Key=key, VersionId=version)
            assert head["ReplicationStatus"] == "COMPLETED"
        assert self.failures() == {}
        return True


def pair_in(server, unique) -> Pair:
    source = make_bucket(server, unique(), HOME)
    target = unique()
    s3 = server.plain(region=AWAY)
    s3.create_bucket(Bucket=target, CreateBucketConfiguration={"LocationConstraint": AWAY})
    enable = {"Bucket": target, "VersioningConfiguration": {"Status": "Enabled"}}
    eventually(lambda: s3.put_bucket_versioning(**enable), "the target takes versions")
    return Pair(server, source, target)
