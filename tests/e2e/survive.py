#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Ways for an application to end, or to go on: with the agent each is what it is without, and the trace says so."""
import signal

from rdna1 import *

PROGRAM = os.path.join(BUILD, "tests/tools/hsa-survive")
MODES = sh(PROGRAM).stdout.split()
expect(len(MODES) >= 17, f"{MODES}")
LIMIT = "ulimit -c 0; exec \"$@\""


def run(name, mode, *options):
    # Without the agent: HSA_TOOLS_LIB is emptied behind the launcher, which still brings the device.
    env = ["env", "HSA_TOOLS_LIB="] if "without" in options else []
    more = [o for o in options if o.startswith("--")]
    r = record(name, "sh", "-c", LIMIT, "sh", *env, PROGRAM, mode, options=("--emulate", *more))
    return r, [(e["event"], e["fields"]) for e in dump(r.dir)]


SIGNALS = {"segv": signal.SIGSEGV, "bus": signal.SIGBUS, "abort": signal.SIGABRT, "handled": signal.SIGSEGV,
           "handled-abort": signal.SIGABRT, "stack": signal.SIGSEGV, "unloaded": signal.SIGSEGV}
# What is timed and watched ends, begins again and forks like the rest.
for mode in ("many-inits", "threads", "forks", "cancelled", "exec", "unloaded"):
    r, _ = run(mode + ".timed", mode, "--timing=all", "--watchdog=1")
    without, _ = run(mode + ".untimed", mode, "without")
    expect((r.status, r.out) == (without.status, without.out), f"{mode}: {r.status}, {without.status}\n{r.out}\n{r.err}")
    expect(sh(TOOL, "report", r.dir).returncode == 0, mode)
for mode in MODES:
    without, _ = run(mode + ".without", mode, "without")
    r, events = run(mode, mode, *(["--callsite"] if mode == "constructor" else []))
    expect((r.status, r.out) == (without.status, without.out),
           f"{mode}: {r.status}, without the agent {without.status}\n{r.out}\n--- without\n{without.out}\n{r.err}")
    if mode != "forks":  # half a minute
        compare_ctf(r.dir)
    names = [n for n, _ in events]
    expect(names.count("agent_start") >= 1 and (mode == "library" or names.count("pool_alloc_ok") >= 3), f"{mode}: {set(names)}")
    caught = [f for n, f in events if n == "process_signal"]
    if mode in SIGNALS:
        expect(len(caught) == 1 and caught[0]["signo"] == SIGNALS[mode], f"{mode}: {caught}")
        expect(caught[0]["handled"] == (mode.startswith("handled") or mode == "unloaded") and caught[0]["pc"], f"{mode}: {caught}")
    elif mode == "resethand":
        expect([(c["signo"], c["handled"]) for c in caught] == [(signal.SIGSEGV, 1), (signal.SIGSEGV, 0)], f"{mode}: {caught}")
    elif mode == "two":
        expect(len(caught) == 2 and all(c["signo"] == signal.SIGSEGV and c["handled"] for c in caught), f"{mode}: {caught}")
    elif mode == "recovered-before":
        expect(len(caught) == 16 and all(c["handled"] for c in caught), f"{mode}: {len(caught)}")
    else:  # with a handler from after hsa_init the agent is not asked
        expect(not caught, f"{mode}: {caught}")
    lost = {f["cause"]: f["count"] for n, f in events if n == "loss" and f["count"]}
    if mode == "jumped":
        expect(names.count("pool_alloc_ok") >= 3 + 50,  # until a call is made from no deeper than the one that was left
                f"{mode}: {names.count('pool_alloc_ok')}")
    if mode == "keys":
        freed = names.count("pool_free")
        expect(freed == 3 + 200 and len(os.listdir(f"{r.dir}/ctf")) < 300, f"{mode}: {freed}, {os.listdir(r.dir + '/ctf')}")
    if mode in ("fork", "raw-clone"):
        expect(set(lost) == {8}, f"{mode}: the child's calls are counted as such: {lost}")
    elif mode == "threads":
        allocated = names.count("pool_alloc_ok")
        expect(allocated == 3 + 1200 * 2 and not lost, f"{allocated} {lost}")
    elif mode not in ("clone-vm", "forks"):
        expect(not lost, f"{mode}: {lost}")
    expect(sh(TOOL, "report", r.dir).returncode == 0, mode)
done(f"{len(MODES)} ways")
