#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""patience.py SECONDS [MODE...]: what a watchdog must not call a hang runs to its end, with right results, and the
trace shows neither a fault nor a kernel that did not finish."""
import re

from rdna1 import *

MODES = ("host", "spin", "barrier", "callback", "kernel", "first", "compile", "idle")
WAITS = "__amd_rocclr_streamOpsWait"  # HIP 5.2.3: a kernel that spins until the host has written


def kernels(r):
    return {k["kernel"]: int(k["count"]) for k in rows(report(r.dir), "Kernels dispatched")}


seconds = sys.argv[1]
for mode in sys.argv[2:] or MODES:
    r = record(mode, workload("patience"), mode, seconds, timeout=60 + 4 * float(seconds)).expect_status(0)
    expect(r.out.endswith(f"\npatience {mode} ok\n"), r.out + r.err)
    took = float(re.search(rf"^{mode} took (\S+) s$", r.out, re.M)[1])
    expect(mode in ("kernel", "first") or took >= float(seconds) - 0.1, f"{mode}: {took} s")
    text = report(r.dir)
    expect("\nFaults: none\n" in text and "not finished" not in text, text)
    launched = re.findall(r"^launched (\S+) 1 times$", r.out, re.M)
    found = kernels(r)
    expect(all(found.get(k) == launched.count(k) for k in set(launched)), f"{mode}: {launched}, the report: {found}")
    expect((WAITS in found) == (mode == "spin"), f"{mode}: {found}")
    expect_no_loss(r.dir)
done(f"{len(sys.argv[2:]) or len(MODES)} ways to take {seconds} s")
