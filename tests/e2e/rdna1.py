# SPDX-License-Identifier: MIT
"""What the end-to-end tests share: record a command, read what the trace says, compare."""
import json
import os
import re
import signal
import subprocess
import sys

TOOL = os.environ["RDNA1_TRACE"]
BUILD = os.environ["B"]
T = os.environ["T"]
TOP = os.environ["TOP"]
EMULATE = ("--emulate",)


def workload(name):
    return os.path.join(BUILD, "workload", name)


def fail(what):
    sys.exit("FAILED: " + what)


def expect(condition, what):
    if not condition:
        fail(str(what))


def family(pid):
    """pid and its descendants."""
    found = [pid]
    for parent in found:
        try:
            for task in os.listdir(f"/proc/{parent}/task"):
                with open(f"/proc/{parent}/task/{task}/children") as f:
                    found += [int(c) for c in f.read().split()]
        except OSError:
            pass
    return found


def sh(*command, timeout=120, **kw):
    """Run; output as text, standard input empty. What is too slow ends with all it started."""
    p = subprocess.Popen([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                         errors="replace", stdin=subprocess.DEVNULL, **kw)
    try:
        out, err = p.communicate(timeout=timeout)
    except BaseException:
        for pid in reversed(family(p.pid)):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        p.communicate()
        raise
    return subprocess.CompletedProcess(p.args, p.returncode, out, err)


class Recorded:
    def __init__(self, directory, run):
        self.dir = directory
        self.status, self.out, self.err = run.returncode, run.stdout, run.stderr

    def expect_status(self, status):
        expect(self.status == status,
               f"status {self.status}, not {status}\n{self.out}\n{self.err}")
        return self


def record(name, *command, options=EMULATE, **kw):
    """rdna1-trace OPTIONS -o T/name -- COMMAND."""
    directory = os.path.join(T, name)
    return Recorded(directory, sh(TOOL, *options, "-o", directory, "--", *command, **kw))


# Our own reading is to leak nothing; the runner switches that off for the traced programs.
LEAKS = {**os.environ, "ASAN_OPTIONS": "detect_leaks=1:exitcode=99"}


def dump(directory):
    run = sh(TOOL, "dump", "--format", "json", directory, env=LEAKS)
    expect(run.returncode == 0, f"dump {directory}: {run.stderr}")
    events = [json.loads(line) for line in run.stdout.splitlines()]
    for e in events:  # x64 fields
        for name, value in e["fields"].items():
            if isinstance(value, str) and re.fullmatch("0x[0-9a-f]+", value):
                e["fields"][name] = int(value, 16)
    return events


def report(directory, width=120, *options):
    run = sh(TOOL, "report", *options, directory, env={**LEAKS, "COLUMNS": str(width)})
    expect(run.returncode == 0, f"report {directory}: {run.stderr}")
    expect("\033" not in run.stdout, "colour codes in a pipe")
    return run.stdout


def rows(text, heading):
    """The table below a heading: its rows as dictionaries by column title."""
    lines = text.splitlines()
    for i, line in enumerate(lines):
        if line.startswith(heading):
            break
    else:
        fail(f"the report has no '{heading}':\n{text}")
    titles = [m for m in re.finditer(r"\S+(?: \S+)*", lines[i + 1])]
    found = []
    for line in lines[i + 2:]:
        cells = re.split(r" {2,}", line.strip())
        if not line.startswith("  ") or line.startswith("  and ") or len(cells) < 2:
            break
        found.append(dict(zip([t.group(0) for t in titles], cells)))
    return found


def size(text):
    """'441 KiB' -> 451584"""
    n, unit = text.split()
    return int(n) << {"B": 0, "KiB": 10, "MiB": 20, "GiB": 30}[unit]


# The address sanitizer ends ROCr 5.2.3 where it makes a queue for hsa_soft_queue_create (aligned_alloc of 56 bytes at 64): there
# the agent can put no ring of its own before a queue, and nothing is computed on the host.
SANITIZED = os.path.basename(BUILD).startswith("san")

ROOT = os.geteuid() == 0
unseen = []  # comparisons that need the kernel's side and did not have it


def need_root():
    if not ROOT:
        print("the kernel's side needs root: sudo make check")
        sys.exit(77)


def done(message):
    """The end of a test: passed, or skipped where a part of it could not be seen."""
    if unseen:
        need_root()
    print(message)


def compare_ioctls(directory, least=50):
    if not ROOT:
        unseen.append(directory)
        return ""
    run = sh(f"{TOP}/tests/tools/ioctl-compare", TOOL, directory, least)
    expect(run.returncode == 0, f"eBPF and the device's log differ:\n{run.stdout}{run.stderr}")
    return run.stdout.strip()


def compare_ctf(directory, least=1):
    run = sh(f"{TOP}/tests/tools/ctf-compare", TOOL, directory, "--min", least)
    expect(run.returncode == 0, f"babeltrace2 and dump differ:\n{run.stdout}{run.stderr}")
    return run.stdout.strip()


VALID, SYSTEM, SNOOPED, EXECUTABLE, READABLE, WRITEABLE = 1, 2, 4, 16, 32, 64
NC, UC = 0, 3 << 48
# Page-table entries of gfx10 by the memory they are of (docs/emulated-device.md): always, MTYPE when
# COHERENT or UNCACHED, MTYPE when neither. None: an SVM range, whose default is coherent.
PTE_RULES = {1: (0, UC, NC), 2: (SYSTEM | SNOOPED, UC, NC), 4: (SYSTEM | SNOOPED, UC, NC),
             8: (SYSTEM, UC, UC), 16: (SYSTEM, UC, UC)}


def pte_by_rule(alloc_flags):
    always, coherent, other = PTE_RULES[alloc_flags & 31]
    return (VALID | READABLE | always | (WRITEABLE if alloc_flags >> 31 & 1 else 0)
            | (EXECUTABLE if alloc_flags >> 30 & 1 else 0) | (coherent if alloc_flags & (3 << 25) else other))


def expect_ptes_by_rule(directory):
    """Every mapping of the trace; -> how many."""
    ptes = [e["fields"] for e in dump(directory) if e["event"] == "emu_pte"]
    for p in ptes:
        if p["handle"]:
            expect(p["flags"] == pte_by_rule(p["alloc_flags"]),
                   f"PTE 0x{p['flags']:x} of memory 0x{p['alloc_flags']:x}, not 0x{pte_by_rule(p['alloc_flags']):x}")
        else:
            expect(p["flags"] & ~WRITEABLE & ~EXECUTABLE in (VALID | READABLE | SYSTEM | SNOOPED | UC,
                                                            VALID | READABLE | SYSTEM | SNOOPED | NC), f"{p}")
    return len(ptes)


def expect_no_loss(directory):
    """Nothing lost, by the trace and by session.json; and what was mapped, mapped by the rules."""
    expect_ptes_by_rule(directory)
    forked = 0
    for r in rows(report(directory), "What was recorded"):
        # A forked child that calls has no stream, which is said.
        own = re.fullmatch(r"written by a forked child that has no stream: (\d+)", r.get("why", ""))
        expect(r["lost"] == (own[1] if own else "0") and int(r["seen"]) == int(r["written"]) + int(r["lost"]),
               f"lost events: {r}")
        forked += int(own[1]) if own else 0
    with open(os.path.join(directory, "session.json")) as f:
        session = json.load(f)
    for c in session["counts"]:
        expect(c["seen"] == c["written"] + c["dropped"] and c["dropped"] == (forked if c["source"] == "agent" else 0),
               f"session.json: {c}")
    return session


def said_allocations(out):
    """What the workload printed: (name, address, bytes) of its hipMalloc, addresses it freed."""
    allocs = [(m[1], int(m[2], 16), int(m[3])) for m in
              re.finditer(r"^hipMalloc (\S+) +(0x[0-9a-f]+) (\d+) bytes$", out, re.M)]
    frees = [int(m[1], 16) for m in re.finditer(r"^hipFree +\S+ +(0x[0-9a-f]+)$", out, re.M)]
    return allocs, frees


def expect_report_of_workload(r):
    """The report has the figures the workload printed."""
    text = report(r.dir, 120, "--all")
    expect(text.startswith("emulated device: AMD Radeon RX 5600 XT (gfx1010, 36 CUs, 6128 MiB)\n"),
           f"first line:\n{text}")
    allocs, frees = said_allocations(r.out)
    expect(allocs, f"the workload said nothing:\n{r.out}{r.err}")
    table = rows(text, "Allocated through HSA")
    for name, va, n in allocs:
        found = [x for x in table if int(x["address"], 16) == va and size(x["size"]) == n]
        expect(found, f"{name} {va:#x} {n} bytes is not in the report:\n{text}")
        expect(found[0]["by"] == "HIP" and found[0]["pool"] == "GPU coarse" and
               found[0]["KFD buffer"].startswith("VRAM"), f"{name}: {found[0]}")
        freed = frees.count(va) == sum(1 for a in allocs if a[1] == va)
        still = any(x["lived"].endswith("+") for x in found)
        expect(freed != still, f"{name} freed {freed}, but: {found}")
    total = re.search(r"^Allocated through HSA: (\d+), (\d+) bytes$", text, re.M)
    expect(int(total[1]) == len(table) and int(total[2]) == sum(size(x["size"]) for x in table),
           f"totals: {total[0]}")
    launched = {}
    for m in re.finditer(r"^launched (\S+) (\d+) times$", r.out, re.M):
        launched[m[1]] = launched.get(m[1], 0) + int(m[2])
    if launched:
        kernels = {x["kernel"]: int(x["count"]) for x in rows(text, "Kernels dispatched")}
        for name, n in launched.items():
            expect(kernels.get(name) == n, f"{name} launched {n} times, the report: {kernels}")
    for w in (80, 120):
        for line in report(r.dir, w).splitlines():
            expect(len(line) <= w or " " not in line[w:].strip(), f"wider than {w}: {line}")
    return text


# What hsa_amd_memory_pool_allocate is in a trace: in short where it succeeded without flags.
POOL_ALLOC = ("pool_alloc", "pool_alloc_ok")
