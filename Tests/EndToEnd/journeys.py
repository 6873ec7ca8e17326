"""Steps that several tests share."""

import contextlib

import pytest
from botocore.exceptions import ClientError

from meridian_server import ACCOUNT, Server, eventually


@contextlib.contextmanager
def refused(code: str, status: int | None = None):
    """The block must end in this S3 error."""
    with pytest.raises(ClientError) as caught:
        yield caught
    error = caught.value.response
    assert error["Error"]["Code"] == code, error
    if status is not None:
        assert error["ResponseMetadata"]["HTTPStatusCode"] == status, error


def make_bucket(server: Server, name: str, region: str, versioned: bool = True) -> str:
    s3 = server.overlay(region=region)
    where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    s3.create_bucket(Bucket=name, **where)
    if versioned:
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


def replicate(server: Server, source: str, destinations: list[str], prefix: str = "", region: str = "us-east-1"):
    rules = [
        {
            "ID": f"to-{destination}", "Priority": number, "Status": "Enabled", "Filter": {"Prefix": prefix},
            "Destination": {"Bucket": f"arn:aws:s3:::{destination}"},
            "DeleteMarkerReplication": {"Status": "Enabled"},
        }
        for number, destination in enumerate(destinations, 1)
    ]
    server.overlay(region=region).put_bucket_replication(
        Bucket=source,
        ReplicationConfiguration={"Role": f"arn:aws:iam::{ACCOUNT}:role/replication", "Rules": rules})


def replicate_all_ways(server: Server, buckets: dict[str, str]):
    for region, source in buckets.items():
        replicate(server, source, [b for b in buckets.values() if b != source], region=region)


def answering_region(response: dict) -> str:
    return response["ResponseMetadata"]["HTTPHeaders"]["x-amz-bucket-region"]


class AccessPoint:
    def __init__(self, server: Server, name: str, buckets: dict[str, str]):
        self.server, self.name, self.buckets = server, name, buckets
        self.control = server.overlay("s3control", region="us-west-2")
        self.alias = None

    @classmethod
    def create(cls, server: Server, name: str, buckets: dict[str, str]) -> "AccessPoint":
        point = cls(server, name, buckets)
        token = point.control.create_multi_region_access_point(
            AccountId=ACCOUNT, Details={"Name": name, "Regions": [{"Bucket": b} for b in buckets.values()]},
        )["RequestTokenARN"]
        point.wait(token)
        point.alias = point.describe()["Alias"]
        return point

    def wait(self, token: str):
        def succeeded():
            answer = self.control.describe_multi_region_access_point_operation(
                AccountId=ACCOUNT, RequestTokenARN=token)["AsyncOperation"]
            assert answer["RequestStatus"] != "FAILED", answer
            return answer["RequestStatus"] == "SUCCEEDED"
        eventually(succeeded, f"{token} succeeds")

    def describe(self) -> dict:
        return self.control.get_multi_region_access_point(AccountId=ACCOUNT, Name=self.name)["AccessPoint"]

    @property
    def arn(self) -> str:
        return f"arn:aws:s3::{ACCOUNT}:accesspoint/{self.alias}"

    @property
    def arn_by_name(self) -> str:
        return f"arn:aws:s3::{ACCOUNT}:accesspoint/{self.name}.mrap"

    def dial(self, **dials: int):
        """Dials by region, for example us_east_1=0."""
        updates = [
            {"Bucket": self.buckets[region.replace("_", "-")], "TrafficDialPercentage": value}
            for region, value in dials.items()
        ]
        self.control.submit_multi_region_access_point_routes(AccountId=ACCOUNT, Mrap=self.arn, RouteUpdates=updates)

    def dials(self) -> dict[str, int]:
        answer = self.control.get_multi_region_access_point_routes(AccountId=ACCOUNT, Mrap=self.arn)
        return {route["Region"]: route["TrafficDialPercentage"] for route in answer["Routes"]}

    def delete(self):
        token = self.control.delete_multi_region_access_point(
            AccountId=ACCOUNT, Details={"Name": self.name})["RequestTokenARN"]
        self.wait(token)
