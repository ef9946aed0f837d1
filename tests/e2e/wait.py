#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""--wait=all: what the command leaves behind is recorded to its end; the status is the command's."""
import re
import signal
import time

from rdna1 import *

ALL = ("--wait=all",)
GATE = os.path.join(T, "gate")  # what is left waits here until someone opens it for writing
os.mkfifo(GATE)
LEAVE = {  # ways to be left behind
    "child": "sh -c 'cat {gate}; exit 9' </dev/null >/dev/null 2>&1 & exit 3",
    "grandchild": "sh -c '(cat {gate}; exit 9) & exit 8' </dev/null >/dev/null 2>&1; exit 3",
    "session": "setsid --fork sh -c 'cat {gate}; exit 9' </dev/null >/dev/null 2>&1; exit 3",
}


def open_gate():
    with open(GATE, "w"):
        pass


def exits(directory):
    return sorted(e["fields"]["status"] >> 8 for e in dump(directory) if e["event"] == "proc_exit")


def start(name, how, options):
    """Running, and the command itself is over."""
    p = subprocess.Popen([TOOL, *options, "-o", f"{T}/{name}", "--", "sh", "-c", f"echo $$; {how.format(gate=GATE)}"],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    command = int(p.stdout.readline())
    while os.path.exists(f"/proc/{command}"):
        time.sleep(0.02)
    return p


for name, how in LEAVE.items():
    for emulate in ((), EMULATE):
        trace = f"{name}-{len(emulate)}"
        p = start(trace, how, ALL + emulate)
        expect(p.poll() is None, f"{trace}: did not wait: {p.returncode}")
        open_gate()
        err = p.stderr.read()
        expect(p.wait() == 3 and "still run" not in err, f"{trace}: {p.returncode}\n{err}")
        if ROOT:
            expect(9 in exits(f"{T}/{trace}") and not [e for e in dump(f"{T}/{trace}") if e["event"] == "proc_left"],
                   f"{trace}: {exits(f'{T}/{trace}')}")
    for options in ((), ("--wait=command",)):
        trace = f"{name}-{len(options)}-not"
        p = start(trace, how, options)
        err = p.stderr.read()
        expect(p.wait() == 3, f"{trace}: {p.returncode}\n{err}")
        if ROOT:
            expect(re.search(r"process(es)? of the command still run.*--wait=all waits", err), f"{trace}: {err}")
        open_gate()

# ---- a GPU program that outlives the command ----
r = record("gpu", "sh", "-c", f"{workload('conv2d')} --size 8 >{T}/out 2>&1 & exit 4", options=ALL + EMULATE)
r.expect_status(4)
with open(f"{T}/out") as f:
    expect("outputs equal" in f.read(), "the program that was left")
expect_no_loss(r.dir)
compare_ioctls(r.dir)

# ---- nothing left; a signal that kills the command ----
record("nothing", "true", options=ALL).expect_status(0)
record("signal", "sh", "-c", "kill -TERM $$", options=ALL).expect_status(-signal.SIGTERM)
record("none", "sh", "-c", "exit 127", options=ALL).expect_status(127)

# ---- who does not want to wait any longer ----
p = start("enough", LEAVE["session"], ALL)
with open(f"/proc/{p.pid}/task/{p.pid}/children") as f:
    expect(len(f.read().split()) >= 2, "what is left is not our child")
p.terminate()
err = p.stderr.read()
expect(p.wait() == 3, f"asked to end: {p.returncode}\n{err}")
if ROOT:
    expect(re.search(r"of the command still run", err) and "--wait" not in err, err)
open_gate()

# ---- a call that has not returned when recording ends is an event ----
directory = f"{T}/open"
left = "for t in /proc/$!/task/*; do grep -q '^16 [^ ]* 0xc0184b0c' $t/syscall && exit; done"
run = sh(TOOL, "--emulate=fault:hang@1", "-o", directory, "--", "sh", "-c",
         f"{workload('conv2d')} >/dev/null 2>&1 </dev/null & echo $!; while :; do {left}; sleep 0.1; done")
os.kill(int(run.stdout), signal.SIGKILL)
if ROOT:
    # On a busy machine the main thread may still be in another call, of its beginning.
    calls = [e for e in dump(directory) if e["event"] == "kfd_ioctl_open" and e["fields"]["cmd"] == 0xc0184b0c]
    expect(calls and all(c["fields"]["pid"] == int(run.stdout) and
                         c["fields"]["fd"] > 2 and c["tid"] != c["fields"]["pid"] for c in calls), f"{calls}")
    text = sh(TOOL, "dump", directory).stdout
    expect("AMDKFD_IOC_WAIT_EVENTS (0xc0184b0c)) has not returned" in text, text)

done("what is left is waited for, and its end recorded")
