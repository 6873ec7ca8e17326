import pytest


@pytest.fixture
def filled(s3, bucket):
    for key in ["a/1", "a/2", "a/b/3", "b", "c/4", "ü/5", "z z"]:
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    return bucket


ALL = ["a/1", "a/2", "a/b/3", "b", "c/4", "z z", "ü/5"]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_v2_pages_cover_everything_once(s3, filled, size):
    pages = list(s3.get_paginator("list_objects_v2").paginate(Bucket=filled, PaginationConfig={"PageSize": size}))
    assert [o["Key"] for p in pages for o in p.get("Contents", [])] == ALL
    assert all(p["KeyCount"] <= size for p in pages)


@pytest.mark.parametrize("size", [1, 2, 1000])
def test_delimiter_pages(s3, filled, size):
    pages = list(s3.get_paginator("list_objects_v2").paginate(
        Bucket=filled, Delimiter="/", PaginationConfig={"PageSize": size}))
    assert [p["Prefix"] for page in pages for p in page.get("CommonPrefixes", [])] == ["a/", "c/", "ü/"]
    assert [o["Key"] for page in pages for o in page.get("Contents", [])] == ["b", "z z"]


def test_prefix_and_start_after(s3, filled):
    listed = s3.list_objects_v2(Bucket=filled, Prefix="a/", Delimiter="/")
    assert [o["Key"] for o in listed["Contents"]] == ["a/1", "a/2"]
    assert [p["Prefix"] for p in listed["CommonPrefixes"]] == ["a/b/"]
    assert [o["Key"] for o in s3.list_objects_v2(Bucket=filled, StartAfter="b")["Contents"]] == ["c/4", "z z", "ü/5"]
    assert "Owner" not in s3.list_objects_v2(Bucket=filled)["Contents"][0]
    assert "Owner" in s3.list_objects_v2(Bucket=filled, FetchOwner=True)["Contents"][0]


def test_v1(s3, filled):
    first = s3.list_objects(Bucket=filled, MaxKeys=3, Delimiter="/")
    assert first["IsTruncated"] and first["NextMarker"]
    rest = s3.list_objects(Bucket=filled, Delimiter="/", Marker=first["NextMarker"])
    names = [*(p["Prefix"] for l in (first, rest) for p in l.get("CommonPrefixes", [])),
             *(o["Key"] for l in (first, rest) for o in l.get("Contents", []))]
    assert sorted(names) == sorted(["a/", "c/", "ü/", "b", "z z"])


def test_empty_and_zero(s3, bucket):
    listed = s3.list_objects_v2(Bucket=bucket)
    assert listed["KeyCount"] == 0 and not listed["IsTruncated"] and "Contents" not in listed
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    assert s3.list_objects_v2(Bucket=bucket, MaxKeys=0)["KeyCount"] == 0
