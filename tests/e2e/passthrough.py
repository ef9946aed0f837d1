#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The command is as without us: status, signals, Ctrl-C, streams, the process tree."""
import pty
import re
import signal
import time

from rdna1 import *

# ---- exit status and signals ----
for status in (0, 1, 2, 3, 127, 255):
    r = record(f"exit-{status}", "sh", "-c", f"exit {status}", options=())
    expect(r.status == status, f"exit {status} became {r.status}")
for sig in (signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV, signal.SIGINT, signal.SIGUSR1):
    r = record(f"signal-{sig}", "sh", "-c", f"kill -{int(sig)} $$", options=())
    expect(r.status == -sig, f"signal {sig} became {r.status}")

# ---- output is the command's; ours goes to stderr, and with -q nothing does ----
r = record("streams", "sh", "-c", "echo out; echo err >&2; cat", options=("-q",))
expect(r.out == "out\n" and r.err == "err\n", f"{r.out!r} {r.err!r}")
r = record("streams-v", "true", options=())
expect(r.out == "" and all(l.startswith("rdna1-trace: ") for l in r.err.splitlines()), r.err)

# ---- what the command inherits: no signal blocked or ignored, no descriptor of ours ----
r = record("inherit", "sh", "-c", "grep -E 'Sig(Blk|Ign)' /proc/self/status; ls /proc/self/fd",
           options=("-q",))
plain = sh("sh", "-c", "grep -E 'Sig(Blk|Ign)' /proc/self/status; ls /proc/self/fd")
expect(r.out == plain.stdout, f"with us:\n{r.out}\nwithout:\n{plain.stdout}")

ignoring = "import os, signal, sys\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n" \
           "signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n" \
           "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])\nos.execvp(sys.argv[1], sys.argv[1:])"
look = ("sh", "-c", "grep -E 'Sig(Blk|Ign)' /proc/self/status; exit 7")
run = sh(sys.executable, "-c", ignoring, TOOL, "-q", "-o", os.path.join(T, "ignoring"), "--", *look)
plain = sh(sys.executable, "-c", ignoring, *look)
expect(run.stdout == plain.stdout and run.returncode == plain.returncode == 7,
       f"with us: {run.returncode}\n{run.stdout}\nwithout: {plain.returncode}\n{plain.stdout}")

# ---- the whole process tree: fork, vfork, clone, exec, exit ----
tree = """
import os, subprocess, sys
pid = os.fork()
if pid == 0: os._exit(3)
os.waitpid(pid, 0)
subprocess.run(["/bin/true"])            # vfork + exec
pid = os.fork()
if pid == 0: os.execv("/bin/sh", ["sh", "-c", "/bin/sh -c 'exit 7'; exit 5"])
os.waitpid(pid, 0)
"""
r = record("tree", sys.executable, "-c", tree, options=()).expect_status(0)
events = dump(r.dir)
ends = {e["fields"]["pid"]: e["fields"]["status"] >> 8 for e in events if e["event"] == "proc_exit"}
forks = [(e["fields"]["pid"], e["fields"]["child"]) for e in events if e["event"] == "proc_fork"]
execs = [e["fields"]["path"] for e in events if e["event"] == "proc_exec"]
if ROOT:
    root = forks[0][0]
    expect(sorted(v for k, v in ends.items() if k != root) == [0, 3, 5, 7], f"exits {ends}")
    expect(len(forks) == 4 and {c for _, c in forks} == set(ends) - {root}, f"forks {forks}")
    expect(execs.count("/bin/true") == 1 and execs.count("/bin/sh") == 2, f"execs {execs}")

# ---- 'K' is the console's ioctl type too: only the KFD device's calls are ours ----
console = """
import fcntl, os
fd = os.open("/dev/null", os.O_RDONLY)
for cmd in (0x80084b01, 0x4b33, 0xc0406400):
    try:
        fcntl.ioctl(fd, cmd, bytearray(64))
    except OSError as e:
        print(e.errno)
"""
for options in ((), EMULATE):
    r = record(f"console{len(options)}", sys.executable, "-c", console, options=options).expect_status(0)
    expect(r.out == "25\n" * 3, f"ioctls of /dev/null: {r.out}")
    expect(not [e for e in dump(r.dir) if "ioctl" in e["event"]], "another device's ioctls are recorded")

# ---- written back to disk as often as asked ----
for seconds, least, most in ((0, 0, 0), (1, 2, 3)):
    r = record(f"sync{seconds}", "sleep", "2.6", options=("--sync", str(seconds))).expect_status(0)
    n = len([e for e in dump(r.dir) if e["event"] == "sync"])
    expect(least <= n <= most, f"--sync {seconds}: {n} times in 2.6 s")

# ---- a command that leaves a daemon behind: we end with the command ----
# ---- in a PID namespace, as in a container: numbers are those of the namespace ----
def in_namespace(name, options, *command):
    directory = os.path.join(T, name)
    run = sh("unshare", "--fork", "--pid", *options, "-o", directory, "--", "sh", "-c", *command)
    expect(run.returncode == 0, run.stdout + run.stderr)
    expect_no_loss(directory)
    events = dump(directory)
    pids = [e["fields"]["pid"] for e in events if e["event"].startswith("proc_")]
    expect(len(pids) >= 4 and max(pids) < 100, f"numbers of the machine's namespace: {pids}")
    return directory, run.stdout


if ROOT:
    in_namespace("ns", (TOOL,), "/bin/true; exit 0")
    # In a chroot there is no mounting of /proc, which the emulated device needs.
    if not sh("unshare", "--fork", "--pid", "--mount-proc", "true").returncode:
        directory, out = in_namespace("ns-emulated", ("--mount-proc", TOOL, "--emulate"),
                                      f"{workload('conv2d')} --size 8; exit 0")
        expect("outputs equal" in out, out)
        compare_ioctls(directory)

# ---- an ioctl whose descriptor is replaced while it runs: whose it was is lost, and counted ----
replaced = """
import fcntl, os, struct, threading, time
kfd = os.open("/dev/kfd", os.O_RDWR)
event = bytearray(32)
fcntl.ioctl(kfd, 0xc0204b08, event)                      # CREATE_EVENT
data = bytearray(struct.pack("<5QII", 0, 0, 0, 0, 0, struct.unpack_from("<I", event, 24)[0], 0))
import ctypes
where = ctypes.addressof((ctypes.c_char * len(data)).from_buffer(data))
wait = bytearray(struct.pack("<QIIII", where, 1, 0, 2000, 0))
t = threading.Thread(target=lambda: fcntl.ioctl(kfd, 0xc0184b0c, wait))  # WAIT_EVENTS, 2 s
t.start()
time.sleep(1)
os.dup2(os.open("/dev/null", os.O_RDWR), kfd)
t.join()
"""
r = record("replaced", sys.executable, "-c", replaced).expect_status(0)
if ROOT:
    expect("lost 1 events (kernel: ioctl whose descriptor was closed or replaced" in r.err, r.err)

# ---- few descriptors ----
for n in (12, 16, 20, 30) if ROOT else ():
    r = sh("sh", "-c", f'ulimit -n {n}; exec "$@"', "sh", TOOL, "-o", os.path.join(T, f"few-{n}"), "--", "true")
    recorded = re.search(r"kernel [1-9]\d* of", r.stderr)
    expect((recorded and not r.returncode) or "Too many open files" in r.stderr,
           f"{n} descriptors: {r.returncode} {r.stderr}")

start = time.time()
r = record("daemon", "sh", "-c", "sleep 30 >/dev/null 2>&1 & echo $!; sleep 0.3", options=()).expect_status(0)
expect(time.time() - start < 15, "waited for a process the command left behind")
if ROOT:
    expect("1 process of the command still runs" in r.err, r.err)
    expect([e["fields"]["pid"] for e in dump(r.dir) if e["event"] == "proc_left"] == [int(r.out)], r.out)
    expect(re.search(f"process {r.out.strip()}: /usr/bin/sleep.*, still ran at the end", report(r.dir, 120, "--all")),
           report(r.dir, 120, "--all"))
os.kill(int(r.out), signal.SIGTERM)

# ---- Ctrl-C on a terminal reaches the command once, and we end as it does ----
handler = """
import signal, time
over = False
def got(*_):
    print("got SIGINT", flush=True)
def end(*_):
    global over
    over = True
signal.signal(signal.SIGINT, got)
signal.signal(signal.SIGWINCH, end)
print("ready", flush=True)
while not over:
    time.sleep(0.05)
print("done", flush=True)
"""
pid, fd = pty.fork()
if pid == 0:
    os.execv(TOOL, [TOOL, "-q", "-o", os.path.join(T, "ctrl-c"), "--", sys.executable, "-c", handler])
text = b""
sent = False
while True:
    try:
        data = os.read(fd, 4096)
    except OSError:
        break
    if not data:
        break
    text += data
    if b"ready" in text and not sent:
        sent = True
        time.sleep(0.2)
        os.write(fd, b"\x03")
        time.sleep(0.2)
        os.kill(pid, signal.SIGWINCH)  # after it, nothing more of the other comes
_, status = os.waitpid(pid, 0)
expect(text.count(b"got SIGINT") == 1 and b"done" in text, f"Ctrl-C: {text!r}")
expect(os.waitstatus_to_exitcode(status) == 0, f"Ctrl-C: status {status}")

# ---- a signal to the process group reaches it once; one to us alone is passed on ----
counting = """
import signal, time
counts = {}
def got(n, _):
    counts[n] = counts.get(n, 0) + 1
for n in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGHUP, signal.SIGWINCH):
    signal.signal(n, got)
print("ready", flush=True)
while signal.SIGWINCH not in counts:
    time.sleep(0.05)
del counts[signal.SIGWINCH]
print(sorted(counts.items()), flush=True)
"""


def witness(recorder):
    """The process of the group that tells the recorder what the group has got."""
    for pid in family(recorder)[1:]:
        with open(f"/proc/{pid}/comm") as f:
            if f.read() == "rdna1-witness\n":
                return pid
    fail("no witness")


def pending(pid, n):
    with open(f"/proc/{pid}/status") as f:
        return int(re.search(r"^ShdPnd:\s*(\w+)", f.read(), re.M)[1], 16) >> (n - 1) & 1


def counted(name, send):
    p = subprocess.Popen([TOOL, "-q", "-o", os.path.join(T, "sent-" + name), "--", sys.executable, "-c", counting],
                         stdout=subprocess.PIPE, text=True, start_new_session=True)
    expect(p.stdout.readline() == "ready\n", "not ready")
    send(p.pid)
    # The last of a signal's number: with it everything before has been passed on.
    while any(pending(p.pid, n) for n in range(1, signal.SIGWINCH)):
        time.sleep(0.01)
    os.kill(p.pid, signal.SIGWINCH)
    out = p.communicate()[0]
    expect(not p.returncode, f"{name}: {p.returncode}")
    return out


def four(kill, stop=None):
    """One of each, while `stop` gives the process that comes to run late."""
    def send(pid):
        if stop:
            os.kill(stop(pid), signal.SIGSTOP)
        for n in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGHUP):
            kill(pid, n)
            time.sleep(0.2)
        if stop:
            os.kill(stop(pid), signal.SIGCONT)
    return send


def stopped(pid):
    """The group is stopped, and the recorder alone continued: the command with it, and the witness."""
    os.killpg(pid, signal.SIGSTOP)
    four(os.kill)(pid)
    os.kill(pid, signal.SIGCONT)


def twice(pid):
    """Two to the group become one to a recorder that is late; a third is its own."""
    os.kill(pid, signal.SIGSTOP)
    for _ in range(2):
        os.killpg(pid, signal.SIGINT)
        time.sleep(0.2)
    os.kill(pid, signal.SIGCONT)
    while pending(pid, signal.SIGINT):
        time.sleep(0.001)
    time.sleep(1)  # it comes to rest
    os.kill(pid, signal.SIGINT)


for name, send in (("group", four(os.killpg)), ("alone", four(os.kill)), ("stopped", stopped),
                   ("group-late", four(os.killpg, lambda pid: pid)), ("alone-late", four(os.kill, lambda pid: pid)),
                   ("group-witness", four(os.killpg, witness))):
    out = counted(name, send)
    expect(out == "[(1, 1), (2, 1), (10, 1), (15, 1)]\n", f"{name}: {out}")
out = counted("twice", twice)
expect(out == "[(2, 3)]\n", f"twice: {out}")

p = subprocess.Popen([TOOL, "-q", "-o", os.path.join(T, "term"), "--", "sleep", "30"])
time.sleep(1)
p.terminate()
expect(p.wait(timeout=60) == -signal.SIGTERM, "SIGTERM was not passed on")
events = dump(os.path.join(T, "term"))
expect([e for e in events if e["event"] == "session" and e["fields"]["phase"] == 2],
       "the session has no end")
print("status, signals, streams, process tree, Ctrl-C: as without rdna1-trace")
