#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""programs.py [--all] [--options | NAME=VALUE...]: programs of our own and of packages, each checking all of
its results against the CPU. As they are, also compiled for other waves, modes and optimisations; or under
options of the runtime's (all, or those named): what each changes must be in the trace. --all: every program."""
import functools
import re
import sys

from rdna1 import *

# What is run: a name, arguments, environment. Small enough for every check; ALL adds what is not.
PLAIN = {name: ((), {}) for name in (
    "reduce", "reduce-cumode", "atomics", "atomics-wave64", "scratch", "scratch-wave64", "print", "streams",
    "managed", "calls", "train", "sort", "sort-wave64", "sort-cumode", "sort-O3", "sort-renamed")}
PLAIN["gemm"] = (("--channels", "32", "--size", "20"), {})
PLAIN["opencl"] = ((workload("opencl.co"), "32"), {})
PLAIN["sparse"] = ((), {"HSA_OVERRIDE_GFX_VERSION": "10.3.0"})
MORE = {name: ((), {}) for name in (
    "reduce-O0", "scratch-O0", "sort-O0", "gemm", "gemm-cumode", "gemm-O3", "gemm-wave64", "vector", "half",
    "math", "mode", "waves", "conv2d")}
MORE["opencl wave64"] = ((workload("opencl-wave64.co"), "64"), {})

dumped = functools.lru_cache(None)(dump)


def fields(r, *names):
    return [e["fields"] for e in dumped(r.dir) if e["event"] in names]


def run(name, arguments, environment):
    r = record(f"{name.replace(' ', '-')}-{len(os.listdir(T))}", workload(name.split()[0]), *arguments,
               env={**os.environ, **environment}).expect_status(0)
    expect(re.search(r"^ok: .*\S$", r.out.rstrip().rsplit("\n", 1)[-1]), f"{name}:\n{r.out}{r.err}")
    compare_ioctls(r.dir)
    expect_no_loss(r.dir)
    return r


# ---- what single programs must show besides right results ----

def printed(r):
    """print.hip: every line of the device's, once, whole."""
    said = [line for line in r.out.splitlines() if not line.startswith(("hip", "ok:", "launched"))]
    want = [f"counted {i}" for i in range(40)]
    for i in range(192):
        if i % 3 == 0:
            want.append(f"item {i} of group {i // 64}: {-i} constant {0.125 * i:.3f} "
                        f"{0x123456789abcdef * i & (1 << 64) - 1:x} {chr(97 + i % 26)} %")
        elif i % 3 == 1:
            want.append(f"item {i}")
    want.append("a longer text, which takes more than one packet:" + " 0123456789" * 5 + " words of memory")
    expect(sorted(said) == sorted(want), f"printed {sorted(set(said) ^ set(want))[:5]}")


def dispatched(r):
    """(kernel, instructions) of every dispatch, in the order of its queue."""
    names = {f["kernel_object"]: f["name"] for f in fields(r, "kernel_symbol")}
    return [(names.get(f["kernel_object"]), f["instructions"]) for f in fields(r, "emu_dispatch")]


def renamed(runs):
    """Other symbols, another order in the code object: the same work, the same results."""
    ours = [[d for d in dispatched(runs[name]) if d[0] and not d[0].startswith("__amd")]
            for name in ("sort", "sort-renamed")]
    (names, work), (others, other_work) = ([list(x) for x in zip(*o)] for o in ours)
    expect(names and not set(names) & set(others), f"names {names[:3]} and {others[:3]}")
    expect(work == other_work, f"instructions {list(zip(work, other_work))}")
    order = [sorted({(f["va"], f["name"]) for f in symbols(runs[name])}) for name in ("sort", "sort-renamed")]
    first = {n: o for n, o in zip(names, others)}  # the same place of the program
    expect([first[n] for _, n in order[0]] == [n for _, n in order[1]][::-1],
           f"the order in the code object was to be the other way round: {order}")


def symbols(r):
    used = {n for n, _ in dispatched(r)}
    return [{"va": f["kernel_object"], "name": f["name"]} for f in fields(r, "kernel_symbol")
            if f["name"] in used and not f["name"].startswith("__amd")]


def digest(r):
    return re.search(r"^digest (\w+)$", r.out, re.M)[1]


def waves_of_64(narrow, wide):
    """The same work-items in half as many waves."""
    count = [sum(f["waves"] for f in fields(r, "emu_dispatch")) for r in (narrow, wide)]
    expect(count[1] < 0.75 * count[0], f"waves {count}")


def scratch_once(r):
    """Of scratch (VRAM that is not executable), more than ROCr keeps. What was for one dispatch is given back
    after it, so that a later one asks again, for less."""
    sizes = [f["size_bytes"] for f in vram(r) if not f["alloc_flags"] & EXECUTABLE]
    expect(max(sizes) > 140 << 20 and sizes != sorted(sizes), f"scratch: {sizes}")


VRAM, COHERENT, EXECUTABLE = 1 << 0, 1 << 26, 1 << 30


def vram(r):
    return [f for f in fields(r, "emu_pte") if f["op"] == 1 and f["alloc_flags"] & VRAM]


def plain(programs):
    runs, measured = {}, ""
    for name, (arguments, environment) in programs.items():
        r = runs[name] = run(name, arguments, environment)
        if name in ("atomics", "train"):  # no address of theirs is used twice
            expect_report_of_workload(r)
        if name == "gemm" and not arguments:
            seconds = [float(x) for x in re.findall(r"host waited ([\d.]+) s", r.out)]
            measured = f"; 64->64 channels 3x3 56x56: float {seconds[0]} s, half {seconds[1]} s"
    if "print" in runs:
        printed(runs["print"])
    if "sort-renamed" in runs:
        renamed(runs)
    if "sort-wave64" in runs:
        waves_of_64(runs["sort"], runs["sort-wave64"])
    if "scratch" in runs:
        scratch_once(runs["scratch"])
    digests = {digest(r) for name, r in runs.items() if name.startswith("sort")}
    expect(len(digests) <= 1, f"digests {digests}")
    if "sparse" in runs:
        text = report(runs["sparse"].dir)
        expect("takes it for gfx1030" in text, text)
    return f"{len(runs)} programs, all of their results right{measured}"


# ---- options of the runtime's: what each changes ----

def interrupts(r):
    """Calls of WAIT_EVENTS."""
    return sum(f["cmd"] & 0xff == 0x0c for f in fields(r, "emu_ioctl"))


def no_sdma(r, before):
    expect(not any(f["op"] == 1 for f in fields(r, "emu_copy")), "SDMA copies")


def sdma(r, before):
    expect(any(f["op"] == 1 for f in fields(r, "emu_copy")), "no SDMA copies")


def no_interrupts(r, before):
    expect(interrupts(r) < interrupts(before), f"{interrupts(r)} and {interrupts(before)} waits for events")


def no_fragments(r, before):
    """A hipMalloc is a buffer of its own, of its own size in pages."""
    sizes = [{f["size_bytes"] for f in vram(x)} for x in (r, before)]
    want = {(n + 4095) // 4096 * 4096 for _, _, n in said_allocations(r.out)[0]}
    expect(want and want <= sizes[0] and not want <= sizes[1], f"{want} in {sizes}")


def one_queue(r, before):
    count = [len(fields(x, "queue_create")) for x in (r, before)]
    expect(count[0] <= count[1], f"queues {count}")


def fine_grained(r, before):
    """facts of the driver's: fine-grained VRAM is COHERENT, its MTYPE UC (3 at bit 48)."""
    fine = [[f for f in vram(x) if f["alloc_flags"] & COHERENT] for x in (r, before)]
    expect(fine[0] and not fine[1], f"coherent VRAM: {fine}")
    expect(all(f["flags"] >> 48 & 7 == 3 for f in fine[0]), f"MTYPE: {fine[0]}")


def uncached(r, before):
    """SET_MEMORY_POLICY: the default is COHERENT (0), not NONCOHERENT (1); bytes 20 to 23 of its argument."""
    policy = [[f["arg"][40:48] for f in fields(x, "emu_ioctl") if f["cmd"] & 0xff == 0x04] for x in (r, before)]
    expect(policy == [["00000000"], ["01000000"]], f"policies {policy}")


OPTIONS = {
    "HSA_ENABLE_SDMA=0": ("managed", no_sdma),
    "HSA_ENABLE_SDMA=1": ("managed", sdma),
    "HSA_ENABLE_INTERRUPT=0": ("streams", no_interrupts),
    "HSA_DISABLE_FRAGMENT_ALLOCATOR=1": ("managed", no_fragments),
    "AMD_SERIALIZE_KERNEL=3": ("streams", None),
    "GPU_MAX_HW_QUEUES=1": ("streams", one_queue),
    "HSA_FORCE_FINE_GRAIN_PCIE=1": ("managed", fine_grained),
    "HSA_DISABLE_CACHE=1": ("managed", uncached),
}

# One stream waits in a kernel for what another writes in a later one: with every launch waited for, or both
# in one queue, that is for ever, on a card too.
NEVER = {"calls": ("AMD_SERIALIZE_KERNEL=3", "GPU_MAX_HW_QUEUES=1")}


@functools.lru_cache(None)
def without(name):
    return run(name, *PLAIN[name])


def with_option(option, names):
    variable, value = option.split("=")
    which, check = OPTIONS[option]
    for name in (n for n in names if option not in NEVER.get(n, ())):
        arguments, environment = PLAIN[name]
        r = run(name, arguments, {**environment, variable: value})
        if name == which and check:
            check(r, without(which))


def main():
    every = "--all" in sys.argv
    options = list(OPTIONS) if "--options" in sys.argv else [a for a in sys.argv[1:] if "=" in a]
    if not options:
        done(plain({**PLAIN, **MORE} if every else PLAIN))
        return
    for option in options:
        with_option(option, PLAIN if every else (OPTIONS[option][0],))
    done(f"{len(options)} options of the runtime's: right results, and what each changes")


main()
