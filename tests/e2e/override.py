#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""--override: the KFD flags that eBPF sees and the page-table types that the device has change exactly as each rule says,
nothing else does, results stay right; what cannot be is said and left alone. By a reading of the rules of its own."""
import collections
import fnmatch
import struct

from rdna1 import *

CONV, MEMORY = workload("conv2d"), os.path.join(BUILD, "tests", "tools", "hsa-memory")
PROGRAMS = {"conv2d": (CONV, "--size", "9"), "memory": (MEMORY, "regions", "pools", "copies")}
ALLOC, FREE = 0xc0284b16, 0xc0084b17
KERNARG, FINE, COARSE = 1, 2, 4
WORDS = {("vram", "coarse"): 0xd0000001, ("vram", "fine"): 0xd4000001, ("system", "coarse"): 0xd0000004,
         ("system", "fine"): 0xd4000004, ("system", "uncached"): 0xd6000004}
MTYPES = {"coarse": 0, "fine": 3, "uncached": 3}
ON, REFUSED, IMPOSSIBLE = 1, 2, 3
OUT_OF_RESOURCES = 0x1008
SAN = BUILD.endswith("/san")
checked = 0


def grain(flags):
    return "uncached" if flags & KERNARG else "fine" if flags & FINE else "coarse"


class Run:
    """allocations in their order, what the driver was asked for otherwise, policies and overrides."""

    def __init__(self, recorded):
        self.status, self.out, self.err, self.dir = recorded.status, recorded.out, recorded.err, recorded.dir
        self.allocations, self.policies, self.overrides = [], [], []
        self.text = self.out
        live, ptes, used, pools, gpus, changed = {}, {}, set(), {}, set(), None
        ioctl = "kfd_ioctl" if ROOT else "emu_ioctl"
        if not ROOT:
            unseen.append(recorded.dir)
        for e in dump(recorded.dir):
            name, f = e["event"], e["fields"]
            if name == "hsa_agent" and f["type"] == 1:
                gpus.add(f["agent"])
            elif name == "hsa_pool":
                pools[f["id"]] = pools[f["pool"]] = (f["agent"], f["flags"], f["all_agents"])
            elif name == "policy":
                self.policies.append((f["rule"], f["state"], f["asked"], f["reason"]))
            elif name == "alloc_override":
                self.overrides.append(f)
                changed = f if f["status"] == 0 else None
            elif name == ioctl and f["cmd"] == ALLOC and f["ret"] == 0:
                va, size, handle, _, _, flags = struct.unpack("<QQQQII", bytes.fromhex(f["arg"])[:40])
                live[handle] = (len(live), va, size, flags)
            elif name == "emu_pte" and f["op"] == 1:
                ptes[f["handle"]] = f["flags"] >> 48 & 7
            elif name in ("pool_alloc_ok", "pool_alloc", "mem_alloc") and f.get("status", 0) == 0 and f.get("kind", 2) == 2:
                pool = pools[changed["asked_pool"] if changed else f["pool"]]
                where = "system" if pool[2] else "vram"
                # The newest buffer that holds it: those before are freed.
                handle = max((n, h) for h, (n, va, size, _) in live.items() if va <= f["va"] < va + size)[1]
                used.add(handle)
                self.allocations.append((where, grain(pool[1]), f["size_bytes"], live[handle][3], handle))
                changed = None
        # System memory is mapped when access is allowed; None: it never was.
        self.allocations = [(*a[:4], ptes.get(a[4])) for a in self.allocations]
        self.others = collections.Counter((flags, size) for h, (_, _, size, flags) in live.items() if h not in used)


def run(name, program, *options, status=0, **env):
    r = record(name, *program, options=("--emulate", *options), env={**os.environ, **env})
    r.expect_status(status)
    if program[0] == CONV:
        expect(re.search(r"^ok: \d+ outputs equal", r.out, re.M), r.out)
    elif status == 0:
        expect(re.search(r"^ok: \d+ checks", r.out, re.M), r.out)
    expect_ptes_by_rule(r.dir)
    compare_ctf(r.dir)
    return Run(r)


def size_of(text):
    return int(text[:-1]) << 10 * ("KMG".index(text[-1]) + 1) if text[-1] in "KMG" else int(text)


def holds(selector, where, asked, size, module):
    if selector in ("vram", "system"):
        return where == selector
    if selector in ("fine", "coarse"):
        return (asked == "coarse") == (selector == "coarse")
    if selector.startswith("from="):
        return fnmatch.fnmatchcase(module, selector[5:])
    if selector.startswith(">="):
        return size >= size_of(selector[2:])
    if selector.startswith("<"):
        return size < size_of(selector[1:])
    low, high = selector.split("-")
    return size_of(low) <= size <= size_of(high)


def expected(rules, allocations, module):
    """[(KFD flags, memory type)] by the rules, in order."""
    seen, found = collections.Counter(), []
    for where, asked, size, *_ in allocations:
        target = None
        for i, rule in enumerate(rules):
            selectors, wanted = rule.rsplit(":", 1)
            selectors = selectors.split("+")
            nth = [s[4:] for s in selectors if s.startswith("nth=")]
            # Kernarg memory is nobody's.
            if asked == "uncached" or not all(holds(s, where, asked, size, module) for s in selectors if s[:4] != "nth="):
                continue
            seen[i] += 1
            low, _, high = nth[0].partition("-") if nth else ("1", "-", "")
            last = (int(high) if high else 1 << 62) if nth and "-" in nth[0] or not nth else int(low)
            if target is None and int(low) <= seen[i] <= last:
                target = wanted
        if target in (None, "leave") or (where, target) not in WORDS:
            target = asked
        found.append((WORDS[where, target], MTYPES[target]))
    return found


def case(program, rules, fine_vram=None, **env):
    """One run beside the plain one of the same program."""
    global checked
    checked += 1
    wants_fine = any(r.endswith(":fine") and "system" not in r.split(":")[0].split("+") for r in rules)
    plain = plain_of(program, bool(env.get("HSA_FORCE_FINE_GRAIN_PCIE")) or wants_fine)
    r = run(f"case{checked}", PROGRAMS[program], "--override=" + ",".join(rules), **env)
    what = f"{program} {rules}"
    expect([a[:3] for a in r.allocations] == [a[:3] for a in plain.allocations], f"{what}: other allocations")
    want = expected(rules, plain.allocations, os.path.basename(PROGRAMS[program][0]))
    for a, b, w in zip(r.allocations, plain.allocations, want):
        expect(a[3] == w[0] and a[4] == (w[1] if b[4] is not None else None),
               f"{what}: {a[:3]} is 0x{a[3]:x} MTYPE {a[4]}, not 0x{w[0]:x} {w[1]}")
    expect(r.others == plain.others, f"{what}: other buffers changed: {r.others - plain.others} for {plain.others - r.others}")
    changed = sum(a[3] != b[3] for a, b in zip(r.allocations, plain.allocations))
    # hsa-memory asks for more than there is, once.
    made = [o for o in r.overrides if o["size_bytes"] < 1 << 46]
    expect(len(made) == changed and all(o["status"] == 0 for o in made), f"{what}: {changed} {r.overrides}")
    return r, changed


plains = {}


def plain_of(program, fine_vram):
    key = program, fine_vram
    if key not in plains:
        env = {"HSA_FORCE_FINE_GRAIN_PCIE": "1"} if fine_vram else {}
        plains[key] = run(f"plain-{program}-{fine_vram}", PROGRAMS[program], **env)
        for where, asked, _, word, mtype in plains[key].allocations:
            expect(word == WORDS[where, asked] and mtype in (MTYPES[asked], None), f"plain: {where} {asked} 0x{word:x} {mtype}")
        expect(sum(a[4] is not None for a in plains[key].allocations) >= 8, f"{plains[key].allocations}")
        expect(not plains[key].policies and not plains[key].overrides, "without rules nothing is said")
    return plains[key]


# ---- every selector, every target, each program ----
FORCE = {"HSA_FORCE_FINE_GRAIN_PCIE": "1"}
for rules, programs, env in (
        (["vram:fine"], "conv2d memory", {}),
        (["vram+fine:coarse"], "memory", FORCE),
        (["system:uncached"], "conv2d memory", {}),
        (["system:coarse"], "conv2d memory", {}),
        (["system:fine"], "conv2d memory", {}),
        (["system+coarse:uncached", "system+fine:coarse"], "conv2d memory", {}),
        (["fine:leave", "coarse:fine"], "conv2d memory", {}),
        (["vram+>=1M:fine"], "conv2d", {}),
        (["vram+<1M:fine"], "conv2d", {}),
        (["vram+6912-12544:fine"], "conv2d", {}),
        (["vram+nth=2:fine", "system+nth=2-3:uncached", "system+nth=4-:fine"], "conv2d", {}),
        (["vram+nth=1:leave", "vram+nth=2:fine", "vram+nth=3-:fine"], "conv2d", {}),
        (["vram:leave", "vram:fine"], "conv2d memory", {}),
        (["system+<0-1:fine".replace("<0-1", "0-1")], "conv2d", {}),
        ([">=4K:fine"], "conv2d memory", {}),
        ([">=1:uncached"], "conv2d memory", {})):
    for program in programs.split():
        r, changed = case(program, rules, **env)
        wants = "HSA_FORCE_FINE_GRAIN_PCIE=1, without which" in r.err
        expect(wants == (not env and any(x.endswith(":fine") and "system" not in x for x in rules)), f"{rules}: {r.err}")
        expect(program == "memory" or changed or rules[0] in ("vram:leave", "system+0-1:fine"), f"{rules}: nothing changed")

# ---- who calls ----
if not SAN:
    r, changed = case("conv2d", ["vram+from=conv2?:fine"])
    expect(changed, "from=")
    sites = [e["fields"] for e in dump(r.dir) if e["event"] == "call_site"]
    expect(sites and all(s["searched"] for s in sites), "from= switches --callsite on")
    r, changed = case("conv2d", ["vram+from=libtorch*:fine"])
    expect(not changed, "from= of nobody")

# ---- what is refused, and what is not possible ----
r, _ = case("memory", ["system+fine:coarse"])
expect(any(s == REFUSED and "kernarg" in reason for _, s, _, reason in r.policies) and
       any(s == ON for _, s, _, _ in r.policies), r.policies)
text = " ".join(report(r.dir, 80).split())
expect("allocation override 1, system+fine:coarse: refused: memory of the kernarg pool" in text, text)

r, changed = case("conv2d", ["vram:uncached"])
expect(not changed and [p[:3] for p in r.policies] == [(1, IMPOSSIBLE, "vram:uncached")] and "HSA_DISABLE_CACHE=1" in r.policies[0][3] and
       r.err.count("is not possible: this ROCr gives no uncached VRAM") == 1, f"{r.policies} {r.err}")
expect("not possible here" in report(r.dir, 80), "the report says it")
r = run("impossible-fine", PROGRAMS["conv2d"], "--override=vram:fine", HSA_FORCE_FINE_GRAIN_PCIE="0")
expect("is set to '0', so there is no fine-grained VRAM" in r.err and r.policies[0][1] == IMPOSSIBLE and not r.overrides and
       r.err.count("is not possible: ROCr offers fine-grained VRAM only with HSA_FORCE_FINE_GRAIN_PCIE=1") == 1, f"{r.policies} {r.err}")

# ---- wrong rules: the launcher runs nothing; the agent alone says so and the program runs ----
for bad in ("gpu:fine", "vram:fast", "vram", "nth=0:fine", ">=x:fine", "", "vram+system:fine"):
    p = sh(TOOL, "--emulate", "--override=" + bad, "-o", f"{T}/bad", "--", "touch", f"{T}/it-ran")
    expect(p.returncode == 2 and "--override: '" in p.stderr and not os.path.exists(f"{T}/it-ran") and
           not os.path.exists(f"{T}/bad"), f"{bad}: {p}")
p = sh(TOOL, "--emulate", "-o", f"{T}/bad", "--", "true", env={**os.environ, "RDNA1_TRACE_OPTIONS": "override=gpu:fine"})
expect(p.returncode == 2 and "RDNA1_TRACE_OPTIONS: override: 'gpu'" in p.stderr, p)


def alone(name, options, **env):
    """Only the agent records what is looked at."""
    own = f"{T}/{name}-own"
    p = sh(TOOL, "-q", "--emulate", "-o", f"{T}/{name}", "--", "env",
           f"HSA_TOOLS_LIB={BUILD}/librdna1-agent.so.1", f"RDNA1_TRACE_OPTIONS=dir={own} {options}",
           *[f"{k}={v}" for k, v in env.items()], *PROGRAMS["conv2d"])
    expect(p.returncode == 0 and re.search(r"^ok: ", p.stdout, re.M), p)
    events = [(e["event"], e["fields"]) for e in dump(own)]
    return p, [f for n, f in events if n == "policy"], [f for n, f in events if n == "alloc_override"]


p, policies, overrides = alone("alone", "override=vram:fine", HSA_FORCE_FINE_GRAIN_PCIE="1")
expect(len(policies) == 1 and policies[0]["state"] == ON and len(overrides) == 4 and not p.stderr, f"{p} {policies} {overrides}")
p, policies, overrides = alone("alone-not", "override=vram:fine")
expect(policies[0]["state"] == IMPOSSIBLE and not overrides and p.stderr.count("\n") == 1, f"{p} {policies}")
p, policies, overrides = alone("alone-bad", "override=vram:fine,gpu:fine")
expect([x["state"] for x in policies] == [REFUSED] and "'gpu'" in policies[0]["reason"] and not overrides and
       p.stderr.count("\n") == 1 and "no allocation is overridden: 'gpu' of 'gpu:fine'" in p.stderr, f"{p} {policies}")

# ---- the other pool has no room ----
r = run("full", PROGRAMS["conv2d"], "--override=system:uncached", HSA_TOOLS_LIB=f"{BUILD}/tests/tools/other-tool.so",
        OTHER_TOOL="no-kernarg")
plain = plain_of("conv2d", False)
expect([a[:5] for a in r.allocations] == [a[:5] for a in plain.allocations], "made as asked")
expect(len(r.overrides) == 4 and all(o["status"] == OUT_OF_RESOURCES and not o["va"] for o in r.overrides), r.overrides)
expect(re.search(r"otherwise than asked: 0, 0 bytes; 4 that could not be", report(r.dir, 80)), report(r.dir, 80))

# ---- the report, and compare as the instrument ----
run("b", PROGRAMS["conv2d"], "--override=vram+>=1M:fine,system+<1K:coarse")
text = report(f"{T}/b", 100)
table = rows(text, "  allocations made otherwise than asked: 2, 1048616 bytes")
expect([(x["rule"], x["asked for"], x["made from"], x["count"]) for x in table] ==
       [("2", "CPU fine", "CPU coarse", "1"), ("1", "GPU coarse", "GPU fine", "1")], table)
found = json.loads(sh(TOOL, "report", "--format", "json", f"{T}/b", env=LEAKS).stdout)
expect([(o["rule"], o["asked"], o["made_from"], o["bytes"]) for o in found["overrides"]] ==
       [(2, "system+<1K:coarse", "CPU coarse", 40), (1, "vram+>=1M:fine", "GPU fine", 1 << 20)] and
       [p["state"] for p in found["policies"]] == ["in force"] * 2, found["overrides"])

p = sh(TOOL, "compare", "--format", "json", plain.dir, f"{T}/b", env=LEAKS)
expect(p.returncode == 1, p)
items = [i for i in json.loads(p.stdout)["items"] if i["differs"]]
types = {i["name"]: tuple(i[s]["count"] if i[s] else 0 for s in "ab") for i in items if i["part"] == "memory types"}
expect(types == {"0xd4000004": (1, 0), "0xd0000004": (4, 5), "0xd0000001": (4, 3), "0xd4000001": (0, 1)}, types)
mapped = {d["text"]: (d["a"], d["b"]) for i in items if i["part"] == "memory types" for d in i["details"]}
expect(mapped == {"as USERPTR coherent, UC": (1, 0), "as USERPTR, NC": (4, 5), "as VRAM, NC": (4, 3), "as VRAM coherent, UC": (0, 1)}, mapped)
expect({i["part"] for i in items} == {"settings", "memory", "memory types", "buffers"} and
       {i["name"] for i in items if i["part"] in ("findings", "settings")} ==
       {"allocation override 1", "allocation override 2", "$HSA_FORCE_FINE_GRAIN_PCIE"},
       [(i["part"], i["name"]) for i in items])
# ---- what docs/howto-memory-types.md shows ----
os.chdir(T)
with open(f"{TOP}/docs/howto-memory-types.md") as f:
    blocks = re.findall(r"```console\n(.*?)```", f.read(), re.S)
for name, options in (("coarse", ()), ("fine", ("--override=vram+<1M:fine",))):
    p = sh(TOOL, "--emulate", *options, "-o", name, "--", CONV)
    expect(p.returncode == 0, p)
shown = blocks[1].split("\nAlike\n")[0]
now = sh(TOOL, "compare", "coarse", "fine", env={**LEAKS, "COLUMNS": "80"}).stdout
expect(now.startswith(shown + "\nAlike\n"), f"docs/howto-memory-types.md shows\n{shown}\nand now it is\n{now}")
now = report("fine", 80)
expect(re.sub(r"0x[0-9a-f]+", "", blocks[2]) in re.sub(r"0x[0-9a-f]+", "", now) or SAN, f"it shows\n{blocks[2]}\nnow\n{now}")
expect("pool of the GPU, fine (rule 1 of --override)  <- decided" in now and
       "--override)" not in report("coarse", 80), now)
done(f"{checked} runs by rules")
