#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""--emulate=WHAT: other cards and several, large BAR, SVM, code of gfx1030 under the override."""
import re

from rdna1 import *


def emulate(what):
    return ("--emulate=" + what,)


def allocation_flags(r):
    return {e["fields"]["alloc_flags"] for e in dump(r.dir) if e["event"] == "emu_pte"}


CARDS = {"gfx1010": "AMD Radeon RX 5600 XT", "gfx1011": "AMD Radeon Pro V520",
         "gfx1012": "AMD Radeon RX 5500 XT", "gfx1030": "AMD Radeon RX 6800 XT"}

for what, names in (("gfx1011", ["gfx1011"]), ("gfx1012", ["gfx1012"]), ("gfx1030", ["gfx1030"]),
                    ("2", ["gfx1010"] * 2), ("gfx1010,gfx1030", ["gfx1010", "gfx1030"]),
                    ("gfx1012,4", ["gfx1012"] * 4)):
    r = record(what, workload("cards"), options=emulate(what)).expect_status(0)
    expect(f"ok: {len(names)} cards" in r.out, r.out)
    text = report(r.dir)
    shown = re.findall(r"^emulated device: (.*) \((gfx\w+), ", text, re.M)
    expect(shown == [(CARDS[n], n) for n in names], f"{what}: the report shows {shown}")
    for i, n in enumerate(names):
        expect(re.search(rf"card {i}: {CARDS[n]}, {n}", r.out), r.out)
    with open(os.path.join(r.dir, "session.json")) as f:
        expect(json.load(f)["emulated_options"] == what, "session.json does not say how")
    on = set(re.findall(r" (node-\d) +\d+ ", text[text.index("Kernels dispatched"):]))
    expect(len(names) == 1 or on == {f"node-{i + 1}" for i in range(len(names))}, f"{what}: kernels of {on}\n{text}")
    compare_ioctls(r.dir, 50)
    expect_no_loss(r.dir)

# Both at the same time, from two threads.
for what, names in (("2", ["gfx1010"] * 2), ("gfx1010,gfx1030,large-bar", ["gfx1010", "gfx1030"])):
    r = record("pair-" + what, workload("pair"), options=emulate(what)).expect_status(0)
    expect(re.search(r"^ok: \d+ results right$", r.out, re.M), r.out)
    text = report(r.dir, 120, "--all")
    kernels = {(k["kernel"], k["GPU"]): int(k["count"]) for k in rows(text, "Kernels dispatched")}
    expect(all(kernels.get((k, n)) == 5 for k in ("pair_step", "pair_add") for n in ("node-1", "node-2")), text)
    copied = {(e["fields"]["src"], e["fields"]["dst"]) for e in dump(r.dir) if e["event"] == "emu_copy"}
    expect(len(copied) >= 4, f"{what}: {copied}")
    table = rows(text, "Allocated through HSA")
    for name, va, n in said_allocations(r.out)[0]:
        node = "node-2" if name.endswith("1") else "node-1"
        expect(any(int(x["address"], 16) == va and size(x["size"]) == n and x["pool"] == f"GPU {node} coarse"
                   for x in table), f"{name} {va:#x} on {node}:\n{text}")
    compare_ioctls(r.dir, 50)
    expect_no_loss(r.dir)

# Facts: hipMalloc carries PUBLIC where the CPU reaches VRAM, and not where it does not.
r = record("large-bar", workload("vector"), options=emulate("large-bar")).expect_status(0)
expect(0xf0000001 in allocation_flags(r), f"{sorted(map(hex, allocation_flags(r)))}")
r = record("small-bar", workload("vector")).expect_status(0)
expect(0xd0000001 in allocation_flags(r) and 0xf0000001 not in allocation_flags(r), "")

# Managed memory goes by the SVM ioctl, and every mapping is in the stream.
r = record("svm", workload("svm"), options=emulate("svm")).expect_status(0)
expect("ok: all results right" in r.out, r.out)
expect(re.search(r"^Shared virtual memory \(SVM\): [1-9]", report(r.dir), re.M), report(r.dir))
ranges = [e["fields"] for e in dump(r.dir) if e["event"] == "emu_pte" and not e["fields"]["handle"]]
expect(ranges and {e["op"] for e in ranges} == {1}, f"SVM ranges, mapped: {ranges}")
r = record("freed", workload("trouble"), "freed", options=emulate("svm"))
expect(r.status == -6, f"{r.status} {r.err}")
text = report(r.dir, 240)
expect(re.search(r"page fault in kernel store_null: global_store_dword, store of 4 bytes at address 0x\w+014, lane 0\n.*\n"
                 r" +in an SVM range \(shared virtual memory\), 0x\w+ \(64 MiB\), 33554452 bytes into it", text), text)
r = record("no-svm", workload("svm")).expect_status(0)
expect("managed memory: no" in r.out, r.out)

# HSA_OVERRIDE_GFX_VERSION: gfx1030's code runs where the chips agree.
env = {**os.environ, "HSA_OVERRIDE_GFX_VERSION": "10.3.0"}
r = record("plain", workload("override"), "plain", env=env).expect_status(0)
expect("ok: all results right" in r.out, r.out)
expect("The runtime takes it for gfx1030 (HSA_OVERRIDE_GFX_VERSION)" in report(r.dir), report(r.dir))
r = record("both", workload("cards"), options=emulate("gfx1010,gfx1030"), env=env)
expect("takes node-1 for gfx1030" in report(r.dir) and "node-2 for" not in report(r.dir), report(r.dir))
r = record("dot", workload("override"), "dot", env=env).expect_status(-6)
expect(re.search(r"illegal instruction in kernel .*dot.*: \.long 0x", report(r.dir, 200)), report(r.dir, 200))
r = record("dot-1030", workload("override"), "dot", options=emulate("gfx1030")).expect_status(0)
expect("ok: all results right" in r.out, r.out)
r = record("not-1010", workload("override"), "plain")
expect(r.status != 0, "gfx1030 code loaded on gfx1010 without the override")

# What is not right is said, with what would be.
for what, says in (("gfx900", "no such card: gfx900"), ("5", "1 to 4 cards"), ("kfd:1.7", "kfd:1.8 to kfd:1.23"),
                   ("kfd:2.9", "kfd:1.8 to"), ("kfd:1.9,kfd:1.10", "stands there already"),
                   ("fault:page", "fault:page@1 for the first"), ("fault:x@1", "no such fault: 'x'"),
                   ("fault:hang@0", "a number from 1 to"), ("fault:page@01", "a number from 1 to"), ("fault:page@4294967296", "a number from 1 to"),
                   ("fault:page@3,fault:trap@3", "dispatch 3 has a fault already"), ("2,3", "stands there already"),
                   ("svn", "none of gfxNNNN"), ("", "nothing stands"),
                   ("gfx1010,gfx1010,gfx1010,gfx1010,gfx1010", "at most 4 cards"),
                   ("2,gfx1030", "before their number"), ("gfx1010,gfx1030,1", "2 cards are named"),
                   (",", "nothing stands"), ("large-bar,", "ok")):
    run = sh(TOOL, f"--emulate={what}", "-q", "-o", os.path.join(T, "bad"), "--", "true")
    if says == "ok":
        expect(run.returncode == 0, run.stderr)
    else:
        expect(run.returncode == 2 and says in run.stderr, f"{what}: {run.returncode} {run.stderr}")

# What is executed is said for each card.
text = sh(TOOL, "--emulate=list").stdout
counts = dict(re.findall(r"^(gfx\d+): (\d+) executed / \d+ decoded$", text, re.M))
expect(set(counts) == set(CARDS) and int(counts["gfx1010"]) > 1000, f"{counts}")
expect(re.search(r"^v_dot2_f32_f16 +executed +gfx1011 gfx1012 gfx1030$", text, re.M), "v_dot2 is not gfx1010's")
with open(os.path.join(TOP, "README.md")) as f:
    readme = re.search(r"\((\d+) of gfx1010's (\d+)\s+instructions", f.read())
expect(readme and f"\ngfx1010: {readme[1]} executed / {readme[2]} decoded" in text, "README's count of instructions")
done("four cards of the family, BARs, SVM, gfx1030 code under the override")
