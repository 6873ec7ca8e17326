"""S3 Batch Replication: what was there before the rules (spec/mrap.md §16), and `meridian resync` on the same machinery."""

import csv
import json
import subprocess
import uuid

import pytest

from journeys import make_bucket, refused, replicate
from meridian_server import ACCOUNT, binary, eventually

ROLE = f"arn:aws:iam::{ACCOUNT}:role/batch"


def create(control, source, reports=None, scope="AllTasks", filter=None, **options):
    report = {"Enabled": False}
    if reports:
        report = {"Enabled": True, "Bucket": f"arn:aws:s3:::{reports}", "Prefix": "repl", "ReportScope": scope,
                  "Format": "Report_CSV_20180820"}
    generator = {"SourceBucket": f"arn:aws:s3:::{source}", "EnableManifestOutput": False,
                 "ExpectedBucketOwner": ACCOUNT, "Filter": filter or {"EligibleForReplication": True}}
    return control.create_job(**{
        "AccountId": ACCOUNT, "ConfirmationRequired": False, "Operation": {"S3ReplicateObject": {}}, "Report": report,
        "ClientRequestToken": str(uuid.uuid4()), "Priority": 10, "RoleArn": ROLE,
        "ManifestGenerator": {"S3JobManifestGenerator": generator}, **options})["JobId"]


def describe(control, job):
    return control.describe_job(AccountId=ACCOUNT, JobId=job)["Job"]


def ended(control, job, status="Complete"):
    def check():
        found = describe(control, job)
        return found if found["Status"] in ("Complete", "Failed", "Cancelled") else None
    found = eventually(check, f"the job has ended: {describe(control, job)}")
    assert found["Status"] == status, found
    return found


def numbers(job):
    progress = job["ProgressSummary"]
    return tuple(progress[name] for name in ("TotalNumberOfTasks", "NumberOfTasksSucceeded", "NumberOfTasksFailed"))


def keys(s3, bucket):
    return [o["Key"] for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
            for o in page.get("Contents", [])]


@pytest.fixture
def control(server):
    return server.overlay("s3control")


@pytest.fixture
def pair(server, unique):
    """Two buckets, with no rule between them."""
    return make_bucket(server, unique(), "us-east-1"), make_bucket(server, unique(), "eu-west-1")


def test_what_was_there_before_the_rule_is_replicated(server, s3, control, pair, unique):
    source, target = pair
    reports = make_bucket(server, unique(), "us-east-1", versioned=False)
    names = [f"dir/{number:03},ü" for number in range(40)]
    puts = {name: s3.put_object(Bucket=source, Key=name, Body=name.encode() * 9) for name in names}
    large = s3.put_object(Bucket=source, Key="large", Body=b"x" * 3_000_000)
    replicate(server, source, [target])
    assert "ReplicationStatus" not in s3.head_object(Bucket=source, Key="large")
    job = create(control, source, reports, Description="backfill")
    found = ended(control, job)
    assert numbers(found) == (41, 41, 0)
    assert found["Description"] == "backfill" and found["Priority"] == 10 and found["RoleArn"] == ROLE
    assert found["JobArn"] == f"arn:aws:s3:us-east-1:{ACCOUNT}:job/{job}"
    assert found["Operation"] == {"S3ReplicateObject": {}} and found["TerminationDate"] >= found["CreationTime"]
    for name, put in puts.items():
        copy = s3.head_object(Bucket=target, Key=name)
        assert (copy["VersionId"], copy["ReplicationStatus"]) == (put["VersionId"], "REPLICA")
    assert s3.get_object(Bucket=target, Key="large")["Body"].read() == b"x" * 3_000_000
    assert s3.head_object(Bucket=source, Key="large")["ReplicationStatus"] == "COMPLETED"

    manifest = json.load(s3.get_object(Bucket=reports, Key=f"repl/job-{job}/manifest.json")["Body"])
    assert manifest["Format"] == "Report_CSV_20180820"
    rows = []
    for result in manifest["Results"]:
        answer = s3.get_object(Bucket=result["Bucket"], Key=result["Key"])
        assert answer["ETag"] == f'"{result["MD5Checksum"]}"' and result["TaskExecutionStatus"] == "succeeded"
        rows += csv.reader(answer["Body"].read().decode().splitlines())
    assert sorted(row[1] for row in rows) == sorted(
        [n.replace(",", "%2C").replace("ü", "%C3%BC") for n in names] + ["large"])
    assert [source, "large", large["VersionId"], "succeeded", "", "200", "Successful"] in rows


def test_only_what_the_filter_names(server, s3, control, pair):
    source, target = pair
    for name in ("a/1.log", "a/2.txt", "b/1.log"):
        s3.put_object(Bucket=source, Key=name, Body=b"1")
    replicate(server, source, [target])
    s3.put_object(Bucket=source, Key="a/live.log", Body=b"1")
    eventually(lambda: s3.head_object(Bucket=source, Key="a/live.log")["ReplicationStatus"] == "COMPLETED", "live")
    job = create(control, source, filter={
        "EligibleForReplication": True, "ObjectReplicationStatuses": ["NONE"],
        "KeyNameConstraint": {"MatchAnyPrefix": ["a/"], "MatchAnySuffix": [".log"]}})
    assert numbers(ended(control, job)) == (1, 1, 0)
    assert keys(s3, target) == ["a/1.log", "a/live.log"]
    job = create(control, source, filter={"CreatedBefore": "2020-01-01T00:00:00Z"})
    assert numbers(ended(control, job)) == (0, 0, 0)


def test_versions_and_delete_markers_keep_their_order(server, s3, control, pair):
    source, target = pair
    for body in (b"1", b"2"):
        s3.put_object(Bucket=source, Key="k", Body=body)
    s3.delete_object(Bucket=source, Key="k")
    s3.put_object(Bucket=source, Key="k", Body=b"3")
    replicate(server, source, [target])
    assert numbers(ended(control, create(control, source))) == (4, 4, 0)

    def versions(bucket):
        page = s3.list_object_versions(Bucket=bucket)
        return ([(v["VersionId"], v["IsLatest"], v["ETag"]) for v in page["Versions"]],
                [(m["VersionId"], m["IsLatest"]) for m in page["DeleteMarkers"]])
    assert versions(source) == versions(target)


def test_failed_work_is_reported(server, s3, control, pair, unique):
    source, target = pair
    reports = make_bucket(server, unique(), "eu-west-1")
    s3.put_object(Bucket=source, Key="k", Body=b"1")
    replicate(server, source, [target])
    server.overlay(region="eu-west-1").delete_bucket(Bucket=target)
    job = create(control, source, reports, "FailedTasksOnly")
    assert numbers(ended(control, job)) == (1, 0, 1)
    assert s3.head_object(Bucket=source, Key="k")["ReplicationStatus"] == "FAILED"
    manifest = json.load(s3.get_object(Bucket=reports, Key=f"repl/job-{job}/manifest.json")["Body"])
    (result,) = manifest["Results"]
    row = s3.get_object(Bucket=reports, Key=result["Key"])["Body"].read().decode()
    assert result["TaskExecutionStatus"] == "failed" and ",failed,DstBucketNotFound,404," in row
    # The bucket is back: what has failed is taken by its status.
    make_bucket(server, target, "eu-west-1")
    job = create(control, source, filter={"EligibleForReplication": True, "ObjectReplicationStatuses": ["FAILED"]})
    assert numbers(ended(control, job)) == (1, 1, 0)
    assert s3.head_object(Bucket=source, Key="k")["ReplicationStatus"] == "COMPLETED"


def test_what_the_destination_removed_for_good_is_refused(server, s3, control, pair, unique):
    source, target = pair
    reports = make_bucket(server, unique(), "us-east-1", versioned=False)
    replicate(server, source, [target])
    gone, kept = [s3.put_object(Bucket=source, Key=key, Body=b"1")["VersionId"] for key in ("gone", "kept")]
    eventually(lambda: keys(s3, target) == ["gone", "kept"], "both have arrived")
    s3.delete_object(Bucket=target, Key="gone", VersionId=gone)
    job = create(control, source, reports)
    assert numbers(ended(control, job)) == (2, 1, 1)
    assert keys(s3, target) == ["kept"]
    statuses = {key: s3.head_object(Bucket=source, Key=key)["ReplicationStatus"] for key in ("gone", "kept")}
    assert statuses == {"gone": "FAILED", "kept": "COMPLETED"}
    manifest = json.load(s3.get_object(Bucket=reports, Key=f"repl/job-{job}/manifest.json")["Body"])
    lines = "".join(s3.get_object(Bucket=reports, Key=result["Key"])["Body"].read().decode()
                    for result in manifest["Results"])
    assert f"gone,{gone},failed,DstObjectHardDeleted," in lines and f"kept,{kept},succeeded," in lines


def test_confirmation_priority_and_cancelling(server, s3, control, pair):
    source, target = pair
    s3.put_object(Bucket=source, Key="k", Body=b"1")
    replicate(server, source, [target])
    job = create(control, source, ConfirmationRequired=True)
    eventually(lambda: describe(control, job)["Status"] == "Suspended", "it waits for confirmation")
    found = describe(control, job)
    assert found["ConfirmationRequired"] and found["SuspendedCause"] == "AwaitingConfirmation"
    assert found["ProgressSummary"]["TotalNumberOfTasks"] == 1 and keys(s3, target) == []
    answer = control.update_job_priority(AccountId=ACCOUNT, JobId=job, Priority=77)
    assert (answer["JobId"], answer["Priority"]) == (job, 77)
    assert describe(control, job)["Priority"] == 77
    answer = control.update_job_status(AccountId=ACCOUNT, JobId=job, RequestedJobStatus="Ready")
    assert answer["Status"] == "Ready"
    ended(control, job)
    assert keys(s3, target) == ["k"]
    with refused("JobStatusException", 400):
        control.update_job_status(AccountId=ACCOUNT, JobId=job, RequestedJobStatus="Cancelled")
    other = create(control, source, ConfirmationRequired=True)
    answer = control.update_job_status(
        AccountId=ACCOUNT, JobId=other, RequestedJobStatus="Cancelled", StatusUpdateReason="not needed")
    assert answer["StatusUpdateReason"] == "not needed"
    assert ended(control, other, "Cancelled")["StatusUpdateReason"] == "not needed"


def test_lists_and_pages(server, s3, control, pair):
    source, target = pair
    replicate(server, source, [target])
    made = [create(control, source, Description=source) for _ in range(3)]
    for job in made:
        ended(control, job)
    listed, token = [], {}
    while True:
        page = control.list_jobs(AccountId=ACCOUNT, MaxResults=2, JobStatuses=["Complete", "Active"], **token)
        assert len(page["Jobs"]) <= 2
        listed += page["Jobs"]
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    mine = [job for job in listed if job.get("Description") == source]
    assert sorted(job["JobId"] for job in mine) == sorted(made)
    assert all(job["Operation"] == "S3ReplicateObject" and job["Status"] == "Complete" for job in mine)
    cancelled = control.list_jobs(AccountId=ACCOUNT, JobStatuses=["Paused"])["Jobs"]
    assert not {job["JobId"] for job in cancelled} & set(made)
    with refused("InvalidNextTokenException", 400):
        control.list_jobs(AccountId=ACCOUNT, NextToken="no")


def test_refusals(server, s3, control, pair, unique):
    source, target = pair
    with refused("InvalidRequest", 400) as caught:
        create(control, source)
    assert "replication configuration" in str(caught.value)
    replicate(server, source, [target])
    with refused("InvalidRequest", 400):
        create(control, unique("no-such"))
    with refused("InvalidRequest", 400):
        create(control, source, unique("no-such"))
    with refused("NoSuchJob", 404):
        describe(control, "00e123a4-c0d8-41f4-a0eb-b46f9ba5b07c")
    with refused("NoSuchJob", 404):
        control.update_job_priority(AccountId=ACCOUNT, JobId="00000", Priority=1)
    token = str(uuid.uuid4())
    first = create(control, source, ClientRequestToken=token)
    assert create(control, source, ClientRequestToken=token) == first
    with refused("IdempotencyException", 400):
        create(control, source, ClientRequestToken=token, Priority=11)


def test_kill_9_in_the_middle(new_server):
    """The job goes on where it was; every version is replicated, and counted, once."""
    server = new_server()
    s3, count = server.overlay(), 700
    source, target = make_bucket(server, "source", "us-east-1"), make_bucket(server, "target", "eu-west-1")
    reports = make_bucket(server, "reports", "us-east-1")
    for number in range(count):
        s3.put_object(Bucket=source, Key=f"k{number:04}", Body=b"%d" % number * 50)
    replicate(server, source, [target])
    link = [str(binary()), "replication", "limit", "us-east-1", "eu-west-1"]
    subprocess.run([*link, "30K", "--data", str(server.data)], check=True, capture_output=True)
    job = create(server.overlay("s3control"), source, reports)
    for _ in range(3):
        before = len(keys(s3, target))
        eventually(lambda: len(keys(s3, target)) >= min(count, before + 40), "some versions have arrived")
        server.kill()
        server.start()
        s3 = server.overlay()
    subprocess.run([*link, "none", "--data", str(server.data)], check=True, capture_output=True)
    control = server.overlay("s3control")
    assert numbers(ended(control, job)) == (count, count, 0)
    assert len(keys(s3, target)) == count
    assert len(s3.list_object_versions(Bucket=target, MaxKeys=1000)["Versions"]) == count
    manifest = json.load(s3.get_object(Bucket=reports, Key=f"repl/job-{job}/manifest.json")["Body"])
    rows = [line for result in manifest["Results"]
            for line in s3.get_object(Bucket=reports, Key=result["Key"])["Body"].read().decode().splitlines()]
    assert len(rows) == len(set(rows)) == count


# `meridian resync`

@pytest.fixture
def command(server):
    def run(*arguments, expect=0):
        done = subprocess.run(
            [str(binary()), *arguments, "--data", str(server.data)], capture_output=True, text=True, timeout=60)
        assert done.returncode == expect, done.stdout + done.stderr
        return done.stdout + done.stderr
    return run


def test_resync_counts_first_and_brings_what_is_missing(server, s3, pair, unique, command):
    source, target = pair
    other = make_bucket(server, unique(), "ap-southeast-1")
    for number in range(5):
        s3.put_object(Bucket=source, Key=f"k{number}", Body=b"12345")
    assert "no replication configuration" in command("resync", source, expect=1)
    replicate(server, source, [target, other])
    assert "5 versions, 25 B" in command("resync", source, "--dry-run")
    assert keys(s3, target) == []
    assert "5 of 5 versions are there" in command("resync", source, "--to", target)
    assert len(keys(s3, target)) == 5 and keys(s3, other) == []
    report = json.loads(subprocess.run(
        [str(binary()), "resync", source, "--json", "--data", str(server.data)], capture_output=True, text=True,
        check=True).stdout)
    assert (report["status"], report["versions"], report["succeeded"]) == ("Complete", 5, 5)
    assert len(keys(s3, other)) == 5
    assert "leads to" in command("resync", target, "--to", source, expect=1)
    assert "does not exist" in command("resync", "no-such-bucket", expect=1)


def test_resync_says_what_failed(server, s3, pair, command):
    source, target = pair
    s3.put_object(Bucket=source, Key="k", Body=b"1")
    replicate(server, source, [target])
    server.overlay(region="eu-west-1").delete_bucket(Bucket=target)
    assert "1 failed" in command("resync", source, expect=2)


def test_ranges_that_nothing_can_be_in_are_refused(control, pair, server):
    replicate(server, pair[0], [pair[1]])
    for filter in ({"CreatedAfter": 1_700_000_001, "CreatedBefore": 1_700_000_000},
                   {"ObjectSizeGreaterThanBytes": 5, "ObjectSizeLessThanBytes": 4}):
        with refused("InvalidRequest", 400):
            create(control, pair[0], filter=filter)
