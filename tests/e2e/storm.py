#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""storm.py THREADS CALLS FORKS LAUNCHES: seen = written + lost, the left side counted by the load.

The recorder is stopped while the load runs, with the smallest ring: events must be lost, and every
one of them counted. Then without stopping it: nothing may be lost."""
import json
import re
import signal

from rdna1 import *

need_root()
threads, calls, forks, launches = map(int, sys.argv[1:])


def storm(name, ring_mb, stopped):
    directory = os.path.join(T, name)
    p = subprocess.Popen([TOOL, "--emulate", "--ring-mb", str(ring_mb), "-o", directory, "--",
                          os.path.join(BUILD, "tests/tools/ioctl-storm"), str(threads), str(calls),
                          str(forks)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True)
    expect(p.stdout.readline() == "ready\n", "the load did not start")
    if stopped:
        p.send_signal(signal.SIGSTOP)
    p.stdin.write("go\n")
    p.stdin.flush()
    made = re.match(r"made (\d+) ioctls, (\d+) forks", p.stdout.readline())
    expect(made, "the load did not end")
    if stopped:
        p.send_signal(signal.SIGCONT)
    p.stdin.write("end\n")
    p.stdin.close()
    err = p.stderr.read()
    expect(p.wait(timeout=60) == 0, err)
    ioctls, children = int(made[1]), int(made[2])
    expect(ioctls == threads * calls and children == forks, made[0])

    events = dump(directory)
    count = lambda name: sum(1 for e in events if e["event"] == name)
    with open(os.path.join(directory, "session.json")) as f:
        session = json.load(f)
    hooks = {h["name"].split("(")[1].rstrip(")"): h for h in session["hooks"] if h["on"]}
    kernel = [c for c in session["counts"] if c["source"] == "kernel"][0]
    seen = {n: hooks[n]["seen"] for n in hooks}
    expect(seen["raw_tp/sys_exit"] == ioctls, f"{ioctls} ioctls made, {seen} seen")
    expect(seen["raw_tp/sched_process_fork"] == forks, f"{forks} forks made, {seen} seen")
    expect(seen["raw_tp/sched_process_exit"] == forks + 1, f"{forks} exits, {seen} seen")
    expect(sum(seen.values()) == kernel["seen"], f"{seen}, {kernel}")
    expect(kernel["seen"] == kernel["written"] + kernel["dropped"], f"{kernel}")
    written = sum(map(count, ("kfd_ioctl", "proc_fork", "proc_exec", "proc_exit")))
    expect(written == kernel["written"], f"{written} in the trace, {kernel}")
    # The device's own log is another writer: it saw the same calls, and lost none.
    expect(count("emu_ioctl") == ioctls, f"the device answered {count('emu_ioctl')} of {ioctls}")
    if stopped:
        lost = re.search(r"lost (\d+) events \(kernel: ring full\): raise --ring-mb", err)
        expect(kernel["dropped"] and lost and int(lost[1]) == kernel["dropped"], f"{kernel}\n{err}")
    else:
        expect(not kernel["dropped"], f"{kernel}\n{err}")
        compare_ioctls(directory)
    compare_ctf(directory)
    return kernel["seen"], kernel["dropped"]


seen, dropped = storm("stopped", 1, True)
kept, _ = storm("running", 16, False)

r = record("launches", workload("storm"), "--threads", 4, "--launches", launches).expect_status(0)
expect("ok: all results right" in r.out, r.out)
expect_report_of_workload(r)
expect_no_loss(r.dir)
compare_ctf(r.dir, 4 * launches)
print(f"{dropped} of {seen} lost and counted with the recorder stopped, 0 of {kept} without; "
      f"{4 * launches} launches of 4 threads all read")
