#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""rdna1-trace info: this machine, and the machine of a trace: every field there, none that tells who it is."""
import socket

from rdna1 import *


def info(*arguments, width=80, **kw):
    run = sh(TOOL, "info", *arguments, env={**LEAKS, "COLUMNS": str(width), **kw})
    expect(run.returncode == 0 and not run.stderr, f"info {arguments}: {run.returncode}\n{run.stderr}")
    for line in run.stdout.splitlines() if "--json" not in arguments else ():
        expect(len(line) <= width or " " not in line.strip(), f"wider than {width}: {line}")
    return run.stdout


def expect_fields(session, emulated):
    facts = session["facts"]
    host, device = facts["host"], facts["device"]
    expect(host["kernel"] == {"release": os.uname().release, "version": os.uname().version,
                              "machine": os.uname().machine}, f"{host['kernel']}")
    expect(host["amdgpu"]["loaded"] == os.path.exists("/sys/module/amdgpu"), f"{host['amdgpu']}")
    expect(host["tracing"]["vmlinux_btf"] == os.path.exists("/sys/kernel/btf/vmlinux"), f"{host['tracing']}")
    expect({"kprobes", "tracefs"} <= set(host["tracing"]), f"{host['tracing']}")
    expect(set(host["limits"]) == {"memlock", "nofile", "fsize"}, f"{host['limits']}")
    expect({"hypervisor", "pid_namespace"} <= set(host), f"{set(host)}")
    expect(device["emulated"] == emulated and {"kfd", "nodes", "cards"} <= set(device), f"{device}")
    expect(isinstance(facts["missing"], list) and isinstance(facts["overrides"], dict), f"{facts}")
    expect(all(h["on"] or h["reason"] for h in session["hooks"]) and session["hooks"], f"{session['hooks']}")
    name = socket.gethostname()
    expect(len(name) < 6 or name not in json.dumps(facts), "the host's name")
    return facts


# ---- this machine ----
now = json.loads(info("--json"))
facts = expect_fields(now, False)
text = info()
expect(text.startswith("device: ") and "emulated" not in text.split("\n")[0], text)
for heading in ("Machine", "Driver", "Tracing and limits"):
    expect(f"\n{heading}\n" in text, f"no {heading}:\n{text}")
expect("\nHooks in the kernel" in text and "\nMissing" in text, text)
if not os.path.exists("/dev/kfd"):
    expect(any("/dev/kfd" in m for m in facts["missing"]) and "there is no /dev/kfd" in text, text)
    expect(text.startswith("device: no AMD GPU on this machine\n"), text)
expect("HSA_OVERRIDE_GFX_VERSION=10.3.0: the runtime takes the card for gfx1030" in
       info(width=120, HSA_OVERRIDE_GFX_VERSION="10.3.0"), "the override")
if ROOT and [h for h in now["hooks"] if h["on"]]:
    # Without privileges the hooks are not known; all else is.
    run = sh("setpriv", "--bounding-set=-bpf,-perfmon,-sys_admin", "--inh-caps=-all", TOOL, "info")
    expect(run.returncode == 0 and "none: no permission" in run.stdout and "\nDriver\n" in run.stdout,
           run.stdout + run.stderr)

# ---- a trace ----
r = record("cards", workload("cards"),
           options=("--emulate=gfx1010,gfx1030,large-bar,kfd:1.14",)).expect_status(0)
with open(f"{r.dir}/session.json") as f:
    session = json.load(f)
expect(json.loads(info("--json", r.dir)) == session, "--json is session.json")
facts = expect_fields(session, True)
expect(facts["device"]["kfd"]["version"] == {"major": 1, "minor": 14, "from": "emulated"}, f"{facts['device']}")
gpus = [n for n in facts["device"]["nodes"] if n["simd_count"]]
expect([n["gfx_target_version"] for n in gpus] == [100100, 100300], f"{gpus}")
expect([n["compute_units"] for n in gpus] == [36, 72], f"{gpus}")
expect(not any("/dev/kfd" in m for m in facts["missing"]), f"{facts['missing']}")
text = info(r.dir)
expect(text.startswith("emulated device: AMD Radeon RX 5600 XT (gfx1010, 36 CUs, 6128 MiB)\n"
                       "emulated device: AMD Radeon RX 6800 XT (gfx1030, 72 CUs, 16368 MiB)\n"), text)
expect("KFD interface    1.14 (emulated)\n" in text and "\nKFD topology (emulated)\n" in text and
       "which was not used" in text and "command          " in text and "with status 0\n" in text, text)
counts = {c["events of"]: c for c in rows(text, "What was recorded")}
for c in session["counts"]:
    expect(counts[c["source"]]["written"] == str(c["written"]), f"{counts} {c}")

# ---- on the emulated device: KFD is asked, by a process that is gone afterwards ----
inside = record("inside", TOOL, "info", options=("--emulate=kfd:1.17",)).expect_status(0)
expect(inside.out.startswith("emulated device: AMD Radeon RX 5600 XT (gfx1010, 36 CUs, 6128 MiB)\n") and
       "KFD interface    1.17 (emulated)\n" in inside.out and "amdgpu  " not in inside.out, inside.out)
asked = [e["fields"] for e in dump(inside.dir) if e["event"] == "emu_ioctl"]
ended = {e["fields"]["pid"] for e in dump(inside.dir) if e["event"] == "proc_exit"}
expect(len(asked) == 1 and (not ROOT or len(ended) == 2), f"{asked} {ended}")

# ---- while it is recorded, after the recorder was killed ----
live = record("live", "sh", "-c", f"{TOOL} info {T}/live", options=()).expect_status(0)
expect("ended            not yet" in live.out and "What was recorded" not in live.out, live.out + live.err)

# ---- the agent alone ----
run = sh(TOOL, "-q", "--emulate", "-o", f"{T}/outer", "--", "env",
         f"HSA_TOOLS_LIB={BUILD}/librdna1-agent.so.1", f"RDNA1_TRACE_OPTIONS=dir={T}/agent",
         workload("vector"))
expect(run.returncode == 0 and os.path.exists(f"{T}/agent/ctf"), run.stderr)
text = info(f"{T}/agent", width=120)
expect(text.startswith("emulated device: AMD Radeon RX 5600 XT (gfx1010)\n") and "the agent wrote it without a recorder" in text and "vector" in text, text)

# ---- what is not a trace, or broken ----
for content, words in ((None, "not a trace"), ("{", "not JSON (line 1"), ("[]", "not of rdna1-trace"),
                       ("{}", "not of rdna1-trace"), ('{"writer": 7}', "not of rdna1-trace")):
    os.makedirs(f"{T}/bad", exist_ok=True)
    if content is not None:
        with open(f"{T}/bad/session.json", "w") as f:
            f.write(content)
    run = sh(TOOL, "info", f"{T}/bad")
    expect(run.returncode == 1 and words in run.stderr and not run.stdout, f"{content}: {run}")
run = sh(TOOL, "info", f"{T}/missing")
expect(run.returncode == 1 and "missing: No such file" in run.stderr, run.stderr)
run = sh(TOOL, "info", TOOL)
expect(run.returncode == 1 and "not a trace" in run.stderr, run.stderr)
run = sh(TOOL, "info", "a", "b")
expect(run.returncode == 2 and "one trace directory" in run.stderr, run.stderr)
run = sh(TOOL, "info", "--bad")
expect(run.returncode == 2 and "unknown option --bad" in run.stderr, run.stderr)


# ---- any value may be anything: shown or left out ----
def spoiled(value, depth=0):
    """Copies of a value with one member replaced by something of another kind."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, old in members:
        for new in (None, -1, "\x1b[31m\x9b", [1], {"a": {}}, True):
            copy = dict(value) if isinstance(value, dict) else list(value)
            copy[key] = new
            yield copy
        if depth < 5:
            for changed in spoiled(old, depth + 1):
                copy = dict(value) if isinstance(value, dict) else list(value)
                copy[key] = changed
                yield copy


with open(f"{TOP}/tests/golden/made-up-card/trace/session.json") as f:
    made_up = json.load(f)
# Every place once, each with the next of the values.
some = [s for i, s in enumerate(spoiled(made_up)) if i % 7 == 0]
for s in some:
    with open(f"{T}/bad/session.json", "w") as f:
        json.dump(s, f)
    run = sh(TOOL, "info", f"{T}/bad", env=LEAKS)
    expect(run.returncode in (0, 1) and "\033" not in run.stdout and "\x9b" not in run.stdout, f"{s}\n{run}")
with open("/dev/full", "w") as f:
    run = subprocess.run([TOOL, "info", r.dir], stdout=f, stderr=subprocess.PIPE, text=True)
    expect(run.returncode == 1 and "cannot write" in run.stderr, f"{run}")
print(f"this machine, a trace, an agent's, {len(some)} spoiled ones")
