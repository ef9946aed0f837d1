#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""explain: messages given as words, in files and on standard input; what the emulated device makes programs
print is recognised; the output fits, and as JSON says the same."""
from rdna1 import *


def explain(*arguments, text=None, width=80, **kw):
    env = {**LEAKS, "COLUMNS": str(width)}
    if text is None:
        return sh(TOOL, "explain", *arguments, env=env, **kw)
    path = os.path.join(T, "input")
    with open(path, "wb") as f:
        f.write(text if isinstance(text, bytes) else text.encode())
    with open(path, "rb") as f:
        p = subprocess.run([TOOL, "explain", *arguments], stdin=f, capture_output=True, text=True, env=env,
                           errors="replace", timeout=120)
    return p


def found(*arguments, **kw):
    run = explain("--format", "json", *arguments, **kw)
    expect(run.returncode == 0, f"{arguments}: {run}")
    parsed = json.loads(run.stdout)
    return {s["id"]: s for s in parsed["found"]}


# ---- words ----
run = explain("HSA_STATUS_ERROR_MEMORY_APERTURE_VIOLATION")
expect(run.returncode == 0 and not run.stderr and "Not so: " in run.stdout and "aperture-violation" in run.stdout
       and f"    sudo {TOOL} -- COMMAND\n    {TOOL} report\n" in run.stdout, run)
for line in run.stdout.splitlines():
    expect(len(line) <= 80 or TOOL in line, f"wider than 80: {line}")
expect(f"    {TOOL} check\n" in explain("pci rejects atomics").stdout or f"then {TOOL}" in explain("pci rejects atomics").stdout,
       "what can be done now, by our name")
expect(list(found("0x29")) == ["aperture-violation"], "0x29")
expect(list(found("0x29", "700")) == ["aperture-violation", "hip-illegal-address"], "two words")
expect(list(found("no", "error", "RuntimeError: miopenStatusUnknownError\nhipErrorIllegalAddress (701)")) ==
       ["miopen-unknown-error", "hip-illegal-address"], "two lines")
run = explain("everything is fine")
expect(run.returncode == 1 and not run.stdout and "known here" in run.stderr, run)
run = explain("--format", "json", "everything is fine")
expect(run.returncode == 1 and json.loads(run.stdout) == {"lines": 1, "found": []}, run)

# ---- what a person types: a code beside words, words of a message, one argument or several ----
for text, wanted in (("code: 0x29", "aperture-violation"), ("error code: 0x29", "aperture-violation"),
                     ("status 0x29", "aperture-violation"), ("Status 41", "aperture-violation"),
                     ("aperture violation", "aperture-violation"), ("Aperture Violation!", "aperture-violation"),
                     ("Page not present", "memory-access-fault"), ("Error: page not present", "memory-access-fault"),
                     ("incorrect params", "no-solver"), ("hipErrorInvalidDevice (101)", "invalid-device"),
                     ("Segmentation fault", "segmentation-fault"), ("Segmentation fault (core dumped)", "segmentation-fault"),
                     ("error 700", "hip-illegal-address"), ("illegal instruction", "illegal-instruction")):
    expect(list(found(text)) == [wanted], f"{text}: {list(found(text))}")
    expect(wanted in found(*text.split()), f"{text}, in words: {list(found(*text.split()))}")
for text in ("epoch 41", "version 700", "error", "failed to", "0x290", "the code is fine", "address parameter"):
    run = explain(text)
    expect(run.returncode == 1 and f"{TOOL} explain 0x29" in run.stderr and f"{TOOL} explain -f FILE" in run.stderr, f"{text}: {run}")
with open(f"{T}/x y.log", "w") as f:
    f.write("hipErrorIllegalAddress\n")
run = explain(f"{T}/x y.log")
expect(run.returncode == 1 and f"{TOOL} explain -f '{T}/x y.log'" in run.stderr, run)
# A log is full of numbers and words: there they are not looked for.
expect(explain(text="status 0x29\naperture violation\n").returncode == 1, "guessed in a log")

# ---- a kernel log ----
log = """[  629.844070] gmc_v10_0_process_interrupt: 41 callbacks suppressed
[  629.844077] amdgpu 0000:0b:00.0: amdgpu: [gfxhub] page fault (src_id:0 ring:24 vmid:8 pasid:32770, for process python pid 1796 thread python pid 1796)
[  629.844087] amdgpu 0000:0b:00.0: amdgpu:   in page starting at address 0x00007f5279bab000 from client 0x1b (UTCL2)
[  629.844090] amdgpu 0000:0b:00.0: amdgpu: GCVM_L2_PROTECTION_FAULT_STATUS:0x00801031
[  629.844077] amdgpu 0000:0b:00.0: amdgpu: [gfxhub] page fault (src_id:0 ring:24 vmid:8 pasid:32770, for process python pid 1796 thread python pid 1796)
[  629.844087] amdgpu 0000:0b:00.0: amdgpu:   in page starting at address 0x0000000000000000 from client 0x1b (UTCL2)
[  630.1] Evicting PASID 32770 queues
[  639.1] amdgpu: qcm fence wait loop timeout expired
[  639.2] amdgpu: The cp might be in an unrecoverable state due to an unsuccessful queues preemption
[  639.3] amdgpu 0000:0b:00.0: amdgpu: GPU reset begin!
"""
expect(list(found(text=log)) == ["gfxhub-page-fault", "evicting-pasid", "queue-preemption", "gpu-reset"], "the log")
expect(found("-", text=log) == found("-f", os.path.join(T, "input")) == found("-f", "-", text=log), "- and -f")
fault = found(text=log)["gfxhub-page-fault"]
expect(fault["count"] == 2 and fault["lines"] == 5 and fault["first_line"] == 2 and fault["rules"][0] == "page-fault",
       fault)
values = {(v["name"], v["value"]): v for v in fault["values"]}
expect(values["status", "0x00801031"]["means"] ==
       "TCP read, not valid|not readable, MORE_FAULTS, VMID=8 (0x801031)" and
       "null pointer" in values["address", "0x0000000000000000"]["means"] and
       values["vmid", "8"]["count"] == 2 and values["pid", "1796"]["means"] is None, values)
expect("(2 times)" in explain(text=log).stdout, "times")

# ---- any bytes, no end of line, long lines, escapes for a terminal ----
run = explain(text=b"\x00\xff\x1b[31m hipErrorIllegalAddress \x9b\x00 x\n" + b"y" * 200000 + b"\nhangs forever")
expect(run.returncode == 0 and "\x1b" not in run.stdout and "\\x1b[31m" in run.stdout and "line 3: hangs" in run.stdout, run)
found(text=b"\x00\xff\x1b[31m hipErrorIllegalAddress \x9b\x00 x\n")

# ---- usage ----
run = explain("-f", f"{T}/missing")
expect(run.returncode == 2 and "cannot read" in run.stderr and "No such file" in run.stderr and not run.stdout, run)
run = explain("-f", T)
expect(run.returncode == 2 and "directory" in run.stderr, run)
for arguments, words in ((("--format", "xml"), "text or json"), (("--bad",), "unknown option --bad"), (("-f",), "needs a")):
    run = explain(*arguments)
    expect(run.returncode == 2 and words in run.stderr and f"Try '{TOOL} explain --help'" in run.stderr, run)

# ---- what programs really print, of the runtime that is installed ----
for kind, want in (("oob", "memory-access-fault"), ("aperture", "aperture-violation"), ("illegal", "illegal-instruction")):
    run = sh(TOOL, "-q", "--emulate", "-o", f"{T}/{kind}", "--", workload("conv2d"), "--fault", kind)
    expect(run.returncode != 0, f"{kind} did not fail")
    got = found(run.stdout + "\n" + run.stderr)
    expect(want in got and got[want]["count"] >= 1, f"{kind}: {list(got)} in\n{run.stdout}{run.stderr}")
done("messages of the runtime, HIP, MIOpen and the kernel are recognised")
