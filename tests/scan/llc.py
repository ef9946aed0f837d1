#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The hazards that rdna1-trace scan finds are those that LLVM treats.

Kernels are compiled for gfx1030 to LLVM IR, and this by llc twice: as it is, and with -mattr=+HAZARD. For the
hazard recognizer's classes the places in the first are those before which the second has one more instruction; for
the others a kernel has the hazard if and only if its code differs, and the treated code has none. A build of the same
source for gfx1010 has no hazard at all. For each version of LLVM that is installed.

llc.py [VERSION...]                          the kernels of tests/scan/corpus
llc.py --random N [--seed S] [VERSION...]    N generated sources
llc.py --workloads [VERSION...]              the HIP and OpenCL programs of tests/workload, by what can read the device library
"""
import argparse
import concurrent.futures
import json
import os
import re
import shutil
import subprocess
import sys

CORPUS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus")
TOOL = os.environ.get("RDNA1_TRACE", "build/rdna1-trace")
LD = "ld.lld-15"
VERSIONS = (14, 15, 16)
WORKLOADS = os.path.join(os.path.dirname(CORPUS), "../workload")
DEVICE_LIBRARY = "/usr/lib/x86_64-linux-gnu/amdgcn/bitcode" # of LLVM 15
HIP = ("-x", "hip", "--cuda-device-only", "-nogpulib", "-nogpuinc", "-Wno-pass-failed", "-I", CORPUS)

PROGRAM = {
    ".hip": ("-x", "hip", "--cuda-device-only", "--rocm-path=/usr", "-Wno-everything"),
    ".cl": ("-x", "cl", "-cl-std=CL2.0", "-target", "amdgcn-amd-amdhsa", "-Wno-everything"),
}

# What the recognizer puts before a place. offset-3f's stands behind the branch.
RECOGNIZER = {
    "vcmpx-exec-war": ("vcmpx-exec-war-hazard", r"s_waitcnt_depctr 0x\w+"),
    "vmem-to-scalar-write": ("vmem-to-scalar-write-hazard", r"s_waitcnt_depctr 0x\w+"),
    "smem-to-vector-write": ("smem-to-vector-write-hazard", r"s_mov_b32 null, 0"),
    "lds-branch-vmem-war": ("lds-branch-vmem-war-hazard", r"s_waitcnt_vscnt null, 0x0"),
    "vcmpx-permlane": ("vcmpx-permlane-hazard", r"v_mov_b32_e32 (v\d+), \1"),
    "nsa-to-vmem": ("nsa-to-vmem-bug", r"s_nop 0"),
    "offset-3f": ("offset-3f-bug", r"s_nop 0"),
}
SELECTION = {
    "flat-segment-offset": "flat-segment-offset-bug",
    "lds-misaligned": "lds-misaligned-bug",
    "nsa-clause": "nsa-clause-bug",
    "inst-fwd-prefetch": "inst-fwd-prefetch-bug",
    "scratch-offset": "negative-unaligned-scratch-offset-bug",
}
# Kernels that llc treats without need: 136 bytes times the work-item's number are aligned, which IR does not say.
NEEDLESS = {("lds-misaligned", "_Z6in_ldsP5wordsS_")}
# Ways to build the same source; each takes the flags of clang, of llc.
VARIANTS = {
    "O2": (("-O2",), ()),
    "O1": (("-O1",), ("-O1",)),
    "O3-wave64": (("-O3", "-mwavefrontsize64", "-D__gfx1030__=0"), ("-mattr=+wavefrontsize64",)),
    "flat-scratch": (("-O2",), ("-mattr=+enable-flat-scratch",)),
}


class Bad(Exception):
    pass


def run(*command):
    p = subprocess.run(command, capture_output=True, text=True)
    if p.returncode < 0:
        raise Bad(f"{command[0]} was ended by signal {-p.returncode}: {' '.join(command)}")
    if p.returncode:
        raise Bad(f"{' '.join(command)}: {p.stderr[-2000:]}")
    return p.stdout


def listing(path, version):
    """{function: [(address, text)]} without the padding at its end."""
    functions, name = {}, None
    for line in run(f"llvm-objdump-{version}", "-d", path).splitlines():
        m = re.match(r"[0-9a-f]+ <(.*)>:$", line)
        if m:
            name = m[1]
            functions.setdefault(name, [])
            continue
        m = re.match(r"\s+(\S.*?)\s*// ([0-9A-F]+): ", line)
        if m and name:
            functions[name].append((int(m[2], 16), re.sub(r"\s+", " ", m[1])))
    for code in functions.values():
        while code and re.match(r"s_nop|s_code_end|\.long", code[-1][1]):
            code.pop()
    return functions


def plain(text):
    """Without what changes with where it stands: branches' and calls' displacements."""
    if re.match(r"s_c?branch", text):
        return text.split()[0]
    m = re.match(r"(s_addc?_u32 s\d+, s\d+), (0x\w+|-?\d+)$", text)
    return m[1] if m else text


def places(base, treated, inserted, behind, keep_nops):
    """Addresses in base before which treated has what was inserted."""
    def kept(code):
        return [i for i in code if keep_nops or not i[1].startswith("s_nop")]

    a, b = kept(base), kept(treated)
    found, i = [], 0
    for address, text in b:
        if i < len(a) and plain(a[i][1]) == plain(text):
            i += 1
        elif re.fullmatch(inserted, text):
            found.append(a[i - behind][0])
        else:
            raise Bad(f"at {address:x}: {text} beside {a[i] if i < len(a) else 'the end'}")
    if i != len(a):
        raise Bad(f"ends before {a[i]}")
    return found


def scan(path, version):
    p = subprocess.run([TOOL, "scan", "--all-targets", "--sites", "--format", "json", "--llvm", str(version), path],
                       capture_output=True, text=True)
    if p.returncode not in (0, 1):
        raise Bad(f"scan {path}: {p.stderr}")
    obj, = json.loads(p.stdout)["files"][0]["objects"]
    return {k["name"]: k for k in obj["kernels"]}


def build(source, version, folder, mcpu, variant, attr=None):
    """A linked code object."""
    clang_flags, llc_flags = VARIANTS[variant]
    stem = f"{folder}/{os.path.basename(source)}-{mcpu}-{variant}"
    ir = source if source.endswith(".ll") else f"{stem}.ll"
    if ir != source and not os.path.exists(ir):
        flags = [f.replace("gfx1030", mcpu) for f in clang_flags]
        how, chip = HIP, f"--offload-arch={mcpu}"
        if WORKLOADS in source:
            how = (*PROGRAM[source[source.rindex("."):]], f"--rocm-device-lib-path={DEVICE_LIBRARY}")
            chip = f"-mcpu={mcpu}" if source.endswith(".cl") else chip
        run(f"clang-{version}", *how, chip, *flags, "-S", "-emit-llvm", source, "-o", ir)
    out = f"{stem}-{attr}.co"
    attrs = [f[7:] for f in llc_flags if f.startswith("-mattr=")] + ([f"+{attr}"] if attr else [])
    rest = [f for f in llc_flags if not f.startswith("-mattr=")]
    if attr in ("offset-3f-bug", "nsa-to-vmem-bug", "no-align"):
        rest.append("-amdgpu-disable-loop-alignment")
        attrs = [a for a in attrs if a != "+no-align"]
    run(f"llc-{version}", f"-mcpu={mcpu}", "-filetype=obj", *rest, *([f"-mattr={','.join(attrs)}"] if attrs else []), ir,
        "-o", f"{out}.o")
    run(LD, "-shared", f"{out}.o", "-o", out)
    return out


def check_recognizer(hazard, base, treated, found, version):
    """Returns (places, kernels with any)."""
    attr, inserted = RECOGNIZER[hazard]
    keep = hazard in ("nsa-to-vmem", "offset-3f")
    total = kernels = 0
    for name, code in base.items():
        if name not in found:
            continue
        theirs = places(code, treated[name], inserted, hazard == "offset-3f", keep)
        ours = [s["va"] for s in found[name]["sites"] if s["hazard"] == hazard]
        if sorted(theirs) != sorted(ours):
            at = {a: t for a, t in code}
            raise Bad(f"{name}: llc treats " + ", ".join(f"{a:x} {at.get(a)}" for a in sorted(set(theirs) - set(ours))) +
                      "; found by scan only: " + ", ".join(f"{a:x} {at.get(a)}" for a in sorted(set(ours) - set(theirs))))
        total += len(theirs)
        kernels += bool(theirs)
    return total, kernels


def relevant(hazard, code):
    """What of a kernel's code may differ: with accesses split, all else is scheduled anew, too."""
    if hazard == "lds-misaligned":
        return sorted(t.split()[0] for _, t in code
                      if re.match(r"ds_\w+_b(64|96|128) |(flat_load|flat_store)_dwordx", t))
    return [plain(t) for _, t in code if not t.startswith("s_nop")]


def count(kernel, hazard, version):
    """Of one kernel's places those that this version of LLVM knows to treat: not FLAT accesses that 15 and 16 combine."""
    return len([s for s in kernel["sites"] if s["hazard"] == hazard and
                not (hazard == "lds-misaligned" and version > 14 and s["text"].startswith("flat_"))])


def check_selection(hazard, base, treated, found, found_treated, version):
    total = kernels = 0
    for name, code in base.items():
        if name not in found or (hazard, name) in NEEDLESS:
            continue
        differs = relevant(hazard, code) != relevant(hazard, treated[name])
        ours = count(found[name], hazard, version)
        left = count(found_treated[name], hazard, version)
        if differs != bool(ours):
            raise Bad(f"{name}: llc's output {'differs' if differs else 'is the same'}, scan finds {ours}")
        if left:
            raise Bad(f"{name}: {left} places left in what llc treated")
        total += ours
        kernels += bool(ours)
    return total, kernels


def check(source, version, variant, folder):
    """{hazard: (places, kernels)} and messages."""
    counts, bad = {}, []
    where = f"LLVM {version}, {os.path.basename(source)}, {variant}"
    try:
        base = build(source, version, folder, "gfx1030", variant)
        unaligned = build(source, version, folder, "gfx1030", variant, "no-align")
        code = {base: listing(base, version), unaligned: listing(unaligned, version)}
        found = {p: scan(p, version) for p in code}
        counts["kernels"] = (sum(not k["function"] for k in found[base].values()), len(found[base]))
    except Bad as e:
        return counts, [f"{where}: {e}"]
    for hazard in (*RECOGNIZER, *SELECTION):
        attr = RECOGNIZER[hazard][0] if hazard in RECOGNIZER else SELECTION[hazard]
        try:
            treated = build(source, version, folder, "gfx1030", variant, attr)
            of = unaligned if attr in ("offset-3f-bug", "nsa-to-vmem-bug") else base
            if hazard in RECOGNIZER:
                counts[hazard] = check_recognizer(hazard, code[of], listing(treated, version), found[of], version)
            else:
                counts[hazard] = check_selection(hazard, code[of], listing(treated, version), found[of],
                                                 scan(treated, version), version)
        except Bad as e:
            bad.append(f"{where}, {hazard}: {e}")
    try:
        native = scan(build(source, version, folder, "gfx1010", variant), version)
        for name, k in native.items():
            if k["hazards"]:
                bad.append(f"{where}: {name} built for gfx1010: {k['hazards']} "
                           f"{[(hex(s['va']), s['hazard'], s['text']) for s in k['sites'][:3]]}")
    except Bad as e:
        # Some programs are there for what gfx1010 has not.
        if "needs target feature" not in str(e):
            bad.append(f"{where}, gfx1010: {e}")
    return counts, bad


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--random", type=int)
    parser.add_argument("--workloads", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--variants", default=",".join(VARIANTS))
    parser.add_argument("--source")
    parser.add_argument("versions", nargs="*", type=int)
    args = parser.parse_args()
    top = os.path.join(os.environ.get("T", "/tmp"), "llc")
    shutil.rmtree(top, ignore_errors=True)
    if args.random:
        sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
        import generate
        os.makedirs(f"{top}/sources")
        sources = [generate.write(f"{top}/sources/random{args.seed + i}.hip", args.seed + i) for i in range(args.random)]
    elif args.workloads:
        sources = sorted(os.path.join(WORKLOADS, n) for n in os.listdir(WORKLOADS) if n.endswith((".hip", ".cl")))
    else:
        sources = sorted(os.path.join(CORPUS, n) for n in os.listdir(CORPUS) if n.endswith((".hip", ".ll")))
    if args.source:
        sources = [s for s in sources if args.source in s]
    versions = [v for v in args.versions or VERSIONS[bool(args.workloads):] if shutil.which(f"llc-{v}") and shutil.which(f"clang-{v}")]
    if not versions:
        print("no LLVM: install clang-15 and llvm-15")
        sys.exit(77)
    jobs = []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for v in versions:
            os.makedirs(f"{top}/{v}")
            for s in sources:
                for variant in args.variants.split(","):
                    if s.endswith(".ll") and variant not in ("O2", "flat-scratch"):
                        continue
                    jobs.append((v, pool.submit(check, s, v, variant, f"{top}/{v}")))
    bad, crashed, sums = [], [], {v: {} for v in versions}
    for v, job in jobs:
        counts, messages = job.result()
        # A random program may be one that LLVM itself ends at: nothing is there to compare with.
        own = [m for m in messages if args.random and " was ended by signal " in m and ": llc-" in m]
        crashed += own
        bad += [m for m in messages if m not in own]
        for hazard, (n, kernels) in counts.items():
            old = sums[v].get(hazard, (0, 0))
            sums[v][hazard] = (old[0] + n, old[1] + kernels)
    print("places (kernels) " + "".join(f"{'LLVM ' + str(v):>16}" for v in versions))
    for hazard in ("kernels", *RECOGNIZER, *SELECTION):
        row = [sums[v].get(hazard, (0, 0)) for v in versions]
        print(f"{hazard:<22}" + "".join(f"{f'{n} ({k})':>16}" for n, k in row))
    for v in VERSIONS:
        if v not in versions and not args.versions and not (args.workloads and v == 14):
            print(f"LLVM {v} is not installed: clang-{v} and llvm-{v}")
    if crashed:
        print(f"{len(crashed)} times llc crashed at a random program: {crashed[0]}")
    if 4 * len(crashed) > len(jobs):
        bad += crashed
    if bad:
        print("\n".join(bad))
        sys.exit(f"{len(bad)} disagreements")
    total = sum(n for v in versions for h, (n, _) in sums[v].items() if h in RECOGNIZER)
    print(f"{total} places of {len(RECOGNIZER)} classes are llc's, in {len(jobs)} builds by LLVM {', '.join(map(str, versions))}")


main()
