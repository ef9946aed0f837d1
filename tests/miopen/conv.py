#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Convolutions through MIOpen as PyTorch makes them, by ctypes alone (RTLD_LOCAL), verified on the CPU.

The libraries are those beside this file, or in --wheel DIR/lib, as a wheel brings them: MIOpen there finds
HIP, HSA and comgr beside it. Inputs are eighths between -1 and 1: sums in float are exact in any order."""
import argparse
import ctypes
import os
import sys

HOST_TO_DEVICE, DEVICE_TO_HOST = 1, 2
FLOAT = 1
INVALID_VALUE = 1  # hipErrorInvalidValue
DIRECTIONS = {"fwd": "Forward", "bwd": "BackwardData", "wrw": "BackwardWeights"}
RESULT = {"fwd": "y", "bwd": "x", "wrw": "w"}
POINTER, SIZE = ctypes.c_void_p, ctypes.c_size_t


class AlgoPerf(ctypes.Structure):
    _fields_ = [("algorithm", ctypes.c_int), ("time", ctypes.c_float), ("memory", SIZE)]


class Solution(ctypes.Structure):
    _fields_ = [("time", ctypes.c_float), ("workspace_size", SIZE), ("id", ctypes.c_uint64),
                ("algorithm", ctypes.c_int)]


def hip(name, *args):
    status = getattr(libhip, name)(*args)
    if status:
        libhip.hipGetErrorString.restype = ctypes.c_char_p
        raise RuntimeError(f"HIP error: {libhip.hipGetErrorString(status).decode()}")


def miopen(name, *args):
    """PyTorch raises the name of the status."""
    status = getattr(lib, "miopen" + name)(*args)
    if status:
        lib.miopenGetErrorString.restype = ctypes.c_char_p
        raise RuntimeError(lib.miopenGetErrorString(status).decode())


class Tensor:
    def __init__(self, name, seed, *dims):
        self.name, self.dims, self.n = name, dims, dims[0] * dims[1] * dims[2] * dims[3]
        self.host = (ctypes.c_float * self.n)()
        for i in range(self.n):
            seed = (seed * 1664525 + 1013904223) & 0xFFFFFFFF
            self.host[i] = ((seed >> 16) % 17 - 8) / 8
        self.device = allocate(name, 4 * self.n)
        self.copy_in(self.host)
        self.desc = POINTER()
        miopen("CreateTensorDescriptor", ctypes.byref(self.desc))
        miopen("Set4dTensorDescriptor", self.desc, FLOAT, *dims)

    def copy_in(self, values):
        hip("hipMemcpy", self.device, values, SIZE(4 * self.n), HOST_TO_DEVICE)

    def copy_out(self):
        out = (ctypes.c_float * self.n)()
        hip("hipMemcpy", out, self.device, SIZE(4 * self.n), DEVICE_TO_HOST)
        return out

    def free(self):
        free(self.name, self.device)
        miopen("DestroyTensorDescriptor", self.desc)


def allocate(name, size):
    p = POINTER()
    hip("hipMalloc", ctypes.byref(p), SIZE(size))
    print(f"hipMalloc {name:9s} 0x{p.value:x} {size} bytes", flush=True)
    return p


def free(name, p):
    print(f"hipFree   {name:9s} {p.value:#x}", flush=True)
    # RDNA1_STANDIN=use-after-free: the library has freed it.
    if name != "workspace":
        hip("hipFree", p)
    elif libhip.hipFree(p) == INVALID_VALUE:
        print("the workspace is freed already", flush=True)


def expected(t, direction, pad):
    (n, c, h, w), (k, _, fy, fx), (_, _, oh, ow) = t["x"].dims, t["w"].dims, t["y"].dims
    x, wei, y = (list(t[i].host) for i in "xwy")
    out = [0.0] * t[RESULT[direction]].n
    for i in range(n):
        for o in range(k):
            for py in range(oh):
                for px in range(ow):
                    at_y = ((i * k + o) * oh + py) * ow + px
                    for ch in range(c):
                        for dy in range(fy):
                            for dx in range(fx):
                                ih, iw = py - pad + dy, px - pad + dx
                                if not (0 <= ih < h and 0 <= iw < w):
                                    continue
                                at_x, at_w = ((i * c + ch) * h + ih) * w + iw, ((o * c + ch) * fy + dy) * fx + dx
                                if direction == "fwd":
                                    out[at_y] += x[at_x] * wei[at_w]
                                elif direction == "bwd":
                                    out[at_x] += y[at_y] * wei[at_w]
                                else:
                                    out[at_w] += x[at_x] * y[at_y]
    return out


class Workspace:
    def __init__(self, size):
        self.size = SIZE(size)
        self.p = allocate("workspace", size) if size else POINTER()

    def free(self):
        if self.p:
            free("workspace", self.p)


def by_find(handle, conv, t, direction):
    """Find, then the plain call with the algorithm it found."""
    name = DIRECTIONS[direction]
    a, b, out = {"fwd": "xwy", "bwd": "ywx", "wrw": "yxw"}[direction]
    order = {"fwd": "wxy", "bwd": "ywx", "wrw": "yxw"}[direction]
    size, count, perf = SIZE(), ctypes.c_int(), AlgoPerf()
    miopen(f"Convolution{name}GetWorkSpaceSize", handle, t[order[0]].desc, t[order[1]].desc, conv, t[order[2]].desc,
           ctypes.byref(size))
    work = Workspace(size.value)
    operands = (t[a].desc, t[a].device, t[b].desc, t[b].device, conv)
    miopen(f"FindConvolution{name}Algorithm", handle, *operands, t[out].desc, t[out].device, 1, ctypes.byref(count),
           ctypes.byref(perf), work.p, work.size, ctypes.c_bool(False))
    print(f"found {count.value}: algorithm {perf.algorithm}, workspace {perf.memory} bytes", flush=True)
    t[out].copy_in((ctypes.c_float * t[out].n)(*[-1000.0] * t[out].n))
    one, zero = ctypes.c_float(1), ctypes.c_float(0)
    miopen(f"Convolution{name}", handle, ctypes.byref(one), *operands, perf.algorithm, ctypes.byref(zero), t[out].desc,
           t[out].device, work.p, work.size)
    return work


def by_solution(handle, conv, t, direction):
    """Immediate mode."""
    name = DIRECTIONS[direction]
    a, b, out = {"fwd": "wxy", "bwd": "ywx", "wrw": "yxw"}[direction]
    count, solutions = SIZE(), (Solution * 64)()
    descs = (handle, t[a].desc, t[b].desc, conv, t[out].desc)
    miopen(f"Convolution{name}GetSolutionCount", *descs, ctypes.byref(count))
    miopen(f"Convolution{name}GetSolution", *descs, count, ctypes.byref(count), solutions)
    chosen = ctypes.c_uint64(solutions[0].id)
    miopen(f"Convolution{name}CompileSolution", *descs, chosen)
    work = Workspace(solutions[0].workspace_size)
    t[out].copy_in((ctypes.c_float * t[out].n)(*[-1000.0] * t[out].n))
    miopen(f"Convolution{name}Immediate", handle, t[a].desc, t[a].device, t[b].desc, t[b].device, conv, t[out].desc,
           t[out].device, work.p, work.size, chosen)
    return work


def convolve(handle, args, size, direction):
    conv = POINTER()
    miopen("CreateConvolutionDescriptor", ctypes.byref(conv))
    miopen("InitConvolutionDescriptor", conv, 0, args.pad, args.pad, 1, 1, 1, 1)
    t = {"x": Tensor("x", 1, args.batch, args.channels, size, size),
         "w": Tensor("w", 2, args.out, args.channels, args.kernel, args.kernel)}
    dims = [ctypes.c_int() for _ in range(4)]
    miopen("GetConvolutionForwardOutputDim", conv, t["x"].desc, t["w"].desc, *map(ctypes.byref, dims))
    t["y"] = Tensor("y", 3, *[d.value for d in dims])
    print(f"convolution {direction} {t['x'].dims} -> {t['y'].dims}, {args.mode}", flush=True)
    work = (by_find if args.mode == "find" else by_solution)(handle, conv, t, direction)
    hip("hipDeviceSynchronize")
    got, want = t[RESULT[direction]].copy_out(), expected(t, direction, args.pad)
    wrong = [i for i in range(len(want)) if got[i] != want[i]]
    if wrong:
        print(f"wrong: {len(wrong)} of {len(want)} outputs differ, first at {wrong[0]}: {got[wrong[0]]:g}, "
              f"want {want[wrong[0]]:g}", flush=True)
    else:
        print(f"right: {len(want)} outputs", flush=True)
    work.free()
    for i in t.values():
        i.free()
    miopen("DestroyConvolutionDescriptor", conv)
    return bool(wrong)


def arguments():
    p = argparse.ArgumentParser()
    p.add_argument("--wheel")
    p.add_argument("--size", default="32", help="one or several, with commas")
    p.add_argument("--in", type=int, default=3, dest="channels")
    p.add_argument("--out", type=int, default=4)
    p.add_argument("--kernel", type=int, default=3)
    p.add_argument("--pad", type=int, default=0)
    p.add_argument("--batch", type=int, default=1)
    p.add_argument("--direction", choices=DIRECTIONS, default="fwd")
    p.add_argument("--mode", choices=("find", "immediate"), default="find")
    return p.parse_args()


def print_libraries():
    """Which files MIOpen, HIP, HSA and comgr are."""
    with open("/proc/self/maps") as f:
        paths = {line.split(None, 5)[5].strip() for line in f if "/lib" in line}
    for path in sorted(paths):
        if os.path.basename(path).startswith(("libMIOpen", "libamdhip64", "libhsa-runtime64", "libamd_comgr")):
            print(f"library {path}")


def main():
    handle = POINTER()
    miopen("Create", ctypes.byref(handle))
    wrong = [convolve(handle, args, int(size), args.direction) for size in args.size.split(",")]
    miopen("Destroy", handle)
    print_libraries()
    return any(wrong)


args = arguments()
here = os.path.dirname(os.path.abspath(__file__))
lib = ctypes.CDLL(os.path.join(args.wheel, "lib", "libMIOpen.so.1") if args.wheel else
                  os.path.join(here, "libMIOpen.so.1"))
libhip = ctypes.CDLL(os.path.join(args.wheel, "lib", "libamdhip64.so.5") if args.wheel else "libamdhip64.so.5")
sys.exit(main())
