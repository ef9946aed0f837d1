#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The convolution of conv2d.hip from python, through libamdhip64 alone: the way users come. The
kernel is conv2d.co beside this file. Verified bit by bit against fmaf on the CPU."""
import argparse
import ctypes
import os
import sys

HOST_TO_DEVICE, DEVICE_TO_HOST = 1, 2


class Shape(ctypes.Structure):
    _fields_ = [(n, ctypes.c_int) for n in ("n", "c", "h", "w", "k", "f", "stride", "pad", "oh", "ow")]


def hip(name, *args):
    status = getattr(lib, name)(*args)
    if status:
        sys.exit(f"{name}: error {status}")


def random_floats(n, seed):
    out = (ctypes.c_float * n)()
    for i in range(n):
        seed = (seed * 1664525 + 1013904223) & 0xFFFFFFFF
        out[i] = (seed >> 8 & 0xFFFF) / 4096.0 - 8.0
    return out


def device_copy(name, host):
    p = ctypes.c_void_p()
    size = ctypes.sizeof(host)
    hip("hipMalloc", ctypes.byref(p), ctypes.c_size_t(size))
    print(f"hipMalloc {name:8s} 0x{p.value:x} {size} bytes", flush=True)
    hip("hipMemcpy", p, host, ctypes.c_size_t(size), HOST_TO_DEVICE)
    return p


def expected(x, w, s):
    fmaf = ctypes.CDLL("libm.so.6").fmaf
    fmaf.restype = ctypes.c_float
    fmaf.argtypes = [ctypes.c_float] * 3
    for i in range(s.n * s.k * s.oh * s.ow):
        ox, oy, k = i % s.ow, i // s.ow % s.oh, i // (s.ow * s.oh) % s.k
        total = 0.0
        for c in range(s.c):
            for fy in range(s.f):
                for fx in range(s.f):
                    iy, ix = oy * s.stride - s.pad + fy, ox * s.stride - s.pad + fx
                    if 0 <= iy < s.h and 0 <= ix < s.w:
                        total = fmaf(x[(c * s.h + iy) * s.w + ix],
                                     w[((k * s.c + c) * s.f + fy) * s.f + fx], total)
        yield total


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--size", type=int, default=20)
    args.add_argument("--out", type=int, default=8)
    args.add_argument("--pad", type=int, default=1)
    parser, args = args, args.parse_args()
    if not (0 <= args.pad <= 1000 and 1 <= args.out <= 1000 and 3 <= args.size + 2 * args.pad <= 1000 and args.size > 0):
        parser.error("--size, --out and --pad are whole numbers that give at least one output")
    s = Shape(n=1, c=3, h=args.size, w=args.size, k=args.out, f=3, stride=1, pad=args.pad)
    s.oh = s.ow = args.size + 2 * args.pad - 2
    n_out = s.k * s.oh * s.ow
    x, w = random_floats(s.c * s.h * s.w, 1), random_floats(s.k * s.c * 9, 2)
    y = (ctypes.c_float * n_out)(*([-1.0] * n_out))

    d_x, d_w, d_y = device_copy("in", x), device_copy("weights", w), device_copy("out", y)
    module, kernel = ctypes.c_void_p(), ctypes.c_void_p()
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "conv2d.co")
    hip("hipModuleLoad", ctypes.byref(module), path.encode())
    hip("hipModuleGetFunction", ctypes.byref(kernel), module, b"conv2d_direct")
    values = [d_x, d_w, d_y, s]
    params = (ctypes.c_void_p * len(values))(*[ctypes.addressof(v) for v in values])
    hip("hipModuleLaunchKernel", kernel, (n_out + 255) // 256, 1, 1, 256, 1, 1, 0, None, params, None)
    print("launched conv2d_direct 1 times", flush=True)
    hip("hipDeviceSynchronize")
    hip("hipMemcpy", y, d_y, ctypes.c_size_t(ctypes.sizeof(y)), DEVICE_TO_HOST)
    for name, p in (("in", d_x), ("weights", d_w), ("out", d_y)):
        print(f"hipFree   {name:8s} {p.value:#x}", flush=True)
        hip("hipFree", p)
    wrong = sum(a != b for a, b in zip(y, expected(x, w, s)))
    if wrong:
        sys.exit(f"WRONG: {wrong} of {n_out} outputs differ")
    print(f"ok: {n_out} outputs equal the CPU's bit for bit")


lib = ctypes.CDLL("libamdhip64.so.5")
main()
