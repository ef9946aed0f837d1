#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""--emulate=kfd:1.N: each version has what it brought and not what came later; ROCm 5.2.3, which knows
none of it, runs on all."""
from rdna1 import *

TOOL_BIN = os.path.join(BUILD, "tests", "tools", "kfd-versions")
for minor in range(8, 24):
    r = record(f"v{minor}", TOOL_BIN, minor, options=(f"--emulate=kfd:1.{minor}",))
    expect(r.status == 0 and f"ok: interface 1.{minor}" in r.out, r.out + r.err)
    compare_ioctls(r.dir, 20)
for minor in (13, 23):
    r = record(f"hip{minor}", workload("vector"), options=(f"--emulate=kfd:1.{minor}",)).expect_status(0)
    r = record(f"fault{minor}", workload("conv2d"), "--fault", "illegal",
               options=(f"--emulate=kfd:1.{minor}",)).expect_status(-6)
    expect("HSA_STATUS_ERROR_ILLEGAL_INSTRUCTION" in r.err, r.err)
done("KFD 1.8 to 1.23: what each brought; ROCm 5.2.3 on 1.13 and 1.23")
