#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""agent.py TARGET: what the agent does when it is asked to, with MIOpen: results and stream stay right (witness.py
compares them), and what each option adds is there."""
from rocm6 import *

target, = sys.argv[1:]
env = miopen_env(target)
COMPILING, STUCK = 3, 5
OWN_SIGNAL, AGENTS_SIGNAL = 1, 2


def run(mode, *options):
    """One run of miopen, which finds the compiled kernels of those before it, and not what they have found."""
    name = mode + "".join(options)
    shutil.rmtree(os.path.join(env["HOME"], ".config/miopen"), ignore_errors=True)
    r = record(name, os.path.join(BUILD, "miopen"), mode, options=("--emulate", *options), env=env, timeout=300)
    expect(r.status == 0 and r.out.rstrip().endswith(" 0 outputs wrong"), f"{name}: status {r.status}\n{r.out}\n{r.err}")
    text = report(r.dir)
    expect("\nFaults: none\n" in text and "HANG" not in r.err, text)
    expect_no_loss(r.dir)
    return r, expect_agent_right(r.dir)


# ---- the watchdog: MIOpen compiles, searches and loads libraries, and nothing of that is a hang ----
r, w = run("find", "--watchdog=2", "--callsite")
watch = w.all("watch")
expect(COMPILING in {s["state"] for s in watch} and STUCK not in {s["state"] for s in watch}, f"{watch}")

# ---- call sites: who allocates behind HIP, MIOpen and rocBLAS ----
program = os.path.join(BUILD, "miopen")
sites = {s["id"]: s for s in w.all("call_site")}
modules = [(m["base"], m["base"] + m["size_bytes"], m["path"]) for m in w.all("module")]


def module_of(address):
    return next((path for lo, hi, path in modules if lo <= address < hi), None)


of_program, behind = set(), 0
for a in w.all("pool_alloc_ok"):
    site = sites[a["site"]]
    expect(site["searched"] == 1, f"{site}")
    if module_of(site["addr"]) == program:
        of_program.add(site["addr"])
        expect("libamdhip64" in module_of(site["caller"]), f"{site} {modules}")
    else:
        behind += 1
# hipMalloc of buffer's constructor and of convolve(); what miopenCreate() and the first launch make the runtimes allocate.
expect(len(of_program) >= 3, f"allocations of {len(of_program)} lines: {sites} {modules}")

# ---- sizes that only metadata has: Tensile's assembly ----
from_metadata = [d for d in w.dispatches if d["name"].startswith("Cijk_") and not d["symbol"]["kernarg_bytes"]]
expect(bool(from_metadata) == (target == "gfx1030"), f"{len(from_metadata)} dispatches")
# By that, none of its arguments is a pointer: AddressA and the like are 8 bytes by value.
expect(all(len(d["kernarg"]) > 64 and not d["pointers"] for d in from_metadata), f"{from_metadata[:1]}")
kernels = {d["name"] for d in w.dispatches}
expect({"naive_conv", "Im2d2C", "Cijk_"} <= {k[:n] for k in kernels for n in (5, 6, 10)}, f"{kernels}")

# ---- times of all dispatches ----
r, w = run("find", "--timing=all")
times = {}
for t in w.all("dispatch_time"):
    key = t["queue_id"], t["index"]
    expect(key not in times and t["start"] < t["end"], f"{t} {times.get(key)}")
    times[key] = t
dispatched = {(d["queue_id"], d["index"]): d for d in w.dispatches}
expect(set(times) <= set(dispatched), f"times of no dispatch: {set(times) - set(dispatched)}")
expect(set(times) == set(dispatched), f"not timed: {[d for k, d in dispatched.items() if k not in times][:3]}")
by = {t["signal"] for t in times.values()}
expect(by == {OWN_SIGNAL, AGENTS_SIGNAL}, f"times by {by}")
for key, d in dispatched.items():
    # MIOpen measures what it searches through by events of HIP, whose signals are in the packets.
    expect(bool(d["signal"]) == (times[key]["signal"] == OWN_SIGNAL), f"{d} {times[key]}")

# ---- the intercept queue ----
r, i = run("find", "--dispatch=intercept")
made = [q for q in i.queues if q["made_by"] == 1]
expect(made and {q["read_at"] for q in made} == {2}, f"{made}")
done(f"{len(sites)} sites, {len(of_program)} of the program; {len(times)} of {len(dispatched)} dispatches timed")
