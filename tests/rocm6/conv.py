#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Real MIOpen's convolution kernels are known: what hsa-tools/conv reads of each dispatch of its naive and its GEMM
algorithm, by a recorded run of tests/rocm6/miopen.cpp."""
import struct

from rocm6 import *

FAMILIES = os.path.join(os.environ["TRACE_B"], "tests", "tools", "conv-families")
KNOWN = ("naive_conv_", "Im2d2Col", "Col2Im2d", "Cijk_")


def lines(directory):
    symbols = {}
    for e in dump(directory):
        f = e["fields"]
        if e["event"] == "kernel_symbol":
            symbols[f["kernel_object"]] = (f["name"].removesuffix(".kd"), f["kernarg_bytes"])
        if e["event"] != "dispatch":
            continue
        packet = bytes.fromhex(f["packet"])
        name, size = symbols.get(struct.unpack_from("<Q", packet, 32)[0], ("", 0))
        if name.startswith(KNOWN):
            grid, group = struct.unpack_from("<III", packet, 12), struct.unpack_from("<I", packet, 28)[0]
            yield " ".join(map(str, (name, size, "data_t*", *grid, group, f["kernarg"])))


def check(mode, want):
    """How many dispatches of a run are known, as all of them must be."""
    r = record(mode, os.path.join(BUILD, "miopen"), mode, env=miopen_env("gfx1010"), timeout=600).expect_status(0)
    run = subprocess.run([FAMILIES, "--read"], input="\n".join(lines(r.dir)), capture_output=True, text=True)
    said = run.stdout.splitlines()
    expect(run.returncode == 0 and all(line.startswith("read: ") for line in said), run.stdout)
    for what in want:
        expect(any(what in line for line in said), f"{mode}: no {what} in:\n{run.stdout}")
    return len(said)


known = check("naive", ["naive forward NCHW fp32, fwd-nchw-fp32-n1-g8-c1-k1-i12x12-f3x3-o12x12-s1x1-d1x1-p1x1"])
known += check("gemm", ["im2col, im2col-nchw-fp32-n1-g1-c3-k1-i17x13-f5x5-o9x7-s2x2-d1x1-p2x2",
                        "source GEMM Ailk_Bljk fp32, gemm-nchw-fp32-n1-g1-c75-k6"])
done(f"{known} dispatches, all of them known")
