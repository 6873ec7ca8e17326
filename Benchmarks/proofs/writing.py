"""Writers that go on while regions die under them, and that know of everything they asked for what came of it."""

import hashlib
import random
import re
import threading
import time
import urllib.parse

from wire import Connection

PART = 5 << 20
POOL = random.Random(20_260_101).randbytes(13 << 20)


def content(name, size):
    """Bytes that are different for every name (if there are any), and the same every time. No two parts are equal."""
    seed = hashlib.sha256(name.encode()).digest()
    start = int.from_bytes(seed[:4], "big") % (1 << 20)
    return (seed + POOL[start:start + max(0, size - len(seed))])[:size]


def draw_size(chance):
    """0 B to 12 MB, most of them small; half of the largest are uploaded in parts. Returns (size, is in parts)."""
    draw = chance.random()
    if draw < 0.03:
        return 0, False
    if draw < 0.70:
        return chance.randrange(1, 4 << 10), False
    if draw < 0.92:
        return chance.randrange(4 << 10, 128 << 10), False
    if draw < 0.985:
        return chance.randrange(128 << 10, 2 << 20), False
    return chance.randrange(PART + 1, 12_000_000), chance.random() < 0.5


class Attempt:
    """One request that makes a version, sent once. A further attempt at the same change is another one, with other
    bytes, so that each can be told from all others afterwards (but for the empty ones)."""

    def __init__(self, kind, key, name="", size=0):
        self.kind, self.key, self.name, self.size = kind, key, name, size
        self.order, self.version, self.outcome = 0, None, None
        self.digest = hashlib.sha256(content(name, size)).digest() if kind != "delete" else None


class Progress:
    """How far all writers are together, and how far they should be."""

    def __init__(self, objects):
        self.objects, self.written, self.lock = objects, 0, threading.Lock()
        # The share of the kills that are done: writers that are ahead of it slow down, so that kills meet writes.
        self.share, self.over = 0.0, False

    def add(self):
        with self.lock:
            self.written += 1

    def is_done(self):
        return self.over and self.written >= self.objects

    def is_ahead(self):
        return not self.over and self.written > self.objects * self.share


class Writer(threading.Thread):
    """Puts, overwrites and deletes its own keys through one address, until all is written. A request that gets no
    answer, or a 5xx, is noted as of unknown outcome, and the change is attempted again."""

    PATIENCE = 120

    def __init__(self, number, seed, port, signer, bucket, progress, is_routed):
        super().__init__(daemon=True)
        self.number, self.port, self.sign, self.bucket = number, port, signer, bucket
        self.chance, self.progress, self.is_routed = random.Random(f"{seed}-{number}"), progress, is_routed
        self.link, self.keys, self.count, self.attempts = None, [], 0, []
        self.wrong, self.statuses, self.reads, self.uploads_anew, self.cut = [], {}, 0, 0, 0

    def acknowledged(self):
        return [attempt for attempt in self.attempts if attempt.outcome == "acknowledged"]

    def unknown(self):
        return [attempt for attempt in self.attempts if attempt.outcome == "unknown"]

    def run(self):
        while not self.progress.is_done():
            try:
                self.step()
            except Exception as error:  # A writer that fails must not pass for one that had nothing to do.
                self.wrong.append(f"writer {self.number}: {error!r}")
                return
            if self.progress.is_ahead():
                time.sleep(0.05)

    def step(self):
        self.count += 1
        draw = self.chance.random()
        if not self.keys or draw < 0.72:
            key = f"w{self.number}/{self.chance.randrange(20):02d}/{self.count:06d}"
            self.keys.append(key)
        else:
            key = self.chance.choice(self.keys)
        if self.keys and 0.92 <= draw:
            self.repeat(lambda number: self.attempt(Attempt("delete", key), "DELETE"))
        else:
            size, in_parts = draw_size(self.chance)
            name = f"{self.number}-{self.count}"
            make = self.upload if in_parts else self.put
            self.repeat(lambda number: make(key, f"{name}-{number}", size))
            self.progress.add()
        if not self.is_routed and self.chance.random() < 0.1:
            self.read_back()

    def repeat(self, change):
        """Until it is acknowledged, or refused for a reason that is not the region's death."""
        begun = time.monotonic()
        number = 0
        while not change(number):
            number += 1
            if time.monotonic() - begun > self.PATIENCE:
                raise TimeoutError(f"no answer of {self.bucket} for {self.PATIENCE} s")
            time.sleep(0.05)

    # MARK: Changes

    def put(self, key, name, size):
        return self.attempt(Attempt("put", key, name, size), "PUT", body=content(name, size))

    def attempt(self, attempt, method, query="", body=b""):
        """Sends it once. Returns whether the change is over and done with."""
        answer, sent = self.ask(method, attempt.key, query, body)
        if not sent:
            return False
        if attempt.order == 0:
            self.attempts.append(attempt)
        attempt.order = len(self.attempts)
        if answer is None or answer.status >= 500:
            attempt.outcome = "unknown"
            return False
        if answer.status in (200, 204):
            attempt.outcome = "acknowledged"
            attempt.version = answer.header("x-amz-version-id")
            if not attempt.version:
                self.wrong.append(f"{method} {attempt.key}: acknowledged without a version id")
            return True
        if attempt.kind == "parts" and answer.status == 404:
            return None
        attempt.outcome = "refused"
        self.wrong.append(f"refused: {method} {self.bucket}/{attempt.key}?{query}: {answer.status} {answer.body[:200]}")
        return True

    def upload(self, key, name, size):
        answer, _ = self.ask("POST", key, "uploads=")
        if answer is None or answer.status != 200:
            return False
        identifier = re.search(rb"<UploadId>([^<]*)<", answer.body).group(1).decode()
        identifier = urllib.parse.quote(identifier, safe="-_.~")
        data, tags = content(name, size), []
        for number, start in enumerate(range(0, size, PART), 1):
            query, piece = f"partNumber={number}&uploadId={identifier}", data[start:start + PART]
            found = []

            def part(_):
                answer, _ = self.ask("PUT", key, query, piece)
                if answer is None or answer.status >= 500:
                    return False
                found.append(answer)
                return True

            self.repeat(part)
            if found[0].status != 200:
                return self.gone(key, "part", found[0])
            tags.append(found[0].header("etag"))
        body = "".join(f"<Part><PartNumber>{n}</PartNumber><ETag>{tag}</ETag></Part>" for n, tag in enumerate(tags, 1))
        body = f"<CompleteMultipartUpload>{body}</CompleteMultipartUpload>".encode()
        # The completion of one upload may be asked for again: whatever happens, it makes one version at most.
        attempt, last = Attempt("parts", key, name, size), []

        def complete(_):
            last[:] = [self.attempt(attempt, "POST", f"uploadId={identifier}", body)]
            return last[0] is not False

        self.repeat(complete)
        if last[0] is None:
            # Nothing but an earlier completion without an answer explains that the upload is not there.
            if attempt.outcome != "unknown":
                attempt.outcome = "refused"
                self.uploads_anew += 1
                if not self.is_routed:
                    self.wrong.append(f"{self.bucket}/{key}: the upload was gone before it was completed")
            return False
        return True

    def gone(self, key, what, answer):
        """An upload lives in one region: behind an access point another one may be asked for its parts."""
        self.uploads_anew += 1
        if not (self.is_routed and answer.status == 404):
            self.wrong.append(f"{self.bucket}/{key}: a {what} was answered {answer.status} {answer.body[:200]}")
        return False

    def read_back(self):
        """What was acknowledged is there at once, and after every restart."""
        known = [attempt for attempt in self.attempts[-50:] if attempt.outcome == "acknowledged" and attempt.digest]
        if not known:
            return
        attempt = self.chance.choice(known)
        answer, _ = self.ask("GET", attempt.key, f"versionId={attempt.version}")
        if answer is None or answer.status >= 500:
            return
        self.reads += 1
        if answer.status != 200 or hashlib.sha256(answer.body).digest() != attempt.digest:
            self.wrong.append(f"read back {self.bucket}/{attempt.key} {attempt.version}: {answer.status}")

    # MARK: Requests

    def ask(self, method, key, query="", body=b""):
        """The answer, or none; and whether anything can have reached the region."""
        try:
            if self.link is None:
                self.link = Connection(self.port, timeout=60)
        except OSError:
            return None, False
        try:
            answer = self.link.ask(self.sign.request(method, f"/{self.bucket}/{key}", query=query, body=body))
        except OSError:
            self.cut += 1
            self.hang_up()
            return None, True
        self.statuses[answer.status] = self.statuses.get(answer.status, 0) + 1
        if b"\r\nconnection: close" in answer.head.lower():
            self.hang_up()
        return answer, True

    def hang_up(self):
        self.link.close()
        self.link = None


def read_versions(port, signer, bucket, attempts):
    """Reads acknowledged versions and compares their SHA-256 sums. Returns (how many were read, what is wrong)."""
    link, wrong, count = Connection(port), [], 0
    for attempt in attempts:
        answer = link.ask(signer.request("GET", f"/{bucket}/{attempt.key}", query=f"versionId={attempt.version}"))
        count += 1
        if answer.status != 200 or hashlib.sha256(answer.body).digest() != attempt.digest:
            wrong.append(f"{bucket}/{attempt.key} {attempt.version}: {answer.status}, {len(answer.body)} bytes "
                         f"instead of {attempt.size}")
        elif answer.header("x-amz-version-id") != attempt.version:
            found = answer.header("x-amz-version-id")
            wrong.append(f"{bucket}/{attempt.key}: version id {found}, not {attempt.version}")
    link.close()
    return count, wrong
