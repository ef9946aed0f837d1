#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A kernel that refuses a program: one line, the rest goes on, the trace says which."""
from rdna1 import *

need_root()
SHIM = os.path.join(BUILD, "tests/tools/preload_refuse.so")
if BUILD.endswith("/san"):
    # The sanitizer's runtime insists on being first.
    SHIM = sh("gcc", "-print-file-name=libasan.so").stdout.strip() + " " + SHIM

for names, off, on in (
        ("raw_tp_fork", ["sched_process_fork"], ["kfd_ioctl", "proc_exec", "proc_exit", "dispatch"]),
        ("raw_tp_sys_exit", ["sys_exit"], ["proc_exec", "proc_exit", "dispatch"]),
        ("raw_tp_sys_exit,raw_tp_fork,raw_tp_exec,raw_tp_exit", ["sys_exit", "sched_process_fork",
                                                      "sched_process_exec", "sched_process_exit"],
         ["dispatch"])):
    r = record(f"off-{len(names)}", workload("conv2d"), "--size", "8",
               env={**os.environ, "LD_PRELOAD": SHIM, "REFUSE": names}).expect_status(0)
    expect("outputs equal" in r.out, r.out)
    said = [l for l in r.err.splitlines() if "not recorded:" in l]
    expect(len(said) == 1 and "Invalid argument" in said[0], r.err)
    expect(len(r.err.splitlines()) == 4, f"more than one line about it:\n{r.err}")
    text = report(r.dir)
    for name in off:
        expect(f"raw_tp/{name}): " in text, f"{name} is not in\n{text}")
    kinds = {e["event"] for e in dump(r.dir)}
    expect(set(on) <= kinds, f"{kinds}")
    expect(("kfd_ioctl" in kinds) == ("kfd_ioctl" in on), f"{kinds}")
    if "kfd_ioctl" in on:
        compare_ioctls(r.dir)
print("one line each, the rest recorded")
