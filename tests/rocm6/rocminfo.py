#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""rocminfo names the card, on its own and overridden."""
from rocm6 import *

for target, env in TARGETS.items():
    r = record(target, "rocminfo", env={**os.environ, **env}).expect_status(0)
    for what in (rf"Name: +{target} *$", r"Marketing Name: +AMD Radeon RX 5600 XT *$", r"Compute Unit: +36 *$",
                 r"Size: +6275072\("):
        expect(re.search(what, r.out, re.M), f"rocminfo has no {what}:\n{r.out}{r.err}")
    compare_ioctls(r.dir, 20)
    failed = [e["fields"] for e in dump(r.dir) if e["event"] == "emu_ioctl" and e["fields"]["ret"] < 0]
    expect(not failed, f"this ROCr asks what the device does not answer: {failed}")
    expect_no_loss(r.dir)
done("gfx1010 and, overridden, gfx1030")
