# SPDX-License-Identifier: MIT
"""Who can record a process's ioctls: the recorder and its peers, each attached to the same loop of calls."""
import os
import re
import signal
import statistics
import struct
import subprocess
import time

BUILD = os.environ["B"]
PROGRAM = f"{BUILD}/tests/bench/ioctl_cost"
SECONDS = 30
# tracefs is not mounted everywhere; in a mount namespace of its own it is nobody else's.
TRACEFS = ("unshare", "-m", "sh", "-c", "mountpoint -q /sys/kernel/tracing || "
           "mount -t tracefs tracefs /sys/kernel/tracing; exec \"$@\"", "sh")


def event_id(name):
    with open("bpf/events.def") as f:
        return int(re.search(rf"^EVENT\({name}, (\d+),", f.read(), re.M)[1])


KFD_IOCTL = event_id("kfd_ioctl")


class Refused(Exception):
    """A tracer does not run here; why."""


class Calls:
    """A process that makes a call when it is told to; bursts, so that no tracer's buffer decides."""
    def __init__(self, kind, bursts=15, calls=2000):
        self.p = subprocess.Popen([PROGRAM, kind, str(bursts), str(calls)], text=True, stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE)
        self.pid, self.fd = self.p.stdout.readline().split()
        self.each = bursts * calls

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.p.communicate()

    def ns(self):
        """Of one call; the median burst's."""
        self.p.stdin.write("go\n")
        self.p.stdin.flush()
        return float(self.p.stdout.readline())


class Tracer:
    """Attached to a process's ioctls within `with`. Afterwards: how many it recorded, and in how many bytes."""
    name = None

    def __init__(self, target, directory):
        self.target, self.out = target, os.path.join(directory, "out")
        self.recorded = self.bytes = None
        os.makedirs(directory, exist_ok=True)

    def __enter__(self):
        open(self.out, "w").close()
        with open(self.out + ".err", "w") as err:
            self.p = subprocess.Popen(self.arguments(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=err,
                                      text=True)
        end = time.monotonic() + SECONDS
        while not self.ready():
            if self.p.poll() is not None or time.monotonic() > end:
                self.p.kill()
                self.p.communicate()
                with open(self.out + ".err") as err:
                    raise Refused((err.read().splitlines() or [f"not ready after {SECONDS} s"])[-1])
            time.sleep(0.05)
        return self

    def __exit__(self, *_):
        self.end()

    def end(self):
        """When it has written what it has, as far as that goes out by itself."""
        size = -1
        while size != os.path.getsize(self.out):
            size = os.path.getsize(self.out)
            time.sleep(0.5)
        # bpftrace overlooks a signal that comes between its events.
        while self.p.poll() is None:
            self.p.send_signal(signal.SIGINT)
            try:
                self.p.wait(2)
            except subprocess.TimeoutExpired:
                pass
        self.p.communicate()
        with open(self.out, errors="replace") as f:
            text = f.read()
        self.recorded, self.bytes = self.count(text), len(text)

    def count(self, text):
        return len(re.findall(r"\bioctl\(", text))


class Ours(Tracer):
    name = "recorded"

    def arguments(self):
        self.dir = os.path.dirname(self.out) + "/trace"
        subprocess.run(["rm", "-rf", self.dir], check=True)
        os.makedirs(self.dir)
        return PROGRAM, "record", self.target.pid, self.target.fd, self.dir

    def ready(self):
        return self.p.stdout.readline() == "ready\n"

    def end(self):
        said, _ = self.p.communicate()
        seen, dropped = map(int, said.split())
        sizes = [size for event, size in event_sizes(self.dir) if event == KFD_IOCTL]
        self.recorded, self.bytes = min(seen - dropped, len(sizes)), sum(sizes)


class Bpftrace(Tracer):
    """What the recorder keeps: time, thread, command, result and the struct's bytes as the call ended."""
    name = "bpftrace, the same capture"
    script = """
        tracepoint:syscalls:sys_enter_ioctl /pid == PID/ { @call[tid] = (args->cmd, args->arg); }
        tracepoint:syscalls:sys_exit_ioctl /pid == PID/ {
            printf("%llu %d ioctl(%x) %d %r\\n", nsecs, tid, @call[tid].0, args->ret, buf(@call[tid].1, SIZE)); }"""
    size = 40

    def arguments(self):
        # As large a ring as the recorder's.
        os.environ["BPFTRACE_PERF_RB_PAGES"] = "4096"
        # BEGIN runs before the others are attached, but what it prints is read when they are.
        script = "BEGIN { print(\"ready\"); }" + self.script
        return *TRACEFS, "bpftrace", "-o", self.out, "-e", script.replace("PID", self.target.pid).replace(
            "SIZE", str(self.size))

    def ready(self):
        with open(self.out) as f:
            return "ready" in f.read()


class Bpftrace8(Bpftrace):
    size = 8


class BpftraceCount(Bpftrace):
    """The least it can do."""
    name = "bpftrace, a count only"
    script = "tracepoint:syscalls:sys_exit_ioctl /pid == PID/ { @ = count(); }"

    def count(self, text):
        return int(re.search(r"^@: (\d+)$", text, re.M)[1])


class Strace(Tracer):
    name = "strace -e trace=ioctl"

    def arguments(self):
        return "strace", "-p", self.target.pid, "-ttt", "-e", "trace=ioctl", "-o", self.out

    def ready(self):
        with open(f"/proc/{self.target.pid}/status") as f:
            return "TracerPid:\t0\n" not in f.read()


class Perf(Tracer):
    name = "perf trace -e ioctl"

    def arguments(self):
        return *TRACEFS, "perf", "trace", "-m", "4096", "-e", "ioctl", "-p", self.target.pid, "-o", self.out

    def ready(self):
        folder = f"/proc/{self.p.pid}/fd/"
        try:
            found = any("perf_event" in os.readlink(folder + fd) for fd in os.listdir(folder))
        except OSError:
            return False
        if found:
            time.sleep(1)  # made, and not yet enabled
        return found


class Result:
    """What a tracer adds to a call, in ns, and the bytes it writes for one. note: why it added nothing."""
    def __init__(self, tracer):
        self.name, self.note, self.missed = tracer.name, None, 0
        self.rounds, self.bytes_each = [], 0

    @property
    def ns(self):
        return statistics.median(self.rounds)

    @property
    def whole(self):
        return not self.note and not self.missed

    def __str__(self):
        return self.note or f"{self.ns:.0f} ns" + (f" ({self.missed} missed)" if self.missed else "")

    def take(self, ns, tracer, made):
        self.rounds.append(ns)
        self.bytes_each = tracer.bytes / made
        self.missed += made - tracer.recorded


def added(kind, tracers, directory, rounds=3):
    """(median ns of a call untraced, [a Result for each tracer]), each round with all of them."""
    bare, results = [], [Result(t) for t in tracers]
    for _ in range(rounds):
        for tracer, result in zip(tracers, results):
            with Calls(kind) as calls:
                bare.append(calls.ns())
                try:
                    with tracer(calls, directory) as t:
                        ns = calls.ns() - bare[-1]
                    result.take(ns, t, calls.each)
                except Refused as e:
                    result.note = f"does not run here: {e}"
    return statistics.median(bare), results


def beside(t, directory, rounds=3):
    """Median ns of a getppid that nobody traces, before and while another process is recorded by t."""
    pairs = []
    for _ in range(rounds):
        with Calls("getppid", calls=20000) as calls, Calls("alloc") as other:
            before = calls.ns()
            with t(other, directory):
                pairs.append((before, calls.ns()))
    return [statistics.median(side) for side in zip(*pairs)]


def event_sizes(directory, streams=r"kernel_\d"):
    """(id, bytes) of every event of some streams, from the chunks: struct ev_chunk, then struct ev_head each."""
    folder = os.path.join(directory, "ctf")
    for name in sorted(os.listdir(folder)):
        if not re.match(streams, name):
            continue
        with open(os.path.join(folder, name), "rb") as f:
            data = f.read()
        at, end = 72, struct.unpack_from("<Q", data, 40)[0] // 8
        while at < end:
            event, _, size = struct.unpack_from("<HQH", data, at)
            yield event, size
            at += size
