#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each KFD interface that this ROCr accepts: a workload, the copies, and an error that it must tell."""
from rocm6 import *

ILLEGAL = "HSA_STATUS_ERROR_ILLEGAL_INSTRUCTION"
r = record("v8", workload("vector"), env={**os.environ, "KFD": "8"})
expect(r.status != 0, "ROCr 6 needs AVAILABLE_MEMORY, which 1.8 does not have")
for minor in (9, 11, 12, 13, 14, 17, 18, 23):
    env = {**os.environ, "KFD": str(minor)}
    r = record(f"v{minor}", workload("vector"), env=env).expect_status(0)
    expect("ok: all results right" in r.out, r.out + r.err)
    r = record(f"f{minor}", workload("conv2d"), "--fault", "illegal", env=env).expect_status(-6)
    expect(ILLEGAL in r.err, r.err)
    # 1.13: by the context save area; before: by queue_inactive_signal.
    enabled = any(e["event"] == "emu_ioctl" and e["fields"]["cmd"] & 0xff == 0x25 and not e["fields"]["ret"]
                  for e in dump(r.dir))
    expect(enabled == (minor >= 13), f"1.{minor}: RUNTIME_ENABLE")
done("1.9 to 1.23 run and tell an illegal instruction; 1.8 is too old")
