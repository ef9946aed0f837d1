#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""--late-free: a use after free is repaired and still reported, a second free fails as without, memory comes back when
there is none left, and programs of many threads are none the worse for it."""
from rdna1 import *

MIOPEN = os.path.join(BUILD, "miopen", "conv")
MEMORY = os.path.join(BUILD, "tests", "tools", "hsa-memory")
ENV = {**os.environ, "HSA_OVERRIDE_GFX_VERSION": "10.3.0", "MIOPEN_DEBUG_CONV_DIRECT": "0", "RDNA1_STANDIN": "use-after-free",
       "RDNA1_STANDIN_LARGE": "8"}
KEPT, BACK = 1, 2
INVALID_ALLOCATION = 0x1003


def events(r, *names):
    return [(e["event"], e["fields"]) for e in dump(r.dir) if e["event"] in names]


def kept(r):
    return [f for _, f in events(r, "free_kept")]


# ---- without: the page fault of the notes; with: right numbers, and what is wrong is still said ----
record("fails", MIOPEN, "--size", "12", options=("--emulate", "-q"), env=ENV).expect_status(-signal.SIGABRT)
r = record("repaired", MIOPEN, "--size", "12", options=("--emulate", "--late-free"), env=ENV).expect_status(0)
expect(re.search(r"^right: \d+ outputs", r.out, re.M), r.out + r.err)
expect_no_loss(r.dir)
compare_ctf(r.dir)
found = json.loads(sh(TOOL, "report", "--format", "json", r.dir, env=LEAKS).stdout)
dangling = [f for f in found["findings"] if f["rule"] == "dangling-argument"]
expect([f["state"] for f in dangling] == ["confirmed"], found["findings"])
expect(found["late_frees"][0]["count"] >= 4 and not found["late_frees"][0]["given_back"], found["late_frees"])
text = " ".join(report(r.dir, 80).split())
expect("late free 1, late-free=256M: in force" in text and re.search(r"frees that came late: \d+, .*; 0 given back, \d+ kept to the end", text), text)
# The free is where the program made it: before the kernels that use it.
order = [n for n, f in events(r, "pool_free", "dispatch", "free_kept")]
first = order.index("pool_free")
expect(order[first + 1] == "free_kept" and "dispatch" in order[first:], order)
# From python, through ctypes.
r = record("python", os.path.join(BUILD, "miopen", "conv.py"), "--size", "12", options=("--emulate", "--late-free"), env=ENV)
expect(r.status == 0 and re.search(r"^right", r.out, re.M), f"{r.status} {r.out}{r.err}")

# ---- twice, more than there is, more pieces than are kept ----
for name, option in (("plain", ()), ("late", ("--late-free=64G",)), ("late-small", ("--late-free=1M",))):
    r = record(name, MEMORY, "late", options=("--emulate", *option)).expect_status(0)
    expect(re.search(r"^ok: \d+ checks", r.out, re.M), r.out)
    expect_no_loss(r.dir)
    failed = [f for _, f in events(r, "api_failed")]
    expect([f["status"] for f in failed] == [INVALID_ALLOCATION] * 2 and failed[1]["object"] == 0x1000, failed)
    k = kept(r)
    if not option:
        expect(not k, k)
        continue
    ways = [f["phase"] for f in k]
    expect(ways.count(KEPT) == ways.count(BACK) > 5000, f"{name}: given back at shutdown: {ways.count(KEPT)} {ways.count(BACK)}")
    held, most = 0, 0
    live = set()
    for f in k:
        expect((f["va"] in live) == (f["phase"] == BACK), f)
        (live.remove if f["phase"] == BACK else live.add)(f["va"])
        held += f["size_bytes"] if f["phase"] == KEPT else -f["size_bytes"]
        expect(held == f["kept_bytes"], f"{name}: {held} {f}")
        most = max(most, len(live))
    expect(most <= 4096, f"{most} pieces")
    expect(name == "late" or max(f["kept_bytes"] for f in k) < (2 * 768 << 20) + (2 << 20), "more than a later one's size")

# ---- many threads, regions, and both options ----
r = record("storm", workload("storm"), "--threads", "3", "--launches", "50", options=("--emulate", "--late-free=64K")).expect_status(0)
expect(kept(r), "nothing was freed")
expect_no_loss(r.dir)
r = record("regions", MEMORY, "regions", "pools", "copies", options=("--emulate", "--late-free=64K", "--override=system:uncached"))
r.expect_status(0)
expect_no_loss(r.dir)
expect({f["phase"] for f in kept(r)} == {KEPT, BACK}, "regions")
done("repaired, twice, out of memory, threads")
