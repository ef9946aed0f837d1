#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the agent does when it is asked to: timing, callsite, code-objects, dispatch; and what each leaves alone."""
import struct

from rdna1 import *

CONV = workload("conv2d")
DEFAULT = [f"{CONV}", "--repeat", "4", "--size", "12"]


def run(name, *options, command=DEFAULT, emulate="--emulate"):
    r = record(name, *command, options=(emulate, *options)).expect_status(0)
    compare_ctf(r.dir)
    expect_no_loss(r.dir)
    return r, [(e["event"], e["fields"], e["time_ns"] if "time_ns" in e else 0) for e in dump(r.dir)]


def all_of(events, name):
    return [f for n, f, _ in events if n == name]


_, plain = run("plain")
expect(len(all_of(plain, "dispatch")) == 4 and not all_of(plain, "dispatch_time"), "timing is off by default")

# ---- timing ----
for name, option, wanted in (("all", "all", 4), ("sampled", "sampled:2", 2)):
    r, events = run("timing-" + name, f"--timing={option}")
    times = all_of(events, "dispatch_time")
    expect(len(times) == wanted and all(t["start"] < t["end"] for t in times), f"{option}: {times}")
    expect(len({(t["queue_id"], t["index"]) for t in times}) == wanted, f"{option}: {times}")
    expect(all(d["packet"][-16:] == p["packet"][-16:] for d, p in zip(all_of(events, "dispatch"), all_of(plain, "dispatch"))),
           "the packets recorded are the application's own")
    clock = all_of(events, "hsa_clock")
    expect(len(clock) == 1 and clock[0]["frequency_hz"] > 0 and clock[0]["ticks"] < min(t["start"] for t in times), f"{clock}")
    # One after the other, as their barrier bits say.
    ordered = sorted(times, key=lambda t: t["index"])
    expect(all(a["end"] <= b["start"] for a, b in zip(ordered, ordered[1:])), f"{ordered}")
# Many behind each other, with the watchdog looking at them as they wait.
r, events = run("timing-waiting", "--timing=all", "--watchdog=1", command=[CONV, "--size", "24", "--repeat", "60"])
expect(len(all_of(events, "dispatch_time")) == len(all_of(events, "dispatch")) == 60, f"{len(all_of(events, 'dispatch_time'))} times")
# Of dispatches that had a signal of their own, and were waited for one by one, that is read, and given back.
r, events = run("timing-own", "--timing=all", command=[os.path.join(BUILD, "tests/tools/hsa-dispatch"), "times"])
times = all_of(events, "dispatch_time")
expect(len(times) >= 50 and {t["signal"] for t in times} == {1}, f"{len(times)} {times[:3]}")
expect(all(int(n) < 3 for n in re.findall(r"(\d+) Signals leaked", r.err)), r.err)  # the program's own

# Queues of every kind, several producers among them, are none the worse for it.
for mode in ("producers", "many", "bits", "full", "busy", "soft", "direct"):
    if mode == "soft" and BUILD.endswith("/san"):  # see hsa_dispatch.py
        continue
    r = record("timing-" + mode, os.path.join(BUILD, "tests/tools/hsa-dispatch"), mode,
               options=("--emulate", "--timing=all", "--watchdog=1")).expect_status(0)
    expect(re.search(r"^ok: ", r.out, re.M), f"{mode}: {r.out}{r.err}")

# ---- call sites ----
r, events = run("callsite", "--callsite")
sites = {s["id"]: s for s in all_of(events, "call_site")}
modules = [(m["base"], m["base"] + m["size_bytes"], m["path"]) for m in all_of(events, "module")]
mine = [a for a in all_of(events, "pool_alloc_ok") if any(
    lo <= sites[a["site"]]["addr"] < hi and path == CONV for lo, hi, path in modules)]
# A sanitizer's library is the first caller there.
expect(BUILD.endswith("/san") or len(mine) >= 3 and all(sites[a["site"]]["searched"] for a in mine), f"{sites} {modules}")
expect(BUILD.endswith("/san") or len({sites[a["site"]]["addr"] for a in mine}) >= 3, f"each hipMalloc has its own line: {sites}")
expect({s["searched"] for s in all_of(plain, "call_site")} == {0}, "without it: the caller")

# ---- code objects ----
for option, number in (("used", 1), ("all", 2), ("off", 0)):
    r, events = run("code-" + option, f"--code-objects={option}")
    directory = os.path.join(r.dir, "code-objects")
    stored = os.listdir(directory) if os.path.isdir(directory) else []
    expect(len(stored) == number, f"{option}: {stored}")
    infos = all_of(events, "code_object_info")
    expect(len(infos) == 2 and {i["stored"] for i in infos} == {{"used": 5, "all": 1, "off": 2}[option]}, f"{infos}")
    expect(all("clang" in i["compiler"] and i["target"].startswith("amdgcn-amd-amdhsa--gfx1010") for i in infos), f"{infos}")

# ---- the intercept queue ----
r, events = run("intercept", "--dispatch=intercept")
made = [q for q in all_of(events, "queue_create") if q["made_by"] == 1]
expect(made and {q["read_at"] for q in made} == {2}, f"{made}")
same = [(d["queue_id"], d["index"], d["packet"][:64]) for d in all_of(events, "dispatch")]
expect(same == [(d["queue_id"], d["index"], d["packet"][:64]) for d in all_of(plain, "dispatch")], f"{same}")
text = report(r.dir)
expect("\nFaults: none\n" in text and "not finished" not in text, text)

r, events = run("intercept-timing", "--dispatch=intercept", "--timing=all")
times = all_of(events, "dispatch_time")
expect(len(times) == 4 and all(t["start"] < t["end"] and t["signal"] == 2 for t in times), f"{times}")
expect(all(d["packet"][-16:] == p["packet"][-16:] for d, p in zip(all_of(events, "dispatch"), all_of(plain, "dispatch"))),
       "the packets recorded are the application's own")

# ---- pointers: where each argument points ----
expect(all(d["pointers"] for d in all_of(plain, "dispatch")), f"{all_of(plain, 'dispatch')[0]}")
POINTER = "<HBBQQ"  # struct ev_pointer


def pointers(d):
    raw = bytes.fromhex(d["pointers"]) if not isinstance(d["pointers"], bytes) else d["pointers"]
    return [struct.unpack_from(POINTER, raw, i) for i in range(0, len(raw), 20)]


INSIDE, NOTHING, FREED, PAST_END = 1, 3, 4, 5
buffers = {a["va"]: a["size_bytes"] for a in all_of(plain, "pool_alloc_ok")}
for d in all_of(plain, "dispatch"):
    found = pointers(d)
    expect([p[0] for p in found] == [0, 8, 16] and all(p[1] == INSIDE and buffers[p[3]] == p[4] for p in found), f"{found}")
for fault, state in (("uaf", FREED), ("aperture", NOTHING)):
    r = record("pointer-" + fault, CONV, "--fault", fault, options=("--emulate",))
    expect(r.status != 0, r.out)
    last = [e["fields"] for e in dump(r.dir) if e["event"] == "dispatch"][-1]
    expect(state in [p[1] for p in pointers(last)], f"{fault}: {pointers(last)}")
    # Evidence: the dispatch again, with what is near the address.
    events = [(e["event"], e["fields"]) for e in dump(r.dir)]
    expect([f for n, f in events if n == "queue_state" and f["reason"] in (1, 2)], f"{fault}: no evidence")
    again = [f for n, f in events if n == "recent_dispatch"]
    expect(any(f["packet"] == last["packet"] for f in again), f"{fault}: {again}")
    if fault == "uaf":
        near = [f for n, f in events if n == "near_alloc"]
        expect([f for f in near if f["freed_ns"] and not f["distance_bytes"]], f"{near}")
done("timing, callsite, code-objects, dispatch, pointers, evidence")
