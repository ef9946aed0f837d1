#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""conv2d --fault hang ends by whatever ends its process, at once, leaves nothing behind, and the trace says
what hangs."""
import ctypes
import glob
import signal
import time

from rdna1 import *

PR_SET_CHILD_SUBREAPER = 36
expect(ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0, "no subreaper")

# What ends itself while its kernel hangs: the same kernel, and the call of its name.
SELF = """
import ctypes, os, sys
sys.path.insert(0, os.path.join(os.environ["TOP"], "tests", "e2e"))
from hip import *
module, kernel = ctypes.c_void_p(), ctypes.c_void_p()
hip("hipModuleLoad", ctypes.byref(module), os.path.join(os.environ["B"], "workload", "conv2d.co").encode())
hip("hipModuleGetFunction", ctypes.byref(kernel), module, b"conv2d_hang")
flag = malloc(4096)[1]
hip("hipMemcpy", flag, (ctypes.c_char * 4096)(), ctypes.c_size_t(4096), 1)
params = (ctypes.c_void_p * 2)(*[ctypes.addressof(p) for p in (flag, flag)])
hip("hipModuleLaunchKernel", kernel, 1, 1, 1, 32, 1, 1, 0, None, params, None)
print("launched conv2d_hang 1 times", flush=True)

"""


def nothing_left(name):
    """No process, no directory of a broker, no file in memory that someone holds."""
    end = time.time() + 20
    while True:
        try:
            left = os.waitpid(-1, os.WNOHANG) == (0, 0)
        except ChildProcessError:
            left = False
        if not left and not glob.glob(f"{T}/rdna1-emu.*"):
            return
        expect(time.time() < end, f"{name}: left behind: {family(os.getpid())[1:]} {glob.glob(f'{T}/rdna1-emu.*')}")
        time.sleep(0.02)


def launched(path):
    end = time.time() + 40
    while time.time() < end:
        with open(path) as f:
            if re.search("^launched conv2d_hang 1 times$", f.read(), re.M):
                return True
        time.sleep(0.02)
    return False


def application(recorder):
    for pid in family(recorder)[1:]:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            if f.read().split(b"\0")[0].endswith(b"conv2d"):
                return pid
    fail("the application is not there")


def judge(name, p, directory, status):
    began = time.time()
    code = p.wait(timeout=30)
    expect(code == status, f"{name}: the recorder ended with {code}, not {status}")
    nothing_left(name)
    took = time.time() - began
    compare_ctf(directory, 100)
    expect_no_loss(directory)
    text = sh(TOOL, "dump", directory).stdout
    kernel = re.search(r"kernel_object=(0x[0-9a-f]+), .*name=\"conv2d_hang\"", text)[1]
    last = re.findall(r" dispatch\(.*kernel_object=(0x[0-9a-f]+)", text)[-1]
    expect(last == kernel, f"{name}: the last dispatch is of {last}, conv2d_hang is {kernel}")
    text = re.sub(r"\n +", " ", report(directory))
    expect(re.search(r"not finished: conv2d_hang, packet \d+ of queue \d+, dispatched \d", text), text)
    return took


def outside(number):
    name = signal.Signals(number).name
    directory = os.path.join(T, name)
    with open(directory + ".out", "w") as out:
        p = subprocess.Popen([TOOL, "--emulate", "-o", directory, "--", workload("conv2d"), "--fault", "hang"],
                             stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    expect(launched(directory + ".out"), f"{name}: no kernel")
    time.sleep(2)
    expect(p.poll() is None, f"{name}: it ended by itself: {p.returncode}")
    os.kill(application(p.pid), number)
    return judge(name, p, directory, -number)


def inside(name, call, status):
    directory = os.path.join(T, name)
    with open(directory + ".out", "w") as out:
        p = subprocess.Popen([TOOL, "--emulate", "-o", directory, "--", sys.executable, "-c", SELF + call, T],
                             stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    expect(launched(directory + ".out"), f"{name}: no kernel")
    return judge(name, p, directory, status)


took = [outside(n) for n in (signal.SIGTERM, signal.SIGINT, signal.SIGKILL, signal.SIGABRT)]
took += [inside("abort", "os.abort()\n", -signal.SIGABRT), inside("exit", "os._exit(5)\n", 5)]
done(f"6 ends of a hanging kernel, the slowest in {max(took):.2f} s; the trace names it")
