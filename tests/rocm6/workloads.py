#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The project's own programs with HIP 6: right results, recorded as with HIP 5, errors told."""
from rocm6 import *

for name in ("vector", "half", "math", "mode", "waves"):
    r = record(name, workload(name)).expect_status(0)
    expect("ok: all results right" in r.out, r.out + r.err)
    expect_clean(r)
    if name == "vector":
        expect_report_of_workload(r)
        compare_ctf(r.dir, 200)
        compare_ioctls(r.dir)
        # HIP 6 copies through hsa_amd_memory_async_copy_on_engine.
        events = dump(r.dir)
        copied = sum(e["fields"]["size_bytes"] for e in events if e["event"] == "async_copy")
        moved = sum(e["fields"]["size_bytes"] for e in events
                    if e["event"] == "emu_copy" and e["fields"]["op"] == 1)
        expect(copied and copied == moved, f"the application copied {copied} bytes, the device {moved}")

# A call into memory that is data: on this ROCm a fault of its own kind.
r = record("execute", workload("execute"))
expect(r.status == -6 and "Reason: Execute access to a page marked NX." in r.err, f"{r.status} {r.err}")
address = re.search(r"^data at (0x[0-9a-f]+)$", r.out, re.M)[1]
flat = re.sub(r"\n +", " ", report(r.dir))
expect(f"permission fault in kernel call_data: instruction fetch, load of 4 bytes at address {address} at pc" in flat and
       f"NX (0x4) in the page at {address}" in flat, flat)

r = record("null", workload("trouble"), "null")
expect(r.status == -6 and "Reason: Page not present" in r.err, f"{r.status} {r.err}")
expect("page fault in kernel store_null" in re.sub(r"\n +", " ", report(r.dir)), report(r.dir))
r = record("greedy", workload("trouble"), "greedy").expect_status(0)
done("5 workloads, no execution of data, a page fault, memory that runs out")
