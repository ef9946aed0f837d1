#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the libraries that enter other processes need and offer: readelf -d, objdump -T."""
import os
import re
import subprocess
import sys

BUILD = os.environ["B"]
SAN = BUILD.endswith("/san")


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def check(ok, what):
    if not ok:
        sys.exit("FAILED: " + what)


def dynamic(path, tag):
    return sorted(re.findall(rf"\({tag}\).*\[(.*)\]", run("readelf", "-dW", path)))


def exports(path):
    found = set()
    for line in run("readelf", "-W", "--dyn-syms", path).splitlines():
        f = line.split()
        if len(f) > 7 and f[6] != "UND" and f[4] in ("GLOBAL", "WEAK") and f[0] != "Num:":
            found.add(f[7].split("@")[0])
    if SAN:
        found = {f for f in found if not f.startswith("__odr_asan")}
    return found


def newest_glibc(path):
    versions = re.findall(r"GLIBC_(\d+)\.(\d+)", run("objdump", "-T", path))
    return max((int(a), int(b)) for a, b in versions)


def main():
    agent, emu = f"{BUILD}/librdna1-agent.so.1", f"{BUILD}/librdna1-emu.so"
    sanitizers = {"libasan.so.8", "libubsan.so.1", "libm.so.6", "libgcc_s.so.1"} if SAN else set()
    needed = set(dynamic(agent, "NEEDED")) - sanitizers
    # Before glibc 2.34 dlopen is in libdl.so.2, which is part of it.
    check(needed == {"libc.so.6", "libdl.so.2"}, f"the agent needs {needed}")
    check(dynamic(agent, "SONAME") == ["librdna1-agent.so.1"], f"{dynamic(agent, 'SONAME')}")
    # Its thread and its signal handlers stay when ROCr closes it.
    check("NODELETE" in run("readelf", "-dW", agent), "the agent can be unloaded")
    check(not dynamic(agent, "RUNPATH") and not dynamic(agent, "RPATH"), "the agent has a run path")
    check(exports(agent) == {"OnLoad", "OnUnload", "HSA_AMD_TOOL_PRIORITY", "rdna1_agent_range"},
          f"the agent exports {exports(agent)}")
    if not SAN:
        check(newest_glibc(agent) <= (2, 31), f"the agent needs glibc {newest_glibc(agent)}")
    needed = set(dynamic(emu, "NEEDED")) - sanitizers
    check(needed <= {"libc.so.6", "ld-linux-x86-64.so.2"}, f"the emulated device needs {needed}")
    # It stands in front of these; anything else it exported could be called by accident. Its own: --emulate=list,
    # and what a watchdog reads.
    known = set("open open64 openat openat64 __open_2 __open64_2 fopen fopen64 opendir access "
                "readlink stat stat64 lstat lstat64 fstat fstat64 fstatat fstatat64 __xstat "
                "__xstat64 __fxstat __fxstat64 sigaction signal".split()) | {"rdna1_emu_list", "rdna1_emu_ns_per_1k_insns", "rdna1_emu_unrung_ns"}
    check(exports(emu) <= known, f"the emulated device exports {sorted(exports(emu) - known)}")
    # libdl.so.2 has dlopen and dlsym before glibc 2.34 and is empty since.
    roctx = f"{BUILD}/librdna1-roctx.so.1"
    needed = set(dynamic(roctx, "NEEDED")) - sanitizers
    check(needed == {"libc.so.6", "libdl.so.2"}, f"the ROCTX library needs {needed}")
    check(dynamic(roctx, "SONAME") == ["librdna1-roctx.so.1"], f"{dynamic(roctx, 'SONAME')}")
    check(not dynamic(roctx, "RUNPATH") and not dynamic(roctx, "RPATH"), "the ROCTX library has a run path")
    ranges = set("roctx_version_major roctx_version_minor roctxMarkA roctxRangePushA roctxRangePop roctxRangeStartA "
                 "roctxRangeStop roctxRegisterTracerCallback ROCTX_4.1".split())
    check(exports(roctx) == ranges, f"the ROCTX library exports {exports(roctx)}")
    for name in ("libroctx64.so.4", "libroctx64.so"):
        check(os.path.samefile(f"{BUILD}/{name}", roctx), f"{name} is another")
    if not SAN:
        check(newest_glibc(roctx) <= (2, 31), f"the ROCTX library needs glibc {newest_glibc(roctx)}")
    print(f"agent: libc only, glibc {'.'.join(map(str, newest_glibc(agent)))}, 4 exports; "
          f"emulated device: {len(exports(emu))} wrappers")


main()
