"""Wall clocks that a test can step, each for the processes that are started under it.

A library that is loaded before the others adds an offset to the wall clock; the monotonic one goes on. It is made here
with the compiler that Swift needs as well: libfaketime rewrites the environment, and Swift then does not find its arguments.
"""

import importlib
import os
import shutil
import struct
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from botocore.compat import HAS_CRT, get_current_datetime

SOURCE = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile long long *offset;

__attribute__((constructor)) static void attach(void) {
    const char *path = getenv("TEST_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *mapped = mmap(0, sizeof *offset, PROT_READ, MAP_SHARED, file, 0);
    if (mapped != MAP_FAILED) offset = mapped;
    close(file);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int failed = syscall(SYS_clock_gettime, clock, now);
    if (!failed && offset && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += *offset;
    return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec precise;
    if (clock_gettime(CLOCK_REALTIME, &precise)) return -1;
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *out) {
    struct timespec precise;
    clock_gettime(CLOCK_REALTIME, &precise);
    if (out) *out = precise.tv_sec;
    return precise.tv_sec;
}
"""


class SteppingClock:
    """`client` is the clock of this process's clients, of commands, and of processes started under no other."""

    def __init__(self, folder: Path, monkeypatch):
        compiler = shutil.which("clang") or shutil.which("cc")
        if compiler is None:
            pytest.skip("stepping a clock needs a C compiler; the simulation steps clocks too")
        self.folder, self.monkeypatch, self.hours = folder, monkeypatch, 0.0
        library = folder / "clock.so"
        subprocess.run(
            [compiler, "-shared", "-fPIC", "-O1", "-x", "c", "-", "-o", str(library)], input=SOURCE, text=True,
            check=True)
        self.set("client", 0)
        self.use("client")
        monkeypatch.setenv("LD_PRELOAD", str(library))
        for signer in ["botocore.auth"] + ["botocore.crt.auth"] * HAS_CRT:
            monkeypatch.setattr(importlib.import_module(signer), "get_current_datetime", self._now)

    def _now(self, *arguments, **options):
        return get_current_datetime(*arguments, **options) + timedelta(hours=self.hours)

    def set(self, whose: str, hours: float):
        """At once, also for processes that run."""
        file = os.open(self._path(whose), os.O_WRONLY | os.O_CREAT, 0o600)
        os.write(file, struct.pack("=q", int(hours * 3600)))
        os.close(file)
        if whose == "client":
            self.hours = hours

    def use(self, whose: str):
        """Processes that are started from now on have this clock."""
        self.monkeypatch.setenv("TEST_CLOCK", str(self._path(whose)))

    def _path(self, whose: str) -> Path:
        return self.folder / f"clock-{whose}"
