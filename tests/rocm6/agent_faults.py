#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the agent writes when this ROCr ends a program: the error by the way that it tells it, the last dispatches
with their arguments, what is near the address. And a hang, which ROCr does not see."""
import struct

from rocm6 import *
from witness import Witness

CONV = workload("conv2d")
QUEUE_ERROR, MEMORY_FAULT, SIGNAL, HANG = 1, 2, 3, 4  # enum ev_evidence
INSIDE, NOTHING, FREED = 1, 3, 4
ENDED, NOT_ENDED = 1, 2
PAGE_NOT_PRESENT = 1
# What ROCr tells: a memory event, or a status to the queue's callback; what the last dispatch's pointers are.
FAULTS = {"oob": (MEMORY_FAULT, PAGE_NOT_PRESENT, {INSIDE, NOTHING}), "uaf": (MEMORY_FAULT, PAGE_NOT_PRESENT, {INSIDE, FREED}),
          "aperture": (QUEUE_ERROR, 0x29, {INSIDE, NOTHING}), "illegal": (QUEUE_ERROR, 0x2a, {INSIDE}),
          "trap": (QUEUE_ERROR, 0x1016, {INSIDE})}


def run(fault, *options):
    r = record(fault, CONV, "--fault", fault, options=("--emulate", *options))
    expect(r.status == -signal.SIGABRT, f"{fault}: {r.status}\n{r.out}\n{r.err}")
    compare_ctf(r.dir)
    expect_no_loss(r.dir)
    return r, Witness(r.dir)


def check_evidence(w, reason):
    """-> the last dispatch. It and those before it are there again, as they were, once for each reason."""
    last = w.dispatches[-1]
    kernel = re.search(r"^launched (\S+) ", r.out, re.M)[1]
    expect(last["name"] == kernel, f"{last['name']}, launched: {kernel}")
    states = [f for f in w.all("queue_state") if f["queue_id"] == last["queue_id"]]
    expect([s["reason"] for s in states] == [reason, SIGNAL], f"{states}")
    for s in states:
        expect(s["read_index"] in (last["index"], last["index"] + 1) and s["write_index"] >= s["read_index"] and
               last["index"] < s["recorded"] <= s["write_index"], f"{s} {last}")
    packets = {d["index"]: d for d in w.dispatches if d["queue_id"] == last["queue_id"]}
    again = [f for f in w.all("recent_dispatch") if f["queue_id"] == last["queue_id"] and f["index"] in packets]
    expect(len(again) == len(states) * len(packets), f"{len(again)} of {len(packets)}")
    for f in again:
        d = packets[f["index"]]
        expect(f["packet"] == d["packet"] and bytes.fromhex(f["kernarg"]) == d["kernarg"][:256] and
               list(struct.iter_unpack("<HBBQQ", bytes.fromhex(f["pointers"]))) == d["pointers"], f"{f} {d}")
        # Without a signal of its own it cannot be known; those before were waited for by barriers that have one.
        expect(f["done"] != (ENDED if d is last else NOT_ENDED), f"{f}")
    signals = w.all("process_signal")
    expect([(s["signo"], s["handled"]) for s in signals] == [(signal.SIGABRT, 0)], f"{signals}")
    return last


for fault, (reason, code, states) in FAULTS.items():
    r, w = run(fault)
    last = check_evidence(w, reason)
    device, = w.all("emu_fault")
    expect((device["kernel_object"], device["index"]) == (last["kernel_object"], last["index"]), f"{device} {last}")
    expect({p[1] for p in last["pointers"]} == states, f"{fault}: {last['pointers']}")
    if reason == QUEUE_ERROR:
        error, = w.all("queue_error")
        expect((error["status"], error["queue_id"]) == (code, last["queue_id"]) and not w.all("mem_fault"), f"{error}")
        continue
    told, = w.all("mem_fault")
    address = device["va"] & ~4095
    expect((told["reason"], told["va"]) == (code, address) and not w.all("queue_error"), f"{told} {device}")
    said = re.search(r"^fault \S+: address \S+ buffer (0x[0-9a-f]+) \((\d+) bytes", r.out, re.M)
    near = {(n["va"], n["size_bytes"]): n for n in w.all("near_alloc")}
    n = near.get((int(said[1], 16), int(said[2])))
    expect(n and n["fault_va"] == address, f"{said[0]}: {near}")
    beyond = address - n["va"] - n["size_bytes"]
    expect(n["distance_bytes"] == (beyond if fault == "oob" else 0) and bool(n["freed_ns"]) == (fault == "uaf"), f"{n}")

r, w = run("hang", "--watchdog=1", "--on-hang=abort")
last = check_evidence(w, HANG)
hang, = w.all("hang")
expect((hang["kernel_object"], hang["index"], hang["signo"]) == (last["kernel_object"], last["index"], signal.SIGABRT),
       f"{hang} {last}")
expect(hang["elapsed_ns"] <= hang["bound_ns"] + 10**9, f"{hang}")
expect(f"HANG: queue {last['queue_id']} has made no progress for " in r.err and "kernel conv2d_hang;" in r.err, r.err)
done(f"{len(FAULTS)} faults and a hang (bound {hang['bound_ns'] / 1e9:.0f} s), each with its kernel, arguments and memory")
