#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The agent alone: HSA_TOOLS_LIB and RDNA1_TRACE_OPTIONS, no rdna1-trace around the application
(it is there only to give it the emulated device)."""
import json
import re
import shutil

from rdna1 import *

AGENT = os.path.join(BUILD, "librdna1-agent.so.1")


def alone(name, options, *command, tools=AGENT, cwd=T, **kw):
    """Run with the agent's options as a user would set them; the outer trace is only the device's."""
    settings = [f"HSA_TOOLS_LIB={tools}"]
    if options is None:
        wrapper = ("env", "-u", "RDNA1_TRACE_OPTIONS", *settings)
    else:
        wrapper = ("env", *settings, f"RDNA1_TRACE_OPTIONS={options}")
    return sh(TOOL, "-q", "--emulate", "-o", os.path.join(T, name + ".device"), "--", *wrapper,
              *(command or (workload("conv2d"), "--size", "12")), cwd=cwd, **kw)


def ours(run):
    return [l for l in run.stderr.splitlines() if l.startswith("librdna1-agent: ")]


def unharmed(run):
    expect(run.returncode == 0 and "outputs equal" in run.stdout, run.stdout + run.stderr)
    return run


# ---- a directory of its own ----
directory = os.path.join(T, "own")
run = unharmed(alone("own", f"dir={directory}"))
expect(not ours(run), run.stderr)
compare_ctf(directory, 30)
text = report(directory)
expect(text.startswith("emulated device: AMD Radeon RX 5600 XT (gfx1010)\n"), text)
allocs, _ = said_allocations(run.stdout)
for name, va, n in allocs:
    expect(any(int(r["address"], 16) == va and size(r["size"]) == n
               for r in rows(text, "Allocated through HSA")), f"{name} is not in\n{text}")
expect(any(r["kernel"] == "conv2d_direct" and r["count"] == "1"
           for r in rows(text, "Kernels dispatched")), text)
sessions = [n for n in os.listdir(directory) if n.startswith("session.")]
expect(len(sessions) == 1, f"{sessions}")
with open(os.path.join(directory, sessions[0])) as f:
    session = json.load(f)
expect(session["writer"] == "agent" and "HSA_TOOLS_LIB" in session["environment"], f"{session}")
objects = os.listdir(os.path.join(directory, "code-objects"))
expect(len(objects) == 1 and all(re.fullmatch(r"[0-9a-f]{64}\.co", o) for o in objects), f"{objects}")
for o in objects:
    run = sh("sha256sum", os.path.join(directory, "code-objects", o))
    expect(run.stdout.startswith(o[:-3] + " "), f"{o} is {run.stdout}")

# ---- secrets of the environment stay out ----
run = unharmed(alone("secret", f"dir={T}/secret", env={**os.environ, "AWS_SECRET": "hunter2",
                                                      "HIP_VISIBLE_DEVICES": "0"}))
name = [n for n in os.listdir(f"{T}/secret") if n.startswith("session.")][0]
with open(f"{T}/secret/{name}") as f:
    content = f.read()
expect("hunter2" not in content and "AWS_SECRET" in content and
       json.loads(content)["environment"]["HIP_VISIBLE_DEVICES"] == "0", content)

# ---- no options: a directory here, named after the program ----
os.mkdir(f"{T}/cwd")
run = unharmed(alone("none", None, cwd=f"{T}/cwd"))
made = os.listdir(f"{T}/cwd")
expect(len(made) == 1 and made[0].startswith("rdna1-trace-conv2d-"), f"{made}")

# ---- names with spaces and quotes ----
for number, written in enumerate((f'dir="{T}/a b"', f"dir={T}/a\\ c", f'dir={T}/"a d"')):
    unharmed(alone(f"spaces{number}", written))
expect(all(os.path.isdir(f"{T}/a {x}/ctf") for x in "bcd"), f"{os.listdir(T)}")

# ---- an unknown key: one line, once; the rest counts ----
run = unharmed(alone("unknown", f"color=red dir={T}/unknown color=blue col"))
expect(len(ours(run)) == 1 and ours(run)[0].startswith(
    "librdna1-agent: unknown in RDNA1_TRACE_OPTIONS, ignored: color col (known: dir=DIR, "), run.stderr)
expect(os.path.isdir(f"{T}/unknown/ctf"), "dir= after an unknown key")

# ---- nowhere to write: one line, the application runs on ----
for name, where in (("proc", "/proc/x"), ("file", "/etc/passwd")):
    run = unharmed(alone(name, f"dir={where}"))
    expect(len(ours(run)) == 1 and "cannot record to " + where in ours(run)[0] and
           "runs on without a trace" in ours(run)[0], run.stderr)
os.makedirs(f"{T}/other/ctf")
with open(f"{T}/other/ctf/metadata", "w") as f:
    f.write("/* CTF 1.8 */\n")
run = unharmed(alone("other", f"dir={T}/other"))
expect(len(ours(run)) == 1 and "not a trace of this version" in ours(run)[0], run.stderr)

# ---- nobody reads its message ----
gone, nobody = os.pipe()
os.close(gone)
run = subprocess.run([TOOL, "-q", "--emulate", "-o", f"{T}/pipe.device", "--", "env",
                      f"HSA_TOOLS_LIB={AGENT}", "RDNA1_TRACE_OPTIONS=dir=/proc/x", workload("conv2d"),
                      "--size", "12"], stdout=subprocess.PIPE, stderr=nobody, text=True)
os.close(nobody)
expect(run.returncode == 0 and "outputs equal" in run.stdout, f"SIGPIPE: {run.returncode}")

# ---- an environment larger than the file size limit ----
script = f"import os, resource; resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536)); " \
         f"os.environ['MIOPEN_X'] = 'x' * 90000; os.execv('/usr/bin/rocminfo', ['rocminfo'])"
run = alone("big", f"dir={T}/big", sys.executable, "-c", script)
expect(run.returncode == 0 and "*** Done" in run.stdout, f"SIGXFSZ: {run.returncode}")
expect(not [n for n in os.listdir(f"{T}/big") if "session" in n], "a torn session.json")

# ---- named twice ----
for name, tools in (("twice", f"{AGENT} {AGENT}"), ("paths", f"{AGENT} {BUILD}/tests/../{os.path.basename(AGENT)}")):
    run = unharmed(alone(name, f"dir={T}/{name}", tools=tools))
    n = [e for e in dump(f"{T}/{name}") if e["event"] == "dispatch"]
    expect(len(n) == 1, f"{name}: {len(n)} dispatches")
os.mkdir(f"{T}/copy")
shutil.copy(AGENT, f"{T}/copy/librdna1-agent.so.1")
run = unharmed(alone("twin", f"dir={T}/twin", tools=f"{AGENT} {T}/copy/librdna1-agent.so.1"))
expect(len(ours(run)) == 1 and "is loaded already" in ours(run)[0], run.stderr)
expect(len([e for e in dump(f"{T}/twin") if e["event"] == "dispatch"]) == 1, "recorded twice")

# ---- a trace of hardware: what is emulated must not get into it ----
unharmed(alone("mixed", f"dir={T}/mixed"))
with open(f"{T}/mixed/ctf/metadata", "r+") as f:
    real = f.read().replace("rdna1_emulated = 1", "rdna1_emulated = 0")
    f.seek(0)
    f.write(real)
chunks = os.listdir(f"{T}/mixed/ctf")
run = unharmed(alone("mixed2", f"dir={T}/mixed"))
expect(len(ours(run)) == 1 and "another kind of device" in ours(run)[0], run.stderr)
expect(os.listdir(f"{T}/mixed/ctf") == chunks, "written to a trace of hardware")

# ---- a library that is not there: ROCr says so, or is silent, and goes on ----
unharmed(alone("missing", f"dir={T}/missing", tools="/nonexistent/librdna1-agent.so.1"))

# ---- two processes, one trace; a forked child that goes on without us ----
script = f"{workload('conv2d')} --size 8 & {workload('conv2d')} --size 9; wait"
run = alone("two", f"dir={T}/two", "sh", "-c", script)
expect(run.returncode == 0 and run.stdout.count("outputs equal") == 2, run.stdout + run.stderr)
compare_ctf(f"{T}/two", 60)
pids = {e["writer_pid"] for e in dump(f"{T}/two") if e["event"] == "dispatch"}
expect(len(pids) == 2, f"dispatches of {pids}")
expect(len([n for n in os.listdir(f"{T}/two") if n.startswith("session.")]) == 2, "one session each")

fork = """
import ctypes, os
hip = ctypes.CDLL("libamdhip64.so.5")
p = ctypes.c_void_p()
assert not hip.hipMalloc(ctypes.byref(p), 4096) and not hip.hipMemset(p, 1, 4096)
assert not hip.hipDeviceSynchronize()
pid = os.fork()
if not pid:
    hip.hipMalloc(ctypes.byref(p), 4096)  # fails or not: must not write to its parent's trace
    os._exit(0)
os.waitpid(pid, 0)
assert not hip.hipMemset(p, 2, 4096) and not hip.hipDeviceSynchronize()
print("outputs equal")
"""
unharmed(alone("fork", f"dir={T}/fork", sys.executable, "-c", fork))
compare_ctf(f"{T}/fork", 10)
expect(len({e["writer_pid"] for e in dump(f"{T}/fork") if e["event"] != "loss"}) == 1, "the child wrote")

# ---- exec in the same process: a second run of the agent under the same pid ----
script = f"import os, ctypes; ctypes.CDLL('libhsa-runtime64.so.1').hsa_init(); " \
         f"os.execv({workload('conv2d')!r}, ['conv2d', '--size', '7'])"
unharmed(alone("exec", f"dir={T}/exec", sys.executable, "-c", script))
compare_ctf(f"{T}/exec", 30)
expect(len([e for e in dump(f"{T}/exec") if e["event"] == "agent_start"]) == 2, "two starts")

# ---- hsa_init, hsa_shut_down, and again ----
script = """
import ctypes
hsa = ctypes.CDLL("libhsa-runtime64.so.1")
for _ in range(3):
    assert not hsa.hsa_init() and not hsa.hsa_shut_down()
print("outputs equal")
"""
unharmed(alone("again", f"dir={T}/again", sys.executable, "-c", script))
events = [e["event"] for e in dump(f"{T}/again")]
expect(events.count("agent_start") == 3 and events.count("agent_stop") == 3, f"{events}")
print("alone: records, refuses, survives fork, exec and restart of the runtime")
