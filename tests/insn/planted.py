#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The bugs of tests/insn/planted, one at a time: the instruction test must name the mnemonic.

planted.py [PATTERN]    only those whose line has PATTERN
planted.py --texts      only whether each text stands once in its file
"""
import concurrent.futures
import glob
import os
import re
import shutil
import subprocess
import sys

B, T = os.environ["B"], os.environ["T"]
OBJECTS = f"{B}/pic/hsa-tools/emu"
CFLAGS = ["-std=gnu11", "-O1", "-fPIC", "-fno-math-errno", "-fno-trapping-math", "-D_GNU_SOURCE", f"-I{B}/gen"]


def bugs():
    with open("tests/insn/planted") as f:
        text = re.sub(r"^#.*\n", "", f.read(), flags=re.M)
    for block in text.strip().split("\n\n"):
        head, *lines = block.strip("\n").split("\n")
        files, mnemonic, meaning = head.split(": ", 2)
        path, *obj = files.split()
        old, new = ("\n".join(line[1:] for line in lines if line[0] == c) for c in "-+")
        yield path, (obj or [os.path.basename(path)])[0], mnemonic, meaning, old, new


def planted(path, old, new):
    """The file with the bug in it; an error says that the list is out of date."""
    with open(path) as f:
        text = f.read()
    if text.count(old) != 1:
        raise ValueError(f"the text stands {text.count(old)} times in {path}: bring tests/insn/planted up to date")
    return text.replace(old, new)


def try_bug(number, path, obj, mnemonic, meaning, old, new):
    """None when it was found, else what happened."""
    copy = os.path.join(T, str(number))
    shutil.rmtree(copy, ignore_errors=True)
    for part in ("hsa-tools/emu", "hsa-tools/stream", "bpf", "usr/caps"):
        shutil.copytree(part, os.path.join(copy, part))
    text = planted(path, old, new)
    with open(os.path.join(copy, path), "w") as f:
        f.write(text)
    # Of exec_vector.c the plain variant: the test runs either.
    out = os.path.join(copy, obj[:-2] + ".o")
    subprocess.run(["gcc", *CFLAGS, "-c", os.path.join(copy, "hsa-tools/emu", obj), "-o", out], check=True)
    device = [o for o in glob.glob(f"{OBJECTS}/exec_*.o") + [f"{OBJECTS}/{n}.o" for n in ("decode", "wave", "vm")]
              if os.path.basename(o) != obj[:-2] + ".o"]
    program = os.path.join(copy, "insn")
    subprocess.run(["gcc", f"{B}/obj/tests/insn/insn.o", *glob.glob(f"{B}/obj/tests/insn/ref*.o"), *device, out, "-lm",
                    "-o", program], check=True)
    run = subprocess.run([program, f"{B}/tests/insn/insns", "tests/insn/tolerances", "--only", mnemonic],
                         capture_output=True, text=True)
    shutil.rmtree(copy)
    if run.returncode == 0:
        return "not found"
    if not re.search(rf"^{mnemonic}: wave", run.stdout, flags=re.M):
        return f"status {run.returncode}, {mnemonic} not named"
    return None


def main():
    if sys.argv[1:] == ["--texts"]:
        print(f"{sum(bool(planted(path, old, new)) for path, _, _, _, old, new in bugs())} bugs can be planted")
        return
    wanted = [b for b in bugs() if len(sys.argv) < 2 or sys.argv[1] in " ".join(b[:4])]
    bad = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for b, result in zip(wanted, pool.map(lambda a: try_bug(a[0], *a[1]), enumerate(wanted))):
            print(f"{'MISSED ' if result else 'found  '} {b[2]}: {b[3]}" + (f": {result}" if result else ""))
            bad += result is not None
    print(f"{len(wanted) - bad} of {len(wanted)} planted bugs found")
    sys.exit(bad != 0)


main()
