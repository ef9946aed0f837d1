#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""--emulate=fault:KIND@N reaches this ROCr by the way that its interface version has, and is told."""
from rocm6 import *

KINDS = {
    "page": ("Reason: Page not present", "PAGE_NOT_PRESENT (0x1)"),
    "permission": ("Reason: Write access to a read-only page.", "READ_ONLY (0x2)"),
    "aperture": ("HSA_STATUS_ERROR_MEMORY_APERTURE_VIOLATION", "HSA_STATUS_ERROR_MEMORY_APERTURE_VIOLATION (0x29)"),
    "illegal": ("HSA_STATUS_ERROR_ILLEGAL_INSTRUCTION", "HSA_STATUS_ERROR_ILLEGAL_INSTRUCTION (0x2a)"),
    "trap": ("HSA_STATUS_ERROR_EXCEPTION", "HSA_STATUS_ERROR_EXCEPTION (0x1016)"),
    "reset": ("HW Exception by GPU", "GPU reset in kernel"),
}
for kind, (said, reported) in KINDS.items():
    for minor in (12, 18):
        r = record(f"{kind}{minor}", workload("vector"), options=(f"--emulate=fault:{kind}@6",),
                   env={**os.environ, "KFD": str(minor)})
        expect(r.status == -6 and said in r.err, f"{kind}, 1.{minor}: {r.status}\n{r.err}")
        flat = re.sub(r"\n +", " ", report(r.dir))
        expect(f"injected by --emulate=fault:{kind}@6" in flat and reported in flat, flat)
done(f"{len(KINDS)} kinds, each on 1.12 and 1.18")
