#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Named ranges in a trace: a C program that is linked with libroctx64, a Python program that opens it."""
from rdna1 import *

RANGES = os.path.join(BUILD, "tests/tools/roctx-ranges")
# What they are linked with: a libroctx64 that is not ours, and ours under its name.
REAL = os.path.join(T, "libs")
os.makedirs(REAL)
os.symlink(os.path.join(BUILD, "tests/tools/preload_roctx.so"), f"{REAL}/libroctx64.so.4")


def path(first):
    return {**os.environ, "LD_LIBRARY_PATH": first + ":" + os.environ.get("LD_LIBRARY_PATH", "")}


def ranges(r):
    compare_ctf(r.dir)
    return [e for e in dump(r.dir) if e["event"] == "range"]


PUSH, POP, MARK, START, STOP = 1, 2, 3, 4, 5

# ---- linked: what is named before hsa_init is dropped, what comes after it is there, once ----
for name, first in (("real", REAL), ("ours", BUILD)):
    r = record(name, RANGES, "hsa", options=("--emulate", "--roctx"), env=path(first)).expect_status(0)
    found = ranges(r)
    expect("early" not in [e["fields"]["name"] for e in found], f"{found}")
    main = [e for e in found if e["tid"] == found[0]["tid"]]
    expect([(e["fields"]["op"], e["fields"]["name"]) for e in main] ==
           [(PUSH, "late"), (PUSH, 'inner "1"'), (MARK, "mark"), (START, "across"), (START, "next"), (POP, "-"),
            (STOP, "-"), (POP, "-"), (STOP, "-")], f"{main}")
    expect([e["fields"]["id"] for e in main if e["fields"]["op"] in (PUSH, POP)] == [0, 1, 1, 0], f"{main}")
    other = [e for e in found if e["tid"] != found[0]["tid"]]
    expect([(e["fields"]["op"], e["fields"]["id"]) for e in other] == [(PUSH, 0), (POP, 0)], f"{other}")
    table = {x["range"]: x for x in rows(report(r.dir), "Named ranges")}
    expect({"late", 'inner "1"', "across", "next", "other thread"} <= set(table), f"{table}")

# ---- opened with RTLD_LOCAL, around real dispatches ----
LAYERS = """
import ctypes
roctx = ctypes.CDLL("libroctx64.so.4", mode=ctypes.RTLD_LOCAL)
hip = ctypes.CDLL("libamdhip64.so.5")
p = ctypes.c_void_p()
assert not hip.hipMalloc(ctypes.byref(p), 1 << 16)
roctx.roctxRangePushA(b"model")
for layer in range(3):
    roctx.roctxRangePushA(b"layer %d" % layer)
    for _ in range(layer + 1):
        assert not hip.hipMemset(p, layer, 1 << 16)
    assert not hip.hipDeviceSynchronize()
    roctx.roctxRangePop()
roctx.roctxRangePop()
assert not hip.hipMemset(p, 9, 1 << 16) and not hip.hipDeviceSynchronize()
print("done")
"""
r = record("layers", sys.executable, "-c", LAYERS, options=("--emulate", "--roctx"), env=path(BUILD)).expect_status(0)
expect("done" in r.out, r.out + r.err)
dispatches = [e for e in dump(r.dir) if e["event"] == "dispatch"]
table = {x["range"]: x for x in rows(report(r.dir), "Named ranges")}
inside = [int(table[f"layer {n}"]["dispatches"]) for n in range(3)]
expect(inside == [n * inside[0] for n in (1, 2, 3)] and inside[0], f"{table}")
expect(int(table["model"]["dispatches"]) == sum(inside) < len(dispatches), f"{table}, {len(dispatches)} in all")

# ---- without --roctx nothing of it ----
r = record("without", RANGES, "hsa", env=path(REAL)).expect_status(0)
expect(not ranges(r), "ranges without --roctx")
print("ranges of a linked and of an opened libroctx64, with the dispatches in them")
