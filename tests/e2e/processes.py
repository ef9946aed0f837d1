#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""processes.py KILLS SEED: processes on one emulated card: its memory among them, fork before and
after, exec, threads, exit with work in flight, kill -9 of one while another goes on, 1000 signals a second, a
device that fell asleep."""
import glob
import random
import signal
import sys
import time

from rdna1 import *

GIB = 1 << 30
HEAD = "import os, sys, time\nsys.path.insert(0, os.path.join(os.environ['TOP'], 'tests', 'e2e'))\nfrom hip import *\n"


def script(name, text):
    path = os.path.join(T, name + ".py")
    with open(path, "w") as f:
        f.write(HEAD + text)
    return path


def run(name, text, *arguments, compare=True):
    r = record(name, sys.executable, script(name, text), *arguments)
    expect(r.status == 0, f"{name}: {r.status}\n{r.out}{r.err}")
    if compare:
        compare_ioctls(r.dir, 20)
    expect_no_loss(r.dir)
    return r.out.split("\n")[:-1]


# ---- one card's memory among its processes ----

def memory():
    """4 GiB of 6 for one; for another only when the first has ended, or has given them back."""
    said = run("memory", f"""
import subprocess
if len(sys.argv) > 1:
    status, p = malloc(4 * {GIB})
    print("child", status, flush=True)
    sys.stdin.readline()
    if sys.argv[1] == "free":
        hip("hipFree", p)
        print("freed", flush=True)
        sys.stdin.readline()
    os._exit(0)
for how in ("end", "free", "kill"):
    child = subprocess.Popen([sys.executable, __file__, how], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    print(child.stdout.readline().strip(), flush=True)
    status, p = malloc(4 * {GIB})
    print(how, status, flush=True)
    if how == "kill":
        child.kill()
    else:
        child.stdin.write("go\\n")
        child.stdin.flush()
    if how == "free":
        print(child.stdout.readline().strip(), flush=True)
    else:
        child.wait()
    # A card hears of a death a moment after the parent.
    for i in range(100):
        status, p = malloc(4 * {GIB})
        if not status:
            break
        time.sleep(0.02)
    print("then", status, flush=True)
    hip("hipFree", p)
    child.stdin.close()
    child.wait()
k = Kernel()
print("kernel", k.run(), flush=True)
""")
    expect(said == ["child 0", "end 2", "then 0", "child 0", "free 2", "freed", "then 0", "child 0", "kill 2", "then 0",
                    "kernel True"], f"memory: {said}")


# ---- fork, exec, threads, exit ----

def fork_before():
    said = run("before", """
pids = []
for i in range(3):
    pid = os.fork()
    if not pid:
        ok = Kernel(channels=i + 1).run()
        os._exit(0 if ok else 1)
    pids.append(pid)
print(Kernel().run(), [os.waitpid(p, 0)[1] for p in pids])
""")
    expect(said == ["True [0, 0, 0]"], f"fork before: {said}")


def fork_after():
    """The child of a process that has the device: HIP fails there and does not hang, the driver answers
    -EBADF (kfd_chardev.c, kfd_ioctl), the parent is not disturbed; what the child executes has a device."""
    said = run("after", """
import errno, fcntl, subprocess
k = Kernel()
kfd = [int(n) for n in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{n}")
       and os.readlink(f"/proc/self/fd/{n}").split(" ")[0].endswith(("kfd", "kfd-file"))]
ids = []
for fd in kfd:
    try:
        fcntl.ioctl(fd, 0x80084b01, bytes(8))
        ids.append(fd)
    except OSError:
        pass
print("parent", len(ids) > 0, flush=True)
pid = os.fork()
if not pid:
    answers = set()
    for fd in ids:
        try:
            fcntl.ioctl(fd, 0x80084b01, bytes(8))
            answers.add(0)
        except OSError as e:
            answers.add(errno.errorcode[e.errno])
    print("child", answers, malloc(1 << 30)[0] != 0, flush=True)
    os.execv(sys.executable, [sys.executable, "-c",
             "import os, sys; sys.path.insert(0, sys.argv[1]); from hip import *; print('executed', Kernel().run())",
             os.path.join(os.environ["TOP"], "tests", "e2e")])
status = os.waitpid(pid, 0)[1]
print("status", status, k.run(), flush=True)
""", compare=False)  # what a process without a device calls is the kernel's side's alone
    expect(said == ["parent True", "child {'EBADF'} True", "executed True", "status 0 True"], f"fork after: {said}")


def execute():
    """A process that has 4 GiB and executes another program has given them back."""
    said = run("exec", f"""
status, p = malloc(4 * {GIB})
k = Kernel()
print(status, k.run(), flush=True)
if len(sys.argv) < 3:
    k.launch()
    os.execv(sys.executable, [sys.executable, *sys.argv, "again"])
""", "first")
    expect(said == ["0 True", "0 True"], f"exec: {said}")


def threads():
    """HIP in threads that come and go, the first one's end among them."""
    said = run("threads", """
import threading
results = []
def one(i):
    k = Kernel(channels=1 + i)
    results.append(all(k.run() for _ in range(5)))
first = threading.Thread(target=one, args=(0,))
first.start()
first.join()
pool = [threading.Thread(target=one, args=(i,)) for i in range(8)]
for t in pool:
    t.start()
for t in pool:
    t.join()
print(results)
""")
    expect(said == [str([True] * 9)], f"threads: {said}")


def in_flight():
    """However a process ends while its kernels run, the next has the whole card."""
    said = run("flight", f"""
import signal
how = sys.argv[1]
status, p = malloc(5 * {GIB})
print(how, status, flush=True)
k = Kernel(n=65536, channels=64)
for i in range(50):
    k.launch()
if how == "exit":
    os._exit(0)
if how == "fork":
    os._exit(0 if os.fork() else 0)
if how == "signal":
    os.kill(os.getpid(), signal.SIGKILL)
""" .replace("how = sys.argv[1]", """how = sys.argv[1]
if how == "all":
    import subprocess
    for how in ("exit", "signal", "fork", "exit"):
        print("ended", subprocess.run([sys.executable, __file__, how]).returncode, flush=True)
        time.sleep(0.3)
    sys.exit()"""), "all")
    expect(said == ["exit 0", "ended 0", "signal 0", "ended -9", "fork 0", "ended 0", "exit 0", "ended 0"], f"in flight: {said}")


# ---- kill -9 of one while another goes on ----

# Runs kernels until told to stop; every result right, and in the end all of the card is its own.
NEIGHBOUR = f"""
sys.stdin.readline()
k, n = Kernel(n=4096), 0
if k.run():
    open(sys.argv[1] + ".up", "w").close()
while not os.path.exists(sys.argv[1]):
    if not k.run():
        sys.exit("wrong result")
    n += 1
for i in range(100):
    status, p = malloc(5 * {GIB})
    if not status:
        break
    time.sleep(0.02)
print("ran", n, "memory", status)
"""
VICTIM = """
status, p = malloc(2 << 30)
k = Kernel(n=65536, channels=16)
while True:
    k.run()
"""
# Starts victims one after another and kills each after so many milliseconds.
KEEPER = """
import subprocess
neighbour = subprocess.Popen([sys.executable, sys.argv[1], sys.argv[3]], stdin=subprocess.PIPE, text=True)
neighbour.stdin.write("go\\n")
neighbour.stdin.flush()
while not os.path.exists(sys.argv[3] + ".up") and neighbour.poll() is None:
    time.sleep(0.02)
for ms in sys.argv[4:]:
    victim = subprocess.Popen([sys.executable, sys.argv[2]])
    time.sleep(int(ms) / 1000)
    if victim.poll() is not None:
        sys.exit(f"the victim ended by itself: {victim.returncode}")
    victim.kill()
    victim.wait()
open(sys.argv[3], "w").close()
neighbour.stdin.close()
sys.exit(neighbour.wait())
"""


def kills(times, seed):
    rnd = random.Random(seed)
    moments = [rnd.randrange(5, 900) for _ in range(times)]
    r = record("kills", sys.executable, script("keeper", KEEPER), script("neighbour", NEIGHBOUR),
               script("victim", VICTIM), os.path.join(T, "stop"), *moments, timeout=600)
    said = re.search(r"^ran (\d+) memory 0$", r.out, re.M)
    expect(r.status == 0 and said and int(said[1]) > times, f"kills at {moments}: {r.status}\n{r.out}{r.err}")
    for name in ("stop", "stop.up"):
        os.unlink(os.path.join(T, name))
    return int(said[1])


# ---- signals ----

def signals():
    """python under an interval timer of 1 kHz, whose handler interrupts every call."""
    wrapper = """
import runpy, signal
count = [0]
def tick(*unused):
    count[0] += 1
signal.signal(signal.SIGALRM, tick)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
sys.argv = sys.argv[1:]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    signal.setitimer(signal.ITIMER_REAL, 0)
    print("ticks", count[0])
"""
    r = record("signals", sys.executable, script("signals", wrapper), workload("conv2d.py"), "--size", "28").expect_status(0)
    ticks = int(re.search(r"^ticks (\d+)$", r.out, re.M)[1])
    expect("outputs equal the CPU's bit for bit" in r.out and ticks > 100, r.out + r.err)
    compare_ioctls(r.dir)
    expect_no_loss(r.dir)
    return ticks


# ---- a device left alone ----

def asleep():
    """Its workers sleep after a while; the next dispatch wakes them."""
    run("asleep", """
k = Kernel()
k.run()
for seconds in (0.2, 1.2, 3):
    time.sleep(seconds)
    k.launch()
    k.wait()
""")


def main():
    times, seed = (int(x) for x in sys.argv[1:3])
    for test in (memory, fork_before, fork_after, execute, threads, in_flight, asleep):
        test()
    ran, ticks = kills(times, seed), signals()
    end = time.time() + 10
    while glob.glob(f"{T}/rdna1-emu.*") and time.time() < end:
        time.sleep(0.1)
    expect(not glob.glob(f"{T}/rdna1-emu.*"), "a broker is left, or its directory")
    done(f"{times} kills (seed {seed}) beside {ran} right results; {ticks} signals")


main()
