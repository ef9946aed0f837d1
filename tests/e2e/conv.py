#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Our convolution kernels: no hazards in them, and right to the last bit on each card, also for a runtime that is told to
believe in another chip (tests/tools/hsa-conv).

conv.py [CASES [SEED]]"""
import re

from rdna1 import *

CONV = os.path.join(BUILD, "tests", "tools", "hsa-conv")
IMAGE = os.path.join(BUILD, "gen", "conv.co")
# What is emulated, HSA_OVERRIDE_GFX_VERSION, and the ISA of the runtime.
CARDS = (("gfx1010", None, "gfx1010:xnack-"), ("gfx1010", "10.3.0", "gfx1030"), ("gfx1010", "10.3.1", "gfx1031"),
         ("gfx1010", "10.3.2", "gfx1032"), ("gfx1010", "10.1.0", "gfx1010:xnack-"),
         ("gfx1011", None, "gfx1011:xnack-"), ("gfx1012", None, "gfx1012:xnack-"), ("gfx1012", "10.3.0", "gfx1030"))

cases, seed = (sys.argv[1:] + ["108", "1"][len(sys.argv) - 1:])[:2]

r = sh(TOOL, "scan", IMAGE)
expect(r.returncode == 0 and "no hazards found" in r.stdout, f"our own image:\n{r.stdout}{r.stderr}")
kernels = int(re.search(r"(\d+) kernels, \d+ instructions", r.stdout)[1])

total = 0
for card, override, isa in CARDS:
    env = {k: v for k, v in os.environ.items() if k != "HSA_OVERRIDE_GFX_VERSION"}
    if override:
        env["HSA_OVERRIDE_GFX_VERSION"] = override
    r = record(f"{card}-{override}", CONV, cases, seed, options=("--emulate=" + card,), env=env).expect_status(0)
    m = re.search(r"^ok: (\d+) problems, (\d+) kernels, amdgcn-amd-amdhsa--(.*)$", r.out, re.M)
    expect(m and "WRONG" not in r.out and m[3] == isa, f"{card}, override {override}:\n{r.out}{r.err}")
    # Two more are for copies of the agent's.
    expect(int(cases) < 1000 or int(m[2]) == kernels - 2, f"{m[2]} of {kernels} kernels ran")
    total += int(m[1])
done(f"{total} problems on {len(CARDS)} cards, {kernels} kernels without hazards")
