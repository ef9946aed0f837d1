#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a report says when something is wrong, unknown or not over yet."""
import re
import signal
import time

from rdna1 import *

# ---- a null pointer has an address ----
r = record("null", workload("trouble"), "null")
text = report(r.dir)
expect(re.search(r"page fault in kernel store_null: \S+, store of 4 bytes at address 0x0, lane 0\n", text) and
       "a null pointer" in text, text)

# ---- a kernel that hangs, while it does and after Ctrl-C ----
directory = os.path.join(T, "hang")
p = subprocess.Popen([TOOL, "-q", "--emulate", "-o", directory, "--", workload("trouble"), "hang"],
                     stdout=subprocess.PIPE, text=True)
expect(p.stdout.readline() == "launched\n", "not launched")
time.sleep(0.5)
text = report(directory)
expect("still running" in text and "still recording" in text and "killed" not in text, text)
p.send_signal(signal.SIGINT)
expect(p.wait(timeout=20) == -signal.SIGINT, f"{p.returncode}")
text = report(directory)
expect("Faults: none, but a kernel did not finish" in text and "still r" not in text and
       re.search(r"not finished: wait_for_ever, packet \d+ of queue \d+, dispatched \d", text), text)

# ---- a PID namespace of its own: the agent has another number than the kernel's side ----
if os.geteuid() == 0:
    r = record("namespace", "unshare", "--pid", "--fork", workload("conv2d")).expect_status(0)
    text = report(r.dir, 120)
    expect(re.search(r"process \d{2,}: \S+/conv2d, uses HSA, exited with 0\n", text) and
           "not seen" not in text and not re.search(r"process 1:", text), text)

# ---- allocations that fail ----
r = record("greedy", workload("trouble"), "greedy").expect_status(0)
expect("failed: 2000 MiB, HSA_STATUS_ERROR_OUT_OF_RESOURCES (0x1008), 2 times" in report(r.dir), report(r.dir))

# ---- nothing was seen: not known, rather than none ----
r = record("true", "true", options=()).expect_status(0)
text = report(r.dir)
for part in ("Faults", "Allocated through HSA", "Kernels dispatched"):
    expect(f"{part}: not known" in text, text)

# ---- what the trace holds does not reach the terminal as it is ----
r = record("escape", "/bin/echo", "\x1b[31m", "line\nFaults: none\x7f\xc2\x9b31m", options=()).expect_status(0)
text = report(r.dir)
expect("\x1b" not in text and "\nFaults: none" not in text and "\x7f" not in text and
       "\\x1b[31m" in text, repr(text))
run = sh(TOOL, "dump", r.dir)
expect(not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", run.stdout), repr(run.stdout))

# ---- a FIFO in a trace ----
os.mkfifo(os.path.join(r.dir, "ctf", "agent_1_1.0"))
report(r.dir)
os.mkdir(os.path.join(T, "fifo"))
os.mkfifo(os.path.join(T, "fifo", "metadata"))
run = sh(TOOL, "report", os.path.join(T, "fifo"), timeout=20)
expect(run.returncode == 1 and "not a trace" in run.stderr, run.stderr)

# ---- a command line of many kilobytes ----
r = record("long", "sh", "-c", "exit 0", *map(str, range(20000)), options=()).expect_status(0)
expect_no_loss(r.dir)
expect("command: sh -c 'exit 0' 0 1 2" in report(r.dir), report(r.dir)[:500])

# ---- an address above 2^53 in JSON ----
r = record("aperture", workload("conv2d"), "--fault", "aperture")
va = re.search(r"^address +(0x[0-9a-f]+)", r.out, re.M) or re.search(r"(0xdead[0-9a-f]+)", r.out)
run = sh(TOOL, "dump", "--format", "json", r.dir)
expect(f'"va":"{va[1]}"' in run.stdout, f"{va[1]} is not in the JSON")
done("null, hang, failed allocations, unknown, control characters, long command lines")
