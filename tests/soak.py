#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""soak.py SECONDS: ring mode for a long time on the emulated device, while a program allocates, launches and
frees. Memory of program, recorder and broker and the trace on disk must not grow: the most of the second half
may not lie above the most of the first by more than the margins below, and the disk never above the bound."""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "e2e"))
from rdna1 import *  # noqa: E402

MAX_SIZE = 2 << 20  # full within seconds, and turned over as often as can be
# metadata, session.json, code objects: beside what --max-size bounds.
DISK_BESIDE = 512 << 10
# Above the most of the first half. Memory: what allocators keep back of blocks of changing sizes.
MARGIN = {"program": 16 << 20, "recorder": 4 << 20, "broker": 4 << 20, "disk": 512 << 10}
ROWS = 20


def rss(pid):
    with open(f"/proc/{pid}/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def find(recorder):
    """The recorder's children: the program by its file, the device's broker by its name."""
    found = {"recorder": recorder}
    for pid in family(recorder)[1:]:
        try:
            with open(f"/proc/{pid}/comm") as f:
                comm = f.read().strip()
        except OSError:
            continue
        if comm in ("soak", "rdna1-emu"):
            found["program" if comm == "soak" else "broker"] = pid
    return found


def disk(directory):
    total = 0
    for folder, _, names in os.walk(directory):
        for name in names:
            try:
                total += os.lstat(os.path.join(folder, name)).st_blocks * 512
            except FileNotFoundError:
                pass
    return total


def sample(pids, directory):
    # A chunk that went and the one it made room for may both be met in one look.
    return {**{name: rss(pid) for name, pid in pids.items()}, "disk": min(disk(directory) for _ in range(3))}


def line(*cells):
    print("".join(f"{c:>12}" for c in cells), flush=True)


def row(when, values):
    line(when, *(f"{values[name] / (1 << 20):.1f}" for name in MARGIN))


def watch(p, directory, seconds):
    """-> a sample every few seconds, as (seconds since the start, values)."""
    begin, samples, pids = time.monotonic(), [], {}
    every, printed = min(5, max(0.5, seconds / 100)), 0
    line("seconds", *(f"{name} MiB" for name in MARGIN))
    while p.poll() is None:
        time.sleep(every)
        now = time.monotonic() - begin
        if len(pids) < 3:
            pids = find(p.pid)
            continue
        try:
            samples.append((now, sample(pids, directory)))
        except OSError:
            break  # the program has ended
        if now >= printed * seconds / ROWS:
            row(f"{now:.0f}", samples[-1][1])
            printed = int(now / (seconds / ROWS)) + 1
    return samples


def judge(samples, seconds):
    first = [v for t, v in samples if t <= seconds / 2]
    second = [v for t, v in samples if seconds / 2 < t <= seconds]
    expect(len(first) > 5 and len(second) > 5, f"{len(samples)} samples only")
    most = [{name: max(v[name] for v in half) for name in MARGIN} for half in (first, second)]
    row("1st half", most[0])
    row("2nd half", most[1])
    line("may grow", *(f"{m / (1 << 20):.1f}" for m in MARGIN.values()))
    for name, margin in MARGIN.items():
        expect(most[1][name] <= most[0][name] + margin, f"{name} grew from {most[0][name]} to {most[1][name]} bytes")
    expect(max(m["disk"] for m in most) <= MAX_SIZE + DISK_BESIDE, "the trace is larger than its bound")


def main():
    seconds = int(sys.argv[1])
    directory = os.path.join(T, "soak")
    with open(os.path.join(T, "out"), "w+") as out:
        p = subprocess.Popen([TOOL, "--emulate", f"--max-size={MAX_SIZE >> 20}M", "-o", directory, "--",
                              workload("soak"), "--seconds", str(seconds)], stdin=subprocess.DEVNULL,
                             stdout=out, stderr=subprocess.STDOUT)
        samples = watch(p, directory, seconds)
        status = p.wait(timeout=60)
        out.seek(0)
        said = out.read()
    expect(status == 0 and "ok: all results right" in said, f"status {status}\n{said}")
    print("\n".join(l for l in said.splitlines() if l.startswith(("launched", "allocated", "rdna1-trace: "))))
    judge(samples, seconds)
    for r in rows(report(directory, 200), "What was recorded"):
        expect(int(r["seen"]) == int(r["written"]) + int(r["lost"]), f"{r}")
        print(f"{r['source']}: {r['seen']} seen, {r['written']} written, {r['lost']} lost  {r.get('why', '')}")
    print(f"flat over {seconds} s: memory and disk")


main()
