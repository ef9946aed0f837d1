#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tests/tools/hsa-dispatch: queues of every kind and in every condition work on the device, and every packet they
took is in the trace or counted as one that could not be read."""
import re

from rdna1 import *

DISPATCH = os.path.join(BUILD, "tests", "tools", "hsa-dispatch")
MODES = ("full", "producers", "busy", "soft", "cooperative", "settings", "bits", "signals", "direct", "times", "many")
if BUILD.endswith("/san"):  # ROCr 5.2.3 makes its soft queue with 56 bytes of aligned_alloc(64), which ASan ends
    MODES = tuple(m for m in MODES if m != "soft")
# What the device never finishes: behind a kernel that has no end.
UNFINISHED = {"busy": 11}
HOST = {"soft"}  # consumed by a thread of the program's


def recorded(events, queue):
    """Packets of a queue that were read at the doorbell, and those that were only counted."""
    read = sum(n in ("dispatch", "packet") and f["queue_id"] == queue for n, f in events)
    return read, sum(f["count"] for n, f in events if n == "queue_gap" and f["queue_id"] == queue)


def run(mode, program=DISPATCH):
    r = record(mode, program, mode).expect_status(0)
    expect(re.search(r"^ok: \d+ of \d+ checks$", r.out, re.M) and "WRONG" not in r.out, r.out + r.err)
    compare_ioctls(r.dir)
    expect_no_loss(r.dir)
    said = {int(q): (int(p), int(d)) for q, p, d in
            re.findall(r"^queue (\d+): (\d+) packets, (\d+) dispatches$", r.out, re.M)}
    expect(said or mode == "cooperative", r.out)
    events = [(e["event"], e["fields"]) for e in dump(r.dir)]
    kernel = int(re.search(r"^kernel (0x\w+)$", r.out, re.M)[1], 16)
    ran = sum(n == "emu_dispatch" and f["kernel_object"] == kernel for n, f in events)
    want = sum(d for _, d in said.values()) - UNFINISHED.get(mode, 0)
    expect(ran == want, f"{mode}: the device ran {ran} dispatches, not {want}\n{r.out}")
    for queue, (packets, _) in said.items():
        read, counted = recorded(events, queue)
        expect(mode in HOST or read + counted == packets,
               f"{mode}, queue {queue}: {packets} packets, {read} in the trace, {counted} counted")
        expect(mode != "direct" or counted == 50, f"50 doorbells past the runtime, {counted} counted")
    return r


def main():
    for mode in MODES:
        run(mode)
    done(f"{len(MODES)} kinds and conditions: every packet recorded or counted")


if __name__ == "__main__":
    main()
