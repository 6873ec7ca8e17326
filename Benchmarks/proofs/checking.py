"""What must hold after regions were killed: each check returns a line for everything that is wrong."""

import hashlib
import json
import threading
from collections import Counter

from server import REGIONS
from wire import Connection
from writing import read_versions


def versions(region, bucket):
    """(key, version id, is delete marker, is latest, size) of everything in a bucket, as its own region lists it."""
    s3 = region.client()
    rows = []
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        rows += [(r["Key"], r["VersionId"], False, r["IsLatest"], r["Size"]) for r in page.get("Versions", ())]
        rows += [(r["Key"], r["VersionId"], True, r["IsLatest"], 0) for r in page.get("DeleteMarkers", ())]
    return sorted(rows)


def check_listing(installation, buckets, writers, facts):
    """That the regions agree, and hold what was acknowledged and nothing that nobody asked for."""
    wrong = []
    lists = {name: versions(installation.regions[name], bucket) for name, bucket in buckets.items()}
    first = lists[REGIONS[0]]
    for name, rows in lists.items():
        if len({(key, version) for key, version, *_ in rows}) != len(rows):
            wrong.append(f"{name} lists a version twice")
        if rows != first:
            wrong.append(f"{name} and {REGIONS[0]} differ in {len(set(rows) ^ set(first))} rows")
    listed = {(row[0], row[1]): row for row in first}
    acknowledged = Counter((a.key, a.version) for writer in writers for a in writer.acknowledged())
    wrong += [f"two changes were acknowledged with one version: {row}" for row, n in acknowledged.items() if n > 1]
    wrong += [f"acknowledged and not there: {row}" for row in acknowledged if row not in listed]
    extra = [row for row in first if (row[0], row[1]) not in acknowledged]
    problems, owner_of = attribute(installation, buckets, writers, extra)
    wrong += problems + check_newest(writers, first, owner_of)
    facts.update(versions=len(first), deleteMarkers=sum(row[2] for row in first), acknowledged=len(acknowledged),
                 unanswered=sum(len(writer.unknown()) for writer in writers), unansweredTookEffect=len(extra),
                 lost=sum(row not in listed for row in acknowledged), doubled=len(problems))
    return wrong


def attribute(installation, buckets, writers, extra):
    """Finds for each version that was not acknowledged the attempt without an answer that made it, each one once."""
    region = installation.regions[REGIONS[0]]
    link, sign, wrong, owner_of = Connection(region.port), region.signer(), [], {}
    open_ones = {}
    for writer in writers:
        for attempt in writer.unknown():
            open_ones.setdefault((attempt.key, attempt.digest), []).append(attempt)
    for key, version, is_marker, *_ in extra:
        digest = None
        if not is_marker:
            answer = link.ask(sign.request("GET", f"/{buckets[REGIONS[0]]}/{key}", query=f"versionId={version}"))
            digest = hashlib.sha256(answer.body).digest()
        found = open_ones.get((key, digest))
        if found:
            owner_of[key, version] = found.pop(0)
        else:
            wrong.append(f"nobody's version, or one too many: {key} {version} {'(marker)' if is_marker else ''}")
    link.close()
    return wrong, owner_of


def check_newest(writers, rows, owner_of):
    """A key's newest version is the last acknowledged change, or an attempt without an answer that came after it."""
    newest = {key: version for key, version, _, is_latest, _ in rows if is_latest}
    wrong = []
    for writer in writers:
        last = {}
        for attempt in writer.acknowledged():
            last[attempt.key] = attempt
        for key, attempt in last.items():
            later = owner_of.get((key, newest.get(key)))
            if newest.get(key) != attempt.version and not (later and later.order > attempt.order):
                wrong.append(f"{key}: newest is {newest.get(key)}, but {attempt.version} was acknowledged last"
                             f"{' (through the access point)' if writer.is_routed else ''}")
    return wrong


def check_bytes(installation, buckets, writers, facts):
    """Reads every acknowledged version in every region."""
    wrong, counts, threads = [], [], []
    attempts = [a for writer in writers for a in writer.acknowledged() if a.digest]

    def read(region, bucket, part):
        try:
            count, problems = read_versions(region.port, region.signer(), bucket, part)
        except OSError as error:
            count, problems = 0, [f"reading {bucket}: {error!r}"]
        counts.append(count)
        wrong.extend(problems)

    for name, bucket in buckets.items():
        threads.append(threading.Thread(target=read, args=(installation.regions[name], bucket, attempts)))
        threads[-1].start()
    for thread in threads:
        thread.join()
    facts["versionsRead"] = sum(counts)
    if sum(counts) != len(attempts) * len(buckets):
        wrong.append(f"{sum(counts)} versions were read instead of {len(attempts) * len(buckets)}")
    return wrong


def check_files(installation, facts):
    """Blob files against the rows that name them."""
    wrong, totals = [], Counter()
    for name in installation.regions:
        blobs = installation.store(name) / "blobs"
        files = {f"{f.relative_to(blobs / 'blobs').parts[0]}-{f.name}" for f in (blobs / "blobs").rglob("*")
                 if f.is_file() and f.name != "confirmed"}
        rows = {row for row, in installation.query(name, "SELECT blob FROM blob_refs UNION SELECT blob FROM arrivals")}
        staged = sum(1 for f in (blobs / "staging").rglob("*") if f.is_file())
        totals.update(files=len(files), orphans=len(files - rows), missing=len(rows - files), staged=staged)
        if files != rows or staged:
            wrong.append(f"{name}: {len(files - rows)} blob files without a row, {len(rows - files)} rows without a "
                         f"file, {staged} in staging")
    facts["blobs"] = dict(totals)
    return wrong


def check_commands(installation, buckets, point):
    wrong = []
    code, output, errors = installation.meridian("verify", "--access-point", point, "--strict")
    print(f"meridian verify --access-point {point} --strict: exit code {code}")
    if code != 0:
        wrong.append(f"verify --strict: exit code {code}: {output[-800:]} {errors[-300:]}")
        code, output, errors = installation.meridian("verify", "--access-point", point)
        print(f"meridian verify --access-point {point}: exit code {code}")
    for bucket in buckets.values():
        code, output, errors = installation.meridian("replication", "failures", bucket, "--json")
        if code != 0 or json.loads(output)["failures"]:
            wrong.append(f"replication failures of {bucket}: exit code {code}: {output[:500]} {errors[-300:]}")
    return wrong
