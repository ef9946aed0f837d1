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
verified = 0
for i, case in enumerate(CASES):
    r = record(f"t{i}", driver, "conv", *case.split(), "-V", "1", "-i", "1", "-F", "0", env=env, timeout=300)
    expect(r.status == 0, f"{case}: status {r.status}\n{r.out}\n{r.err}")
    for what in PASSES:
        expect(re.search(f"^{what} Verifies OK on CPU reference", r.out, re.M),
               f"{case}: {what} was not verified\n{r.out}\n{r.err}")
        verified += 1
    expect_clean(r)
done(f"{len(CASES)} convolutions, {verified} passes verified by MIOpenDriver")
