#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""golden.py: every folder here holds a trace and what report and dump must print for it.

golden.py            compare
golden.py --update   write what they print now (then read the difference before committing it)
golden.py --add NAME DIR   take the trace DIR in, its chunks cut to what they hold

kernel-* were recorded in a virtual machine (tests/vm) with Debian's kernels and their own amdgpu.ko, but
without a card: a test module made the driver's functions and tracepoints fire with values of its
choosing (tests/vm/scripts). No GPU has shown these page tables and faults.
"""
import difflib
import os
import shutil
import struct
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOOL = os.environ.get("RDNA1_TRACE", os.path.join(HERE, "../../build/rdna1-trace"))
VIEWS = {
    "report-80.txt": ("80", ["report", "trace"]),
    "report-120.txt": ("120", ["report", "trace"]),
    "dump.txt": ("80", ["dump", "trace"]),
    "info-80.txt": ("80", ["info", "trace"]),
}


def shrink(path):
    """A chunk is allocated whole; keep what it holds (struct ev_chunk: content and packet size)."""
    with open(path, "r+b") as f:
        head = bytearray(f.read(56))
        content, = struct.unpack_from("<Q", head, 40)
        struct.pack_into("<Q", head, 48, content)
        f.seek(0)
        f.write(head)
        f.truncate(content // 8)


def add(name, directory):
    target = os.path.join(HERE, name, "trace")
    shutil.copytree(directory, target, ignore=shutil.ignore_patterns("code-objects"))
    for chunk in os.listdir(f"{target}/ctf"):
        if chunk != "metadata":
            shrink(f"{target}/ctf/{chunk}")


def main():
    if sys.argv[1:2] == ["--add"]:
        add(*sys.argv[2:4])
        return
    update = sys.argv[1:] == ["--update"]
    names = sorted(n for n in os.listdir(HERE) if os.path.isdir(os.path.join(HERE, n, "trace")))
    bad = 0
    for name in names:
        # made-up-card has no events: no machine with such a card has recorded it.
        is_trace = os.path.isdir(os.path.join(HERE, name, "trace/ctf"))
        for view, (width, command) in VIEWS.items():
            path = os.path.join(HERE, name, view)
            if not update and not os.path.exists(path):
                continue
            run = subprocess.run([TOOL, *command], capture_output=True, text=True,
                                 cwd=os.path.join(HERE, name), env={**os.environ, "COLUMNS": width})
            got = run.stdout + run.stderr + (f"status {run.returncode}\n" if run.returncode else "")
            if update:
                if view.startswith("report") and is_trace or os.path.exists(path):
                    with open(path, "w") as f:
                        f.write(got)
                continue
            with open(path) as f:
                want = f.read()
            if got != want:
                bad += 1
                sys.stdout.writelines(difflib.unified_diff(want.splitlines(True), got.splitlines(True),
                                                           f"{name}/{view}", "now"))
    if bad:
        sys.exit(f"{bad} outputs differ")
    print(f"{len(names)} traces print what they should")


main()
