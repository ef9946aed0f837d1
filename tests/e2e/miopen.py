#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The stand-in MIOpen (tests/miopen): right where it is to work, and each switch is the symptom of bug reports.

miopen.py works   solvers, directions, both layouts of arguments, C, python and a wheel; calls by uprobes
miopen.py fails   RDNA1_STANDIN in C and python; the variables that the reports set
"""
import ctypes
import struct
import time

from rdna1 import *

MIOPEN = os.path.join(BUILD, "miopen")
CONV = (os.path.join(MIOPEN, "conv"),)
PYTHON = (sys.executable, os.path.join(MIOPEN, "conv.py"))
WHEEL = os.path.join(MIOPEN, "wheel")
ABORT = -signal.SIGABRT
OVERRIDE = {"HSA_OVERRIDE_GFX_VERSION": "10.3.0"}
NAIVE = {"5.2": "naive_conv_{}_nchw_fp32", "6.2": "naive_conv_ab_nonpacked_{}_nchw_float_double_float"}
IM2COL = {"5.2": "Im2d2Col", "6.2": "Im2d2Col_v2"}
MISSING = "MIOpen(HIP): Warning [SQLiteBase] Missing system database file: {}_18.kdb Performance may degrade"
INCORRECT = ("MIOpen Error: /MIOpen/src/ocl/convolutionocl.cpp:518: Forward Convolution cannot be executed due to "
             "incorrect params")
count = 0


def run(*command, options=(), switch=None, layout=None, env=None, status=0):
    global count
    count += 1
    env = {**os.environ, **OVERRIDE, **(env or {})}
    for name, value in (("RDNA1_STANDIN", switch), ("RDNA1_STANDIN_LAYOUT", layout)):
        if value:
            env[name] = value
    for name in [n for n, v in env.items() if v is None]:
        del env[name]
    r = record(f"{count}", *command, options=("--emulate", "-q", *options), env=env)
    return r.expect_status(status)


def expect_right(r, n):
    expect(len(re.findall(r"^right: \d+ outputs$", r.out, re.M)) == n and "wrong" not in r.out, f"{r.out}\n{r.err}")


def dispatches(r):
    """(kernel's name, its arguments) in order."""
    events = dump(r.dir)
    names = {e["fields"]["kernel_object"]: e["fields"]["name"] for e in events if e["event"] == "kernel_symbol"}
    found = []
    for e in events:
        if e["event"] != "dispatch":
            continue
        packet = bytes.fromhex(e["fields"]["packet"])
        if struct.unpack_from("<H", packet)[0] & 0xFF == 2:
            kernel = struct.unpack_from("<Q", packet, 32)[0]
            found.append((names.get(kernel), bytes.fromhex(e["fields"]["kernarg"])))
    return found


def where(r):
    return {name: va for name, va, _ in said_allocations(r.out)[0]}


# ---- it works ----


def descriptors():
    """What was set is what is got; no device is needed for that."""
    lib = ctypes.CDLL(os.path.join(MIOPEN, "libMIOpen.so.1"))
    lib.miopenGetErrorString.restype = ctypes.c_char_p
    expect([lib.miopenGetErrorString(i) for i in (0, 3, 7, 10)] ==
           [b"miopenStatusSuccess", b"miopenStatusBadParm", b"miopenStatusUnknownError", b"miopenStatusVersionMismatch"],
           "error strings")

    def call(name, *args, status=0):
        got = getattr(lib, "miopen" + name)(*args)
        expect(got == status, f"{name}: {got}")

    def ints(n, name, *args, of=ctypes.c_int):
        out = [of(-1) for _ in range(n)]
        call(name, *args, *map(ctypes.byref, out))
        return [i.value for i in out]

    def array(*values, of=ctypes.c_int):
        return (of * len(values))(*values)

    expect(ints(3, "GetVersion", of=ctypes.c_size_t) == [2, 17, 0], "version")
    t, w, conv = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_void_p()
    call("CreateTensorDescriptor", ctypes.byref(t))
    call("CreateTensorDescriptor", ctypes.byref(w))
    call("Set4dTensorDescriptor", w, 1, 8, 2, 3, 5)
    call("Set4dTensorDescriptorEx", t, 0, 2, 4, 5, 6, 200, 40, 7, 1)
    expect(ints(9, "Get4dTensorDescriptor", t) == [0, 2, 4, 5, 6, 200, 40, 7, 1], "Set4dTensorDescriptorEx")
    # Its last element is 200 + 120 + 28 + 5.
    expect(ints(1, "GetTensorNumBytes", t, of=ctypes.c_size_t) == [708], "GetTensorNumBytes")
    call("SetNdTensorDescriptorWithLayout", t, 1, 1, array(2, 4, 5, 6), 4)
    expect(ints(9, "Get4dTensorDescriptor", t) == [1, 2, 4, 5, 6, 120, 1, 24, 4], "NHWC")
    call("SetTensorDescriptorV2", t, 1, 5, array(2, 3, 4, 5, 6, of=ctypes.c_size_t), None)
    dims, strides, kind = array(*[0] * 5), array(*[0] * 5), ctypes.c_int()
    call("GetTensorDescriptor", t, ctypes.byref(kind), dims, strides)
    expect(ints(1, "GetTensorDescriptorSize", t) == [5] and list(dims) == [2, 3, 4, 5, 6] and
           list(strides) == [360, 120, 30, 6, 1], f"{list(dims)} {list(strides)}")
    call("Set4dTensorDescriptor", t, 1, 2, 4, 0, 6, status=3)
    call("Set4dTensorDescriptor", t, 1, 2, 4, 10, 11)

    call("CreateConvolutionDescriptor", ctypes.byref(conv))
    call("InitConvolutionDescriptor", conv, 0, 1, 2, 2, 1, 1, 2)
    expect(ints(7, "GetConvolutionDescriptor", conv) == [0, 1, 2, 2, 1, 1, 2], "InitConvolutionDescriptor")
    call("SetConvolutionGroupCount", conv, 2)
    expect(ints(1, "GetConvolutionGroupCount", conv) == [2] and ints(1, "GetConvolutionSpatialDim", conv) == [2] and
           ints(1, "GetConvolutionFindMode", conv) == [5], "groups")
    expect(ints(4, "GetConvolutionForwardOutputDim", conv, t, w) == [2, 8, 5, 7], "output")
    call("SetConvolutionAttribute", conv, 1, 1)
    expect(ints(1, "GetConvolutionAttribute", conv, 1) == [1], "attribute")
    call("SetConvolutionGroupCount", conv, 1)
    call("GetConvolutionForwardOutputDim", conv, t, w, None, None, None, None, status=3)
    call("InitConvolutionNdDescriptor", conv, 3, array(1, 2, 3), array(1, 1, 2), array(1, 1, 1), 0)
    expect(ints(1, "GetConvolutionSpatialDim", conv) == [3], "three dimensions")
    call("InitConvolutionDescriptor", conv, 0, -1, 0, 1, 1, 1, 1, status=3)
    for d in (t, w):
        call("DestroyTensorDescriptor", d)
    call("DestroyConvolutionDescriptor", conv)


def check_arguments(r, layout):
    """3 channels of 44x44, 4 filters: the kernels' arguments lie where MIOpen's do."""
    at, by_name = where(r), dict(dispatches(r))
    naive = by_name[NAIVE[layout].format("fwd")]
    if layout == "5.2":
        expect(len(naive) == 88 and struct.unpack_from("<QQQ", naive) == (at["x"], at["w"], at["y"]), naive.hex())
    else:
        expect(len(naive) == 224 and struct.unpack_from("<QQddQ", naive) == (at["x"], at["w"], 1, 0, at["y"]) and
               struct.unpack_from("<15Q", naive, 40) == (1, 44, 1936, 5808, 5808, 1, 3, 9, 27, 108, 1, 42, 1764, 7056,
                                                         7056), naive.hex())
    expect(struct.unpack_from("<16i", naive, len(naive) - 64) ==
           (44, 44, 1, 4, 3, 42, 42, 1, 1, 1, 1, 0, 0, 3, 3, 1), naive.hex())
    columns = by_name[IM2COL[layout]]
    expect(len(columns) == (80 if layout == "5.2" else 100) and
           struct.unpack_from("<Q", columns, 8) == (at["x"],) and
           struct.unpack_from("<12i", columns, 20 if layout == "5.2" else 24) ==
           (44, 44, 3, 3, 42, 42, 0, 0, 1, 1, 1, 1) and
           struct.unpack_from("<Q", columns, 72) == (at["workspace"],), columns.hex())
    name, product = next((n, a) for n, a in by_name.items() if n.startswith("Cijk_Ailk_Bljk_SB_MT32x32x8_"))
    expect(len(name) > 255 and len(product) == 104 and
           struct.unpack_from("<4Qff", product) == (at["y"], at["y"], at["workspace"], at["w"], 1, 0) and
           struct.unpack_from("<12I", product, 40) == (1764, 7056, 1764, 7056, 1764, 47628, 27, 108, 1764, 4, 1, 27),
           product.hex())


def solvers():
    for layout in ("5.2", "6.2"):
        for native in (None, "10.3.0"):
            env = {"HSA_OVERRIDE_GFX_VERSION": native}
            r = run(*CONV, "--size", "44", "--out", "4", layout=layout, env=env)
            expect_right(r, 1)
            check_arguments(r, layout)
            expect(MISSING.format("gfx1030" if native else "gfx1010") in r.err, r.err)
            text = expect_report_of_workload(r) if not native else report(r.dir, 200)
            target = "gfx1030" if native else "gfx1010"
            expect(re.search(rf"code objects for amdgcn-amd-amdhsa--{target}", text), text)
            expect_no_loss(r.dir)
        # Every solver in every direction; strides, groups, several images, half.
        for options in (("--mode", "find"), ("--mode", "immediate"), ("--kernel", "1", "--in", "16", "--out", "32"),
                        ("--groups", "2", "--in", "4", "--stride", "2", "--pad", "1", "--dilation", "2", "--batch", "2"),
                        ("--dtype", "half", "--batch", "2")):
            for variable in ("GEMM", "DIRECT"):
                r = run(*CONV, "--size", "32,20", "--direction", "all", *options, layout=layout,
                        env={f"MIOPEN_DEBUG_CONV_{variable}": "0"})
                expect_right(r, 6)
                names = " ".join(n for n, _ in dispatches(r))
                expect(("Cijk_" in names) == (variable == "DIRECT") and
                       all((f"_{d}_nchw_" in names) == (variable == "GEMM") for d in ("fwd", "bwd", "wrw")), names)
    compare_ctf(r.dir, 200)
    compare_ioctls(r.dir)
    # The sizes of the reports.
    expect_right(run(*CONV, "--size", "32,40,42,44,48", "--out", "64"), 5)
    expect_right(run(*CONV, "--size", "44", "--in", "16", "--out", "32", "--pad", "1"), 1)


def from_python():
    for direction in ("fwd", "bwd", "wrw"):
        for mode in ("find", "immediate"):
            expect_right(run(*PYTHON, "--direction", direction, "--mode", mode), 1)
    for direction in ("fwd", "bwd"):
        r = run(*PYTHON, "--wheel", WHEEL, "--size", "44", "--direction", direction)
        expect_right(r, 1)
        libraries = re.findall(r"^library (\S+)$", r.out, re.M)
        # The address sanitizer's dlopen looks for comgr as if it asked for it itself.
        own = [p for p in libraries if p.startswith(WHEEL)]
        expect(len(libraries) == 4 and len(own) >= (3 if BUILD.endswith("/san") else 4), f"{libraries}")
        # The agent came in by the wheel's HSA: it has all that the program did.
        expect_report_of_workload(r)
        names = [n for n, _ in dispatches(r)]
        expect(NAIVE["5.2"].format(direction) in names and any(n.startswith("Cijk_") for n in names), f"{names}")
        expect_no_loss(r.dir)


def calls_of(r):
    run = sh(TOOL, "dump", r.dir)
    return re.findall(r" api_call (\w+)\((.*)\) = (\w+)", run.stdout)


def calls():
    """By uprobes, every call with its arguments."""
    beside = {"LD_LIBRARY_PATH": MIOPEN}
    r = run(*CONV, "--size", "44", "--out", "4", "--direction", "all", "--repeat", "2", env=beside,
            options=("--trace=default,miopen",))
    expect_right(r, 3)
    at, made = where(r), calls_of(r)
    expect(all(status == "miopenStatusSuccess" for _, _, status in made), f"{made}")
    names = [n for n, _, _ in made]
    expect({n: names.count("miopen" + n) for n in ("Create", "Destroy", "Set4dTensorDescriptor", "ConvolutionForward",
                                                   "FindConvolutionBackwardDataAlgorithm",
                                                   "ConvolutionBackwardWeights", "InitConvolutionDescriptor")} ==
           {"Create": 1, "Destroy": 1, "Set4dTensorDescriptor": 3, "ConvolutionForward": 2,
            "FindConvolutionBackwardDataAlgorithm": 1, "ConvolutionBackwardWeights": 2,
            "InitConvolutionDescriptor": 1} and len(names) == 26, f"{names}")
    arguments = dict((n, a) for n, a, _ in made)
    backward = arguments["miopenConvolutionBackwardData"]
    for part in (f"dy=0x{at['y']:x}", f"w=0x{at['w']:x}", f"dx=0x{at['x']:x}", f"workSpace=0x{at['workspace']:x}",
                 "workSpaceSize=190512"):
        expect(part in backward, f"no {part} in {backward}")
    text = report(r.dir, 400)
    expect("miopenConvolutionForward x=[1,3,44,44] w=[4,3,3,3] y=[1,4,42,42] pad 0 stride 1 dilation 1 float by "
           in text and "libMIOpen.so.1: 44 functions, all from the beginning" in text, text)

    r = run(*CONV, "--mode", "immediate", env=beside, options=("--trace=default,miopen",))
    got = dict((n, a) for n, a, _ in calls_of(r))["miopenConvolutionForwardGetSolution"]
    expect(re.search(r"solutions=\S+ => \[\{id 91, GEMM, \S+ ms, 97200 B\}, \{id 85, Direct, \S+ ms, 0 B\}\]", got), got)
    r = run(*CONV, env=beside, options=("--trace=default,miopen",), switch="no-solver", status=1)
    expect(calls_of(r)[-1][::2] == ("miopenFindConvolutionForwardAlgorithm", "miopenStatusUnknownError"),
           f"{calls_of(r)}")
    # In a wheel, found when it is mapped.
    r = run(*PYTHON, "--wheel", WHEEL, options=("--trace=default,miopen",))
    expect(f"calls of {WHEEL}/lib/libMIOpen.so.1: 44 functions" in report(r.dir, 400), report(r.dir, 400))


# ---- it fails ----

APERTURE = ("HSA_STATUS_ERROR_MEMORY_APERTURE_VIOLATION: The agent attempted to access memory beyond the largest "
            "legal address. code: 0x29")
PAGE = re.compile(r"Memory access fault by GPU node-1 \(Agent handle: 0x[0-9a-f]+\) on address 0x[0-9a-f]+\. Reason: "
                  r"Page not present or supervisor privilege\.")
FAULTS = {
    "aperture": "aperture violation in kernel {naive}: global_store_dword",
    "page-fault": "page fault in kernel {naive}: global_load_dword",
    "far-fault": "page fault in kernel {naive}: global_load_dword",
    "use-after-free": "page fault in kernel {im2col}: global_store_dword",
}


def faults(program, layout):
    for switch, what in FAULTS.items():
        r = run(*program, "--size", "42,44", "--out", "4", switch=switch, layout=layout, status=ABORT)
        expect_right(r, 1)
        expect(APERTURE in r.err if switch == "aperture" else PAGE.search(r.err), f"{switch}: {r.err}")
        text = re.sub(r"\n +", " ", report(r.dir))
        expect(what.format(naive=NAIVE[layout].format("fwd"), im2col=IM2COL[layout]) in text, text)
        if switch == "use-after-free":
            expect(f"in freed buffer 0x{where(r)['workspace']:x} (4194304 bytes, GPU coarse), 0 bytes into it" in text,
                   text)
            narrow = report(r.dir, 80)
            expect(re.search(rf"^  {IM2COL[layout]} +\+\d+  0x{where(r)['workspace']:x}  freed: 0 B into 4 MiB +1$", narrow, re.M) and
                   re.search(r"^  kernel +argument  pointer +where it points +count$", narrow, re.M), narrow)


def hangs():
    for program, layout in ((CONV, "5.2"), (PYTHON, "6.2")):
        r = run(*program, "--size", "42,44", "--out", "4", switch="hang", layout=layout, status=ABORT,
                options=("--watchdog=1", "--on-hang=abort"))
        expect_right(r, 1)
        expect(re.search(rf"HANG: queue \d+ has made no progress for .* kernel {NAIVE[layout].format('fwd')}", r.err), r.err)
        hang = [e for e in dump(r.dir) if e["event"] == "hang"]
        expect(len(hang) == 1, f"{hang}")
    # Nobody ends it but who has had enough.
    began = time.time()
    r = run("timeout", "4", *CONV, "--size", "44", "--mode", "immediate", switch="hang", status=124,
            env={"MIOPEN_DEBUG_FIND_ONLY_SOLVER": "ConvDirectNaiveConvFwd"})
    expect(time.time() - began >= 4 and "right" not in r.out, r.out)
    # The other algorithm does not hang.
    expect_right(run(*CONV, "--size", "44,48", switch="hang", env={"MIOPEN_DEBUG_CONV_DIRECT": "0"}), 2)


def no_solver():
    """By the switch; and by itself, with the variables of the reports."""
    profile = {f"MIOPEN_DEBUG_CONV_{a}": "0" for a in ("GEMM", "WINOGRAD", "DIRECT", "FFT")}
    profile["MIOPEN_DEBUG_CONV_IMPLICIT_GEMM"] = "1"
    for switch, env in (("no-solver", {}), (None, profile), (None, {**profile, "MIOPEN_FIND_ENFORCE": "3"}),
                        (None, {**profile, "MIOPEN_FIND_MODE": "1", "MIOPEN_DEBUG_DISABLE_FIND_DB": "1"})):
        r = run(*CONV, switch=switch, env=env, status=1)
        expect(INCORRECT in r.err and
               "conv: miopenFindConvolutionForwardAlgorithm: miopenStatusUnknownError (7)" in r.err, r.err)
        expect(not dispatches(r) and "\nFaults: none\n" in report(r.dir), report(r.dir))
    for program in (PYTHON, (*PYTHON, "--wheel", WHEEL)):
        r = run(*program, switch="no-solver", status=1)
        expect(INCORRECT in r.err and r.err.rstrip().endswith("RuntimeError: miopenStatusUnknownError"), r.err)
    # What does nothing, does nothing.
    expect_right(run(*CONV, env={"MIOPEN_DEBUG_CONV_IMPLICIT_GEMM": "1"}), 1)
    r = run(*CONV, "--mode", "plain", status=1)
    expect("No invoker was registered for convolution forward. Was find executed?" in r.err, r.err)


def wrong():
    for program, layout, mode in ((CONV, "5.2", "find"), (CONV, "6.2", "immediate"), (PYTHON, "6.2", "find")):
        r = run(*program, "--size", "42,44", "--out", "4", "--mode", mode, switch="wrong", layout=layout, status=1)
        said = re.findall(r"^(right: 6400 outputs|wrong: 880 of 7056 outputs differ, first at 5: -1000, want \S+)$", r.out,
                          re.M)
        expect(len(said) == 2 and "Error" not in r.err, f"{r.out}\n{r.err}")
        expect("\nFaults: none\n" in report(r.dir), report(r.dir))


def search():
    """FIND_ENFORCE=3 takes long, and takes the device with it; FIND_MODE=2 runs nothing."""
    expected = {"3": 40 * (2 + 1) + 1, None: 3 + 1}
    for enforce, most in expected.items():
        r = run(*CONV, "--out", "4", env={"MIOPEN_FIND_ENFORCE": enforce})
        names = [n for n, _ in dispatches(r)]
        # One more than the found: the call itself, of one kernel or two.
        expect(len(names) in (most, most + 1) and
               ("Searching the best solution among 40" in r.err) == (enforce == "3"), f"{len(names)} {r.err}")
    r = run(*CONV, "--out", "4", env={"MIOPEN_FIND_MODE": "2"})
    expect([n[:8] for n, _ in dispatches(r)] == ["Im2d2Col", "Cijk_Ail"], f"{dispatches(r)}")
    r = run(*CONV, switch="hnag", status=1)
    expect("RDNA1_STANDIN=hnag is no switch" in r.err, r.err)


if sys.argv[1] == "works":
    descriptors()
    solvers()
    from_python()
    if ROOT:
        calls()
    else:
        unseen.append("calls")
else:
    faults(CONV, "5.2")
    faults(CONV, "6.2")
    faults(PYTHON, "5.2")
    faults((*PYTHON, "--wheel", WHEEL), "6.2")
    hangs()
    no_solver()
    wrong()
    search()
done(f"{count} runs")
