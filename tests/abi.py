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
    check(needed == {"libc.so.6"}, f"the agent needs {needed}")
    check(dynamic(agent, "SONAME") == ["librdna1-agent.so.1"], f"{dynamic(agent, 'SONAME')}")
    check(not dynamic(agent, "RUNPATH") and not dynamic(agent, "RPATH"), "the agent has a run path")
    check(exports(agent) == {"OnLoad", "OnUnload", "HSA_AMD_TOOL_PRIORITY"},
          f"the agent exports {exports(agent)}")
    if not SAN:
        check(newest_glibc(agent) <= (2, 31), f"the agent needs glibc {newest_glibc(agent)}")
    needed = set(dynamic(emu, "NEEDED")) - sanitizers
    check(needed <= {"libc.so.6", "ld-linux-x86-64.so.2"}, f"the emulated device needs {needed}")
    # It stands in front of these; anything else it exported could be called by accident.
    known = set("open open64 openat openat64 __open_2 __open64_2 fopen fopen64 opendir access "
                "readlink stat stat64 lstat lstat64 fstat fstat64 fstatat fstatat64 __xstat "
                "__xstat64 __fxstat __fxstat64 sigaction signal".split()) | {"rdna1_emu_list"}  # --emulate=list
    check(exports(emu) <= known, f"the emulated device exports {sorted(exports(emu) - known)}")
    print(f"agent: libc only, glibc {'.'.join(map(str, newest_glibc(agent)))}, 3 exports; "
          f"emulated device: {len(exports(emu))} wrappers")


main()
