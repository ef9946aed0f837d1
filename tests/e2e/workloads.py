#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every other program: vector, conv2d.py, rocminfo."""
import re

from rdna1 import *

r = record("vector", workload("vector")).expect_status(0)
expect("ok: all results right" in r.out, r.out)
expect_report_of_workload(r)
expect_no_loss(r.dir)
compare_ctf(r.dir, 200)
compare_ioctls(r.dir)
# Copies in both directions pass through the agent: as many bytes as the device moved.
copied = sum(e["fields"]["size_bytes"] for e in dump(r.dir) if e["event"] == "async_copy")
moved = sum(e["fields"]["size_bytes"] for e in dump(r.dir)
            if e["event"] == "emu_copy" and e["fields"]["op"] == 1)
expect(copied and copied == moved, f"the application copied {copied} bytes, the device {moved}")

r = record("python", workload("conv2d.py")).expect_status(0)
expect("ok: 3200 outputs" in r.out, r.out)
expect_report_of_workload(r)
expect_no_loss(r.dir)
compare_ctf(r.dir, 200)
compare_ioctls(r.dir)

r = record("rocminfo", "rocminfo").expect_status(0)
for what in (r"Name: +gfx1010 *$", r"Marketing Name: +AMD Radeon RX 5600 XT *$",
             r"Compute Unit: +36 *$", r"Wavefront Size: +32", r"Size: +6275072\("):
    expect(re.search(what, r.out, re.M), f"rocminfo has no {what}:\n{r.out}{r.err}")
compare_ioctls(r.dir, 20)
expect_no_loss(r.dir)
expect("Allocated through HSA: 0, 0 bytes" in report(r.dir), "rocminfo allocates nothing")
done("vector, conv2d.py, rocminfo: right results, both sides equal")
