#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The emulated device at its edges: errors of ioctls, waves that wait for each other, queues used as
HIP never does, memory of a process that leaves a child behind."""
import re

from rdna1 import *


def tool(name):
    return os.path.join(BUILD, "tests", "tools", name)


def events(r, *names):
    return [e for e in dump(r.dir) if e["event"] in names]


# ---- every error as the driver's, and seen alike from both sides ----
r = record("errors", tool("kfd-errors"))
expect(r.status == 0 and "every error as the driver's" in r.out, r.out + r.err)
compare_ioctls(r.dir, 40)
if ROOT:
    text = report(r.dir)
    expect("AMDKFD_IOC_ALLOC_MEMORY_OF_GPU EFAULT (3 times)" in text, text)

# Not under ASan: gcc 12's holds the locks of its allocator across a fork of other threads for ever.
if not BUILD.endswith("/san"):
    record("forks", tool("kfd-errors"), "forks").expect_status(0)

# ---- integer code, waves and workgroups that wait for each other ----
r = record("waves", workload("waves")).expect_status(0)
expect("ok: all results right" in r.out, r.out)
expect_no_loss(r.dir)

# ---- 16-bit floats, packed; MODE; the math library ----
for name in ("half", "mode", "math"):
    r = record(name, workload(name)).expect_status(0)
    expect("ok: all results right" in r.out, r.out)

# ---- several producers, doorbells past the runtime ----
# The device may take a packet the moment it is whole, before the doorbell at which the agent reads it: then it
# is counted. Every packet is the one or the other, and not always the latter.
for attempt in range(5):
    r = record(f"late{attempt}", tool("hsa-queues"), "late").expect_status(0)
    packets = [e["fields"]["index"] for e in events(r, "packet")]
    for gap in events(r, "queue_gap"):
        packets += range(gap["fields"]["first"], gap["fields"]["first"] + gap["fields"]["count"])
    expect(sorted(packets) == [0, 1], f"packets {packets}")
    if not events(r, "queue_gap"):
        break
else:
    fail("no packet was ever read")
r = record("direct", tool("hsa-queues"), "direct").expect_status(0)
gaps = [e["fields"] for e in events(r, "queue_gap")]
expect(len(gaps) == 1 and gaps[0]["first"] == 0 and gaps[0]["count"] == 50, f"{gaps}")
record("many", tool("hsa-queues"), "many").expect_status(0)

# ---- faults that no kernel made ----
r = record("lost", tool("hsa-queues"), "lost")
expect(r.status == -6 and "Memory access fault" in r.err, f"{r.status} {r.err}")
faults = [e["fields"] for e in events(r, "emu_fault")]
expect(len(faults) == 1 and faults[0]["insn"] == "completion signal" and
       "page fault: completion signal, store of 8 bytes at address 0x123456000" in report(r.dir), f"{faults}\n{report(r.dir)}")

# ---- memory that the application has unmapped: a page fault of the copy, nothing about permissions ----
r = record("unmapped", workload("trouble"), "unmapped")
expect(r.status == -6 and "Page not present" in r.err, f"{r.status} {r.err}")
faults = [e["fields"] for e in events(r, "emu_fault")]
expect(len(faults) == 1 and faults[0]["kind"] == 1 and faults[0]["insn"] == "SDMA", f"{faults}")

# ---- a second run of the runtime is recorded as the first ----
r = record("again", tool("hsa-queues"), "again")
expect(r.status == -6, f"{r.status}")
address = int(re.search(r"^address (0x[0-9a-f]+)", r.out, re.M)[1], 16)
expect([int(e["fields"]["va"]) & ~0xfff for e in events(r, "mem_fault")] == [address & ~0xfff], r.out)
expect(len(events(r, "hsa_agent")) == 4, "agents of both runs")
expect("not known" not in report(r.dir, 120, "--all").split("Allocated")[1].split("\n\n")[0], report(r.dir))

# ---- memory ends with the process, whatever it forked ----
script = """
import ctypes, os, sys, time
hip = ctypes.CDLL("libamdhip64.so.5")
p = ctypes.c_void_p()
err = hip.hipMalloc(ctypes.byref(p), ctypes.c_size_t(5 << 30))
print("hipMalloc", err, flush=True)
if len(sys.argv) > 1 and not os.fork():
    os.close(1)
    time.sleep(5)
    os._exit(0)
os._exit(err)
"""
r = record("leak", "sh", "-c", '"$0" -c "$1" fork && "$0" -c "$1"', sys.executable, script)
expect(r.status == 0 and r.out == "hipMalloc 0\nhipMalloc 0\n", f"{r.status} {r.out}{r.err}")
done("errors, waiting waves, queues of several producers, faults without a kernel, forks")
