#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""bench.py [PART...]: figures, each beside its peer, as ratios. Not a test: nothing here passes or fails."""
import glob
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "e2e"))
WORK = tempfile.mkdtemp(prefix="rdna1-bench.")
os.environ.setdefault("B", os.path.abspath("build"))
os.environ.update(RDNA1_TRACE=os.environ["B"] + "/rdna1-trace", T=WORK, TOP=os.getcwd())
from rdna1 import *  # noqa: E402
import agent_cost  # noqa: E402
import tracers  # noqa: E402

WANTED = sys.argv[1:]  # parts by name; none: all
WITHOUT_AGENT = ("env", "-u", "HSA_TOOLS_LIB")
REFUSE = {**os.environ, "LD_PRELOAD": os.path.join(BUILD, "tests/tools/preload_refuse.so"),
          "REFUSE": "sys_exit,sched_process_f,sched_process_e"}
number = 0


def run(*command, options=EMULATE, env=None):
    global number
    number += 1
    r = record(f"r{number}", *command, options=("-q", *options), env=env).expect_status(0)
    return r


def line(what, value, peer, ratio):
    print(f"  {what:<42} {value!s:>16}   {peer:<38} {ratio:>8}", flush=True)


def launch_latency():
    def one(*wrapper):
        return float(re.search(r"median ([\d.]+) us", run(*wrapper, workload("launch"), 2000).out)[1])

    pairs = [(one(), one(*WITHOUT_AGENT)) for _ in range(5)]
    ours, bare = (statistics.median(x) for x in zip(*pairs))
    line("launch and wait, recorded", f"{ours:.1f} us", f"without the agent {bare:.1f} us",
         f"{ours / bare:.2f}")


def launch_storm():
    def one(*wrapper):
        begin = time.monotonic()
        run(*wrapper, workload("storm"), "--threads", 1, "--launches", 20000)
        return time.monotonic() - begin

    pairs = [(one(), one(*WITHOUT_AGENT)) for _ in range(3)]
    ours, bare = (min(x) for x in zip(*pairs))
    line("20000 launches, recorded", f"{ours:.2f} s", f"without the agent {bare:.2f} s",
         f"{ours / bare:.2f}")


def doorbell():
    def one(*wrapper):
        out = run(*wrapper, f"{BUILD}/tests/tools/hsa-queues", "bell").out
        return [float(x) for x in re.findall(r"([\d.]+) ns", out)]

    pairs = [(one(), one(*WITHOUT_AGENT)) for _ in range(5)]
    for i, what in enumerate(("mean", "median", "p99", "p99.9")):
        ours, bare = (statistics.median(x[i] for x in side) for side in zip(*pairs))
        line(f"store to a doorbell, recorded, {what}", f"{ours:.0f} ns", f"without the agent {bare:.0f} ns",
             f"{ours / bare:.2f}")


TASKS = "/proc/[0-9]*/task/[0-9]*/comm"


def device_cpu_ns(process, before):
    """Time on a CPU of the device's threads that were not there `before`, until `process` ends."""
    spent = {}
    while process.poll() is None:
        for comm in set(glob.glob(TASKS)) - before:
            try:
                with open(comm) as f:
                    if not f.read().startswith(("emu-proc", "emu-help")):
                        continue
                with open(comm.replace("comm", "schedstat")) as f:
                    spent[comm] = int(f.read().split()[0])
            except OSError:
                pass
        time.sleep(0.01)
    return sum(spent.values())


def instruction_rate(*command):
    """Wave instructions per second of one core: executed, by the time the device's threads had a CPU."""
    global number
    number += 1
    directory = f"{WORK}/r{number}"
    before = set(glob.glob(TASKS))
    p = subprocess.Popen([TOOL, "-q", *EMULATE, "-o", directory, "--", *map(str, command)],
                         stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    spent = device_cpu_ns(p, before)
    return sum(e["fields"]["instructions"] for e in dump(directory) if e["event"] == "emu_dispatch") / spent * 1e9


def instructions():
    r = run(workload("conv2d"), "--repeat", 5)
    ms = min(e["fields"]["duration_ns"] for e in dump(r.dir) if e["event"] == "emu_dispatch"
             and e["fields"]["instructions"] > 100000) / 1e6
    cpu = float(re.match(r"([\d.]+)", sh(os.path.join(BUILD, "tests/bench/conv_cpu")).stdout)[1])
    rate = instruction_rate(workload("conv2d"), "--repeat", 60)
    line("1x3x44x44, 64 filters 3x3, emulated", f"{ms:.1f} ms", f"compiled for one CPU core {cpu:.2f} ms",
         f"{ms / cpu:.1f}")
    tiled = re.findall(r"^(\w+) 64->64 .* host waited ([\d.]+) s", run(workload("gemm")).out, re.M)
    for kind, seconds in tiled:
        line(f"64->64 3x3 56x56 tiled in LDS, {kind}", f"{float(seconds):.2f} s", "bound 5 s",
             f"{float(seconds) / 5:.2f}")
    line("emulated wave32 instructions, one core", f"{rate / 1e6:.1f} M/s", "bound 15 M/s, aim 50 M/s",
         f"{15e6 / rate:.2f}")


def idle():
    script = "import ctypes, time; hip = ctypes.CDLL('libamdhip64.so.5'); p = ctypes.c_void_p(); " \
             "hip.hipMalloc(ctypes.byref(p), 4096); hip.hipDeviceSynchronize(); import os; time.sleep(2); " \
             "a = os.times(); time.sleep(10); b = os.times(); " \
             "print(100 * (b.user - a.user + b.system - a.system) / (b.elapsed - a.elapsed))"
    percent = float(run(sys.executable, "-c", script).out)
    line("CPU of an initialised, idle process", f"{percent:.2f} %", "bound 1 %", f"{percent:.2f}")


def ioctls():
    def one(env):
        global number
        number += 1
        p = subprocess.Popen([TOOL, "-q", "--emulate", "-o", f"{WORK}/s{number}", "--",
                              f"{BUILD}/tests/tools/ioctl-storm", "1", "20000"], text=True, env=env,
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        p.stdout.readline()
        begin = time.monotonic()
        p.stdin.write("go\n")
        p.stdin.flush()
        p.stdout.readline()
        took = time.monotonic() - begin
        p.communicate("end\n")
        return took / 20000 * 1e6

    pairs = [(one(None), one(REFUSE)) for _ in range(3)]
    ours, bare = (min(x) for x in zip(*pairs))
    line("one emulated KFD ioctl, seen by eBPF", f"{ours:.1f} us", f"without eBPF {bare:.1f} us",
         f"{ours / bare:.2f}")


def cost_line(what, ours, theirs):
    """Two results of tracers.added. A figure of ours is void if a call is missing; a peer that misses some says so."""
    line(what, ours if ours.whole else "void", f"{theirs.name} {theirs}",
         "-" if not ours.whole or theirs.note or theirs.ns <= 0 else f"{ours.ns / theirs.ns:.2f}")


def ioctl_cost():
    """On a file that stands in for /dev/kfd and knows no ioctls: what is added to the call, to a little one too."""
    bare, (ours, *peers) = tracers.added("alloc", (tracers.Ours, tracers.Bpftrace, tracers.BpftraceCount,
                                                   tracers.Strace, tracers.Perf), f"{WORK}/cost")
    if not ours.whole:
        line("an ioctl of 40 bytes, recorded", "void", str(ours), "-")
        return
    line("an ioctl of 40 bytes, recorded", f"{bare + ours.ns:.0f} ns", f"untraced {bare:.0f} ns",
         f"{(bare + ours.ns) / bare:.2f}")
    for theirs in peers:
        cost_line("what recording adds to it", ours, theirs)
    for theirs in peers:
        if theirs.bytes_each > 1:
            line("its bytes in the trace", f"{ours.bytes_each:.0f}", f"{theirs.name} {theirs.bytes_each:.0f}",
                 f"{ours.bytes_each / theirs.bytes_each:.2f}")
    _, (ours, theirs) = tracers.added("version", (tracers.Ours, tracers.Bpftrace8), f"{WORK}/cost8")
    cost_line("what recording adds to one of 8 bytes", ours, theirs)


def others():
    """A process that is not traced pays, too, where ioctls are taken behind every system call."""
    bare, ours = tracers.beside(tracers.Ours, f"{WORK}/others")
    line("a getppid beside what is recorded", f"{ours:.0f} ns", f"nobody records {bare:.0f} ns", f"{ours / bare:.2f}")
    before, theirs = tracers.beside(tracers.Bpftrace, f"{WORK}/others")
    line("what recording adds to it", f"{ours - bare:.0f} ns", f"{tracers.Bpftrace.name} {theirs - before:.0f} ns",
         f"{(ours - bare) / (theirs - before):.2f}" if theirs > before else "-")


def trace_bytes():
    out = f"{WORK}/strace.txt"
    r = run("strace", "-f", "-ttt", "-X", "raw", "-e", "trace=ioctl", "-o", out, workload("conv2d"))
    every = [size for _, size in tracers.event_sizes(r.dir)]
    ours = [size for event, size in tracers.event_sizes(r.dir) if event == tracers.KFD_IOCTL]
    with open(out, errors="replace") as f:
        theirs = [len(text) for text in f if re.search(r"ioctl\(\d+, 0x[0-9a-f]{4}4b[0-9a-f]{2}\b", text)]
    line("bytes of one kernel event, conv2d", f"{statistics.mean(every):.0f}", f"{len(every)} events", "-")
    line(f"bytes of {len(ours)} KFD ioctls, conv2d", f"{sum(ours)}",
         f"strace, without the structs {sum(theirs)} ({len(theirs)})", f"{sum(ours) / sum(theirs):.2f}")


def kernel_side():
    if not ROOT:
        line("the kernel's side", "-", "needs root: sudo make bench", "-")
        return
    for part in (ioctl_cost, others, trace_bytes):
        try:
            part()
        except tracers.Refused as e:
            line(part.__name__, "-", f"does not run here: {e}", "-")


def reading():
    directory = f"{WORK}/every"
    sh(f"{BUILD}/tests/tools/every-event", directory, 2500)

    def one(*command):
        with open("/dev/null", "w") as null:
            begin = time.monotonic()
            subprocess.run(command, stdout=null, stderr=null, check=True)
            return time.monotonic() - begin

    n = len(dump(directory))
    ours = min(one(TOOL, "dump", directory) for _ in range(3))
    bt = min(one("babeltrace2", f"{directory}/ctf") for _ in range(3))
    line(f"{n} events as text", f"{ours:.2f} s", f"babeltrace2 {bt:.2f} s", f"{ours / bt:.2f}")


MIXES = ("launches", "random", "steady", "live", "driver", "mixed")


def model(events=10_000_000):
    """What the analysis makes of a long trace, by what it is full of; the peer only counts its events."""
    tool = f"{BUILD}/tests/bench/model_events"
    for mix in MIXES:
        directory = f"{WORK}/model"
        sh(tool, "write", directory, events, mix)
        runs = [re.match(r"(\d+) events, ([\d.]+) s .* peak (\d+) MiB", sh(tool, "read", directory).stdout)
                for _ in range(3)]
        seconds = min(float(m[2]) for m in runs)
        begin = os.times()
        subprocess.run(["babeltrace2", f"{directory}/ctf", "--component=sink.utils.counter"], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = os.times()
        theirs = end.children_user + end.children_system - begin.children_user - begin.children_system
        line(f"{mix}, {events / 1e6:.0f} M events, one core", f"{int(runs[0][1]) / seconds / 1e6:.1f} M/s",
             f"babeltrace2 counts {events / theirs / 1e6:.2f} M/s", f"{seconds / theirs:.2f}")
        line("  memory at most", f"{runs[0][3]} MiB", "bound 300 MiB", f"{int(runs[0][3]) / 300:.2f}")
        subprocess.run(["rm", "-rf", directory], check=True)


def agent():
    agent_cost.agent(line)


def main():
    print("rdna1-trace bench: ratio = this / peer, less is better")
    for part in (launch_latency, launch_storm, doorbell, agent, instructions, idle, ioctls, kernel_side, reading, model):
        if not WANTED or part.__name__ in WANTED:
            part()


try:
    main()
finally:
    subprocess.run(["rm", "-rf", WORK], check=True)
