#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""As docs/howto-containers.md says: mount and PID namespaces of one's own, the agent mounted elsewhere, a runtime that a
wheel carries. Namespaces stand in for docker and podman."""
import json
import shutil

from rdna1 import *

need_root()
AGENT = os.path.join(BUILD, "librdna1-agent.so.1")
PROGRAM = f"{workload('conv2d')} --size 8"


def inside(name, script, options=EMULATE, **kw):
    """rdna1-trace on the host, the command in namespaces of its own."""
    r = record(name, "unshare", "-mpf", "--mount-proc", "sh", "-e", "-c", script, options=options, **kw)
    return r.expect_status(0)


# ---- the agent's path is not there: nothing of the program's own side, and it is said why ----
r = inside("hidden", f"mount --bind /dev/null {AGENT}; {PROGRAM}; exit 0")
expect("outputs equal" in r.out, r.out + r.err)
expect("without the agent" in r.err and "found: it runs in a container" in r.err and AGENT in r.err, r.err)
expect("howto-containers" in r.err and os.path.exists(f"{TOP}/docs/howto-containers.md"), r.err)
expect("found: it runs in a container" in " ".join(report(r.dir, 300).split()), report(r.dir))

# ---- it is there at the same path: both sides, joined ----
r = inside("same", f"{PROGRAM}; exit 0")
expect("without the agent" not in r.err, r.err)
expect(any(x["kernel"] == "conv2d_direct" for x in rows(report(r.dir), "Kernels dispatched")), report(r.dir))

# ---- mounted elsewhere, read-only, with a directory for the trace, and without rdna1-trace inside ----
os.makedirs(f"{T}/traces")
r = inside("elsewhere", f"""
mount -t tmpfs none /mnt
mkdir /mnt/rdna1 /mnt/traces
touch /mnt/rdna1/librdna1-agent.so.1
mount --bind {AGENT} /mnt/rdna1/librdna1-agent.so.1
mount -o remount,bind,ro /mnt/rdna1/librdna1-agent.so.1
mount --bind {T}/traces /mnt/traces
mount --bind /dev/null {AGENT}
export HSA_TOOLS_LIB=/mnt/rdna1/librdna1-agent.so.1 RDNA1_TRACE_OPTIONS=dir=/mnt/traces/run
{PROGRAM}
exit 0
""")
expect("outputs equal" in r.out, r.out + r.err)
text = report(f"{T}/traces/run")
expect(any(x["kernel"] == "conv2d_direct" for x in rows(text, "Kernels dispatched")), text)
sessions = [n for n in os.listdir(f"{T}/traces/run") if n.startswith("session.")]
with open(f"{T}/traces/run/{sessions[0]}") as f:
    expect(json.load(f)["environment"]["HSA_TOOLS_LIB"].startswith("/mnt/rdna1/"), sessions)

# ---- a runtime under another name and path, as wheels have it: the agent comes into that one ----
runtime = [l.split()[-1] for l in sh("ldconfig", "-p").stdout.splitlines() if "libhsa-runtime64.so.1 " in l][0]
os.makedirs(f"{T}/torch/lib")
shutil.copy(os.path.realpath(runtime), f"{T}/torch/lib/libhsa-runtime64.so")
WHEEL = f"""
import ctypes
hsa = ctypes.CDLL("{T}/torch/lib/libhsa-runtime64.so")
assert not hsa.hsa_init()
with open("/proc/self/maps") as f:
    loaded = {{l.split()[-1] for l in f if "libhsa-runtime64" in l}}
print(*loaded)
assert not hsa.hsa_shut_down()
"""
r = record("wheel", sys.executable, "-c", WHEEL).expect_status(0)
expect(r.out.split() == [f"{T}/torch/lib/libhsa-runtime64.so"], r.out)
kinds = [e["event"] for e in dump(r.dir)]
expect(kinds.count("agent_start") == 1 and kinds.count("agent_stop") == 1, f"{kinds}")
expect("without the agent" not in r.err, r.err)
print("the agent in namespaces of their own, mounted elsewhere, and in a runtime of a wheel")
