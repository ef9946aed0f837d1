#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""conv2d.py [OPTIONS of conv2d]: a convolution gives the right result, and both sides agree on it."""
import re
import sys

from rdna1 import *

r = record("t", workload("conv2d"), *sys.argv[1:]).expect_status(0)
ok = re.search(r"^ok: (\d+) outputs equal the CPU's bit for bit$", r.out, re.M)
expect(ok and int(ok[1]) > 0, r.out + r.err)
expect_report_of_workload(r)
session = expect_no_loss(r.dir)
expect(session["emulated_device"] == "AMD Radeon RX 5600 XT", "session.json does not say emulated")
compare_ctf(r.dir, 200)
done(f"{ok[1]} outputs; {compare_ioctls(r.dir)}")
