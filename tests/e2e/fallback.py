#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Fallback at the dispatch, by the stand-in MIOpen (tests/miopen), for a runtime that believes in a gfx1030.

fallback.py proof      each switch that fails: without the tool, then with native and host, in C and python, both layouts
fallback.py learn      a run fails and writes the quarantine, the next one with --fallback=auto avoids what it met
fallback.py refused    rules that cannot be: a clear message, and the program runs as it would have
fallback.py untouched  programs without convolutions run unchanged under every option
"""
from rdna1 import *

TOOLS = os.path.join(BUILD, "tests", "tools")
CONV = os.path.join(BUILD, "miopen", "conv")
PYTHON = (sys.executable, os.path.join(BUILD, "miopen", "conv.py"))
STATE = os.path.join(T, "state")
ENV = {**os.environ, "HSA_OVERRIDE_GFX_VERSION": "10.3.0", "XDG_STATE_HOME": STATE, "RDNA1_STANDIN_LARGE": "12"}
PLAIN = {k: v for k, v in ENV.items() if k != "HSA_OVERRIDE_GFX_VERSION"}
QUARANTINE = os.path.join(STATE, "rdna1-trace", "quarantine")
ABORT = -signal.SIGABRT
NATIVE, HOST = 2, 3
SIZE = ("--size", "16", "--out", "4")
# What the notes describe of each, and which kernel it is.
FAILS = {"hang": (ABORT, "HANG: queue", "hang"),
         "aperture": (ABORT, "HSA_STATUS_ERROR_MEMORY_APERTURE_VIOLATION", "aperture"),
         "page-fault": (ABORT, "Memory access fault by GPU node", "page-fault"),
         "far-fault": (ABORT, "Memory access fault by GPU node", "page-fault"),
         "use-after-free": (ABORT, "Memory access fault by GPU node", "use after free"),
         "wrong": (1, "", None)}
count = 0


def run(*command, options=(), switch=None, layout="5.2", env=None):
    global count
    count += 1
    extra = {"RDNA1_STANDIN": switch} if switch else {}
    return record(f"{count}", *command, options=("--emulate", "-q", "--watchdog=1", *options),
                  env={**ENV, "RDNA1_STANDIN_LAYOUT": layout, **extra, **(env or {})})


def expect_right(r, n):
    r.expect_status(0)
    expect(len(re.findall(r"^right: \d+ outputs", r.out, re.M)) == n and "wrong" not in r.out, f"{r.out}\n{r.err}")


def steered(r):
    return [e["fields"] for e in dump(r.dir) if e["event"] == "steered"]


def drop(r):
    subprocess.run(["rm", "-rf", r.dir])


def proof():
    for switch, (status, said, _) in FAILS.items():
        r = run(CONV, *SIZE, switch=switch, options=("--on-hang=abort", "--quarantine=off"))
        r.expect_status(status)
        expect(said in r.err and (status == ABORT or "wrong:" in r.out), f"{switch}: {r.out}{r.err}")
        drop(r)
        for fallback, action in (("native", NATIVE), ("host", HOST))[:1 if SANITIZED else 2]:
            for n, (program, layout, args, right) in enumerate((
                    ((CONV,), "5.2", ("--direction", "all"), 3), (PYTHON, "6.2", (), 1),
                    ((CONV,), "6.2", ("--direction", "all", "--dtype", "half"), 3))):
                r = run(*program, *SIZE, *args, switch=switch, layout=layout, options=(f"--fallback={fallback}",))
                expect_right(r, right)
                went = steered(r)
                expect(went and all(f["action"] == action for f in went), f"{switch} {fallback}: {went[:3]}")
                # Freed memory is not read for the host: that one runs on what --late-free kept.
                expect(switch == "use-after-free" or not any(f["passed"] for f in went), f"{switch} {fallback}: {went}")
                if not n and switch == "hang":
                    compare_ctf(r.dir)
                drop(r)
    expect(not os.path.exists(QUARANTINE), "nothing failed, and the quarantine was written")
    print(f"{count} runs: {len(FAILS)} switches fail as they are, and are right with native and host, in C and python")


def no_ring():
    if SANITIZED:
        print("not in a sanitizer build: ROCr cannot make a soft queue there")
        sys.exit(77)


def learn():
    no_ring()
    for switch, (status, _, what) in FAILS.items():
        if not what:
            continue
        subprocess.run(["rm", "-rf", STATE])
        r = run(CONV, *SIZE, switch=switch, options=("--on-hang=abort",))
        r.expect_status(status)
        expect("is in the quarantine now" in r.err, r.err)
        listed = json.loads(sh(TOOL, "quarantine", "list", "--json", env=ENV).stdout)
        entries = listed["entries"] if isinstance(listed, dict) else listed
        expect(len(entries) == 1 and entries[0]["emulated"] and entries[0]["gpu"] == "gfx1010" and
               entries[0]["isa"] == "gfx1030" and entries[0]["trace"] == r.dir, entries)
        expect(any(e["event"] == "quarantined" and e["fields"]["error"] == 0 for e in dump(r.dir)), "no quarantined event")
        # Nothing is avoided unless asked; then it is, and the report says what and why.
        again = run(CONV, *SIZE, switch=switch, options=("--on-hang=abort",))
        again.expect_status(status)
        r = run(CONV, *SIZE, switch=switch, options=("--fallback=auto",))
        expect_right(r, 1)
        text = " ".join(report(r.dir, 80).split())
        if switch == "use-after-free":
            expect("late free 1" in text, text)
        else:
            expect("replaced by the gfx1010 kernel" in text and f"quarantine: {what}, 2 times" in text, text)
            expect(all(f["action"] == NATIVE for f in steered(r)), steered(r))
        # An entry of the emulated device is nothing to a card, nor one of a card to it.
        with open(QUARANTINE) as f:
            lines = f.read()
        with open(QUARANTINE, "w") as f:
            f.write(lines.replace("emulated=yes", "emulated=no"))
        r = run(CONV, *SIZE, switch=switch, options=("--fallback=auto", "--on-hang=abort", "--quarantine=" + QUARANTINE))
        r.expect_status(status)
    # A kernel of ours that failed: the host then.
    subprocess.run(["rm", "-rf", STATE])
    sh(TOOL, "quarantine", "add", "--kernel", "naive_conv_fwd_nchw_fp32", "--emulated", "--avoid", "host", env=ENV)
    r = run(CONV, *SIZE, switch="hang", options=("--fallback=auto",))
    expect_right(r, 1)
    expect({f["action"] for f in steered(r)} == {HOST}, steered(r))
    # One convolution, whatever computes it; the same kernel's others are left alone.
    subprocess.run(["rm", "-rf", STATE])
    problem = next(e["fields"]["problem"] for e in dump(r.dir) if e["event"] == "host_run")
    sh(TOOL, "quarantine", "add", "--problem", problem, "--emulated", env=ENV)
    r = run(CONV, "--size", "16,20", "--out", "4", options=("--fallback=auto",), env={"MIOPEN_DEBUG_CONV_GEMM": "0"})
    expect_right(r, 2)
    sizes = [e["fields"] for e in dump(r.dir) if e["event"] == "dispatch"]
    went = steered(r)
    expect(went and len(went) < len(sizes) and all(f["action"] == NATIVE for f in went), f"{went} of {len(sizes)}")
    print(f"{count} runs: what failed is avoided by the next, and said")


def refused():
    no_ring()
    why = os.path.join(TOOLS, "steer-other.co")
    with open(f"{T}/text.co", "w") as f:
        f.write("no code\n")
    rule = "naive_conv_fwd_nchw_fp32="
    for n, (value, said) in enumerate((
            (f"{rule}{why}:set_foreign", "it takes another number of arguments"),
            (f"{rule}{why}:nothing_like_it", "the file has no kernel of that name"),
            (f"{rule}{why}", "and not just one"),
            (f"{rule}{T}/text.co", "it holds no code object"),
            ("__amd_rocclr_*=native", "of no family that is known"),
            ("__amd_rocclr_*=host", "of no family that is known"))):
        r = record(f"bad{n}", CONV, *SIZE, options=("--emulate", f"--replace={value}"), env=ENV)
        expect_right(r, 1)
        expect(said in r.err, f"{value}: {r.err}")
        refused_ = [e["fields"] for e in dump(r.dir) if e["event"] == "steer"]
        expect(any(said.split(":")[0][:20] in f["reason"] for f in refused_), refused_)
        expect(not steered(r), "steered all the same")
    # Of set_foreign one argument differs in size: with as many.
    r = record("layout", os.path.join(TOOLS, "hsa-steer"), os.path.join(TOOLS, "steer.co"), 1, 300, 1, "plain",
               options=("--emulate", f"--replace=set_wrong={why}:set_foreign"), env=PLAIN)
    r.expect_status(0)
    expect("an argument differs in place, size or kind" in r.err or "more bytes of arguments" in r.err, r.err)
    # A workgroup that the other kernel requires.
    r = record("workgroup", os.path.join(TOOLS, "hsa-steer"), os.path.join(TOOLS, "steer.co"), 2, 3000, 1, "files",
               options=("--emulate", "-q", f"--replace=set_wrong={why}:set_by_32"), env=PLAIN)
    r.expect_status(0)
    # Before the command runs: what cannot be meant.
    for option, said in (("--replace=x", "PATTERN=TARGET"), ("--replace==native", "PATTERN=TARGET"),
                         ("--replace=x=/nowhere/y.co", "/nowhere/y.co: No such file"), ("--fallback=maybe", "off, auto, native or host"),
                         ("--quarantine=", "FILE or off")):
        r = sh(TOOL, "--emulate", option, "-o", f"{T}/never", "--", "true")
        expect(r.returncode == 2 and said in r.stderr and not os.path.exists(f"{T}/never"), f"{option}: {r.returncode} {r.stderr}")
    # The agent alone says one line, and the program runs.
    words = f"dir={T}/alone replace=x=/nowhere/y.co fallback=maybe replace=sha256:12=native"
    r = record("alone", "env", f"RDNA1_TRACE_OPTIONS={words}", CONV, *SIZE, options=("--emulate", "-q"), env=ENV)
    expect_right(r, 1)
    for said in ("replace=x=/nowhere/y.co: the file cannot be read; the rule is ignored", "fallback=maybe is not understood",
                 "8 to 64 hexadecimal digits"):
        expect(said in r.err, r.err)
    # oneDNN is not there: the dispatches run as they are, and it is said how to have it.
    os.mkdir(f"{T}/none")
    for name in ("libdnnl.so.2", "libdnnl.so.3", "libdnnl.so.3.6"):
        with open(f"{T}/none/{name}", "w") as f:
            f.write("not a library")
    r = record("no-dnnl", CONV, *SIZE, options=("--emulate", "--fallback=host"), env={**ENV, "LD_LIBRARY_PATH": f"{T}/none"})
    expect_right(r, 1)
    expect("libdnnl2" in r.err and r.err.count("are not replaced") == 1, r.err)
    # What is computed there without it still is.
    kernels = {e["fields"]["kernel_object"]: e["fields"]["name"] for e in dump(r.dir) if e["event"] == "steer"}
    expect(all("naive" not in kernels[f["kernel_object"]] for f in steered(r)), steered(r))
    # A chip that our kernels are not for.
    r = record("gfx1030", CONV, *SIZE, options=("--emulate=gfx1030", "--fallback=native"),
               env=PLAIN)
    expect_right(r, 1)
    expect("for gfx1010, gfx1011 and gfx1012; this device is none of them" in r.err and not steered(r), r.err)
    print("rules that cannot be are said, and the programs run on")


def untouched():
    no_ring()
    programs = [(workload(n),) for n in ("vector", "reduce", "streams", "managed", "atomics", "sort")]
    options = [("--fallback=native",), ("--fallback=host",), ("--fallback=auto", "--replace-hazardous"),
               ("--replace=none_such=host", "--late-free"), ("--fallback=host", "--timing=all", "--dispatch=intercept")]
    for program in programs:
        plain = record(f"plain-{os.path.basename(program[0])}", *program, options=("--emulate", "-q")).expect_status(0)
        want = [e["fields"] for e in dump(plain.dir) if e["event"] == "dispatch"]
        for n, option in enumerate(options):
            r = record(f"{os.path.basename(program[0])}-{n}", *program, options=("--emulate", "-q", *option),
                       env={**os.environ, "XDG_STATE_HOME": STATE}).expect_status(0)
            numbers = re.compile(r"\b\d+(\.\d+)?( ?[mun]?s)?\b|0x[0-9a-f]+")
            expect(numbers.sub("#", r.out) == numbers.sub("#", plain.out), f"{program} {option}: {r.out}, not {plain.out}")
            events = dump(r.dir)
            expect(not [e for e in events if e["event"] == "steered"], f"{program} {option}: steered")
            got = [e["fields"] for e in events if e["event"] == "dispatch"]
            expect(len(got) == len(want), f"{program} {option}: {len(got)} dispatches, not {len(want)}")
            expect_no_loss(r.dir)
            drop(r)
    print(f"{len(programs)} programs unchanged under {len(options)} sets of options")


{"proof": proof, "learn": learn, "refused": refused, "untouched": untouched}[sys.argv[1]]()
