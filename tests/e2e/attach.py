#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""attach.py TIMES SEED: processes that run already: what they do from then on, with descriptors, children and
threads that were there before, until they end or the recorder is told to; who cannot be attached to."""
import atexit
import contextlib
import json
import pwd
import random
import shutil
import signal
import time

from rdna1 import *

need_root()
STORM = os.path.join(BUILD, "tests/tools/ioctl-storm")
TIMEOUT = 60
started = []


def start(*arguments, **kw):
    started.append(subprocess.Popen(*arguments, **kw))
    return started[-1]


@atexit.register
def nothing_stays():
    for p in started:
        if p.poll() is None:
            for pid in reversed(family(p.pid)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


class Load:
    """ioctl-storm on an emulated card, which has opened it and waits."""

    def __init__(self, name, threads=1, calls=200, forks=0, command=None):
        self.made = threads * calls
        self.trace = os.path.join(T, name)
        self.p = start([TOOL, "-q", "--emulate", "-o", self.trace, "--", *(command or []), STORM,
                                   str(threads), str(calls), str(forks)], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True)
        expect(self.p.stdout.readline() == "ready\n", "the load did not start")
        self.pids = [p for p in family(self.p.pid) if name_of(p) == "ioctl-storm"]
        self.pid = self.pids[0]

    def go(self):
        self.p.stdin.write("go\n")
        self.p.stdin.flush()
        expect(self.p.stdout.readline().startswith(f"made {self.made} ioctls"), "the load did not end")

    def end(self):
        self.p.stdin.write("end\n")
        self.p.stdin.close()
        status = self.p.wait(TIMEOUT)
        expect(status == 0, f"{self.trace}: the load ended with {status}")


def name_of(pid):
    with contextlib.suppress(OSError), open(f"/proc/{pid}/comm") as f:
        return f.read().strip()
    return None


def state_of(pid):
    with open(f"/proc/{pid}/stat") as f:
        return f.read().rsplit(")", 1)[1].split()[0]


def until(condition):
    """It comes true soon."""
    for _ in range(200):
        if condition():
            return
        time.sleep(0.05)
    fail("it did not come true in 10 s")


def until_said(p, say="recording the kernel's side until"):
    """It records; what it said is kept."""
    p.said = []
    for line in p.stderr:
        p.said.append(line)
        if say in line:
            return p
    fail(f"{p.args}: status {p.wait()}: {''.join(p.said)}")


def attach(name, *arguments, env=None, **said):
    """A recorder that has attached."""
    return until_said(start([TOOL, "-o", os.path.join(T, name), *map(str, arguments)], stdin=subprocess.DEVNULL,
                            stderr=subprocess.PIPE, text=True, env=env), **said)


def over(p, status=0, sig=None):
    """It ends; what it said."""
    if sig:
        p.send_signal(sig)
    said = "".join(p.said) + p.stderr.read()
    got = p.wait(TIMEOUT)
    expect(got == status, f"status {got}, not {status}: {said}")
    return said


def session(name):
    with open(os.path.join(T, name, "session.json")) as f:
        return json.load(f)


def count(name, event, pid=None):
    return sum(1 for e in dump(os.path.join(T, name)) if e["event"] == event and
               pid in (None, e["fields"]["pid"]))


# ---- until it ends: nothing before, everything after ----

load = Load("load", threads=3, calls=400, forks=4)
rec = attach("one", "-p", load.pid)
load.go()
load.end()
said = over(rec)
expect("agent cannot be put into" in said and said.count("agent cannot") == 1, said)
expect(count("one", "kfd_ioctl", load.pid) == load.made, f"{count('one', 'kfd_ioctl')} of {load.made} ioctls")
expect(count("one", "proc_fork") == 4 and count("one", "proc_exit") == 5, "forks and exits")
s = session("one")
expect([a["pid"] for a in s["attached"]] == [load.pid] and "command" not in s and "result" not in s, f"{s}")
expect(all(c["seen"] == c["written"] for c in s["counts"]), f"{s['counts']}")
text = report(os.path.join(T, "one"))
expect(text.startswith("emulated device: ") and f"\nattached to process {load.pid} ({STORM}), " in text and
       "allocations made before are not known" in text and "command:" not in text, text)
compare_ctf(os.path.join(T, "one"), load.made)
info = sh(TOOL, "info", os.path.join(T, "one"))
expect(f"attached to      {load.pid} ({STORM})" in info.stdout, info.stdout + info.stderr)

# ---- until we are told to; it goes on ----

for sig in (signal.SIGINT, signal.SIGTERM):
    load = Load(f"go-on-{sig}")
    rec = attach(f"told-{sig}", "-p", load.pid)
    said = over(rec, 0, sig)
    expect("detached: 1 process goes on" in said, said)
    expect(count(f"told-{sig}", "proc_left", load.pid) == 1, "proc_left")
    expect("detached: 1 process went on" in report(os.path.join(T, f"told-{sig}")), "report")
    load.go()
    load.end()

# ---- several, children that were there, children made later ----

loads = [Load("a"), Load("b")]
other = start(["sleep", "60"])
said = sh(TOOL, "-o", os.path.join(T, "mixed"), "-p", f"{loads[0].pid},{other.pid}")
expect(said.returncode == 1 and "not on the same device" in said.stderr and
       not os.path.exists(os.path.join(T, "mixed")), said.stderr)
for x in loads:
    x.go()
    x.end()
other.kill()
other.wait()

family_of = start(["sh", "-c", "sleep 300 & (sleep 300 & wait) & read y; sleep 0.1; exit 4"],
                             stdin=subprocess.PIPE)
other = start(["sleep", "300"])
for _ in range(100):
    before = family(family_of.pid)
    if len(before) == 4 and [name_of(p) for p in before].count("sleep") == 2:
        break
    time.sleep(0.05)
rec = attach("family", "-p", family_of.pid, "-p", other.pid, "-p", f"{other.pid},{family_of.pid}")
said = "".join(rec.said)
expect("and to 3 children of theirs" in said, said)
expect(sorted(a["pid"] for a in session("family")["attached"]) == sorted(before + [other.pid]), f"{session('family')}")
parents = {a["pid"]: a.get("parent") for a in session("family")["attached"]}
expect(parents[other.pid] is None and parents[before[1]] == family_of.pid, f"{parents}")
family_of.stdin.write(b"\n")
family_of.stdin.close()
family_of.wait()
time.sleep(0.3)
expect(count("family", "proc_exit", family_of.pid) == 1, "the end of the parent")
expect(count("family", "proc_exec") == 1, "what it executed since")
expect(rec.poll() is None, "ended before its children")
other.kill()
other.wait()
for p in before[1:]:
    with contextlib.suppress(ProcessLookupError):
        os.kill(p, signal.SIGKILL)
over(rec)

# A child with the device under a parent that is asked for.
load = Load("under", command=["sh", "-c", '"$@"; true', "sh"])
shell = [p for p in family(load.p.pid) if name_of(p) == "sh"][0]
rec = attach("shell", "-p", shell)
load.go()
load.end()
over(rec)
expect(count("shell", "kfd_ioctl", load.pid) == load.made, "ioctls of a child that was there")

# ---- its threads are in calls all the while ----

times, seed = int(sys.argv[1]), int(sys.argv[2])
rnd = random.Random(seed)
load = Load("busy", threads=2, calls=4000 * times)
load.p.stdin.write("go\n")
load.p.stdin.flush()
ioctls = 0
for i in range(times):
    rec = attach(f"busy{i}", "-p", load.pid)
    time.sleep(rnd.random() / 10)
    over(rec, 0, signal.SIGINT)
    s = session(f"busy{i}")
    expect(all(c["seen"] == c["written"] for c in s["counts"]), f"{s['counts']}")
    ioctls += count(f"busy{i}", "kfd_ioctl")
expect(ioctls, "no ioctls seen")
# Killed: the process does not notice, and the trace is there.
rec = attach("killed", "-p", load.pid)
time.sleep(0.3)
rec.kill()
rec.wait()
# Its witness has the trace's lock, too, and hears of it.
for _ in range(100):
    if "its end was not recorded" in report(os.path.join(T, "killed")):
        break
    time.sleep(0.1)
else:
    fail("report of a killed recorder")
expect(load.p.stdout.readline().startswith(f"made {load.made} ioctls"), "the load")
load.end()

# ---- who cannot be ----

NOBODY = pwd.getpwnam("nobody")
zombie = start(["true"])
sleeper = start(["sleep", "300"])
threads = start([sys.executable, "-c", "import threading, time\n"
                            "threading.Thread(target=time.sleep, args=(300,)).start()\nprint(flush=True)\ntime.sleep(300)"],
                           stdout=subprocess.PIPE)
threads.stdout.readline()
thread = [int(t) for t in os.listdir(f"/proc/{threads.pid}/task") if int(t) != threads.pid][0]
inner = start(["unshare", "--pid", "--fork", "--mount-proc", "sleep", "300"], stderr=subprocess.DEVNULL)
time.sleep(0.5)
deep = family(inner.pid)[-1]
free = next(p for p in range(4000000, 3, -7) if not os.path.exists(f"/proc/{p}"))
as_nobody = ("setpriv", f"--reuid={NOBODY.pw_uid}", f"--regid={NOBODY.pw_gid}", "--clear-groups")
for before, pid, message in (
        ((), free, f"there is no process {free}"),
        ((), zombie.pid, f"process {zombie.pid} has ended"),
        ((), thread, f"{thread} is a thread of process {threads.pid}: give the process, -p {threads.pid}"),
        (("unshare", "--pid", "--fork", "--mount-proc"), sleeper.pid, f"there is no process {sleeper.pid}"),
        (("unshare", "--pid", "--fork"), 2, "/proc shows other processes"),
        (as_nobody, sleeper.pid, f"process {sleeper.pid} belongs to root: use sudo"),
        (("setpriv", "--bounding-set=-bpf,-perfmon,-sys_admin", "--inh-caps=-all"), sleeper.pid,
         f"cannot attach to process {sleeper.pid}: it needs root")):
    run = sh(*before, TOOL, "-o", f"{T}/never", "-p", pid, cwd="/")
    expect(run.returncode == 1 and message in run.stderr and len(run.stderr.splitlines()) == 1 and
           not os.path.exists(f"{T}/never"), f"-p {pid}: {run.returncode} {run.stderr}, not {message}")
run = sh("sh", "-c", f"exec {TOOL} -o {T}/never -p $$")
expect(run.returncode == 1 and "is rdna1-trace itself" in run.stderr, run.stderr)
kernel = [int(p) for p in os.listdir("/proc") if p.isdigit() and name_of(p) == "kthreadd"]
if kernel:
    run = sh(TOOL, "-o", f"{T}/never", "-p", kernel[0])
    expect(run.returncode == 1 and "is a thread of the kernel" in run.stderr, run.stderr)
number = [l for l in open(f"/proc/{deep}/status") if l.startswith("NSpid")][0].split()[-1]
if number != "1":
    fail(f"sleep has number {number} in its namespace")
for wrong in (("-p", "0"), ("-p", "x"), ("-p", "1,"), ("-p", "-3"), ("-p", ""), ("-p", str(sleeper.pid), "--", "true"),
              ("-p", str(sleeper.pid), "--emulate"), ("-p", str(sleeper.pid), "--wait=all"),
              ("-p", str(sleeper.pid), "--as-root")):
    run = sh(TOOL, *wrong)
    expect(run.returncode == 2 and "-p" in run.stderr, f"{wrong}: {run.returncode} {run.stderr}")

# Two capabilities are enough for a process of one's own.
tool = os.path.join(T, "rdna1-trace")
shutil.copy(TOOL, tool)
os.chmod(T, 0o777)
if sh("setcap", "cap_bpf,cap_perfmon+ep", tool).returncode == 0 and sh(*as_nobody, "test", "-x", tool).returncode == 0:
    own = start([*as_nobody, "sleep", "300"])
    until(lambda: name_of(own.pid) == "sleep")
    rec = start([*as_nobody, tool, "-o", f"{T}/caps", "-p", str(own.pid)], stderr=subprocess.PIPE, text=True, cwd=T)
    until_said(rec)
    own.kill()
    own.wait()
    over(rec)
    expect(count("caps", "proc_exit", own.pid) == 1, "with two capabilities")

# Our own shell: we are its child, and no part of it.
run = sh("sh", "-c", f"{TOOL} -q -o {T}/shell-of-us -p $$ & sleep 0.7; kill -INT $!; wait $!; echo $?")
expect(run.stdout == "0\n", run.stdout + run.stderr)
names = {a["pid"]: a["exe"] for a in session("shell-of-us")["attached"]}
expect(all("rdna1-trace" not in n for n in names.values()), f"{names}")

# One that ends meanwhile: recorded or said, whatever the moment.
ended = 0
for i in range(10):
    p = start(["sleep", str(rnd.random() / 4)])
    run = sh(TOOL, "-o", f"{T}/short{i}", "-p", p.pid, timeout=30)
    p.wait()
    if run.returncode:
        ended += 1
        expect(run.returncode == 1 and "ended" in run.stderr and not os.path.exists(f"{T}/short{i}"), run.stderr)
    else:
        expect(count(f"short{i}", "attached") == 1, "attached")

# ---- in PID namespaces: seen from outside, and from within, where the numbers are others ----

rec = attach("deep", "-p", deep)
os.kill(deep, signal.SIGKILL)
inner.wait()
over(rec)
expect(count("deep", "proc_exit", deep) == 1, "the end of a process in a container")
script = f"""
for i in 1 2 3; do (read x < {T}/fifo$i; sleep 0.1; true) & pids=$pids,$!; done
exec {TOOL} -o {T}/within -p ${{pids#,}}
"""
for i in range(1, 4):
    os.mkfifo(f"{T}/fifo{i}")
p = start(["unshare", "--pid", "--fork", "--mount-proc", "sh", "-c", f"sh -c '{script}'; true"],
                     stderr=subprocess.PIPE, text=True)
until_said(p)
for i in range(1, 4):
    with open(f"{T}/fifo{i}", "w") as f:
        f.write("\n")
expect(p.wait(TIMEOUT) == 0, p.stderr.read())
asked = {a["pid"] for a in session("within")["attached"]}
expect(len(asked) == 3 and all(x < 100 for x in asked), f"{asked}")
events = dump(f"{T}/within")
expect({e["fields"]["pid"] for e in events if e["event"] == "proc_fork"} == asked, "forks in a PID namespace")
expect(asked < {e["fields"]["pid"] for e in events if e["event"] == "proc_exit"}, "ends in a PID namespace")

# What a process says of itself is its owner's: an emulated device, a name for the terminal.
theirs = os.path.join(T, "theirs")
os.mkdir(theirs)
os.chown(theirs, NOBODY.pw_uid, NOBODY.pw_gid)
liar = start([*as_nobody, "env", f"RDNA1_EMU={theirs}", "sleep", "300"])
until(lambda: name_of(liar.pid) == "sleep")
run = sh(TOOL, "-o", f"{T}/lied", "-p", liar.pid)
expect(run.returncode == 1 and f"{theirs}, which is not yours" in run.stderr, run.stderr)
named = os.path.join(T, "a\x1b[31m\nb")
shutil.copy("/bin/sleep", named)
other = start([named, "300"])
until(lambda: name_of(other.pid).startswith("a"))
os.mkdir(f"{T}/names")
rec = start([TOOL, "-p", str(other.pid)], stderr=subprocess.PIPE, text=True, cwd=f"{T}/names")
until_said(rec)
other.kill()
other.wait()
said = over(rec)
expect("\x1b" not in said and re.search(r"attached to process \d+ \(\S+/a\\x1b\[31m\S+b\)", said), repr(said))
expect(all(re.fullmatch(r"[\w.+-]+", name) for name in os.listdir(f"{T}/names")), f"{os.listdir(f'{T}/names')}")
# One whose first thread has ended runs on.
headless = start([sys.executable, "-c", "import ctypes, threading, time\n"
                  "threading.Thread(target=time.sleep, args=(300,)).start()\n"
                  "ctypes.CDLL(None).pthread_exit(None)"], stderr=subprocess.DEVNULL)
until(lambda: state_of(headless.pid) == "Z")
rec = attach("headless", "-p", headless.pid)
headless.kill()
headless.wait()
over(rec)

for p in (sleeper, threads, liar):
    p.kill()
    p.wait()
zombie.wait()
print(f"all of their ioctls; {times} times while they called ({ioctls} ioctls); {ended} of 10 ended before")
