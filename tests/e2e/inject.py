#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""--emulate=fault:KIND@N: each ends the program as the real thing does and is said to be injected."""
import re
import signal
import time

from rdna1 import *

# kind: status of the program, what the runtime says, what the report says
KINDS = {
    "page": (-6, "Page not present", "page fault in kernel", "load of 4 bytes at address 0xdead000"),
    "permission": (-6, "Write access to a read-only page", "permission fault in kernel", "store of 4 bytes"),
    "aperture": (-6, "HSA_STATUS_ERROR_MEMORY_APERTURE_VIOLATION", "aperture violation in kernel", "0xdead000000000000"),
    "illegal": (-6, "HSA_STATUS_ERROR_ILLEGAL_INSTRUCTION", "illegal instruction in kernel", "injected"),
    "trap": (-6, "HSA_STATUS_ERROR_EXCEPTION", "trap in kernel", "injected"),
}
for kind, (status, runtime, title, detail) in KINDS.items():
    r = record(kind, workload("conv2d"), options=(f"--emulate=fault:{kind}@2",))
    expect(r.status == status and runtime in r.err, f"{kind}: {r.status} {r.err}")
    text = report(r.dir, 240)
    for what in (title, detail, f"injected by --emulate=fault:{kind}@2"):
        expect(what in text, f"{kind}: the report has no '{what}':\n{text}")
    expect_no_loss(r.dir)


# A fault that was not reached is said, too.
r = record("never", workload("vector"), options=("--emulate=svm,fault:page@1000",)).expect_status(0)
text = report(r.dir)
expect("Asked for with --emulate=svm,fault:page@1000." in text and "fault:page@1000 did not happen" in text, text)
expect("did not happen" not in report(os.path.join(T, "page")), "the page fault did happen")


def hangs(name, what, extra=()):
    """The program runs until it is told to end; -> its Recorded."""
    directory = os.path.join(T, name)
    p = subprocess.Popen([TOOL, f"--emulate={what}", "-o", directory, "--", workload("conv2d"), *extra],
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    end = time.time() + 30
    while time.time() < end and " emu_fault(" not in sh(TOOL, "dump", directory).stdout:
        time.sleep(0.2)
    time.sleep(0.5)
    expect(p.poll() is None, f"{what}: it ended with {p.returncode}")
    p.send_signal(signal.SIGTERM)
    out, err = p.communicate(timeout=20)
    p.stdout, p.stderr = out, err
    return Recorded(directory, p)


for kind, title in (("hang", "endless waves in kernel"), ("reset", "GPU reset in kernel")):
    r = hangs(kind, f"fault:{kind}@2")
    text = report(r.dir, 240)
    expect(title in text and f"injected by --emulate=fault:{kind}@2" in text, text)

# The first dispatch that is injected is the one that was named, and the ones before ran.
r = record("third", workload("storm"), "--threads", "1", "--launches", "10", options=("--emulate=fault:trap@5",))
done_before = [e for e in dump(r.dir) if e["event"] == "emu_dispatch"]
faults = [e["fields"] for e in dump(r.dir) if e["event"] == "emu_fault"]
expect(len(done_before) == 4 and len(faults) == 1 and faults[0]["kind"] == 5, f"{len(done_before)} {faults}")

# A reset takes the queues of the other processes with it: they wait for ever, as on hardware.
script = f"""
recorded() {{
	for i in $(seq 150); do "{TOOL}" dump "$1" 2>/dev/null | grep -q " $2(" && return; sleep 0.2; done
}}
"{workload('conv2d')}" --repeat 2000 >$0.other 2>&1 &
other=$!
recorded "$1" emu_dispatch
"{workload('storm')}" --threads 1 --launches 20000 >$0.cause 2>&1 &
cause=$!
recorded "$1" emu_fault
sleep 0.5
for p in $other $cause; do kill -0 $p 2>/dev/null && echo alive; kill -9 $p 2>/dev/null; done
wait
"""
r = record("others", "sh", "-c", script, os.path.join(T, "out"), os.path.join(T, "others"), options=("--emulate=fault:reset@5000",))
expect(r.out.count("alive") == 2, f"{r.out}{r.err}")
expect(sum(e["fields"]["kind"] == 8 for e in dump(r.dir) if e["event"] == "emu_fault") == 1, "one reset")
done("seven kinds of fault, each as the real one and marked as injected")
