#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Another HSA tool before and behind the agent (tests/tools/other-tool.c): results as without, the same counts."""
from rdna1 import *

AGENT = os.path.join(BUILD, "librdna1-agent.so.1")
OTHER = os.path.join(BUILD, "tests/tools/other-tool.so")
FIRST = os.path.join(BUILD, "tests/tools/other-tool-first.so")
CONV = (workload("conv2d"), "--size", "8", "--repeat", "5")
AGAIN = (os.path.join(BUILD, "tests/tools/hsa-queues"), "again")
# The tool's name for what the agent's trace has as an event.
SAME = {"dispatch": "dispatch", "pool_allocate": "pool_alloc_ok", "pool_free": "pool_free", "queue_create": "queue_create",
        "async_copy": "async_copy", "allow_access": "allow_access"}
number = 0


def run(command, *libraries, words=""):
    """-> (status, output), what the other tool counted, what the agent recorded."""
    global number
    number += 1
    where = os.path.join(T, f"run{number}")
    env = {**os.environ, "OTHER_TOOL": words, "OTHER_TOOL_LOG": where + ".counts"}
    p = sh(TOOL, "-q", "--emulate", "-o", where + ".device", "--", "env", f"HSA_TOOLS_LIB={' '.join(libraries)}",
           f"RDNA1_TRACE_OPTIONS=dir={where}", *command, env=env)
    counts = {}
    if os.path.exists(where + ".counts"):
        with open(where + ".counts") as f:
            counts = {name: int(n) for name, n in map(str.split, f)}
    # The runtime makes one of its own, past the tables.
    events = [e["event"] for e in dump(where) if e["fields"].get("made_by", 1) == 1] if os.path.isdir(where) else []
    # The runtime's own words at a fault name addresses, too.
    return (p.returncode, re.sub(r"0x[0-9a-f]+", "ADDRESS", p.stdout)), counts, {e: events.count(e) for e in set(events)}


def same(counts, events, what):
    for theirs, ours in SAME.items():
        expect(counts[theirs] == events.get(ours, 0), f"{what}: {theirs} {counts}, the agent: {events}")


alone, _, ours = run(CONV, AGENT)
expect(alone[0] == 0 and ours["dispatch"] == 5 and ours["pool_alloc_ok"] > 3, f"{alone} {ours}")
orders = {"the agent first": (AGENT, OTHER), "the other first": (OTHER, AGENT)}

# ---- both see everything ----
for order, libraries in {**orders, "the agent first, priorities": (AGENT, FIRST),
                         "the other first, priorities": (FIRST, AGENT)}.items():
    result, counts, events = run(CONV, *libraries)
    expect(result == alone, f"{order}: {result}, not {alone}")
    same(counts, events, order)
    expect(events["dispatch"] == 5 and counts["executable_freeze"] > 0, f"{order}: {events} {counts}")

# ---- one that refuses ----
for order, libraries in orders.items():
    result, counts, events = run(CONV, *libraries, words="refuse")
    expect(result == alone and not counts["loaded"], f"{order}, refused: {result}, {counts}")
    expect({e: events.get(e) for e in SAME.values()} == {e: ours.get(e) for e in SAME.values()},
           f"{order}, refused: {events}, alone {ours}")

# ---- one that puts the tables back as it found them: an agent behind it is cut off, one before it is not ----
result, counts, events = run(CONV, AGENT, OTHER, words="leave")
expect(result == alone and counts["pool_allocate"] == 3, f"left: {result} {counts}")
expect({e: events.get(e) for e in SAME.values()} == {e: ours.get(e) for e in SAME.values()}, f"left: {events}")
result, counts, events = run(CONV, OTHER, AGENT, words="leave")
expect(result == alone and counts["pool_allocate"] == 3 <= events["pool_alloc_ok"], f"cut off: {result} {counts} {events}")

# ---- one that makes interception queues: an agent behind it reads them, one before it may not see them ----
for order, libraries in orders.items():
    result, counts, events = run(CONV, *libraries, words="intercept")
    expect(result == alone and counts["intercepted"] == counts["dispatch"] == 5, f"{order}, intercepted: {result} {counts}")
    expect(events.get("dispatch", 0) in ((5,) if libraries[0] == OTHER else (0, 5)), f"{order}, intercepted: {events}")
    expect(events["pool_alloc_ok"] == counts["pool_allocate"], f"{order}, intercepted: {events} {counts}")

# ---- hsa_shut_down, hsa_init again, then a fault; it puts the tables back or does not ----
alone, _, ours = run(AGAIN, AGENT)
expect(alone[0] == -signal.SIGABRT and ours["mem_fault"] == 1 and ours["agent_start"] == 2, f"{alone} {ours}")
for order, libraries in orders.items():
    for words in ("", "restore"):
        result, counts, events = run(AGAIN, *libraries, words=words)
        expect(result == alone and counts.get("unloaded") == 1, f"{order}, {words} again: {result}, not {alone}, {counts}")
        expect({e: events.get(e) for e in (*SAME.values(), "mem_fault", "agent_start")} ==
               {e: ours.get(e) for e in (*SAME.values(), "mem_fault", "agent_start")}, f"{order}, {words} again: {events}, "
               f"alone {ours}")
print(f"{number} runs: before and behind another tool, which counts the same, refuses, leaves, intercepts, unloads")
