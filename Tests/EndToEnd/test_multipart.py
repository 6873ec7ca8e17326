import hashlib
import os

import pytest
from boto3.s3.transfer import TransferConfig

from journeys import refused

PART = 5 * 1024 * 1024


def upload(s3, bucket, key, parts, **options):
    upload_id = s3.create_multipart_upload(Bucket=bucket, Key=key, **options)["UploadId"]
    done = [
        {"PartNumber": n, "ETag": s3.upload_part(
            Bucket=bucket, Key=key, UploadId=upload_id, PartNumber=n, Body=body)["ETag"]}
        for n, body in parts]
    return upload_id, done


def complete(s3, bucket, key, upload_id, parts):
    return s3.complete_multipart_upload(
        Bucket=bucket, Key=key, UploadId=upload_id, MultipartUpload={"Parts": parts})


def test_parts_become_one_object(s3, bucket):
    bodies = [os.urandom(PART), os.urandom(PART), b"tail"]
    upload_id, parts = upload(
        s3, bucket, "k", list(zip([1, 5, 10000], bodies)), Metadata={"a": "b"}, ContentType="text/x-m", Tagging="t=1")
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0, "nothing is seen before it is complete"
    answer = complete(s3, bucket, "k", upload_id, parts)
    md5 = hashlib.md5(b"".join(hashlib.md5(b).digest() for b in bodies)).hexdigest()
    assert answer["ETag"] == f'"{md5}-3"'
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == b"".join(bodies)
    assert got["Metadata"] == {"a": "b"} and got["ContentType"] == "text/x-m" and got["TagCount"] == 1
    across = s3.get_object(Bucket=bucket, Key="k", Range=f"bytes={PART - 2}-{PART + 1}")["Body"].read()
    assert across == bodies[0][-2:] + bodies[1][:2]
    part = s3.get_object(Bucket=bucket, Key="k", PartNumber=3)
    assert part["Body"].read() == b"tail" and part["PartsCount"] == 3
    again = complete(s3, bucket, "k", upload_id, parts)
    assert again["ETag"] == answer["ETag"], "a repeated Complete answers as the first did"


def test_uploads_and_parts_are_listed(s3, bucket):
    ids = [upload(s3, bucket, key, [(1, b"x"), (2, b"yy")])[0] for key in ["b", "a"]]
    uploads = s3.list_multipart_uploads(Bucket=bucket)["Uploads"]
    assert [(u["Key"], u["UploadId"]) for u in uploads] == [("a", ids[1]), ("b", ids[0])]
    parts = s3.list_parts(Bucket=bucket, Key="a", UploadId=ids[1], MaxParts=1)
    assert parts["IsTruncated"] and parts["Parts"][0]["Size"] == 1
    rest = s3.list_parts(Bucket=bucket, Key="a", UploadId=ids[1], PartNumberMarker=parts["NextPartNumberMarker"])
    assert [p["PartNumber"] for p in rest["Parts"]] == [2]
    for key, upload_id in zip(["b", "a"], ids):
        s3.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload_id)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
    with refused("NoSuchUpload", 404):
        s3.upload_part(Bucket=bucket, Key="a", UploadId=ids[1], PartNumber=1, Body=b"x")


def test_mistakes_leave_the_upload_open(s3, bucket):
    upload_id, parts = upload(s3, bucket, "k", [(1, b"small"), (2, b"tail")])
    with refused("EntityTooSmall", 400):
        complete(s3, bucket, "k", upload_id, parts)
    with refused("InvalidPartOrder", 400):
        complete(s3, bucket, "k", upload_id, parts[::-1])
    with refused("InvalidPart", 400):
        complete(s3, bucket, "k", upload_id, [{"PartNumber": 1, "ETag": '"00000000000000000000000000000000"'}])
    with refused("InvalidArgument", 400):
        s3.upload_part(Bucket=bucket, Key="k", UploadId=upload_id, PartNumber=10001, Body=b"x")
    with refused("NoSuchUpload", 404):
        complete(s3, bucket, "k", "nonsense", parts)
    complete(s3, bucket, "k", upload_id, parts[:1])
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"small"


def test_parts_are_copied(s3, bucket):
    body = os.urandom(PART + 1000)
    s3.put_object(Bucket=bucket, Key="source", Body=body)
    upload_id = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    source = {"Bucket": bucket, "Key": "source"}
    ranges = [f"bytes=0-{PART - 1}", f"bytes={PART}-{PART + 999}"]
    parts = [
        {"PartNumber": n, "ETag": s3.upload_part_copy(
            Bucket=bucket, Key="k", UploadId=upload_id, PartNumber=n, CopySource=source, CopySourceRange=r,
        )["CopyPartResult"]["ETag"]}
        for n, r in enumerate(ranges, 1)]
    complete(s3, bucket, "k", upload_id, parts)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == body


@pytest.mark.parametrize("route", ["overlay", "proxied"])
def test_transfer_manager(server, bucket, tmp_path, route):
    """What `upload_file` and `download_file` do: parallel parts, ranged reads with If-Match."""
    s3 = getattr(server, route)()
    source, back = tmp_path / "source", tmp_path / "back"
    source.write_bytes(os.urandom(17 * 1024 * 1024))
    config = TransferConfig(multipart_threshold=PART, multipart_chunksize=PART, max_concurrency=8)
    s3.upload_file(str(source), bucket, "big", Config=config)
    s3.download_file(bucket, "big", str(back), Config=config)
    assert back.read_bytes() == source.read_bytes()


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC64NVME", "SHA256"])
def test_checksums_of_parts(s3, bucket, algorithm):
    field = f"Checksum{algorithm}"
    upload_id = s3.create_multipart_upload(Bucket=bucket, Key="k", ChecksumAlgorithm=algorithm)["UploadId"]
    parts = []
    for number, body in enumerate([os.urandom(PART), b"tail"], 1):
        part = s3.upload_part(
            Bucket=bucket, Key="k", UploadId=upload_id, PartNumber=number, Body=body, ChecksumAlgorithm=algorithm)
        parts.append({"PartNumber": number, "ETag": part["ETag"], field: part[field]})
    answer = complete(s3, bucket, "k", upload_id, parts)
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert head[field] == answer[field]
    assert head["ChecksumType"] == ("FULL_OBJECT" if algorithm == "CRC64NVME" else "COMPOSITE")
