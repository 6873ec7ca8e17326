import os

import pytest

from journeys import make_bucket, refused, replicate, replicate_all_ways
from meridian_server import ACCOUNT, REGIONS, eventually


@pytest.fixture
def mesh(server, unique):
    buckets = {region: make_bucket(server, unique(), region) for region in REGIONS}
    replicate_all_ways(server, buckets)
    return buckets


def head(s3, bucket, key, **options):
    return s3.head_object(Bucket=bucket, Key=key, **options)


@pytest.mark.parametrize("region", REGIONS)
def test_a_write_anywhere_is_everywhere_and_the_same(server, mesh, region):
    s3 = server.overlay()
    put = s3.put_object(
        Bucket=mesh[region], Key="dir/ü", Body=b"x" * 200_000, Metadata={"a": "b"}, ContentType="text/x-r", Tagging="t=1")
    for other in REGIONS:
        copy = eventually(lambda: head(s3, mesh[other], "dir/ü"), f"the object is in {other}")
        assert (copy["VersionId"], copy["ETag"]) == (put["VersionId"], put["ETag"])
        assert copy["Metadata"] == {"a": "b"} and copy["ContentType"] == "text/x-r"
        tags = s3.get_object_tagging(Bucket=mesh[other], Key="dir/ü")["TagSet"]
        assert tags == [{"Key": "t", "Value": "1"}]
        assert s3.get_object(Bucket=mesh[other], Key="dir/ü")["Body"].read() == b"x" * 200_000
        if other != region:
            assert copy["ReplicationStatus"] == "REPLICA"
    eventually(lambda: head(s3, mesh[region], "dir/ü")["ReplicationStatus"] == "COMPLETED", "the source is COMPLETED")


def test_replicas_do_not_travel_on(server, mesh):
    s3 = server.overlay()
    s3.put_object(Bucket=mesh["us-east-1"], Key="k", Body=b"x")
    for region in REGIONS:
        eventually(lambda: head(s3, mesh[region], "k"), f"the object is in {region}")
    eventually(lambda: head(s3, mesh["us-east-1"], "k")["ReplicationStatus"] == "COMPLETED", "done")
    for region in REGIONS:
        assert len(s3.list_object_versions(Bucket=mesh[region])["Versions"]) == 1


def test_concurrent_writers_agree(server, mesh):
    s3 = server.overlay()
    for number in range(10):
        for region in REGIONS:
            s3.put_object(Bucket=mesh[region], Key="k", Body=f"{region} {number}".encode())

    def versions(bucket):
        return [(v["VersionId"], v["IsLatest"]) for v in s3.list_object_versions(Bucket=bucket)["Versions"]]

    eventually(lambda: all(len(versions(b)) == 30 for b in mesh.values()), "all versions are everywhere")
    assert versions(mesh["us-east-1"]) == versions(mesh["eu-west-1"]) == versions(mesh["ap-southeast-1"])


def test_multipart_keeps_its_shape(server, mesh):
    s3, source = server.overlay(), mesh["eu-west-1"]
    upload_id = s3.create_multipart_upload(Bucket=source, Key="k")["UploadId"]
    parts = [
        {"PartNumber": n, "ETag": s3.upload_part(
            Bucket=source, Key="k", UploadId=upload_id, PartNumber=n, Body=body)["ETag"]}
        for n, body in [(1, os.urandom(5 * 1024 * 1024)), (2, b"tail")]]
    etag = s3.complete_multipart_upload(
        Bucket=source, Key="k", UploadId=upload_id, MultipartUpload={"Parts": parts})["ETag"]
    copy = eventually(lambda: head(s3, mesh["us-east-1"], "k", PartNumber=2), "the replica")
    assert copy["ETag"] == etag and copy["ContentLength"] == 4 and copy["PartsCount"] == 2


def test_delete_markers_travel_and_version_deletes_stay(server, mesh):
    s3 = server.overlay()
    version = s3.put_object(Bucket=mesh["us-east-1"], Key="k", Body=b"x")["VersionId"]
    eventually(lambda: head(s3, mesh["eu-west-1"], "k"), "the replica")
    marker = s3.delete_object(Bucket=mesh["us-east-1"], Key="k")["VersionId"]

    def marked():
        markers = s3.list_object_versions(Bucket=mesh["eu-west-1"]).get("DeleteMarkers", [])
        return [m["VersionId"] for m in markers] == [marker]

    eventually(marked, "the delete marker is in eu-west-1")
    s3.delete_object(Bucket=mesh["us-east-1"], Key="k", VersionId=version)
    assert head(s3, mesh["eu-west-1"], "k", VersionId=version)["VersionId"] == version


def test_tag_changes_travel(server, mesh):
    s3 = server.overlay()
    s3.put_object(Bucket=mesh["us-east-1"], Key="k", Body=b"x")
    eventually(lambda: head(s3, mesh["eu-west-1"], "k"), "the replica")
    s3.put_object_tagging(Bucket=mesh["us-east-1"], Key="k", Tagging={"TagSet": [{"Key": "a", "Value": "1"}]})
    eventually(lambda: s3.get_object_tagging(Bucket=mesh["eu-west-1"], Key="k")["TagSet"], "the tags are there")


def test_only_the_prefix(server, unique):
    source, target = make_bucket(server, unique(), "us-east-1"), make_bucket(server, unique(), "eu-west-1")
    replicate(server, source, [target], prefix="yes/")
    s3 = server.overlay()
    s3.put_object(Bucket=source, Key="no/k", Body=b"x")
    s3.put_object(Bucket=source, Key="yes/k", Body=b"x")
    eventually(lambda: head(s3, target, "yes/k"), "the replica")
    assert "ReplicationStatus" not in head(s3, source, "no/k")
    assert [o["Key"] for o in s3.list_objects_v2(Bucket=target)["Contents"]] == ["yes/k"]


def test_the_configuration_reads_back_and_goes(server, unique):
    source, target = make_bucket(server, unique(), "us-east-1"), make_bucket(server, unique(), "eu-west-1")
    s3 = server.overlay()
    with refused("ReplicationConfigurationNotFoundError", 404):
        s3.get_bucket_replication(Bucket=source)
    replicate(server, source, [target], prefix="p/")
    rule = s3.get_bucket_replication(Bucket=source)["ReplicationConfiguration"]["Rules"][0]
    assert rule["ID"] == f"to-{target}" and rule["Filter"] == {"Prefix": "p/"} and rule["Priority"] == 1
    s3.delete_bucket_replication(Bucket=source)
    with refused("ReplicationConfigurationNotFoundError", 404):
        s3.get_bucket_replication(Bucket=source)


def test_replication_needs_versioning(server, unique):
    source = make_bucket(server, unique(), "us-east-1", versioned=False)
    target = make_bucket(server, unique(), "eu-west-1")
    with refused("InvalidRequest", 400):
        replicate(server, source, [target])
    with refused("InvalidRequest", 400):
        replicate(server, target, [source], region="eu-west-1")


def test_the_first_version_of_the_api(server, unique):
    """A rule with Prefix instead of Filter."""
    source, target = make_bucket(server, unique(), "us-east-1"), make_bucket(server, unique(), "eu-west-1")
    s3 = server.overlay()
    rule = {"Status": "Enabled", "Prefix": "", "Destination": {"Bucket": f"arn:aws:s3:::{target}"}}
    s3.put_bucket_replication(
        Bucket=source,
        ReplicationConfiguration={"Role": f"arn:aws:iam::{ACCOUNT}:role/r", "Rules": [rule]})
    s3.put_object(Bucket=source, Key="k", Body=b"x")
    eventually(lambda: head(s3, target, "k"), "the replica")
