#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each rule on a run that has the cause, and on one that nearly has it; every fault is diagnosed to its argument.

rules.py faults   programs that fail by themselves
rules.py conv     the stand-in MIOpen: the symptoms of bug reports, and the variables that they set
What no run here can show (memory types that disagree, evictions, PCIe atomics) is in tests/unit/test_rules.c and the VM.
"""
from rdna1 import *

ABORT = -signal.SIGABRT
CONFIRMED, POSSIBLE, RULED_OUT, UNDECIDED, ABSENT = "confirmed", "possible", "ruled out", "not decidable", None
MIOPEN = os.path.join(BUILD, "miopen", "conv")
OVERRIDE = {"HSA_OVERRIDE_GFX_VERSION": "10.3.0"}
checked = set()  # (rule, state)


def judge(r):
    run = sh(TOOL, "report", "--format", "json", r.dir, env=LEAKS)
    expect(run.returncode == 0, run.stderr)
    found = json.loads(run.stdout)
    expect(1 <= len(found["verdict"]) <= 3, found["verdict"])
    expect(found["emulated"] is True, "not marked as emulated")
    # The report in words says the same, the verdict behind the device.
    text = report(r.dir, 80)
    expect(text.startswith("emulated device"), text[:200])
    head = " ".join(text.split("\nFindings\n")[0].split())
    expect(all(" ".join(v.split()) in head for v in found["verdict"]), text[:600])
    # What proves it is in the trace, at that time.
    events = {(e["event"], e["timestamp"]) for e in dump(r.dir)}
    names = {n for n, _ in events}
    for f in found["findings"]:
        for p in f["proofs"]:
            if p["ts_ns"] and p["event"]:
                expect((p["event"], p["ts_ns"]) in events, f"no such event: {p}")
            elif p["event"]:
                expect(p["event"] in names, f"no such event: {p}")
    return found


def states(found):
    return {f["rule"]: f["state"] for f in found["findings"]}


def case(name, command, want, verdict=(), env=None, status=0, options=EMULATE, timeout=120):
    """want: {rule: state}. verdict: what its lines say, in order. -> what was found."""
    full = {**os.environ, **(env or {})}
    r = record(name, *command, options=(*options, "-q"), env=full, timeout=timeout)
    if status is not None:
        r.expect_status(status)
    found = judge(r)
    have = states(found)
    for rule, state in want.items():
        expect(have.get(rule) == state, f"{name}: {rule} is {have.get(rule)}, not {state}\n{json.dumps(found, indent=1)}")
        checked.add((rule, state))
    said = "\n".join(found["verdict"])
    for v in verdict:
        expect(re.search(v, said), f"{name}: the verdict does not say {v}:\n{said}")
    return found


def one_incident(found, kernel, place, argument=None, **more):
    expect(len(found["incidents"]) == 1, found["incidents"])
    x = found["incidents"][0]
    expect(x["kernel"] == kernel and x["kernel_certain"], x)
    expect(x["address"]["place"] == place, x)
    if argument is not None:
        expect(x["argument"]["offset"] == argument, x)
    for key, value in more.items():
        expect(x["address"][key] == value, f"{key}: {x}")
    return x


def faults():
    conv2d, trouble = workload("conv2d"), workload("trouble")
    expected = {"mtype-mismatch": RULED_OUT, "mtype-impossible": RULED_OUT, "foreign-code": RULED_OUT,
                "code-hazard": RULED_OUT, "kernarg-coarse": ABSENT, "losses": ABSENT, "emulated": CONFIRMED}

    found = case("right", [conv2d], {**expected, "page-fault": ABSENT, "aperture-violation": ABSENT, "hang": ABSENT,
                                     "dangling-argument": ABSENT, "fails-later": ABSENT, "fine-grained-convolution": ABSENT},
                 [r"^Nothing failed"])
    expect(found["incidents"] == [], found["incidents"])

    found = case("oob", [conv2d, "--fault", "oob"],
                 {**expected, "page-fault": CONFIRMED, "aperture-violation": RULED_OUT, "fault-past-end": CONFIRMED,
                  "fault-freed": RULED_OUT, "dangling-argument": CONFIRMED, "fault-never-mapped": ABSENT},
                 [r"^Page fault in conv2d_direct, store to 0x", r"Cause: argument \+16 points \d+ bytes past the end"], status=ABORT)
    x = one_incident(found, "conv2d_direct", "past_end", 16, size_bytes=451584)
    expect(x["write"], x)

    # Inside of the block that KFD mapped, in another allocation: nothing fails.
    case("inside", [conv2d, "--fault", "oob-inside"], {"page-fault": ABSENT, "dangling-argument": ABSENT}, [r"^Nothing failed"])

    found = case("uaf", [conv2d, "--fault", "uaf"],
                 {"page-fault": CONFIRMED, "fault-freed": CONFIRMED, "fault-past-end": ABSENT, "dangling-argument": CONFIRMED},
                 [r"argument \+16 points into memory \(4 MiB\) that was freed"], status=ABORT)
    one_incident(found, "conv2d_direct", "freed", 16, size_bytes=4 << 20, distance_bytes=0)

    found = case("aperture", [conv2d, "--fault", "aperture"],
                 {"aperture-violation": CONFIRMED, "page-fault": RULED_OUT, "fault-non-canonical": CONFIRMED,
                  "dangling-argument": CONFIRMED, "fault-null": ABSENT},
                 [r"^Aperture violation \(0x29\) in conv2d_direct", r"argument \+16 is no address"], status=ABORT)
    one_incident(found, "conv2d_direct", "non_canonical", 16, distance_bytes=0)

    case("illegal", [conv2d, "--fault", "illegal"], {"illegal-instruction": CONFIRMED, "queue-error": ABSENT},
         [r"^Illegal instruction \(0x2a\)"], status=ABORT)
    case("trap", [conv2d, "--fault", "trap"], {"queue-error": CONFIRMED, "illegal-instruction": ABSENT}, [r"^Trap in"], status=ABORT)

    found = case("null", [trouble, "null"], {"fault-null": CONFIRMED, "fault-never-mapped": ABSENT}, [r"null pointer"], status=ABORT)
    one_incident(found, "store_null", "null")
    found = case("wild", [trouble, "wild"], {"fault-never-mapped": CONFIRMED, "fault-null": ABSENT, "fault-past-end": ABSENT},
                 [r"argument \+0 points to nothing"], status=ABORT)
    one_incident(found, "store_null", "nowhere", 0)
    found = case("lds", [trouble, "lds"], {"aperture-violation": CONFIRMED, "fault-lds-scratch": CONFIRMED,
                                           "fault-non-canonical": ABSENT, "dangling-argument": RULED_OUT},
                 [r"LDS or scratch"], status=ABORT)
    one_incident(found, "store_flat", "lds")
    # The kernel had run before, with the same good pointer; then an index is too large.
    found = case("later", [trouble, "later"], {"fails-later": CONFIRMED, "page-fault": CONFIRMED, "fault-freed": RULED_OUT},
                 [r"^Page fault in store_at"], status=ABORT)
    expect("had run before" in next(f["what"] for f in found["findings"] if f["rule"] == "fails-later"), found)
    case("unmapped", [trouble, "unmapped"], {"fault-evicted": POSSIBLE, "fault-permission": ABSENT},
         [r"a copy by SDMA", r"host memory was freed while it was registered"], status=ABORT)
    case("permission", [conv2d], {"fault-permission": ABSENT, "page-fault": CONFIRMED}, [r"Cause: --emulate= asked for it"],
         options=("--emulate=fault:permission@2",), status=ABORT)

    # Several processes: each failure has its own findings, and the verdict is about the first. Without the agent nothing is
    # known of a process's memory, whatever others allocated; and each has the environment that it has.
    found = case("two", ["sh", "-c", f"{trouble} wild; {trouble} null; exit 0"],
                 {"fault-never-mapped": CONFIRMED, "fault-null": CONFIRMED}, [r"^Page fault in store_null, store to 0x3", r"points to nothing"])
    expect(len(found["incidents"]) == 2 and sum(f["rule"] == "page-fault" for f in found["findings"]) == 2, found["incidents"])
    case("no-agent", ["sh", "-c", f"{conv2d}; env -u HSA_TOOLS_LIB {conv2d} --fault oob; exit 0"],
         {"no-agent": CONFIRMED, "page-fault": CONFIRMED, "fault-never-mapped": UNDECIDED, "fault-freed": ABSENT,
          "dangling-argument": ABSENT})
    case("own-environment", ["sh", "-c", f"{conv2d}; HSA_DISABLE_CACHE=1 {conv2d}"], {"mtype-mismatch": RULED_OUT})
    # Two chips: code for one of them is the other's, and which ran where is another matter.
    case("chips", [workload("cards")], {"foreign-code": UNDECIDED, "code-hazard": ABSENT},
         options=("--emulate=gfx1010,gfx1030",), status=None)
    case("gfx1030", [workload("override")], {"foreign-code": RULED_OUT, "code-hazard": ABSENT}, options=("--emulate=gfx1030",))
    case("reset", ["timeout", "8", conv2d], {"queue-error": CONFIRMED, "hang": ABSENT}, [r"^GPU reset"],
         options=("--emulate=fault:reset@2",), status=None)
    case("shell", ["sh", "-c", f"sh -c 'kill -SEGV $$'; {conv2d}"], {"host-crash": CONFIRMED}, [r"^Nothing failed"])

    # A kernel that does not end: by the watchdog, and where somebody else lost patience.
    case("hang", [trouble, "hang"], {"hang": CONFIRMED, "host-busy": RULED_OUT}, [r"^Hang in wait_for_ever: no progress for"],
         options=("--emulate", "--watchdog=2", "--on-hang=abort"), status=ABORT)
    case("patience", ["timeout", "4", trouble, "hang"], {"hang": POSSIBLE}, [r"^A kernel may have hung"], status=124)
    case("long", [workload("patience"), "kernel", "2"], {"hang": ABSENT, "host-busy": ABSENT}, [r"^Nothing failed"])
    case("crash", [sys.executable, "-c", "import os; os.kill(os.getpid(), 11)"], {"host-crash": CONFIRMED},
         [r"^The program crashed on the host"], status=-11)

    # Code: of another chip, with and without its label.
    case("override", [workload("override")], {"foreign-code": CONFIRMED, "code-hazard": POSSIBLE, "compiler-change": POSSIBLE,
                                              "no-code-object": ABSENT}, [r"Another chip's code"], env=OVERRIDE)
    case("none", [workload("override")], {"no-code-object": POSSIBLE, "foreign-code": ABSENT}, [r"no code for this GPU"], status=ABORT)
    # A variable that the command sets is seen where the runtime reads it.
    found = case("inner", ["env", "HSA_DISABLE_CACHE=1", "HIP_FORCE_COARSE_GRAIN=1", conv2d],
                 {"variables": CONFIRMED, "mtype-mismatch": RULED_OUT})
    what = next(f for f in found["findings"] if f["rule"] == "variables")
    expect(len(what["proofs"]) == 1 and "HIP_FORCE_COARSE_GRAIN" in what["proofs"][0]["text"], what)
    done(f"{len(checked)} pairs of rule and state")


def conv():
    small = ["--size", "44", "--in", "2", "--out", "2"]
    direct = {"MIOPEN_DEBUG_CONV_GEMM": "0"}
    miopen = ("--emulate", "--trace=default,miopen")

    case("works", [MIOPEN, *small], {"no-solver": RULED_OUT, "foreign-code": CONFIRMED, "code-hazard": POSSIBLE,
                                     "exhaustive-search": ABSENT}, [r"Another chip's code"], env=OVERRIDE, options=miopen)
    case("native", [MIOPEN, *small], {"foreign-code": RULED_OUT, "code-hazard": RULED_OUT, "compiler-change": ABSENT},
         [r"^Nothing failed"])
    found = case("aperture", [MIOPEN, *small], {"aperture-violation": CONFIRMED, "page-fault": RULED_OUT, "dangling-argument": RULED_OUT,
                                                "foreign-code": CONFIRMED},
                 [r"^Aperture violation \(0x29\) in naive_conv_fwd_nchw_fp32"], env={**OVERRIDE, "RDNA1_STANDIN": "aperture"}, status=ABORT)
    expect(found["incidents"][0]["kernel"] == "naive_conv_fwd_nchw_fp32", found["incidents"])
    found = case("page", [MIOPEN, "--size", "512", "--in", "1", "--out", "1"],
                 {"page-fault": CONFIRMED, "fault-past-end": CONFIRMED, "aperture-violation": RULED_OUT},
                 [r"^Page fault in naive_conv_fwd_nchw_fp32"], env={**OVERRIDE, **direct, "RDNA1_STANDIN": "page-fault"}, status=ABORT)
    x = found["incidents"][0]
    expect(x["argument"]["name"] == "in" and x["argument"]["certain"] and x["address"]["size_bytes"] == 512 * 512 * 4, x)
    found = case("far", [MIOPEN, *small], {"page-fault": CONFIRMED, "fault-past-end": ABSENT}, env={**OVERRIDE, **direct, "RDNA1_STANDIN": "far-fault"},
                 status=ABORT)
    found = case("freed", [MIOPEN, *small], {"page-fault": CONFIRMED, "fault-freed": CONFIRMED},
                 [r"that was freed"], env={**OVERRIDE, "MIOPEN_DEBUG_CONV_DIRECT": "0", "RDNA1_STANDIN": "use-after-free"}, status=ABORT)
    expect(found["incidents"][0]["argument"]["name"] == "columns", found["incidents"])
    found = case("hang", [MIOPEN, *small], {"hang": CONFIRMED, "host-busy": RULED_OUT}, [r"^Hang in naive_conv_fwd_nchw_fp32"],
                 env={**OVERRIDE, "RDNA1_STANDIN": "hang"}, options=("--emulate", "--watchdog=2", "--on-hang=abort"), status=ABORT)
    hang = next(f for f in found["findings"] if f["rule"] == "hang")
    expect("family DIRECT" in hang["what"] and "MIOPEN_DEBUG_CONV_DIRECT=0" in hang["remedy"], hang)
    # Wrong numbers: nothing fails, and what may be the cause is said.
    case("wrong", [MIOPEN, *small], {"foreign-code": CONFIRMED, "code-hazard": POSSIBLE}, [r"results may be wrong"],
         env={**OVERRIDE, "RDNA1_STANDIN": "wrong"}, status=1)
    # "incorrect params": asked for, and by the variables of the notes.
    case("no-solver", [MIOPEN, *small], {"no-solver": POSSIBLE}, [r"^MIOpen found no solver"],
         env={**OVERRIDE, "RDNA1_STANDIN": "no-solver"}, options=miopen, status=1)
    profile = {f"MIOPEN_DEBUG_CONV_{n}": "0" for n in ("GEMM", "WINOGRAD", "DIRECT", "FFT")}
    found = case("profile", [MIOPEN, *small], {"no-solver": CONFIRMED}, [r"unset these variables"],
                 env={**OVERRIDE, **profile}, options=miopen, status=1)
    expect(any("MIOPEN_DEBUG_CONV_GEMM=0" in p["text"] for f in found["findings"] if f["rule"] == "no-solver" for p in f["proofs"]), found)
    case("profile-blind", [MIOPEN, *small], {"no-solver": POSSIBLE}, env={**OVERRIDE, **profile}, status=1)
    case("search", [MIOPEN, *small], {"exhaustive-search": CONFIRMED}, env={"MIOPEN_FIND_ENFORCE": "3", "RDNA1_STANDIN_SEARCH": "2"})
    case("enforce-none", [MIOPEN, *small], {"exhaustive-search": ABSENT}, env={"MIOPEN_FIND_ENFORCE": "1"})
    done(f"{len(checked)} pairs of rule and state")


{"faults": faults, "conv": conv}[sys.argv[1]]()
