#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Copies of more than 4 MiB, which ROCr writes as one packet for a chip that it takes for gfx1030: Navi
10's SDMA has 22 bits of byte count, Navi 21's 30."""
from rocm6 import *

WHOLE = "16777216 of 16777216 bytes right"
CUT = "4194304 of 16777216 bytes right"
OVERRIDE = TARGETS["gfx1030"]
for name, options, env, said in (
        ("as-it-is", EMULATE, {}, WHOLE),
        ("overridden", EMULATE, OVERRIDE, CUT),
        ("small-packets", EMULATE, {**OVERRIDE, "HSA_ENABLE_SDMA_COPY_SIZE_OVERRIDE": "0"}, WHOLE),
        ("kernels", EMULATE, {**OVERRIDE, "HSA_ENABLE_SDMA": "0"}, WHOLE),
        ("gfx1030", ("--emulate=gfx1030",), {}, WHOLE)):
    r = record(name, workload("bigcopy"), options=options, env={**os.environ, **env}).expect_status(0)
    expect(said in r.out, f"{name}: {r.out}{r.err}")
done("16 MiB whole on gfx1010 and gfx1030; the first 4 MiB when one is taken for the other")
