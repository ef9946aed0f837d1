#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""rdna1-trace check: on this machine, on the emulated card, on machines made of files; --profile; --run."""
import shutil

from rdna1 import *

CLEAN = {k: v for k, v in os.environ.items() if not k.startswith(
    ("HSA_", "HIP_", "ROC", "MIOPEN_", "AMD_", "GPU_", "PYTORCH_", "CUDA_", "LD_LIBRARY", "VIRTUAL_ENV"))}
FAKE = os.path.join(T, "machine")


def check(*arguments, status=None, width=80, **env):
    # What it records is not to be searched for leaks: that stops threads, and the device's are among them.
    leaks = {} if "--run" in arguments else {"ASAN_OPTIONS": LEAKS["ASAN_OPTIONS"]}
    run = sh(TOOL, "check", *arguments, env={**CLEAN, **leaks, "COLUMNS": str(width), **env})
    expect(status is None or run.returncode == status, f"check {arguments} {env}: {run.returncode}\n{run.stdout}{run.stderr}")
    if "json" not in arguments:
        for line in run.stdout.splitlines():
            expect(len(line) <= width or " " not in line.strip() or TOOL in line, f"wider than {width}: {line}")
    return run


def lines(*arguments, **env):
    """state and text by (section, name)"""
    found = json.loads(check(*arguments, "--format", "json", **env).stdout)
    expect(found["problems"] == sum(l["state"] == "problem" for l in found["lines"]), f"{found}")
    expect(found["notes"] == sum(l["state"] == "note" for l in found["lines"]), f"{found}")
    for l in found["lines"]:
        expect(l["state"] != "problem" or l["fix"] or l["name"] in ("torch.cuda",), f"a problem without a fix: {l}")
    return {(l["section"], l["name"]): l for l in found["lines"]}


def put(path, text=""):
    full = FAKE + path
    os.makedirs(os.path.dirname(full), exist_ok=True)
    if os.path.lexists(full):
        os.remove(full)
    with open(full, "w") as f:
        f.write(text)


def link(path, to):
    os.makedirs(os.path.dirname(FAKE + path), exist_ok=True)
    os.symlink(to, FAKE + path)


def expect_line(found, section, name, state, words=""):
    l = found.get((section, name))
    expect(l and l["state"] == state and words in l["text"], f"{section} {name}: not {state} with '{words}': {l}\n{sorted(found)}")
    return l


# ---- a card as it should be ----
NODES = "/sys/class/kfd/kfd/topology/nodes"
CARD = "/sys/class/drm/renderD128/device"


def make_machine():
    shutil.rmtree(FAKE, ignore_errors=True)
    put("/proc/sys/kernel/osrelease", "6.8.0-45-generic\n")
    put("/proc/self/status", "Name:\tx\nCapPrm:\t000001ffffffffff\n")
    put("/sys/kernel/btf/vmlinux")
    put("/sys/kernel/btf/amdgpu")
    put("/sys/bus/event_source/devices/kprobe/type", "8\n")
    put("/proc/sys/net/core/bpf_jit_enable", "1\n")
    put("/sys/module/amdgpu/initstate", "live\n")
    put("/sys/module/amdgpu/parameters/noretry", "-1\n")
    put("/sys/module/amdgpu/parameters/mtype_local", "0\n")
    put("/lib/modules/6.8.0-45-generic/modules.dep", "kernel/drivers/gpu/drm/amd/amdgpu/amdgpu.ko:\n")
    put(NODES + "/0/properties", "cpu_cores_count 12\nsimd_count 0\n")
    put(NODES + "/1/properties", "simd_count 72\nsimd_per_cu 2\ngfx_target_version 100100\nvendor_id 4098\n"
        "device_id 29471\ndrm_render_minor 128\nfw_version 144\n")
    put(NODES + "/1/mem_banks/0/properties", "heap_type 2\nsize_in_bytes 6425673728\n")
    put(NODES + "/1/io_links/0/properties", "type 2\nnode_from 1\nnode_to 0\nflags 1\n")
    put(CARD + "/vendor", "0x1002\n")
    put(CARD + "/device", "0x731f\n")
    put(CARD + "/revision", "0xca\n")
    link(CARD + "/driver", "../../../bus/pci/drivers/amdgpu")
    put("/dev/kfd")
    put("/dev/dri/renderD128")
    for name in ("libhsa-runtime64.so.1", "libamdhip64.so.5", "libMIOpen.so.1", "librocblas.so.0"):
        put(f"/opt/rocm-5.2.0/lib/{name}")
    put("/opt/rocm-5.2.0/lib/rocblas/library/TensileLibrary_gfx1010.co")
    put("/opt/rocm-5.2.0/lib/rocblas/library/TensileLibrary_gfx1030.co")
    put("/opt/rocm-5.2.0/.info/version", "5.2.0-65\n")
    put("/opt/rocm-5.2.0/share/miopen/db/gfx1010_18.kdb")
    put("/usr/bin/python3")
    os.chmod(FAKE + "/usr/bin/python3", 0o755)


def venv(torch, numpy, python="3.10.19"):
    put("/venv/pyvenv.cfg", f"version = {python}\n")
    put("/venv/bin/python3")
    os.chmod(FAKE + "/venv/bin/python3", 0o755)
    site = f"/venv/lib/python{python.rsplit('.', 1)[0]}/site-packages"
    put(site + "/torch/version.py", f"__version__ = '{torch}'\nhip: Optional[str] = '5.2.21151-afdc89f8'\n")
    put(site + f"/numpy-{numpy}.dist-info/METADATA")
    for name in ("libamdhip64.so", "libMIOpen.so"):
        put(f"{site}/torch/lib/{name}")


def at(**env):
    return {"RDNA1_CHECK_ROOT": FAKE, "LD_LIBRARY_PATH": "/opt/rocm-5.2.0/lib", "PATH": "/usr/bin:/bin", **env}


make_machine()
found = lines(**at())
expect_line(found, "GPU", "card", "ok", "AMD Radeon RX 5600 XT (1002:731f, gfx1010), 36 CUs")
expect_line(found, "GPU", "PCIe atomics", "ok")
expect_line(found, "Driver", "amdgpu", "ok", "in-tree")
expect_line(found, "Driver", "parameters", "ok", "2 of amdgpu")
expect_line(found, "ROCm", "HIP", "ok", "ROCm 5.2.0 (LD_LIBRARY_PATH)")
expect_line(found, "ROCm", "MIOpen kernels", "ok", "gfx1010_18.kdb")
# A plain file does not answer as KFD does.
problems = [k for k, l in found.items() if l["state"] == "problem"]
expect(problems == [("Driver", "/dev/kfd")] and "ENOTTY" in found[problems[0]]["text"], f"{problems}")
expect(check(**at()).stdout.startswith("this machine: 1 AMD GPU\n"), "first line")

# ---- each thing that can be wrong ----
put(NODES + "/1/io_links/0/properties", "type 2\nnode_from 1\nnode_to 0\nflags 13\n")
expect_line(lines(**at()), "GPU", "PCIe atomics", "problem", "MEC firmware 144")
make_machine()
put(NODES + "/1/properties", "simd_count 0\n")
expect_line(lines(**at()), "GPU", "KFD", "problem", "no node")
make_machine()
os.remove(FAKE + CARD + "/driver")
link(CARD + "/driver", "../../../bus/pci/drivers/vfio-pci")
expect_line(lines(**at()), "GPU", "driver", "problem", "vfio-pci")
make_machine()
os.remove(FAKE + "/dev/kfd")
expect_line(lines(**at()), "Driver", "/dev/kfd", "problem", "though amdgpu is loaded")
shutil.rmtree(FAKE + "/sys/module/amdgpu")
found = lines(**at())
expect_line(found, "Driver", "/dev/kfd", "problem", "not loaded")
expect("modprobe amdgpu" in expect_line(found, "Driver", "amdgpu", "problem")["fix"], "modprobe")
make_machine()
put("/sys/module/amdgpu/parameters/mtype_local", "1\n")
put("/sys/module/amdgpu/parameters/cwsr_enable", "0\n")
put("/sys/module/amdgpu/taint", "OE\n")
os.remove(FAKE + "/sys/kernel/btf/amdgpu")
put("/sys/kernel/security/lockdown", "none integrity [confidentiality]\n")
put("/proc/sys/net/core/bpf_jit_enable", "0\n")
put("/proc/self/status", "Name:\tx\nCapPrm:\t0000000000000000\n")
found = lines(**at())
expect_line(found, "Driver", "mtype_local", "note", "without effect")
expect_line(found, "Driver", "cwsr_enable", "problem")
expect_line(found, "Driver", "amdgpu", "ok", "out of tree")
expect_line(found, "Limits and tracing", "BTF of amdgpu", "note")
expect_line(found, "Limits and tracing", "lockdown", "problem")
expect_line(found, "Limits and tracing", "BPF compiler", "problem", "off")
expect_line(found, "Limits and tracing", "eBPF", "note", "root")
make_machine()
shutil.rmtree(FAKE + "/sys/bus/event_source/devices/kprobe")
put("/sys/bus/event_source/devices/software/type", "1\n")
expect("grep CONFIG_KPROBE_EVENTS= " in (expect_line(lines(**at()), "Limits and tracing", "kprobes", "note")["fix"] or ""), "kprobes")
# What is to be done can be pasted: what else is to be said of it is a comment.
for name, value in (("HSA_ENABLE_SDMA", "0"), ("HSA_DISABLE_CACHE", "1"), ("MIOPEN_DEBUG_FIND_ONLY_SOLVER", "X"),
                    ("AMD_SERIALIZE_KERNEL", "3")):
    fix = lines("--emulate", **{name: value})["Environment", f"{name}={value}"]["fix"]
    expect(fix and re.fullmatch(rf"unset {name}(   # .*)?", fix), f"{name}: {fix}")
make_machine()
os.remove(FAKE + "/opt/rocm-5.2.0/share/miopen/db/gfx1010_18.kdb")
put("/opt/rocm-5.2.0/share/miopen/db/gfx1030_36.kdb")
os.remove(FAKE + "/opt/rocm-5.2.0/lib/rocblas/library/TensileLibrary_gfx1010.co")
found = lines(**at())
expect_line(found, "ROCm", "MIOpen kernels", "note", "gfx1010_18.kdb (1 others)")
expect([l for k, l in found.items() if l["section"] == "ROCm" and l["rule"] == "no-code-object" and l["state"] == "problem"],
       f"no kernels for gfx1010: {found}")
# The loader's cache knows nothing of /opt/rocm there.
expect_line(lines(**{**at(), "LD_LIBRARY_PATH": ""}), "ROCm", "HIP", "problem", "where the loader does not look")
profile = check("--profile", **{**at(), "LD_LIBRARY_PATH": ""}).stdout
expect("export LD_LIBRARY_PATH=/opt/rocm-5.2.0/lib" in profile, profile)
shutil.rmtree(FAKE + "/opt")
expect_line(lines(**at()), "ROCm", "HIP", "problem", "not here")
# Two releases in one LD_LIBRARY_PATH.
make_machine()
os.remove(FAKE + "/opt/rocm-5.2.0/lib/libamdhip64.so.5")
put("/opt/rocm-5.7.0/lib/libamdhip64.so.5")
found = lines(**{**at(), "LD_LIBRARY_PATH": "/opt/rocm-5.2.0/lib:/opt/rocm-5.7.0/lib"})
expect(any(l["rule"] == "mixed-rocm" and l["state"] == "problem" for l in found.values()), f"mixed: {found}")

# ---- python ----
make_machine()
venv("1.13.1+rocm5.2", "2.1.0")
found = lines(**at(VIRTUAL_ENV="/venv"))
expect_line(found, "Python", "torch", "ok", "1.13.1+rocm5.2, HIP 5.2.21151-afdc89f8")
expect_line(found, "Python", "python", "ok", "3.10.19")
expect_line(found, "ROCm", "torch/lib", "ok", "amdhip64")
texts = [l for l in json.loads(check("--format", "json", **at(VIRTUAL_ENV="/venv")).stdout)["lines"] if l["name"] == "versions"]
expect(any("NumPy 1" in l["text"] and l["state"] == "problem" and not l["reported"] for l in texts), f"{texts}")
expect(any("all sizes work" in l["text"] and l["reported"] and l["state"] == "note" for l in texts), f"{texts}")
venv("1.13.1+rocm5.2", "1.26.4")

# ---- the notes' profile ----
NOTES = {"HSA_OVERRIDE_GFX_VERSION": "10.3.0", "PYTORCH_ROCM_ARCH": "gfx1030", "MIOPEN_DEBUG_CONV_GEMM": "0",
         "MIOPEN_DEBUG_CONV_WINOGRAD": "0", "MIOPEN_DEBUG_CONV_DIRECT": "0", "MIOPEN_DEBUG_CONV_FFT": "0",
         "MIOPEN_FIND_ENFORCE": "3", "HIP_FORCE_COARSE_GRAIN": "1", "HSA_XNACK": "0", "HSA_OVERIDE_GFX_VERSION": "10.3.0"}
for arguments, env in ((("--emulate",), {}), ((), at())):
    found = lines(*arguments, **{**env, **NOTES})
    expect(expect_line(found, "Environment", "HSA_OVERRIDE_GFX_VERSION=10.3.0", "problem", "foreign")["rule"] == "foreign-code", "rule")
    expect_line(found, "Environment", "MIOPEN_FIND_ENFORCE=3", "problem", "exhaustive")
    expect_line(found, "Environment", "MIOpen solvers", "problem", "implicit GEMM")
    expect_line(found, "Environment", "HIP_FORCE_COARSE_GRAIN=1", "note", "nothing reads it")
    expect_line(found, "Environment", "HSA_XNACK=0", "ok")
    expect_line(found, "Environment", "HSA_OVERIDE_GFX_VERSION=10.3.0", "note", "HSA_OVERRIDE_GFX_VERSION meant")
    run = check("--profile", *arguments, status=0, **{**env, **NOTES})
    # It is a shell's file, and only what acts is in it.
    sets = [l for l in run.stdout.splitlines() if l and not l.startswith("#")]
    expect(all(re.fullmatch(r"(unset \w+|export \w+=\S+)", l) for l in sets), f"{sets}")
    expect("unset HSA_OVERRIDE_GFX_VERSION" in sets and "unset MIOPEN_FIND_ENFORCE" in sets, f"{sets}")
    expect(not any("COARSE" in l or "PYTORCH_ROCM_ARCH" in l or "XNACK" in l for l in sets), f"{sets}")
    expect("HIP_FORCE_COARSE_GRAIN=1 (does not exist)" in run.stdout and "Source: " in run.stdout, run.stdout)
    expect(sh("sh", "-eu", "-c", run.stdout).returncode == 0, run.stdout)
expect("Nothing has to be set" in check("--profile", "--emulate", status=0).stdout, "an empty profile")
# A name or a value may hold anything.
run = check("--emulate", **{"MIOPEN_\x1b[31m": "\x9b\x1b]0;x\x07"})
expect("\x1b" not in run.stdout and "\x07" not in run.stdout, run.stdout)

# ---- this machine, and the emulated card ----
run = check()
if not os.path.exists("/dev/kfd"):
    expect(run.returncode == 1 and run.stdout.startswith("this machine: no AMD GPU\n") and "\n  problem  card  " in run.stdout, run.stdout)
run = check("--emulate", status=0)
expect(run.stdout.startswith("emulated device: AMD Radeon RX 5600 XT; nothing of GPU") and "fix:" not in run.stdout, run.stdout)
expect("gfx1012" in check("--emulate=gfx1012").stdout, "the card that was asked for")
expect(json.loads(check("--emulate", "--format", "json").stdout)["emulated"] is True, "JSON says emulated")

# ---- on it ----
run = check("--emulate", "--run", "-o", f"{T}/run", status=0)
for words in ("results: right, 112896 equal", "device           AMD Radeon RX 5600 XT (gfx1010)", "dispatches       1\n", "on the emulated device",
              f"see it: {TOOL} report {T}/run\n", f"post this: {TOOL} pack {T}/run"):
    expect(words.replace("\n", "") in run.stdout, f"no '{words}':\n{run.stdout}")
expect(not ROOT or "fired            KFD" in run.stdout, run.stdout)
compare_ctf(f"{T}/run", 100)
run = json.loads(check("--emulate=gfx1012", "--run", "--format", "json", "-o", f"{T}/json", status=0).stdout)["run"]
expect(run["gpu"] == "gfx1012" and run["agent"]["dispatches"] == 1 and run["status"] == 0 and run["emulated"] and not run["lost"], f"{run}")
# Dispatches: the runtime's own copies count, too.
run = check("--emulate=fault:hang@1", "--run", "--limit", "3", "-o", f"{T}/hang", status=1)
expect("not over in time" in run.stdout and "trace: " in run.stdout, run.stdout + run.stderr)
run = check("--emulate=fault:page@1", "--run", "-o", f"{T}/fault", status=1)
expect("Aborted" in run.stdout or "a call failed" in run.stdout, run.stdout + run.stderr)
if not os.path.exists("/dev/kfd"):
    run = check("--run", "-o", f"{T}/none", status=1)
    expect("HIP finds no GPU" in run.stdout and "the agent saw no GPU" in run.stdout, run.stdout + run.stderr)

# ---- what is asked wrongly ----
for arguments, words in ((("--bad",), "unknown option --bad"), (("x",), "takes no x"), (("--format", "xml"), "text or json"),
                         (("--limit", "0", "--run"), "--limit takes seconds"), (("--limit", "5"), "--limit is for check --run"),
                         (("-o", "x"), "-o is for check --run"), (("--profile", "--format", "json"), "no other format"),
                         (("--emulate=gfx900",), "gfx900")):
    run = check(*arguments, status=2)
    expect(words in run.stderr and f"Try '{TOOL} check --help'" in run.stderr and not run.stdout, f"{arguments}: {run}")
run = check("--emulate", "--run", "-o", f"{T}/run", status=1)
expect("is there already" in run.stderr and "Our workload" not in run.stdout, run.stderr)
with open("/dev/full", "w") as f:
    run = subprocess.run([TOOL, "check", "--emulate"], stdout=f, stderr=subprocess.PIPE, text=True)
    expect(run.returncode == 1 and "cannot write" in run.stderr, f"{run}")
done("machines made of files, the emulated card, its run")
