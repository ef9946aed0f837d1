#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""driver.py TARGET: MIOpenDriver's own verification of forward, backward data and backward weights.

MIOpenDriver exits 0 when a verification fails: what it says counts."""
from rocm6 import *

target = sys.argv[1]
driver = package_file("MIOpenDriver")
CASES = ("-n 1 -c 4 -H 10 -W 10 -k 8 -y 3 -x 3 -p 1 -q 1",
         "-n 2 -c 16 -H 14 -W 14 -k 32 -y 3 -x 3 -p 1 -q 1",
         "-n 1 -c 8 -H 12 -W 12 -k 12 -y 3 -x 3 -u 2 -v 2 -g 2",
         "-n 1 -c 32 -H 7 -W 7 -k 16 -y 1 -x 1")
PASSES = ("Forward Convolution", "Backward Convolution Data", "Backward Convolution Weights")
env = miopen_env(target, MIOPEN_DRIVER_USE_GPU_REFERENCE="0")


def driver_conv(name, data, case):
    r = record(name, driver, data, *case.split(), "-V", "1", "-i", "1", "-F", "0", env=env, timeout=300)
    expect(r.status == 0, f"{case}: status {r.status}\n{r.out}\n{r.err}")
    for what in PASSES:
        expect(re.search(f"^{what} Verifies OK on CPU reference", r.out, re.M),
               f"{data} {case}: {what} was not verified\n{r.out}\n{r.err}")
    expect_clean(r)


for i, case in enumerate(CASES):
    driver_conv(f"t{i}", "conv", case)
driver_conv("bf16", "convbfp16", CASES[0])
if target == "gfx1010":
    driver_conv("f16", "convfp16", CASES[0])
else:
    # rocBLAS's fp16 kernels for gfx1030 have v_dot2c_f32_f16, which gfx1010 has not: illegal there too.
    r = record("f16", driver, *"gemmfp16 -m 64 -n 48 -k 32 -i 1 -V 1".split(), env=env, timeout=300)
    flat = re.sub(r"\n +", " ", report(r.dir))
    expect(r.status == -6 and "HSA_STATUS_ERROR_ILLEGAL_INSTRUCTION" in r.err, f"{r.status}\n{r.out}\n{r.err}")
    expect(re.search(r"illegal instruction in kernel Cijk_\S+ \.long 0x04", flat), flat)
done(f"{len(CASES) + 1 + (target == 'gfx1010')} convolutions, 3 passes of each verified by MIOpenDriver")
