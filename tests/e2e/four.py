#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""four.py TIMES N: runs of the convolution, N at once, each under its own rdna1-trace: every result right,
every trace whole, both sides equal."""
import concurrent.futures
import shutil
import sys

from rdna1 import *


def one(number):
    r = record(f"t{number}", workload("conv2d"), "--size", "16", "--pad", "1", "--repeat", "3").expect_status(0)
    expect("outputs equal the CPU's bit for bit" in r.out, f"run {number}: {r.out}{r.err}")
    compare_ioctls(r.dir)
    expect_no_loss(r.dir)
    shutil.rmtree(r.dir)


times, at_once = (int(x) for x in sys.argv[1:])
with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
    for future in concurrent.futures.as_completed([pool.submit(one, i) for i in range(times)]):
        future.result()
done(f"{times} runs, {at_once} at once")
