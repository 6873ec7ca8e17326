import collections
import os
import re

import pytest

from journeys import AccessPoint, answering_region, make_bucket, refused, replicate_all_ways
from meridian_server import ACCOUNT, REGIONS, eventually


def forms(point):
    return {
        "name ARN": point.arn_by_name, "alias ARN": point.arn, "alias": point.alias, "name": point.name,
        "name.mrap": f"{point.name}.mrap",
    }


def test_created_as_described(access_point):
    description = access_point.describe()
    assert description["Status"] == "READY"
    assert re.fullmatch(r"m[a-z0-9]+\.mrap", description["Alias"])
    assert {r["Region"]: r["Bucket"] for r in description["Regions"]} == access_point.buckets
    assert description["PublicAccessBlock"]["BlockPublicAcls"] is True
    listed = access_point.control.list_multi_region_access_points(AccountId=ACCOUNT)["AccessPoints"]
    assert access_point.name in [p["Name"] for p in listed]
    assert access_point.dials() == {region: 100 for region in REGIONS}


def test_create_is_refused_with_reasons(server, access_point, unique):
    control, bucket = access_point.control, access_point.buckets["us-east-1"]
    for details in [
        {"Name": unique("ap"), "Regions": [{"Bucket": "no-such-bucket-anywhere"}]},
        {"Name": unique("ap"), "Regions": [{"Bucket": bucket}, {"Bucket": bucket}]},
    ]:
        with pytest.raises(control.exceptions.ClientError) as caught:
            token = control.create_multi_region_access_point(AccountId=ACCOUNT, Details=details)["RequestTokenARN"]
            # Some mistakes are found only by the asynchronous work.
            state = lambda: control.describe_multi_region_access_point_operation(
                AccountId=ACCOUNT, RequestTokenARN=token)["AsyncOperation"]
            failed = eventually(lambda: state() if state()["RequestStatus"] == "FAILED" else None, "the request fails")
            error = failed["ResponseDetails"]["ErrorDetails"]
            raise control.exceptions.ClientError({"Error": error}, "CreateMultiRegionAccessPoint")
        assert caught.value.response["Error"]["Code"]


@pytest.mark.parametrize("region", REGIONS + ["us-west-2"])
def test_control_is_served_in_every_region(server, access_point, region):
    control = server.overlay("s3control", region=region)
    assert control.get_multi_region_access_point(AccountId=ACCOUNT, Name=access_point.name)["AccessPoint"]


def test_unknown_access_points(server, access_point):
    with refused("NoSuchMultiRegionAccessPoint", 404):
        access_point.control.get_multi_region_access_point(AccountId=ACCOUNT, Name="no-such-one")


@pytest.mark.parametrize("form", ["name ARN", "alias ARN", "alias", "name", "name.mrap"])
def test_every_address_form_on_the_overlay(server, access_point, form):
    s3, address = server.overlay(), forms(access_point)[form]
    body = os.urandom(100_000)
    s3.put_object(Bucket=address, Key="dir/ü k", Body=body)
    got = s3.get_object(Bucket=address, Key="dir/ü k")
    assert got["Body"].read() == body
    assert answering_region(got) == "us-east-1", "the home region is nearest to itself"
    s3.head_bucket(Bucket=address)
    assert [o["Key"] for o in s3.list_objects_v2(Bucket=address)["Contents"]] == ["dir/ü k"]


@pytest.mark.parametrize("form", ["name ARN", "alias ARN"])
def test_sigv4a_with_the_real_host_names(server, access_point, form):
    s3, address = server.proxied(), forms(access_point)[form]
    seen = []
    s3.meta.events.register("before-send.s3", lambda request, **_: seen.append(request))
    s3.put_object(Bucket=address, Key="k", Body=b"x" * 100_000, Metadata={"a": "b"})
    got = s3.get_object(Bucket=address, Key="k")
    assert got["Body"].read() == b"x" * 100_000 and got["Metadata"] == {"a": "b"}
    authorization = seen[0].headers["Authorization"]
    assert b"AWS4-ECDSA-P256-SHA256" in (authorization if isinstance(authorization, bytes) else authorization.encode())
    assert ".accesspoint.s3-global.amazonaws.com" in seen[0].url
    s3.delete_objects(Bucket=address, Delete={"Objects": [{"Key": "k"}]})


def test_dials_move_traffic_from_the_next_request_on(server, access_point):
    s3 = server.overlay()
    where = lambda: answering_region(s3.head_bucket(Bucket=access_point.arn))
    for active in ["eu-west-1", "ap-southeast-1", "us-east-1"]:
        dials = {region.replace("-", "_"): 100 if region == active else 0 for region in REGIONS}
        access_point.dial(**dials)
        assert where() == active
        assert access_point.dials()[active] == 100


def test_shares(server, access_point):
    access_point.dial(us_east_1=70, eu_west_1=30, ap_southeast_1=0)
    s3 = server.overlay()
    seen = collections.Counter(answering_region(s3.head_bucket(Bucket=access_point.arn)) for _ in range(400))
    assert set(seen) <= {"us-east-1", "eu-west-1"}
    # Five standard deviations of 400 draws are 46.
    assert abs(seen["us-east-1"] - 280) < 50, seen


def test_listings_stay_in_one_region_under_shares(server, access_point):
    access_point.dial(us_east_1=70, eu_west_1=30, ap_southeast_1=100)
    s3, arn = server.overlay(), access_point.arn
    for bucket in access_point.buckets.values():
        for number in range(6):
            s3.put_object(Bucket=bucket, Key=f"{number}", Body=b"x")
        s3.create_multipart_upload(Bucket=bucket, Key="0")
    where = set()
    for marker in range(6):
        page = s3.list_objects(Bucket=arn, MaxKeys=1, Marker=f"{marker}")
        where.add(answering_region(page))
        where.add(answering_region(s3.list_object_versions(Bucket=arn, MaxKeys=1, KeyMarker=f"{marker}")))
        where.add(answering_region(s3.list_multipart_uploads(Bucket=arn)))
        first = s3.list_objects_v2(Bucket=arn, MaxKeys=1)
        assert first["ResponseMetadata"]["HTTPHeaders"]["x-meridian-route"] == "nearest"
        rest = s3.list_objects_v2(Bucket=arn, ContinuationToken=first["NextContinuationToken"])
        assert rest["ResponseMetadata"]["HTTPHeaders"]["x-meridian-route"] == "pinned"
        where |= {answering_region(first), answering_region(rest)}
    assert where == {"us-east-1"}


def test_one_region_stays_active(access_point):
    with pytest.raises(access_point.control.exceptions.ClientError):
        access_point.dial(us_east_1=0, eu_west_1=0, ap_southeast_1=0)
    assert set(access_point.dials().values()) == {100}, "a refused submit changes nothing"
    with pytest.raises(Exception):
        access_point.dial(us_east_1=101)


def test_an_upload_stays_in_its_region(server, access_point):
    s3, arn = server.overlay(), access_point.arn
    upload_id = s3.create_multipart_upload(Bucket=arn, Key="k")["UploadId"]
    access_point.dial(us_east_1=0)
    etag = s3.upload_part(Bucket=arn, Key="k", UploadId=upload_id, PartNumber=1, Body=b"x")["ETag"]
    done = s3.complete_multipart_upload(
        Bucket=arn, Key="k", UploadId=upload_id, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
    assert answering_region(done) == "us-east-1"
    assert s3.head_object(Bucket=access_point.buckets["us-east-1"], Key="k")["ContentLength"] == 1


def test_failover_loses_no_read(server, unique):
    buckets = {region: make_bucket(server, unique(), region) for region in REGIONS}
    point = AccessPoint.create(server, unique("ap"), buckets)
    replicate_all_ways(server, buckets)
    s3 = server.overlay()
    for number in range(20):
        point.dial(us_east_1=100 if number % 2 == 0 else 0, eu_west_1=100 if number % 2 else 0, ap_southeast_1=0)
        # Read at once through the other region: replication may be late, the read may not fail.
        s3.put_object(Bucket=point.arn, Key=str(number), Body=str(number).encode())
        point.dial(us_east_1=0 if number % 2 == 0 else 100, eu_west_1=0 if number % 2 else 100)
        assert s3.get_object(Bucket=point.arn, Key=str(number))["Body"].read() == str(number).encode()
    point.delete()


def test_copy_from_an_access_point(server, access_point, bucket):
    s3 = server.overlay()
    s3.put_object(Bucket=access_point.arn, Key="a b", Body=b"data")
    s3.copy_object(Bucket=bucket, Key="k", CopySource={"Bucket": access_point.arn, "Key": "a b"})
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"data"


def test_policies(access_point):
    arn = f"{access_point.arn}/object/*"
    policy = (
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"%s"},'
        '"Action":"s3:GetObject","Resource":"%s"}]}' % (ACCOUNT, arn))
    token = access_point.control.put_multi_region_access_point_policy(
        AccountId=ACCOUNT, Details={"Name": access_point.name, "Policy": policy})["RequestTokenARN"]
    access_point.wait(token)
    answer = access_point.control.get_multi_region_access_point_policy(AccountId=ACCOUNT, Name=access_point.name)
    assert answer["Policy"]["Established"]["Policy"] == policy
    status = access_point.control.get_multi_region_access_point_policy_status(AccountId=ACCOUNT, Name=access_point.name)
    assert status["Established"]["IsPublic"] is False


def test_deleted_means_gone(server, unique):
    buckets = {"us-east-1": make_bucket(server, unique(), "us-east-1")}
    point = AccessPoint.create(server, unique("ap"), buckets)
    s3 = server.overlay()
    s3.put_object(Bucket=point.arn, Key="k", Body=b"x")
    point.delete()
    with refused("NoSuchMultiRegionAccessPoint", 404):
        point.describe()
    with pytest.raises(s3.exceptions.ClientError):
        s3.get_object(Bucket=point.arn, Key="k")
    assert s3.get_object(Bucket=buckets["us-east-1"], Key="k")["Body"].read() == b"x", "the data stays"
