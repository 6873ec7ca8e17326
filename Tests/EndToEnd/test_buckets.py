import pytest

from journeys import make_bucket, refused
from meridian_server import REGIONS


@pytest.mark.parametrize("region", REGIONS)
def test_a_bucket_lives_where_it_was_made(server, unique, region):
    name = make_bucket(server, unique(), region, versioned=False)
    s3 = server.overlay(region=region)
    found = s3.get_bucket_location(Bucket=name)["LocationConstraint"]
    assert found == (None if region == "us-east-1" else region)
    head = s3.head_bucket(Bucket=name)
    assert head["ResponseMetadata"]["HTTPHeaders"]["x-amz-bucket-region"] == region
    assert name in [b["Name"] for b in s3.list_buckets()["Buckets"]]


def test_a_bucket_is_made_once(server, s3, unique):
    name = make_bucket(server, unique(), "eu-west-1", versioned=False)
    with refused("BucketAlreadyOwnedByYou", 409):
        server.overlay(region="eu-west-1").create_bucket(
            Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})


@pytest.mark.parametrize("name", ["Upper-Case", "ab..cd", "192.168.5.4", "name.mrap", "xn--abc", "a_b"])
def test_bad_names_are_refused(server, name):
    # boto3 checks some of these itself, so the name goes out as a raw path.
    import urllib.request
    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    env = server.environment()
    request = AWSRequest(method="PUT", url=f"{server.endpoint}/{name}", data=b"")
    S3SigV4Auth(Credentials(env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"]), "s3", "us-east-1").add_auth(request)
    ours = urllib.request.Request(request.url, method="PUT", headers=dict(request.headers), data=b"")
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(ours)
    body = caught.value.read()
    assert caught.value.code in (400, 409), body
    if not name.endswith(".mrap"):
        assert b"<Code>InvalidBucketName</Code>" in body


def test_an_unknown_region_is_refused(server, unique):
    with refused("InvalidLocationConstraint", 400):
        server.overlay().create_bucket(Bucket=unique(), CreateBucketConfiguration={"LocationConstraint": "mars-north-1"})


def test_only_empty_buckets_are_deleted(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    with refused("BucketNotEmpty", 409):
        s3.delete_bucket(Bucket=bucket)
    s3.delete_object(Bucket=bucket, Key="k")
    s3.delete_bucket(Bucket=bucket)
    with refused("404", 404):
        s3.head_bucket(Bucket=bucket)
    with refused("NoSuchBucket", 404):
        s3.list_objects_v2(Bucket=bucket)


def test_a_hidden_version_keeps_the_bucket(s3, versioned):
    s3.put_object(Bucket=versioned, Key="k", Body=b"1")
    s3.delete_object(Bucket=versioned, Key="k")
    with refused("BucketNotEmpty", 409):
        s3.delete_bucket(Bucket=versioned)


def test_bucket_tags(s3, bucket):
    with refused("NoSuchTagSet", 404):
        s3.get_bucket_tagging(Bucket=bucket)
    tags = [{"Key": "team", "Value": "sky + sea"}]
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == tags
    with refused("InvalidTag", 400):
        s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "team", "Value": "no & here"}]})
    s3.delete_bucket_tagging(Bucket=bucket)
    with refused("NoSuchTagSet", 404):
        s3.get_bucket_tagging(Bucket=bucket)
