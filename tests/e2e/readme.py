#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The output that README shows is what comes out today, but for addresses, times and counts."""
import difflib
import re

from rdna1 import *


def shape(text):
    text = re.sub(r"0x[0-9a-f]{9,16}\b", "ADDRESS", text)
    text = re.sub(r"\[\d+\.\d{9}\]", "[WHEN]", text)
    text = re.sub(r"\d+(\.\d+)?(ns|us|ms|s)\b", "TIME", text)
    text = re.sub(r"process \d+", "process PID", text)
    text = re.sub(r"^  (kernel|agent|emulated device|recorder)( +\d+){3}$", r"  \1 COUNTS", text, flags=re.M)
    text = re.sub(r"\d+ KFD ioctls", "N KFD ioctls", text)
    text = re.sub(r"process PID: \S*/|command: \S*/|in kernel ", lambda m: m[0].split()[0] + " ", text)
    # Where lines break depends on how long the paths are.
    return text.split()


def compare(what, shown, now):
    a, b = shape(shown), shape(now)
    expect(a == b, f"README shows another {what}:\n" + "\n".join(difflib.unified_diff(a, b, "README", "now")))


need_root()
with open(f"{TOP}/README.md") as f:
    blocks = re.findall(r"```console\n(.*?)```", f.read(), re.S)
checks = [b for b in blocks if "rdna1-trace check" in b]
blocks = [b for b in blocks if b not in checks]
expect(len(blocks) == 2 and len(checks) == 1, f"{len(blocks)} console blocks")
demo = record("demo", workload("conv2d")).expect_status(0)
recording, reporting = blocks[0].split("\n\nbuild/rdna1-trace report build/demo\n")
said = [l for l in recording.splitlines()[1:] if l.startswith("rdna1-trace: ")]
compare("workload", "".join(l + "\n" for l in recording.splitlines()[1:] if l not in said), demo.out)
expect([re.sub(r"\d+", "N", l) for l in said[:-1]] ==
       [re.sub(r"\d+", "N", l.replace(demo.dir, "build/demo")) for l in demo.err.splitlines()[:-1]],
       f"README shows other messages: {said}\n{demo.err}")
compare("report", reporting, report(demo.dir, 80))
fault = record("fault", workload("conv2d"), "--fault", "aperture").expect_status(-6)
compare("fault", blocks[1], report(fault.dir, 80, "--short"))
commands, shown = checks[0].split("$ build/rdna1-trace check --emulate\n")
run = sh("env", "-u", "LD_LIBRARY_PATH", "COLUMNS=80", *re.findall(r"\w+=\S+", commands), TOOL, "check", "--emulate")
for part in shown.split("...\n"):
    words = part.split()
    now = run.stdout.split()
    expect(any(now[i:i + len(words)] == words for i in range(len(now))), f"README shows another check:\n{part}\n{run.stdout}")
print("README's output is current")
