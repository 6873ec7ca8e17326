import json
import shutil
import subprocess

import pytest
from botocore.exceptions import ClientError

from journeys import AccessPoint, make_bucket, refused, replicate_all_ways
from meridian_server import REGIONS, binary, eventually
from region_process import Installation, Region, refuses_to_start

APART = ["eu-west-1", "ap-southeast-1"]


@pytest.fixture
def installation(tmp_path):
    """us-east-1 in the server, the others in processes of their own."""
    one = Installation(tmp_path, REGIONS, APART)
    yield one.start()
    one.end()


@pytest.fixture
def mesh(installation, unique):
    buckets = {region: make_bucket(installation.server, unique(), region) for region in REGIONS}
    eventually(lambda: knows(installation, buckets), "every process knows every bucket")
    replicate_all_ways(installation.server, buckets)
    return buckets


def knows(installation, buckets):
    return all(s3.head_bucket(Bucket=b) for s3 in installation.everywhere().values() for b in buckets.values())


def verify(installation, *arguments):
    done = subprocess.run(
        [str(binary()), "verify", *arguments, "--json", "--data", str(installation.server.data)],
        capture_output=True, text=True, timeout=120)
    assert done.returncode in (0, 2), done.stdout + done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def versions(s3, bucket):
    """Key, version and ETag, in order."""
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket)
    return sorted((v["Key"], v["VersionId"], v["ETag"]) for page in pages for v in page.get("Versions", []))


def converged(s3, buckets, count):
    listed = [versions(s3, bucket) for bucket in buckets.values()]
    assert len(listed[0]) == count, [len(one) for one in listed]
    return all(one == listed[0] for one in listed)


def test_every_bucket_can_be_used_at_every_process(installation, unique):
    server = installation.server.plain()
    names = {}
    for region in REGIONS:
        names[region] = make_bucket(installation.server, unique(), region)
    listed = {b["Name"] for b in server.list_buckets()["Buckets"]}
    assert listed == set(names.values())
    eventually(lambda: knows(installation, names), "every process knows every bucket")
    for place, s3 in installation.everywhere().items():
        for region, bucket in names.items():
            key = f"from/{place}/ü"
            assert s3.head_bucket(Bucket=bucket)["ResponseMetadata"]["HTTPHeaders"]["x-amz-bucket-region"] == region
            put = s3.put_object(Bucket=bucket, Key=key, Body=b"x" * 300_000, Metadata={"at": place})
            got = server.get_object(Bucket=bucket, Key=key)
            assert got["VersionId"] == put["VersionId"] and got["Body"].read() == b"x" * 300_000
            assert got["Metadata"] == {"at": place}
            upload = s3.create_multipart_upload(Bucket=bucket, Key=f"{key}-parts")["UploadId"]
            parts = [
                {"PartNumber": n, "ETag": s3.upload_part(
                    Bucket=bucket, Key=f"{key}-parts", UploadId=upload, PartNumber=n, Body=b"p" * size)["ETag"]}
                for n, size in ((1, 5 << 20), (2, 17))]
            s3.complete_multipart_upload(
                Bucket=bucket, Key=f"{key}-parts", UploadId=upload, MultipartUpload={"Parts": parts})
            assert s3.head_object(Bucket=bucket, Key=f"{key}-parts")["ContentLength"] == (5 << 20) + 17
            assert [o["Key"] for o in s3.list_objects_v2(Bucket=bucket, Prefix=f"from/{place}/")["Contents"]] == [
                key, f"{key}-parts"]
    # ListBuckets is answered by the server, wherever it is asked.
    for s3 in installation.everywhere().values():
        assert {b["Name"] for b in s3.list_buckets()["Buckets"]} == set(names.values())


def test_buckets_are_made_and_deleted_from_every_process(installation, unique):
    for region in REGIONS:
        for place, s3 in installation.everywhere(region).items():
            name = unique()
            where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
            s3.create_bucket(Bucket=name, **where)
            eventually(lambda: s3.put_object(Bucket=name, Key="k", Body=b"1"), f"{name} can be written at {place}")
            with refused("BucketNotEmpty", 409):
                s3.delete_bucket(Bucket=name)
            s3.delete_object(Bucket=name, Key="k")
            s3.delete_bucket(Bucket=name)
            eventually(lambda: gone(installation, name), f"{name} is gone everywhere")


def gone(installation, name):
    for s3 in installation.everywhere().values():
        try:
            s3.head_bucket(Bucket=name)
            return False
        except ClientError as error:
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 404, error
    return True


def test_a_killed_region_catches_up(installation, mesh):
    clients = installation.everywhere()
    server, asia = clients["server"], clients["ap-southeast-1"]
    for number, (region, bucket) in enumerate(mesh.items()):
        server.put_object(Bucket=bucket, Key=f"before-{number}", Body=region.encode() * 50_000)
    eventually(lambda: converged(server, mesh, 3), "three objects are in three regions")

    killed = installation.regions["eu-west-1"]
    killed.kill()
    for number in range(20):
        server.put_object(Bucket=mesh["us-east-1"], Key=f"during-{number}", Body=b"u" * number)
        asia.put_object(Bucket=mesh["ap-southeast-1"], Key=f"during-{number}", Body=b"a" * (number + 1))
    # What needs the killed region says so; the others go on between themselves.
    with pytest.raises(ClientError) as caught:
        server.head_bucket(Bucket=mesh["eu-west-1"])
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    two = {region: mesh[region] for region in ("us-east-1", "ap-southeast-1")}
    eventually(lambda: converged(server, two, 43), "the two others hold the same")

    killed.start()
    eventually(lambda: converged(server, mesh, 43), "the killed region has caught up")
    lines = eventually(lambda: equal(installation, *mesh.values()), "meridian verify finds the regions equal")
    assert lines[-1]["type"] == "summary"


def equal(installation, *buckets):
    lines = verify(installation, *buckets)
    digests = {member["digest"] for member in lines[-1]["members"]}
    return lines if len(lines) == 1 and len(digests) == 1 else None


def test_an_access_point_reaches_regions_in_other_processes(installation, mesh, unique):
    server = installation.server
    point = AccessPoint.create(server, unique("ap"), mesh)
    s3 = server.overlay()
    s3.put_object(Bucket=point.arn, Key="k", Body=b"here")
    eventually(lambda: converged(s3, mesh, 1), "the object is in every region")
    point.dial(us_east_1=0, ap_southeast_1=0)

    def goes_to_europe():
        answer = s3.get_object(Bucket=point.arn, Key="k")
        assert answer["Body"].read() == b"here"
        return answer["ResponseMetadata"]["HTTPHeaders"]["x-amz-bucket-region"] == "eu-west-1"

    eventually(goes_to_europe, "requests go to the region with the dial")
    put = s3.put_object(Bucket=point.arn, Key="there", Body=b"x" * 100_000)
    europe = installation.regions["eu-west-1"].s3()
    assert europe.head_object(Bucket=mesh["eu-west-1"], Key="there")["VersionId"] == put["VersionId"]
    # By its alias at a region's own process, too.
    eventually(lambda: europe.get_object(Bucket=point.alias, Key="k"), "the process knows the access point")


def test_regions_go_on_without_the_server(installation, mesh, unique):
    server = installation.server
    europe, asia = (installation.regions[name] for name in APART)
    two = {name: mesh[name] for name in APART}
    server.kill()
    for number in range(10):
        europe.s3().put_object(Bucket=mesh["eu-west-1"], Key=f"e{number}", Body=b"e" * 70_000)
        asia.s3().put_object(Bucket=mesh["ap-southeast-1"], Key=f"a{number}", Body=b"a")
        # At the other's process, which forwards it.
        europe.s3().put_object(Bucket=mesh["ap-southeast-1"], Key=f"x{number}", Body=b"x")
    eventually(lambda: converged(asia.s3(), two, 30), "the two regions replicate without the server")
    for what in (
        lambda: europe.s3().create_bucket(
            Bucket=unique(), CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}),
        lambda: europe.s3().delete_bucket(Bucket=mesh["eu-west-1"]),
        lambda: europe.s3().list_buckets(),
    ):
        with refused("ServiceUnavailable", 503):
            what()
    europe.s3().head_bucket(Bucket=mesh["eu-west-1"])

    server.start()
    eventually(lambda: converged(server.plain(), mesh, 30), "the server's region has caught up")
    made = unique()
    eventually(
        lambda: europe.s3("ap-southeast-1").create_bucket(
            Bucket=made, CreateBucketConfiguration={"LocationConstraint": "ap-southeast-1"}),
        "buckets can be made again")
    eventually(lambda: europe.s3().put_object(Bucket=made, Key="k", Body=b"1"), "and used")


def test_a_region_waits_for_the_server_and_stops_while_it_waits(tmp_path):
    one = Installation(tmp_path, REGIONS, APART)
    try:
        # The first start makes the secrets.
        one.server.start()
        one.server.kill()
        region = one.regions["eu-west-1"].launch()
        eventually(lambda: "waiting for the server at" in region.log_text(), "it says what it waits for")
        assert not (region.data / "runtime.json").exists()
        assert region.stop() == 0
        region.launch()
        one.server.start()
        region.wait()
        assert region.stop() == 0
        assert not (region.data / "runtime.json").exists()
        assert one.server.stop() == 0
    finally:
        one.end()


def test_mistakes_are_said_in_words(installation, tmp_path):
    assert "has no region \"mars\"" in refuses_to_start(installation, "mars", tmp_path / "new")
    assert "no process of its own" in refuses_to_start(installation, "us-east-1", tmp_path / "new")
    europe = installation.regions["eu-west-1"]
    assert "is running on" in refuses_to_start(installation, "eu-west-1", europe.data)
    europe.stop()
    assert "holds the data of the region eu-west-1" in refuses_to_start(installation, "ap-southeast-1", europe.data)
    installation.server.stop()
    assert "is the server's data folder" in refuses_to_start(installation, "eu-west-1", installation.server.data)


def test_a_region_moves_out_of_the_server(tmp_path, unique):
    together = Installation(tmp_path, REGIONS, [])
    together.server.start()
    bucket = make_bucket(together.server, unique(), "eu-west-1")
    put = together.server.plain().put_object(Bucket=bucket, Key="k", Body=b"v" * 100_000)
    together.server.stop()
    apart = Installation(tmp_path, REGIONS, ["eu-west-1"])
    try:
        apart.server.launch()
        assert apart.server.process.wait(30) == 1
        assert "its data is in" in apart.server.log_text()
        region: Region = apart.regions["eu-west-1"]
        (region.data / "regions").mkdir(parents=True)
        shutil.copy(apart.server.data / "meridian.json", region.data)
        (apart.server.data / "regions/eu-west-1").rename(region.data / "regions/eu-west-1")
        apart.start()
        got = apart.server.plain().get_object(Bucket=bucket, Key="k")
        assert got["VersionId"] == put["VersionId"] and got["Body"].read() == b"v" * 100_000
    finally:
        apart.end()
