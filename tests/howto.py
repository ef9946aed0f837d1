#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""docs/howto-add-event.md, followed to the letter in a copy of the project."""
import os
import re
import shutil
import subprocess
import sys

T, TOP = os.environ["T"], os.environ["TOP"]
copy = os.path.join(T, "copy")


def run(*command, **kw):
    p = subprocess.run(command, capture_output=True, text=True, cwd=copy, **kw)
    if p.returncode:
        sys.exit(f"{command}: {p.returncode}\n{p.stdout}{p.stderr}")
    return p.stdout


def main():
    os.makedirs(copy)
    for name in ("Makefile", ".ci", "bpf", "usr", "hsa-tools", "tests", "docs", "README.md"):
        source = os.path.join(TOP, name)
        if os.path.isdir(source):
            shutil.copytree(source, os.path.join(copy, name))
        else:
            shutil.copy(source, os.path.join(copy, name))
    # What the sweep made need not be made again.
    os.makedirs(f"{copy}/build/gen")
    shutil.copy(os.environ["B"] + "/gen/isa.h", f"{copy}/build/gen")
    with open(f"{TOP}/docs/howto-add-event.md") as f:
        text = f.read()
    steps = re.findall(r"[Ii]n `(\S+)`, after `([^\n]+)`:\n\n```(?:c|text)\n(.*?)```", text, re.S)
    if len(steps) != 4:
        sys.exit(f"{len(steps)} steps found in the text, not 4")
    for path, anchor, code in steps:
        with open(f"{copy}/{path}") as f:
            source = f.read()
        if source.count(anchor + "\n") != 1:
            sys.exit(f"'{anchor}' stands {source.count(anchor)} times in {path}")
        with open(f"{copy}/{path}", "w") as f:
            f.write(source.replace(anchor + "\n", anchor + "\n" + code))
    run("make", "-j2", "WERROR=1", "build/rdna1-trace", "build/librdna1-agent.so.1",
        "build/tests/tools/every-event")
    run("build/rdna1-trace", "-q", "-o", "t", "--", "true")
    dumped = [l for l in run("build/rdna1-trace", "dump", "t").splitlines() if "host_memory(" in l]
    theirs = [l for l in run("babeltrace2", "t/ctf").splitlines() if "host_memory:" in l]
    total = re.search(r"total_bytes=(\d+)", dumped[0])[1] if dumped else None
    if len(dumped) != 1 or len(theirs) != 1 or f"total_bytes = {total}," not in theirs[0]:
        sys.exit(f"dump: {dumped}\nbabeltrace2: {theirs}")
    run("build/tests/tools/every-event", "every", "20")
    run("tests/tools/ctf-compare", "build/rdna1-trace", "every", "--min", "500")
    for test in ("layers", "docs"):
        run(f"tests/{test}.py", env={**os.environ, "TOP": copy, "B": f"{copy}/build"})
    if "host_memory" not in run("build/rdna1-trace", "dump", "every"):
        sys.exit("every-event does not write the new event")
    print(re.sub(r"^\[[^]]*\] \S+ ", "", dumped[0]))


main()
