# SPDX-License-Identifier: MIT
"""What the agent costs: an event beside LTTng-UST's, a launch beside an interception queue's, memory, bytes."""
import os
import re
import shutil
import statistics

import lttng
from rdna1 import BUILD, EMULATE, T, expect, record, sh, workload
from tracers import event_id, event_sizes

AGENT = os.path.join(BUILD, "librdna1-agent.so.1")
OTHER = os.path.join(BUILD, "tests/tools/other-tool.so")
WITHOUT = ("env", "-u", "HSA_TOOLS_LIB", "-u", "OTHER_TOOL")
INTERCEPT = ("env", f"HSA_TOOLS_LIB={OTHER}", "OTHER_TOOL=intercept")
BOUND_PER_THREAD, BOUND_PER_ALLOCATION = 2048, 200  # KiB, bytes
number = 0


def bench(name):
    return os.path.join(BUILD, "tests/bench", name)


def run(*command):
    global number
    number += 1
    r = record(f"a{number}", *command, options=("-q", *EMULATE)).expect_status(0)
    shutil.rmtree(r.dir)
    return r.out


def min_median(values):
    return min(values), statistics.median(values)


# ---- an event ----

def event_cost(line, runs=9, events=100000):
    """One process records in turn by the agent's stream, by LTTng-UST and not at all."""
    if not os.path.exists(bench("event_cost")):
        raise lttng.Refused("liblttng-ust-dev was not there when this was built")
    directory = os.path.join(T, "event_cost")
    os.makedirs(os.path.join(directory, "own"))
    for path in (T, directory, os.path.join(directory, "own")):
        os.chmod(path, 0o777)
    shutil.copy(bench("event_cost"), directory)
    with lttng.Session(directory, "rdna1_bench") as session:
        p = session.run(f"{directory}/event_cost", f"{directory}/own", str(runs), str(events))
        expect(p.returncode == 0, p.stderr)
    figures = {}
    for payload, who, kind, *ns in map(str.split, p.stdout.splitlines()):
        figures[payload, who, kind] = min_median([float(x) for x in ns])
    size, recorded, discarded = session.sizes()
    packet = event_id("packet")
    ours = [n for event, n in event_sizes(f"{directory}/own", r"agent_\d+_\d") if event == packet]
    expect(len(ours) == 2 * runs * events, f"{len(ours)} of our events")
    # Thousands between two chunks or buffers, and whole runs with all that; of the runs.
    for payload in ("24", "150"):
        for kind, how in (("1000", "in a row"), ("run", "all in")):
            for i, what in enumerate(("min", "median")):
                stream, theirs, nothing = (figures[payload, who, kind][i] for who in ("stream", "lttng", "nothing"))
                line(f"event of {payload} bytes, {how}, {what}", f"{stream:.0f} ns",
                     f"LTTng-UST {theirs:.0f} ns, empty call {nothing:.1f}",
                     f"{stream / theirs:.2f}" if not discarded else "-")
    mean = sum(ours) / len(ours)
    line("bytes of an event of 24 or 150", f"{mean:.1f}", f"LTTng-UST {size / recorded:.1f}"
         + (f", {discarded} discarded" if discarded else ""), f"{mean * recorded / size:.2f}")


# ---- a launch ----

def launches(line, runs=5, n=1000000):
    ways = {"agent": (), "queue": INTERCEPT, "none": WITHOUT}
    figures = {way: [] for way in ways}
    for _ in range(runs):
        for way, wrapper in ways.items():
            figures[way].append([float(x) for x in re.findall(r"([\d.]+) ns", run(*wrapper, bench("launches"), n))])
    best = {way: [min(x[i] for x in figures[way]) if i == 0 else statistics.median(x[i] for x in figures[way])
                  for i in (0, 1, 2)] for way in ways}
    for i, what in enumerate(("min", "median", "mean")):
        ours, queue, none = (best[way][i] for way in ways)
        line(f"a launch of {n}, {what} of 1000", f"{ours:.0f} ns", f"without the agent {none:.0f} ns", f"{ours / none:.2f}")
        line(f"  beside an interception queue, {what}", f"{ours:.0f} ns", f"passing on all packets {queue:.0f} ns",
             f"{ours / queue:.2f}")


# ---- memory ----

def per_one(kind, few, many, *wrapper):
    """KiB that each of them adds: proportional, resident."""
    def one(n):
        return [int(x) for x in re.findall(r"(\d+)", run(*wrapper, bench("agent_memory"), kind, n))]

    return [(b - a) / (many - few) for a, b in zip(one(few), one(many))]


def memory(line):
    for kind, few, many, unit, bound in (("threads", 1, 33, "KiB", BOUND_PER_THREAD),
                                         ("allocations", 1000, 100000, "bytes", BOUND_PER_ALLOCATION)):
        scale = 1024 if unit == "bytes" else 1
        ours, bare = per_one(kind, few, many), per_one(kind, few, many, *WITHOUT)
        for what, with_it, without in zip(("PSS", "RSS"), ours, bare):
            added = (with_it - without) * scale
            line(f"{what} the agent adds for one of {many} {kind}", f"{added:.0f} {unit}",
                 f"bound {bound}; the rest needs {without * scale:.0f}", f"{added / bound:.2f}")


# ---- bytes ----

def alloc_bytes(line):
    r = record("alloc_bytes", bench("agent_memory"), "allocations", 1000, options=("-q", *EMULATE)).expect_status(0)
    sizes, pool_alloc = list(event_sizes(r.dir, r"agent_\d+_\d")), (event_id("pool_alloc"), event_id("pool_alloc_ok"))
    ours = [n for event, n in sizes if event in pool_alloc]
    expect(len(ours) >= 1000, f"{len(ours)} allocations")
    # The same fields as text, which is what most tracers leave.
    text = sh(os.environ["RDNA1_TRACE"], "dump", r.dir).stdout
    lines = [len(t) + 1 for t in text.splitlines() if " pool_alloc" in t]
    mean = statistics.mean(ours)
    line("bytes of a pool allocation in the stream", f"{mean:.1f}", "bound 40", f"{mean / 40:.2f}")
    if lines:
        line("  beside a line of text", f"{mean:.1f}", f"dump's {statistics.mean(lines):.0f}",
             f"{mean / statistics.mean(lines):.2f}")
    line("bytes of the agent's streams for each of them", f"{sum(n for _, n in sizes) / len(ours):.1f}",
         f"{len(sizes)} events", "-")


def agent(line):
    for part in (event_cost, launches, memory, alloc_bytes):
        try:
            part(line)
        except lttng.Refused as e:
            line(part.__name__, "-", f"does not run here: {e}", "-")
