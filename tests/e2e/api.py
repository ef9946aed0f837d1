#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Calls of libraries by uprobes: whatever way the library came in, every call from when it was found, with its
arguments; none of other processes; nothing left behind."""
import json
import re
import shutil
import signal
import time

from rdna1 import *

need_root()
LIB = os.path.join(BUILD, "tests/apilib")
CONVS = os.path.join(LIB, "convs")
MIOPEN = os.path.join(LIB, "libMIOpen.so.1")
CALLS = 31  # of one round of convs


class Run:
    """A command that says when its library is there, and waits to be told to go on."""

    def __init__(self, name, *command, options=("--trace=miopen",), env=None, stderr=None):
        self.dir = os.path.join(T, name)
        self.p = subprocess.Popen([str(c) for c in (TOOL, "-q", *options, "-o", self.dir, "--", *command)],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, text=True,
                                  env={**os.environ, **(env or {})})
        expect(self.p.stdout.readline() == "ready\n", f"{name} did not start")

    def end(self, status=0, found=1):
        self.until_found(found)
        self.p.stdin.write("go\n")
        self.p.stdin.flush()
        out = self.p.stdout.read()
        self.p.stdin.close()
        got = self.p.wait(timeout=100)
        expect(got == status, f"{self.dir}: status {got}\n{out}")
        return out

    def until_found(self, n):
        for _ in range(100):
            if sum(1 for e in dump(self.dir) if e["event"] == "api_library" and e["fields"]["pid"]) >= n:
                return
            time.sleep(0.05)
        fail(f"{self.dir}: no library was found")

    def calls(self):
        return [e["fields"] for e in dump(self.dir) if e["event"] == "api_call"]


def words(hexadecimal):
    data = bytes.fromhex(hexadecimal)
    return [int.from_bytes(data[i:i + 8], "little") for i in range(0, len(data), 8)]


def hooks(directory):
    with open(os.path.join(directory, "session.json")) as f:
        session = json.load(f)
    expect(all(c["seen"] == c["written"] for c in session["counts"]), f"{session['counts']}")
    return {h["name"].split(" ")[0]: h for h in session["hooks"] if h["how"] == "uprobe"}


def text_of(directory):
    run = sh(TOOL, "dump", directory)
    expect(run.returncode == 0, run.stderr)
    return run.stdout


FORWARD = ("miopenConvolutionForward x=[1,3,44,44] w=[64,3,3,3] y=[1,64,42,42] pad 0 stride 1 dilation 1 float "
           "by Direct: 3 times, ")


def check_convs(run, rounds=1):
    """Every call that was made, and what they were about."""
    calls = run.calls()
    expect(len(calls) == CALLS * rounds, f"{run.dir}: {len(calls)} of {CALLS * rounds} calls")
    expect(all(c["returned"] == 1 and not c["unread"] for c in calls), f"{run.dir}: {calls}")
    h = hooks(run.dir)
    expect(set(h) == {"MIOpen"} and h["MIOpen"]["seen"] == CALLS * rounds and not h["MIOpen"]["dropped"] and
           h["MIOpen"]["probes"] == 46, f"{h}")
    text = report(run.dir, 400)
    expect(FORWARD in text or rounds > 1, text)
    for part in ("miopenConvolutionBackwardData dy=[2,3,8,9,10] w=[64,3,3,3] dx=[2,3,8,9,10] pad 1,2,3 stride 1 "
                 "dilation 1 groups 3 transpose half by TransposeGEMM",
                 "miopenConvolutionBackwardWeightsImmediate dy=[1,64,42,42] x=[1,3,44,44] dw=[64,3,3,3] pad 0 "
                 "stride 1 dilation 1 float by solution 89", " w=? y=[1,64,42,42] pad 0"):
        expect(part in text, f"no {part} in\n{text}")
    return text


# ---- linked, opened later, by another name, mapped before we came ----

run = Run("linked", CONVS)
run.end()
text = check_convs(run)
found = re.search(rf"calls of {re.escape(MIOPEN)}: 46 functions, from [\d.]+(us|ms|s) after it was mapped", text)
expect(found, text)
dumped = text_of(run.dir)
for part in ("miopenFindConvolutionForwardAlgorithm(handle=0x5010, xDesc=0x5020, x=0x10, wDesc=0x5030, w=0x20, "
             "convDesc=0x5060, yDesc=0x5040, y=0x30, requestAlgoCount=4, returnedAlgoCount=",
             "=> 2, perfResults=", "=> [{Winograd, 0.25 ms, 0 B}, {Direct, 0.5 ms, 4096 B}], workSpace=0x40, "
             "workSpaceSize=2, exhaustiveSearch=true) = miopenStatusSuccess (0) <",
             "dimsA=", "=> [2,3,8,9,10], stridesA=", "=> [2160,720,90,10,1]) = ",
             "solutions=", "=> [{id 89, Direct, 0.125 ms, 0 B}, {id 21, Winograd, 0.5 ms, 8192 B}]) = ",
             "workSpace=0x40, workSpaceSize=78187493530) = "):
    expect(part in dumped, f"no {part} in the dump of {run.dir}")
compare_ctf(run.dir, CALLS)

hashed = os.path.join(T, "libMIOpen-0a1b2c3d.so.1")
shutil.copy(MIOPEN, hashed)
run = Run("hashed", CONVS, hashed)  # it is linked with the other, too
run.end(found=2)
calls = run.calls()
expect(len(calls) == CALLS, f"{len(calls)} calls by dlopen(RTLD_LOCAL)")
expect(hooks(run.dir)["MIOpen"]["probes"] == 92, f"{hooks(run.dir)}")
expect(f"calls of {hashed}: 46 functions" in report(run.dir, 400), report(run.dir, 400))

before = subprocess.Popen([CONVS, "-", "1"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
expect(before.stdout.readline() == "ready\n", "convs")
rec = subprocess.Popen([TOOL, "-o", f"{T}/attached", "--trace=miopen", "-p", str(before.pid)],
                       stderr=subprocess.PIPE, text=True)
for line in rec.stderr:
    if "recording the kernel's side" in line:
        break
for _ in range(100):
    if any(e["event"] == "api_library" for e in dump(f"{T}/attached")):
        break
    time.sleep(0.05)
before.stdin.write("go\n")
before.stdin.close()
before.wait()
expect(rec.wait(timeout=60) == 0, rec.stderr.read())
expect(len([e for e in dump(f"{T}/attached") if e["event"] == "api_call"]) == CALLS, "attached to")
expect("mapped before recording began" in report(f"{T}/attached"), report(f"{T}/attached"))

# ---- from python; all the words of a call ----

script = """
import ctypes, sys
l = ctypes.CDLL(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
P, I, L = ctypes.c_void_p, ctypes.c_int, ctypes.c_int64
ex = [P(1), I(111), I(112), I(-3), I(4), I(5), P(6), P(7), I(151), I(9), P(10), I(151), I(12), P(13), P(14),
      I(150), I(16), P(17), I(168), I(19), I(151), I(21), I(-22), I(23)]
strided = [P(1), I(111), I(112), I(3), I(4), I(5), P(6), P(7), I(151), I(9), L(-10), P(11), I(151), I(13),
           L(1 << 40), P(15), P(16), I(150), I(18), L(19), P(20), I(168), I(22), L(23), I(24), I(151), I(26),
           I(27), I(28)]
for i in range(3):
    print(l.rocblas_sgemm(P(1), I(111), I(112), I(3), I(4), I(5), P(6), P(7), I(8), P(9), I(10), P(11), P(12), I(13)),
          l.rocblas_gemm_ex(*ex), l.rocblas_gemm_strided_batched_ex(*strided))
"""
# With one link for each probe, as before Linux 6.6, it is the same.
SHIM = os.path.join(BUILD, "tests/tools/preload_refuse.so")
if BUILD.endswith("/san"):
    SHIM = sh("gcc", "-print-file-name=libasan.so").stdout.strip() + " " + SHIM
for name, env in (("python", {}), ("single", {"LD_PRELOAD": SHIM, "REFUSE": "uprobe_multi"})):
    run = Run(name, sys.executable, "-c", script, os.path.join(LIB, "librocblas.so.0"), options=("--trace=rocblas",),
              env=env)
    run.end()
    calls = run.calls()
    expect(len(calls) == 9, f"{name}: {len(calls)} of 9 calls of rocBLAS")
    expect(words(calls[5]["args"])[24] & 0xffffffff == 24, f"{calls[5]}")
    said = text_of(run.dir)
    for part in ("rocblas_sgemm(handle=0x1, transA=none, transB=transpose, m=3, n=4, k=5, alpha=0x6, A=0x7, lda=8, B=0x9, "
                 "ldb=10, beta=0xb, C=0xc, ldc=13) = rocblas_status_success (0)",
                 "rocblas_gemm_ex(handle=0x1, transA=none, transB=transpose, m=-3, n=4, k=5, alpha=0x6, a=0x7, "
                 "a_type=f32_r, lda=9, b=0xa, b_type=f32_r, ldb=12, beta=0xd, c=0xe, c_type=f16_r, ldc=16, d=0x11, "
                 "d_type=bf16_r, ldd=19, compute_type=f32_r, algo=21, solution_index=-22, flags=23)",
                 "lda=9, stride_a=18446744073709551606, b=0xb, b_type=f32_r, ldb=13, stride_b=1099511627776, beta=0xf",
                 "stride_d=23, batch_count=24, compute_type=f32_r, algo=26, solution_index=27, flags=28)"):
        expect(said.count(part) == 3, f"{name}: no {part}")

# ---- many, beside a process that is not traced, and by two at once ----

script = """
import subprocess, sys
both = [subprocess.Popen([sys.argv[1], "-", "500"], stdin=-1, stdout=-1, text=True) for i in range(2)]
for p in both:
    p.stdout.readline()
print("ready", flush=True)
sys.stdin.readline()
for p in both:
    p.stdin.write("go\\n")
    p.stdin.flush()
for p in both:
    p.communicate()
"""
run = Run("many", sys.executable, "-c", script, CONVS)
run.until_found(1)
other = subprocess.Popen([CONVS, "-", "500"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
expect(other.stdout.readline() == "ready\n", "convs")
other.stdin.write("go\n")
run.end()
other.stdin.close()
other.wait()
processes = {c["pid"] for c in run.calls()}
expect(len(processes) == 2 and other.pid not in processes and len(run.calls()) == 2 * 500 * CALLS,
       f"{len(run.calls())} calls of {processes}")
seen_many = len(run.calls())

# ---- at once: what was missed is said ----

r = Recorded(f"{T}/at-once", sh("sh", "-c", f"echo go | {TOOL} -q --trace=miopen -o {T}/at-once -- {CONVS}"))
r.expect_status(0)
early = len([e for e in dump(r.dir) if e["event"] == "api_call"])
text = report(r.dir, 400)
expect(early <= CALLS and ("after it was mapped: any before that are missing" in text or
                           "its process ended before it could be probed" in text), text)
# Unless the dynamic linker would find it: then it was there before.
r = Recorded(f"{T}/found", sh("sh", "-c", f"echo go | {TOOL} -q --trace=miopen -o {T}/found -- {CONVS}",
                              env={**os.environ, "LD_LIBRARY_PATH": LIB}))
r.expect_status(0)
expect(len([e for e in dump(r.dir) if e["event"] == "api_call"]) == CALLS and
       f"{MIOPEN}: 46 functions, all from the beginning" in report(r.dir, 400), report(r.dir, 400))

# ---- a call that fails; one that does not return; a file that is no library ----

run = Run("fails", CONVS, env={"APILIB_FAIL": "32"})
run.end()
expect(re.search(r"by Direct: miopenStatusBadParm \(3\), 3 times, ", report(run.dir, 400)), report(run.dir, 400))

r = record("hang", "timeout", "4", workload("conv2d"), options=("--emulate=fault:hang@1", "--trace=hip"))
open_calls = [e["fields"] for e in dump(r.dir) if e["event"] == "api_call" and e["fields"]["returned"] != 1]
expect(len(open_calls) == 1 and "was left without a return <" in text_of(r.dir) and
       open_calls[0]["returned"] == 2 and open_calls[0]["begin_dt"] > 10**9 and
       "1 of them were left without a return" in report(r.dir), f"{open_calls}\n{report(r.dir)}")

with open(f"{T}/libMIOpen.so.9", "wb") as f:
    f.write(b"not a library" * 1000)
shutil.copy(os.path.join(LIB, "librocblas.so.0"), f"{T}/libMIOpen-empty.so")
script = """
import ctypes, mmap, os, sys
f = os.open(sys.argv[1], os.O_RDONLY)
m = mmap.mmap(f, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC, flags=mmap.MAP_PRIVATE)
ctypes.CDLL(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
"""
run = Run("no-library", sys.executable, "-c", script, f"{T}/libMIOpen.so.9", f"{T}/libMIOpen-empty.so")
run.end(found=2)
text = report(run.dir, 400)
expect(f"no calls of {T}/libMIOpen.so.9: it is no library for x86-64" in text and
       f"no calls of {T}/libMIOpen-empty.so: it has none of them" in text, text)

# ---- where only the process can see the file: a mount namespace of its own, and deleted since ----

script = f"mount -t tmpfs t {T}/empty && cp {MIOPEN} {T}/empty/libMIOpen.so.1 && exec {CONVS} {T}/empty/libMIOpen.so.1"
os.mkdir(f"{T}/empty")
run = Run("container", "unshare", "--mount", "sh", "-c", script)
run.end(found=2)
expect(len(run.calls()) == CALLS, f"{len(run.calls())} calls in a container")
shutil.copy(MIOPEN, f"{T}/libMIOpen-gone.so")
script = f"""
import ctypes, os, sys
l = ctypes.CDLL("{T}/libMIOpen-gone.so")
os.unlink("{T}/libMIOpen-gone.so")
print("ready", flush=True)
sys.stdin.readline()
p = ctypes.c_void_p()
l.miopenCreateTensorDescriptor(ctypes.byref(p))
"""
run = Run("gone", sys.executable, "-c", script)
run.end()
expect(len(run.calls()) == 1, "a call of a file that is deleted")

# ---- files that are to harm: a FIFO in the place of one that is mapped, one of many tables, one that shrinks ----

script = """
import ctypes, os, struct, sys
libc, directory = ctypes.CDLL(None), sys.argv[1]
libc.mmap.restype = ctypes.c_void_p


def mapped(name, content, length, at, fifo=None):
    fd = os.open(f"{directory}/{name}", os.O_RDWR | os.O_CREAT, 0o755)
    os.write(fd, content)
    os.ftruncate(fd, length)
    if fifo:
        os.unlink(f"{directory}/{name}")
        os.mkfifo(f"{directory}/{fifo}")
    libc.mmap(ctypes.c_void_p(at), ctypes.c_size_t(4096), 5, 0x100002, fd, ctypes.c_long(0))
    return fd


mapped("libMIOpen.so.1", b"", 4096, 0x1000000, "libMIOpen.so.1 (deleted)")
tables = 60000
size = 1 << 30
head = b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 0, 4096, 0, 64, 56, 0, 64, tables, 0)
section = struct.pack("<IIQQQQIIQQ", 1, 11, 0, 0, 4096, size, 0, 0, 8, 24)
mapped("libMIOpen.so.2", head + bytes(4096 - len(head)) + section * tables, size + 8192, 0x2000000)
one = struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 0, 64, 0, 64, 56, 0, 64, 1, 0)
fd = mapped("libMIOpen.so.3", head[:16] + one + section, size + 8192, 0x3000000)
os.ftruncate(fd, 100)
print("ready", flush=True)
sys.stdin.readline()
"""
os.mkdir(f"{T}/harm")
run = Run("harmful", sys.executable, "-c", script, f"{T}/harm")
run.end(found=3)
text = report(run.dir, 400)
harmful = re.findall(r"no calls of \S+/libMIOpen\.so\.([123](?: \(deleted\))?): it ", text)
expect(sorted(harmful) == ["1 (deleted)", "2", "3"], text)

# ---- the ring was full when a library was mapped: it is found all the same ----

script = f"echo ready; read go; i=0; while [ $i -lt 14000 ]; do (:); i=$((i + 1)); done; exec {CONVS} {MIOPEN}"
run = Run("full-ring", "sh", "-c", script, options=("--trace=miopen", "--ring-mb=1"))
os.kill(run.p.pid, signal.SIGSTOP)
run.p.stdin.write("go\n")
run.p.stdin.flush()
expect(run.p.stdout.readline() == "ready\n", "convs did not start")
os.kill(run.p.pid, signal.SIGCONT)
run.end()
with open(os.path.join(run.dir, "session.json")) as f:
    counts = {c["source"]: c for c in json.load(f)["counts"]}
expect(counts["kernel"]["dropped"] and len(run.calls()) == CALLS, f"{counts['kernel']} {len(run.calls())} calls")

# ---- one file below two overlays: its probes are hit twice, and tell of one call ----

script = f"""
mkdir o && mount -t tmpfs t o && cd o && mkdir up1 up2 work1 work2 one two || exit
for i in 1 2; do
	mount -t overlay o -o lowerdir={LIB},upperdir=up$i,workdir=work$i $([ $i = 1 ] && echo one || echo two) || exit
done
echo ready; read go
for i in one two one; do
	(sleep 1; echo go) | {CONVS} $PWD/$i/libMIOpen.so.1 >/dev/null
done"""
os.mkdir(f"{T}/overlay-root")
here = os.getcwd()
os.chdir(f"{T}/overlay-root")
run = Run("overlay", "unshare", "--mount", "sh", "-c", script)
run.end(found=0)
os.chdir(here)
hooks(run.dir)
found = [e["fields"]["path"] for e in dump(run.dir) if e["event"] == "api_library" and "/o/" in e["fields"]["path"]]
expect(len(found) == 2 and len(run.calls()) == 3 * CALLS,
       f"{len(run.calls())} calls, {found}")

# ---- a library that nobody maps ----

r = record("absent", workload("conv2d"), options=("--emulate", "--trace=miopen,hip")).expect_status(0)
text = report(r.dir)
expect("no calls of MIOpen: no process that was traced has mapped" in text and "no calls of HIP" not in text, text)

# ---- the system's HIP and HSA on the emulated card ----

r = record("hip", workload("conv2d"), options=("--emulate", "--trace=default,hip,hsa")).expect_status(0)
names = {}
said = text_of(r.dir)
for m in re.finditer(r"api_call (\w+)\((.*)\) = (\w+)", said):
    names.setdefault(m[1], []).append((m[2], m[3]))
allocs, frees = said_allocations(r.out)
mallocs = [re.fullmatch(r"ptr=0x\w+ => (0x\w+), size=(\d+)", a) for a, _ in names["hipMalloc"]]
expect([(int(m[1], 16), int(m[2])) for m in mallocs] == [(va, n) for _, va, n in allocs], f"{names['hipMalloc']}")
expect([a for a, _ in names["hipFree"]] == [f"ptr=0x{va:x}" for va in frees], f"{names['hipFree']}")
expect(len(names["hipLaunchKernel"]) == 1 and "dimBlocks=256x1x1" in names["hipLaunchKernel"][0][0],
       f"{names['hipLaunchKernel']}")
pools = [e["fields"]["size_bytes"] for e in dump(r.dir) if e["event"] in POOL_ALLOC]
seen = [int(re.search(r"size=(\d+)", a)[1]) for a, _ in names["hsa_amd_memory_pool_allocate"]]
expect(sorted(pools) == sorted(seen), f"the agent saw {pools}, uprobes {seen}")
expect(len(names["hsa_init"]) == 1 and len(names["hsa_queue_create"]) == 1, f"{names.keys()}")
compare_ioctls(r.dir)
compare_ctf(r.dir, 200)
expect(len(re.findall(r"libamdhip64\S+: \d+ functions, all from the beginning", report(r.dir, 400))) >= 1, report(r.dir, 400))
with open(os.path.join(r.dir, "session.json")) as f:
    expect(all(h["on"] for h in json.load(f)["hooks"] if h["how"] == "uprobe"), "hooks")

# ---- nothing stays, whether we end or are killed ----


def ours():
    """Links and programs of the kind in the kernel."""
    run = sh("/usr/sbin/bpftool", "prog", "show")
    return re.findall(r"name (u(?:ret)?probe_\w+)", run.stdout)


def cost():
    run = subprocess.run([CONVS, "-", "2000"], input="go\n", capture_output=True, text=True, check=True)
    return int(re.search(r"(\d+) ns each", run.stdout)[1])


def leave():
    for _ in range(100):
        if not ours():
            return
        time.sleep(0.1)
    fail(f"left in the kernel: {ours()}")


others = ours()
if others:
    print(f"someone else's uprobes are there: {others}")
    leave = lambda: None
base = cost()
run = Run("killed", CONVS, "-", "1")
run.until_found(1)
probed = cost()
expect(others or len(ours()) == 2, f"{ours()}")
run.p.kill()
run.p.wait()
leave()
after = cost()
expect(probed > 5 * base and after < probed / 3, f"{base} ns a call before, {probed} with probes, {after} after")
run.p.stdin.close()
print(f"{seen_many} calls of {len(processes)} processes, all seen; {early} of {CALLS} of a program that did not wait; "
      f"a call of an untraced process takes {base} ns, {probed} while there are probes, {after} after")
