# SPDX-License-Identifier: MIT
"""HIP from python, for the programs that tests write: what conv2d.co computes, so that a kernel has run
and its result is known."""
import ctypes
import os

OUT_OF_MEMORY = 2
lib = ctypes.CDLL("libamdhip64.so.5")


class Shape(ctypes.Structure):
    _fields_ = [(n, ctypes.c_int) for n in ("n", "c", "h", "w", "k", "f", "stride", "pad", "oh", "ow")]


def hip(name, *args):
    status = getattr(lib, name)(*args)
    if status:
        raise RuntimeError(f"{name}: error {status}")


def malloc(size):
    """(status, address)"""
    p = ctypes.c_void_p()
    return lib.hipMalloc(ctypes.byref(p), ctypes.c_size_t(size)), p


class Kernel:
    """1x1 convolution of n ones with a weight, 1 channel; `channels` makes it take longer."""

    def __init__(self, n=256, channels=1):
        self.n, self.channels = n, channels
        self.shape = Shape(n=1, c=channels, h=n, w=1, k=1, f=1, stride=1, pad=0, oh=n, ow=1)
        module, self.kernel = ctypes.c_void_p(), ctypes.c_void_p()
        hip("hipModuleLoad", ctypes.byref(module), os.path.join(os.environ["B"], "workload", "conv2d.co").encode())
        hip("hipModuleGetFunction", ctypes.byref(self.kernel), module, b"conv2d_direct")
        self.x, self.w, self.y = (self._floats(m) for m in (n * channels, channels, n))

    @staticmethod
    def _floats(n):
        status, p = malloc(4 * n)
        if status:
            raise RuntimeError(f"hipMalloc: error {status}")
        hip("hipMemcpy", p, (ctypes.c_float * n)(*([1.0] * n)), ctypes.c_size_t(4 * n), 1)
        return p

    def launch(self):
        values = [self.x, self.w, self.y, self.shape]
        params = (ctypes.c_void_p * len(values))(*[ctypes.addressof(v) for v in values])
        hip("hipModuleLaunchKernel", self.kernel, (self.n + 255) // 256, 1, 1, 256, 1, 1, 0, None, params, None)

    def wait(self):
        hip("hipDeviceSynchronize")

    def right(self):
        got = (ctypes.c_float * self.n)()
        hip("hipMemcpy", got, self.y, ctypes.c_size_t(4 * self.n), 2)
        return list(got) == [float(self.channels)] * self.n

    def run(self):
        self.launch()
        self.wait()
        return self.right()
