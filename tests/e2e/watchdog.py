#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the watchdog calls a hang, and what it does not; what is done about one.

watchdog.py [SECONDS [all]]   how long the patient programs take (5); all of them
"""
import signal

from rdna1 import *

SECONDS = sys.argv[1] if len(sys.argv) > 1 else "5"
ALL = "all" in sys.argv[2:]
CONV, PATIENCE = workload("conv2d"), workload("patience")
WAITING, COMPILING, RUNNING, STUCK = 2, 3, 4, 5


def run(name, *command, bound=1, options=()):
    r = record(name, *command, options=("--emulate", f"--watchdog={bound}", *options))
    events = dump(r.dir)
    return r, {k: [e["fields"] for e in events if e["event"] == k]
               for k in ("hang", "watch", "queue_state", "recent_dispatch", "process_signal", "kernel_symbol")}


def check_hang(r, ev, signo):
    expect(len(ev["hang"]) == 1, f"{ev['hang']}")
    h = ev["hang"][0]
    kernels = {k["kernel_object"]: k["name"] for k in ev["kernel_symbol"]}
    expect(kernels.get(h["kernel_object"]) == "conv2d_hang", f"{h} {kernels}")
    expect(h["bound_ns"] <= h["elapsed_ns"] <= h["bound_ns"] + 10**9, f"found after {h['elapsed_ns']} ns, {h}")
    expect(h["signo"] == signo and h["index"] == 0, f"{h}")
    # The evidence: where the queue stood, the dispatch with its arguments.
    states = [s for s in ev["queue_state"] if s["reason"] == 4 and s["queue_id"] == h["queue_id"]]
    expect(len(states) == 1 and states[0]["write_index"] == h["write_index"], f"{ev['queue_state']}")
    again = [d for d in ev["recent_dispatch"] if d["queue_id"] == h["queue_id"] and d["index"] == h["index"]]
    expect(again and len(bytes.fromhex(again[0]["kernarg"])) == 16 and again[0]["done"] != 1, f"{again}")
    expect(f"HANG: queue {h['queue_id']} has made no progress for " in r.err and "kernel conv2d_hang" in r.err, r.err)


# ---- a hang, and its end: abort, a signal the application has no handler for, none ----
r, ev = run("abort", CONV, "--fault", "hang", options=("--on-hang=abort",))
expect(r.status == -signal.SIGABRT, f"{r.status}")
check_hang(r, ev, signal.SIGABRT)
expect([s["signo"] for s in ev["process_signal"]] == [signal.SIGABRT], f"{ev['process_signal']}")
if ALL:  # only reported: it runs until somebody ends it
    r, ev = run("report", "timeout", "-s", "KILL", "20", CONV, "--fault", "hang")
    expect(r.status in (137, -9), f"{r.status}")
    check_hang(r, ev, 0)
r, ev = run("signal", CONV, "--fault", "hang", options=(f"--on-hang=signal:{int(signal.SIGUSR1)}",))
expect(r.status == -signal.SIGUSR1, f"{r.status}")
check_hang(r, ev, signal.SIGUSR1)
# An application that ignores SIGABRT is ended all the same.
r, ev = run("ignored", sys.executable, "-c", "import signal, os, sys; signal.signal(signal.SIGABRT, signal.SIG_IGN); "
            "os.execv(sys.argv[1], sys.argv[1:])", CONV, "--fault", "hang", options=("--on-hang=abort",))
expect(r.status == -signal.SIGABRT, f"{r.status}")
check_hang(r, ev, signal.SIGABRT)
# ---- with many more behind it: named is the one that the device is at, by what the ring has of it ----
for options, index in ((), 3), (("--timing=all",), 3):
    r = record("deep" + "".join(options), CONV, "--size", "6", "--repeat", "60",
               options=("--emulate=fault:hang@6", "--watchdog=1", "--on-hang=abort", *options))
    expect(r.status == -signal.SIGABRT, f"{r.status}")
    events = dump(r.dir)
    hangs = [e["fields"] for e in events if e["event"] == "hang"]
    fault = [e["fields"] for e in events if e["event"] == "emu_fault"]
    expect(len(hangs) == 1 and len(fault) == 1 and hangs[0]["index"] == fault[0]["index"] and
           hangs[0]["write_index"] - hangs[0]["index"] > 32, f"{hangs} {fault}")
    recent = [e["fields"] for e in events if e["event"] == "recent_dispatch" and e["fields"]["queue_id"] == hangs[0]["queue_id"]
              and e["fields"]["index"] == hangs[0]["index"]]
    sent = [e["fields"] for e in events if e["event"] == "dispatch" and e["fields"]["queue_id"] == hangs[0]["queue_id"]
            and e["fields"]["index"] == hangs[0]["index"]]
    expect(recent and len(sent) == 1 and recent[0]["kernarg"] == sent[0]["kernarg"] and recent[0]["packet"][8:] == sent[0]["packet"][8:112]
           + recent[0]["packet"][112:] and recent[0]["pointers"] == sent[0]["pointers"], f"{recent} {sent}")
# ---- where the runtime passes the packets on ----
r, ev = run("intercept", CONV, "--fault", "hang", options=("--on-hang=abort", "--dispatch=intercept"))
expect(r.status == -signal.SIGABRT, f"{r.status}")
check_hang(r, ev, signal.SIGABRT)
# ---- the first process of a container is deaf to the signals it sends itself ----
if os.geteuid() == 0:
    r = record("first", "timeout", "60", "unshare", "-pf", "--mount-proc", CONV, "--fault", "hang",
               options=("--emulate", "--watchdog=1", "--on-hang=abort"))
    expect(r.status != 124 and "HANG: queue " in r.err, f"{r.status} {r.err}")
# ---- no hang ----
for mode, states in (("callback", {WAITING}), ("kernel", {RUNNING}), ("compile", {COMPILING}), ("host", {WAITING}),
                     ("spin", {WAITING}), ("barrier", {WAITING}), ("idle", set()))[:None if ALL else 3]:
    # A kernel's history counts up to 30 times the bound; beside other work it takes longer than it is made for.
    r, ev = run(mode, PATIENCE, mode, SECONDS, bound=max(1, int(SECONDS) // 10))
    expect(r.status == 0 and f"patience {mode} ok" in r.out, f"{mode}: {r.status} {r.out} {r.err}")
    expect(not ev["hang"] and "HANG" not in r.err, f"{mode}: {ev['hang']}")
    seen = {w["state"] for w in ev["watch"]}
    expect(STUCK not in seen and states <= seen, f"{mode}: states {seen} of {ev['watch']}")

# ---- none at all ----
r = record("off", "timeout", "-s", "KILL", "5", CONV, "--fault", "hang", options=("--emulate", "--watchdog=0"))
expect(not [e for e in dump(r.dir) if e["event"] in ("hang", "watch")], "watchdog=0")
done("a hang is named with its kernel and ended as asked; host waits, long kernels and compilers are none")
