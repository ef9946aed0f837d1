#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tests/tools/hsa-leave: with convolutions on the host, a forked child ends at once, and a queue that can be given no
thread works as the runtime made it."""
from rdna1 import *

if SANITIZED:
    print("not in a sanitizer build: ROCr cannot make a soft queue there")
    sys.exit(77)

LEAVE = os.path.join(BUILD, "tests", "tools", "hsa-leave")
os.environ["RDNA1_TRACE_OPTIONS"] = "fallback=host"
for mode, said in (("fork", "the child: status 0, at once"), ("thread", "the kernel ran")):
    r = record(mode, LEAVE, mode).expect_status(0)
    expect(said in r.out, r.out + r.err)
