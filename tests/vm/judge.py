#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""judge.py SERIES STAGE: what a stage of the virtual machine left is right. Each looks at its own stage only."""
import os

os.environ.setdefault("T", "/nowhere")
import sys

sys.path.insert(0, os.path.join(os.environ["TOP"], "tests/e2e"))
from rdna1 import *  # noqa: E402

SERIES, STAGE = sys.argv[1], sys.argv[2]
OUT = os.path.join(BUILD, "vm", SERIES, "out")
HERE = os.path.join(OUT, STAGE)
NEWER = SERIES != "6.1"


def text(name, directory=HERE):
    with open(os.path.join(directory, name), errors="replace") as f:
        return f.read()


def ended(status="0"):
    """The stage began and ended, by the console, which nothing but the machine's first process writes to."""
    console = text("console", OUT)
    expect(f"@@BEGIN {STAGE}\n" in console.replace("\r", ""), f"{STAGE} did not begin")
    m = re.search(rf"@@END {STAGE} (\d+) ", console)
    expect(m and m[1] == status, f"{STAGE} ended with {m and m[1]}:\n{text('log')[-3000:]}")


def session(name="t"):
    with open(os.path.join(HERE, name, "session.json")) as f:
        return json.load(f)


def hooks(name="t"):
    return {re.search(r"/([\w-]+)\)$", h["name"])[1]: h for h in session(name)["hooks"]
            if "(uprobe/" not in h["name"] and not h["name"].startswith("libraries")}


def number(what):
    """A value that the machine's own program printed."""
    return int(re.search(rf"^{re.escape(what)}[ =]+(\S+)$", text("kick.out"), re.M)[1], 0)


def expect_rules(want, directory="t"):
    """What the report makes of it: {rule: state}, None where it has nothing to say."""
    run = sh(TOOL, "report", "--format", "json", f"{HERE}/{directory}", env=LEAKS)
    expect(run.returncode == 0, run.stderr)
    found = json.loads(run.stdout)
    have = {f["rule"]: f["state"] for f in found["findings"]}
    expect(not found["emulated"] and "emulated" not in have, found["verdict"])
    for rule, state in want.items():
        expect(have.get(rule) == state, f"{rule} is {have.get(rule)}, not {state}:\n{run.stdout}")


class Events:
    """Of one trace, by name; taken away as they are checked, so that nothing is left unlooked at."""

    def __init__(self, directory, ignore=()):
        self.all = [e for e in dump(directory) if e["stream"].startswith("kernel_") and
                    e["event"] not in ("loss",) + tuple(ignore)]

    def take(self, name, **fields):
        """The first of that name; its fields are these."""
        for i, e in enumerate(self.all):
            if e["event"] == name:
                del self.all[i]
                break
        else:
            fail(f"no {name} {fields} is left: {[e['event'] for e in self.all]}")
        for key, value in fields.items():
            expect(e["fields"][key] == value, f"{name}: {key} is {e['fields'][key]!r}, not {value!r}: {e['fields']}")
        return e

    def none_left(self, *names):
        left = [e for e in self.all if not names or e["event"] in names]
        expect(not left, f"{len(left)} events nobody asked for: {left[:3]}")


# ---- stages ----

def judge_boot():
    ended()
    expect(text("release").strip().startswith(SERIES + "."), text("release"))
    modules = text("modules")
    expect(re.search(r"^amdgpu \d+", modules, re.M) and re.search(r"^kick \d+", modules, re.M), modules)
    bad = [l for l in text("dmesg", OUT).splitlines() if re.search(r"WARNING: CPU|BUG:|Oops|Call Trace", l)]
    expect(not bad, f"the kernel complained: {bad}")
    return f"{text('release').strip()}, amdgpu {len(modules.splitlines())} modules, no complaint of the kernel's"


# The register is taken where the driver keeps it, before Linux 6.7 where it prints it.
ABSENT = {"gfxhub_v2_0_print_l2_protection_fault_status"} if NEWER else {"amdgpu_vm_update_fault_cache"}


def judge_hooks():
    """Attached, or off with a reason, in session.json and in the trace; taken from the stage of the values."""
    global HERE
    HERE = os.path.join(OUT, "values")
    by_name = hooks()
    off = {n for n, h in by_name.items() if not h["on"]}
    expect(len(by_name) == 37, f"{len(by_name)} hooks")
    expect(off == ABSENT | {"sys_exit"}, f"off: {off}")
    expect(by_name["sys_exit"]["needed"] is False, "sys_exit is not needed beside kfd_ioctl")
    for n in ABSENT:
        expect(by_name[n]["needed"] is False and by_name[n]["reason"], f"{by_name[n]}")
    ways = [h["how"] for h in by_name.values()]
    expect(by_name["kfd_ioctl"]["how"] == "fentry" and by_name["amdgpu_vm_update_ptes"]["how"] == "raw_tp",
           f"{ways}")
    # More than six parameters: a trampoline of Linux 6.1 cannot carry them.
    expect(by_name["amdgpu_amdkfd_gpuvm_alloc_memory_of_gpu"]["how"] == "kprobe", f"{ways}")
    traced = [e["fields"] for e in dump(f"{HERE}/t") if e["event"] == "hook"]
    expect(sorted(h["name"] for h in traced) == sorted(h["name"] for h in session()["hooks"]), "the trace's hooks")
    expect({h["how"] for h in traced if h["on"] == 1} == {"fentry", "kprobe", "raw_tp"}, f"{traced}")
    shown = sh(TOOL, "info", f"{HERE}/t", env={**os.environ, "COLUMNS": "160"}).stdout
    for h in session()["hooks"]:
        expect(not h["needed"] if "needed" in h and not h["on"] and h["name"] not in shown else h["name"] in shown,
               f"info does not list {h['name']}")
    return ", ".join(f"{ways.count(w)} by {w}" for w in sorted(set(ways) - {"-"})) + f", off: {', '.join(sorted(off))}"


def strace_calls(path):
    """thread -> [(command, returned)], of KFD."""
    calls = {}
    for m in re.finditer(r"^(\d+) +ioctl\(\d+, (0x[0-9a-f]+), .*?\) += (-?\d+)(?: (\w+))?", text(path), re.M):
        cmd = int(m[2], 16)
        if cmd >> 8 & 0xff == ord("K"):
            ret = -getattr(__import__("errno"), m[4]) if m[4] else int(m[3])
            calls.setdefault(int(m[1]), []).append((cmd, ret))
    return calls


def judge_rocminfo():
    ended()
    expect("Name:" in text("rocminfo.out") and "done" in text("kick.out"), text("log"))
    ours = {}
    events = [e for e in dump(f"{HERE}/t") if e["event"] == "kfd_ioctl"]
    for e in events:
        ours.setdefault(e["tid"], []).append((e["fields"]["cmd"], e["fields"]["ret"]))
    theirs = strace_calls("strace.out")
    expect(ours == theirs, f"eBPF and strace differ:\n{ours}\n{theirs}")
    # What the client itself printed of its structs, in its order.
    said = re.findall(r"^ioctl \w+ (0x\w+) (-?\d+) (\w+)$", text("kick.out"), re.M)
    client = [e["fields"] for e in events if e["tid"] == number("pid")]
    expect([(f["cmd"], f["ret"], f["arg"]) for f in client] == [(int(c, 16), int(r), a) for c, r, a in said],
           f"{client}\n{said}")
    expect(all(f["unread"] == 0 and f["begin_dt"] for f in client), f"{client}")
    # Each allocation of the driver's lies within its ioctl, in the same thread.
    allocs = [e for e in dump(f"{HERE}/t") if e["event"] == "kfd_mem_alloc"]
    calls = [e for e in events if e["fields"]["cmd"] & 0xff == 0x16 and not e["fields"]["ret"]]
    expect(len(allocs) == len(calls) == 3, f"{allocs}\n{calls}")
    for a, c in zip(allocs, calls):
        end, begin = c["timestamp"], c["timestamp"] - c["fields"]["begin_dt"]
        expect(begin < a["timestamp"] - a["fields"]["begin_dt"] < a["timestamp"] < end and a["tid"] == c["tid"],
               f"{a}\n{c}")
    expect_no_loss(f"{HERE}/t")
    compare_ctf(f"{HERE}/t")
    expect_rules({"mtype-impossible": None, "page-fault": None, "aperture-violation": None, "hang": None, "losses": None})
    return f"{sum(map(len, theirs.values()))} ioctls of {len(theirs)} threads equal strace's, {len(said)} structs equal"


MB2 = 0x200000


def check_memory(ev, pid, btf):
    ev.take("pasid", pid=pid, op=1)
    alloc = ev.take("kfd_mem_alloc", pid=pid, va=0x7f1234560000, size_bytes=MB2, flags=0x80000001, ret=0,
                    domain=4 if btf else 0)["fields"]
    expect(alloc["begin_dt"] and alloc["mem"] and bool(alloc["bo"]) == btf and alloc["gpu"], f"{alloc}")
    mapped = ev.take("kfd_mem", pid=pid, op=1, va=0x7f1234560000, size_bytes=MB2, flags=0x80000001, ret=0,
                     mem=alloc["mem"], bo=alloc["bo"], gpu=alloc["gpu"], mapped=1 if btf else 0)
    ev.take("kfd_ioctl", pid=pid, cmd=0xc0284b16, ret=0)
    ev.take("kfd_ioctl", pid=pid, cmd=0xc0184b18, ret=0, array0="34120000")
    child = ev.take("kfd_ioctl", cmd=0x80084b01, ret=-9)["fields"]["pid"]  # EBADF
    expect(child != pid, "the child's own number")
    bo = ev.take("bo_create", pid=pid, pages=512, type=2, preferred=4, allowed=6, flags=0x24)["fields"]["bo"]
    # It was made anew: not the object that the allocation had, whatever its address.
    expect(bo and bo != alloc["bo"], f"{bo} {alloc}")
    move = ev.take("bo_move", pid=pid, bo=bo, size_bytes=MB2, to=1)
    # From a kernel worker: not the process's own thread.
    expect(move["tid"] not in (pid, 0), f"{move}")
    vm = ev.take("vm_bo_map", pid=pid, bo=bo, start=0x7f1234560, last=0x7f123475f, offset=0x1000, flag_kind=1,
                 flags=0x3000000000071)["fields"]["vm"]
    expect(bool(vm) == btf, f"vm {vm}")
    if btf:  # the tracepoint alone says neither buffer nor address space
        ev.take("vm_bo_update", pid=pid, bo=bo, vm=vm, start=0x7f1234560, last=0x7f123475f, flag_kind=1,
                flags=0x3000000000071)
    else:  # and without the address space a mapping is the buffer's maker's
        ev.take("vm_bo_map", pid=pid, bo=bo)
    ev.none_left("vm_bo_map", "vm_bo_update", "bo_create", "bo_move")
    ev.take("vm_bo_unmap", pid=pid, bo=bo, vm=vm, start=0x7f1234560, last=0x7f123475f, offset=0x1000, flag_kind=1,
            flags=0x3000000000071)


def check_ptes(ev, pid):
    page = 0x7f1234560
    for start, end, flags, count, incr in ((page, page + 0x200, 0x71, 1, MB2),
                                           (page + 0x200, page + 0x201, 0x1000000000071, 1, 4096),
                                           (page + 0x201, page + 0x202, 0x2000000000071, 1, 4096),
                                           (page + 0x202, page + 0x203, 0x3000000000077, 1, 4096),
                                           (page + 0x203, page + 0x223, 0x4b1, 32, 4096)):
        ev.take("vm_update_ptes", pid=pid, start=start, end=end, flags=flags, nptes=count, incr=incr, vm_ctx=77)
    ev.none_left("vm_update_ptes")


def check_faults(ev, pid, pasid, btf):
    iv = dict(pid=pid, client_id=0x1b, src_id=0, vmid=8, pasid=pasid, timestamp=0x1122334455, data0=0xf1234567)
    for data1 in (0xa7, 0xa7, 0x27):
        e = ev.take("gpu_iv", data1=data1, **iv)
        expect(e["tid"] == 0 or e["tid"] != pid, f"not in an interrupt: {e}")
    wave = dict(pid=pid, client_id=0x14, src_id=239, vmid=8, pasid=pasid, data1=0x40)
    for data0 in (0x1008005, 0x1004005, 0x1002005, 0x1000805):
        ev.take("gpu_iv", data0=data0, **wave)
    ev.none_left("gpu_iv")
    if btf:
        e = ev.take("vm_handle_fault", pid=pid, pasid=pasid, va=0x7f1234567000, write=1, handled=0)
        expect(e["fields"]["begin_dt"], f"{e}")
        info = ev.take("kfd_vm_fault", pid=pid, pasid=pasid)["fields"]
        expect(info["info"].startswith("6745" + "23f107000000" + "08000000"), f"{info}")
        if NEWER:
            expect("0070563412" + "7f0000" + "34120000" in info["data"], f"{info}")
    # By the driver's cache of it, where there is one, and as it prints it.
    ev.take("vm_fault_status", pid=pid, pasid=pasid, va=0x7f1234567000, status=0x801031, vmhub=0)


def check_queues(ev, pid, btf):
    queue = dict(pid=pid, queue_id=9, ret=0)
    full = dict(ring=0x7f1235000000, ring_size=0x100000, percent=100, doorbell_off=0x1002, type=0)
    if btf:
        ev.take("kfd_queue", op=1, priority=7, **queue, **full)
        ev.take("kfd_queue", op=2, priority=3, **queue, **full)
    else:
        ev.take("kfd_queue", op=2, **queue)
    ev.take("kfd_evict", pid=pid, op=1, trigger=2 if btf else 0, ret=0)
    ev.take("kfd_queue", op=3, **queue)
    e = ev.take("kfd_evict", pid=pid, op=2, ret=0)
    expect(e["tid"] != pid, f"not in a worker: {e}")
    ev.take("kfd_evict", pid=pid, op=3, ret=0)
    gpu = ev.take("gpu_reset", ret=0)["fields"]["gpu"]
    expect(gpu, "the GPU of a reset")
    ev.take("gpu_reset_signal")
    if btf:
        ev.take("userptr_evict", pid=pid, va=0x7f1236000000)


def check_graphics(ev, pid, pasid, btf):
    ring = "sdma0" if btf else "-"
    pd = ev.take("vm_grab_id", pid=pid, pasid=pasid, vmid=5, vm_hub=1, needs_flush=1, ring=ring)["fields"]["pd"]
    ev.take("vm_flush", pid=pid, vmid=5, vm_hub=1, pd=pd, ring=ring)
    if not btf:  # of another device, which a format does not tell
        ev.take("vm_flush", pid=pid, vmid=5)
    ev.none_left("vm_flush", "vm_grab_id")
    expect(pd, "an ordinal for the page directory")
    drm = ev.take("drm_ioctl", pid=pid, cmd=0x40286448, ret=0, unread=0)["fields"]
    want = "05000000000000000100000086000000000000" + "34127f0000" + "0000000000000000" + "0000200000000000"
    expect(drm["arg"] == want and drm["asked"] == want, f"{drm}")


def check_values(btf):
    pid, pasid = number("pid"), number("p.pasid")
    ev = Events(f"{HERE}/t", ("proc_fork", "proc_exec", "proc_exit"))
    check_memory(ev, pid, btf)
    check_ptes(ev, pid)
    # Written inside an update of the process's address space by a worker, then by the process itself; the one
    # that nobody is in an update for is not the process's.
    # Without the driver's types the address space does not say whose it is.
    inside = ev.take("vm_set_ptes", pid=pid, offset=0x10, count=4, incr=4096, flags=0x3000000000073,
                     immediate=1) if btf else None
    own = ev.take("vm_set_ptes", pid=pid, offset=0x18, count=1, incr=4096, flags=0x73, immediate=0)
    expect(own["tid"] == pid and (not inside or inside["tid"] != pid), f"{inside} {own}")
    inside = inside or own
    for field in ("table", "page"):  # equal physical addresses, equal ordinals, small ones
        expect(inside["fields"][field] == own["fields"][field] < 100, f"{inside} {own}")
    ev.none_left("vm_set_ptes")
    check_graphics(ev, pid, pasid, btf)
    check_faults(ev, pid, pasid, btf)
    check_queues(ev, pid, btf)
    # KFD gives it back in a worker, which may be after the end of the recording.
    if ev.all:
        ev.take("pasid", pid=pid, op=2, pasid=pasid)
    ev.none_left()
    # No kernel pointer is in the trace, in whatever field.
    for e in dump(f"{HERE}/t"):
        for name, value in e["fields"].items():
            expect(not isinstance(value, int) or value < 1 << 63, f"{e}")
    compare_ctf(f"{HERE}/t")


def judge_values():
    ended()
    check_values(True)
    for c in session()["counts"]:
        expect(c["seen"] == c["written"] and not c["dropped"], f"{c}")
    expect_rules({"mtype-impossible": "confirmed", "page-fault": "confirmed", "aperture-violation": "confirmed",
                  "illegal-instruction": "confirmed", "no-agent": "confirmed"})
    return "every chosen value in its field; from workers and interrupts, too"


def judge_processes():
    """A process in a PID namespace of its own, a call that has not returned, and a recorder in a container."""
    ended()
    events = dump(f"{HERE}/t")
    inner = int(re.search(r"^pid (\d+)", text("ns.out"))[1])
    ns = [e["fields"] for e in events if e["event"] == "proc_ns"]
    expect(len(ns) == 1 and ns[0]["ns_pid"] == inner == 1 and ns[0]["pid"] != 1 and ns[0]["ns"], f"{ns}")
    versions = [e["fields"] for e in events if e["event"] == "kfd_ioctl" and e["fields"]["cmd"] == 0x80084b01]
    expect([v["pid"] for v in versions] == [ns[0]["pid"]], f"{versions}")
    waiting = int(re.search(r"^pid (\d+)", text("waiting.out"))[1])
    calls = [e for e in events if e["event"] == "kfd_ioctl_open"]
    expect(len(calls) == 1, f"{calls}")
    call = calls[0]["fields"]
    expect(call["cmd"] == 0xc0184b0c and call["pid"] == calls[0]["tid"] == waiting and
           call["begin_dt"] > 500000000, f"{call}")
    # num_events, wait_for_all, timeout as the call began.
    expect(call["arg"][16:48] == "01000000" + "00000000" + "c0270900" + "00000000", f"{call}")
    left = [e["fields"]["pid"] for e in events if e["event"] == "proc_left"]
    expect(left == [waiting], f"{left}")
    # Seen from within: small numbers, as the program itself has them.
    inside = int(re.search(r"^pid (\d+)", text("inside.out"))[1])
    seen = {e["fields"]["pid"] for e in dump(f"{HERE}/inside") if e["event"] == "kfd_ioctl"}
    expect(seen == {inside} and inside < 20, f"{seen} {inside}")
    return f"process {ns[0]['pid']} is 1 in its own namespace; WAIT_EVENTS open; a recorder in a container sees {inside}"


def judge_attach():
    """A process that makes no call once it is attached to: whose the interrupt of its PASID is was learnt from
    the device it had open."""
    ended()
    pid = int(re.search(r"^pid (\d+)", text("kick.out"))[1])
    events = [(e["event"], e["fields"]) for e in dump(f"{HERE}/t")]
    expect([f["pid"] for n, f in events if n == "attached"] == [pid], "attached")
    ivs = [f for n, f in events if n == "gpu_iv"]
    expect(len(ivs) == 1 and ivs[0]["pid"] == pid and ivs[0]["pasid"] == number("p.pasid"), f"{ivs}")
    expect([f["pid"] for n, f in events if n == "proc_exit"] == [pid], "its end")
    expect(not any(n == "kfd_ioctl" for n, f in events), "calls of KFD")
    inside = [(e["event"], e["fields"]) for e in dump(f"{HERE}/inside")]
    small = [f["pid"] for n, f in inside if n == "attached"]
    expect(len(small) == 1 and small[0] < 20 and ("proc_exit", small[0]) in [(n, f["pid"]) for n, f in inside
                                                                             if "pid" in f], f"{inside}")
    api = [(e["event"], e["fields"]) for e in dump(f"{HERE}/api")]
    made = int(re.search(r"made (\d+) calls", text("api.out"))[1])
    expect(sum(n == "api_call" for n, f in api) == made, "calls of a library")
    expect([f["calls"] for n, f in api if n == "api_library"] == [46], f"{api}")
    return f"interrupt of PASID {ivs[0]['pasid']}; process {small[0]} in a container; {made} calls of a library"


def judge_nobtf():
    """The driver without BTF: by the tracepoints' formats and by probes, or off with the reason."""
    ended()
    check_values(False)
    by_name = hooks()
    off = {n: h["reason"] for n, h in by_name.items() if not h["on"] and h["needed"]}
    for n in ("amdgpu_vm_handle_fault", "pqm_create_queue", "amdgpu_amdkfd_evict_userptr",
              "kfd_signal_vm_fault_event"):
        expect("the driver has no BTF" in off.pop(n, ""), f"{n}: {off}")
    expect(not off, f"off: {off}")
    ways = [h["how"] for h in by_name.values()]
    expect(by_name["kfd_ioctl"]["how"] == "kprobe" and by_name["amdgpu_vm_update_ptes"]["how"] == "tracepoint" and
           "fentry" not in ways, f"{ways}")
    return ", ".join(f"{ways.count(w)} by {w}" for w in sorted(set(ways) - {"-"}))


FIRED = {"amdgpu_vm_update_ptes": 800000, "amdgpu_vm_set_ptes": 600000, "amdgpu_vm_bo_map": 400000,
         "amdgpu_iv": 200000}


def judge_storm():
    ended()
    by_name = hooks()
    written = {}
    for line in subprocess.Popen([TOOL, "dump", "--format", "json", f"{HERE}/t"], stdout=subprocess.PIPE,
                                 text=True).stdout:
        name = re.search(r'"event":"(\w+)"', line)[1]
        written[name] = written.get(name, 0) + 1
    names = {"amdgpu_iv": "gpu_iv"}
    dropped = 0
    for hook, fired in FIRED.items():
        h, n = by_name[hook], written[names.get(hook, hook.removeprefix("amdgpu_"))]
        expect(h["seen"] == fired, f"{hook}: {fired} fired, {h['seen']} seen")
        expect(n + h["dropped"] == fired, f"{hook}: {n} written + {h['dropped']} dropped of {fired}")
        dropped += h["dropped"]
    expect(dropped > 0, "nothing was dropped: the ring was not full")
    lost = re.search(r"lost (\d+) events \(kernel: ring full\): raise --ring-mb", text("err"))
    expect(lost and int(lost[1]) == sum(h.get("dropped", 0) for h in by_name.values()), text("err"))
    causes = {e["cause"]: e["count"] for e in dump_some(f"{HERE}/t", ("loss",)) if e["count"]}
    expect(set(causes) <= {1, 11, 13}, f"{causes}")
    seconds = float(number_float("seconds"))
    total = sum(FIRED.values())
    return f"{total} fired in {seconds:.1f} s under TCG ({total / seconds / 1e6:.2f} M/s), {dropped} dropped, each counted"


def number_float(what, name="kick.out"):
    return re.search(rf"^{what} (\S+)$", text(name), re.M)[1]


IOCTLS, TIMED = 6000, 5000


def judge_cost():
    """Every call is recorded or counted. The times are shown only: TCG's go with the number of instructions, a trap or
    a cache miss costs nothing more."""
    ended()
    h = hooks()["kfd_ioctl"]
    written = sum(1 for e in dump(f"{HERE}/t") if e["event"] == "kfd_ioctl")
    expect(h["how"] == "fentry" and h["seen"] == IOCTLS, f"{h}")
    expect(written + h["dropped"] == IOCTLS, f"{written} written + {h['dropped']} dropped of {IOCTLS}")
    theirs = sum(1 for cmd, ret in sum(strace_calls("strace.txt").values(), []) if cmd == 0x80084b01)
    bare, ours, strace = (float(number_float("seconds", name)) / TIMED * 1e6
                          for name in ("untraced.out", "kick.out", "strace.out"))
    print(f"added to an ioctl: recorded {ours - bare:.1f} us, strace {strace - bare:.1f} us, "
          f"{(ours - bare) / (strace - bare):.3f} of it; strace wrote {theirs} of {IOCTLS}")
    return f"{bare:.1f} us under TCG, recorded x {ours / bare:.2f}, strace x {strace / bare:.1f}, {h['dropped']} dropped"


def dump_some(directory, names):
    for line in subprocess.Popen([TOOL, "dump", "--format", "json", directory], stdout=subprocess.PIPE,
                                 text=True).stdout:
        if re.search(r'"event":"(\w+)"', line)[1] in names:
            yield json.loads(line)["fields"]


def judge_refused():
    """A kernel that takes no program at kfd_ioctl: ioctls behind every system call, with what that knows."""
    ended()
    by_name = hooks()
    for n, why in (("kfd_ioctl", "prog 'fexit_kfd_ioctl'"), ("amdgpu_drm_ioctl", "prog 'fexit_drm_ioctl'")):
        expect(not by_name[n]["on"] and why in by_name[n]["reason"] and "kprobe: " in by_name[n]["reason"],
               f"{by_name[n]}")
        expect(f"not recorded: {by_name[n]['name']}: " in text("log"), text("log"))
    expect(by_name["sys_exit"]["on"], f"{by_name['sys_exit']}")
    said = re.findall(r"^ioctl \w+ (0x\w+) (-?\d+) (\w+)$", text("kick.out"), re.M)
    calls = [e["fields"] for e in dump(f"{HERE}/t") if e["event"] == "kfd_ioctl"]
    expect([(f["cmd"], f["ret"], f["arg"]) for f in calls] == [(int(c, 16), int(r), a) for c, r, a in said],
           f"{calls}\n{said}")
    expect(all(f["fd"] > 2 and not f["begin_dt"] for f in calls), f"{calls}")
    return f"{len(calls)} ioctls by raw_tp/sys_exit, equal to what the client wrote"


def judge_capabilities():
    """CAP_BPF and CAP_PERFMON: fentry needs more; Debian's kernel keeps kprobes from them, too, unless told."""
    ended()
    strict, open_ = hooks("t3"), hooks("t2")
    expect(strict["amdgpu_vm_bo_map"]["how"] == "raw_tp" and strict["sys_exit"]["on"] and
           "perf_event_paranoid=2" in strict["kfd_ioctl"]["reason"], f"{strict['kfd_ioctl']} {strict['sys_exit']}")
    expect(open_["kfd_ioctl"]["how"] == "kprobe" and not open_["sys_exit"]["on"], f"{open_['kfd_ioctl']}")
    expect("perf_event_paranoid=2" in text("log") and text("log").count("not recorded: ") <= 4 and "more (rdna1-trace info" in text("log"), text("log"))
    off = [h["name"] for h in open_.values() if h.get("needed", h["on"]) and not h["on"]]
    expect(len(off) <= 1, f"off: {off}")
    for name in ("3", "2"):
        said = re.findall(r"^ioctl \w+ (0x\w+) (-?\d+) (\w+)$", text(f"kick{name}.out"), re.M)
        calls = [e["fields"] for e in dump(f"{HERE}/t{name}") if e["event"] == "kfd_ioctl"]
        expect([(f["cmd"], f["ret"], f["arg"]) for f in calls] == [(int(c, 16), int(r), a) for c, r, a in said],
               f"{calls}\n{said}")
    return " and ".join(f"{sum(h['on'] for h in x.values())} hooks" for x in (strict, open_)) + \
        f" on as uid 1000, {len(calls)} ioctls"


def judge_leftovers():
    ended()
    for name in ("after-exit", "after-SEGV", "after-KILL"):
        expect(text(name).split() == ["0", "0", "0", "0"], f"{name}: programs, links, pins, probes: {text(name).split()}")
    during = [text(f"during-{s}").split() for s in ("SEGV", "KILL")]
    expect(all(int(d[0]) > 30 and int(d[1]) > 30 for d in during), f"{during}")
    return f"{during[0][0]} programs and {during[0][1]} links while recording, none after exit, SIGSEGV, SIGKILL"


def judge_reset():
    """The machine was reset while it recorded: what was synced is there, and a copy is whole."""
    console = text("console", OUT)
    expect("@@RESET" in console and "@@END reset" not in console, "the machine was not reset")
    run = sh(TOOL, "dump", f"{HERE}/t")
    expect(run.returncode == 0, run.stderr)
    n = run.stdout.count(" vm_update_ptes(")
    copy = os.path.join(T, "recovered")
    recovered = sh(TOOL, "recover", "-o", copy, f"{HERE}/t")
    expect(recovered.returncode == 0, recovered.stdout + recovered.stderr)
    # Fired 1000 times a second for some seconds, synced each second.
    events = [e for e in dump(copy) if e["event"] == "vm_update_ptes"]
    expect(len(events) > 200, f"{len(events)} events\n{run.stderr}")
    expect(all(e["fields"]["start"] == 0x7f1234560 and e["fields"]["flags"] == 0x71 for e in events), "values")
    compare_ctf(copy, 200)
    left = re.search(r"left out: (\d+) bytes", run.stderr)
    return f"{len(events)} page-table updates recovered, {left[1] if left else 0} bytes left out, babeltrace2 agrees"


if os.path.exists(os.path.join(BUILD, "vm", SERIES, "skipped")):
    with open(os.path.join(BUILD, "vm", SERIES, "skipped")) as why:
        print(why.read())
    sys.exit(77)
expect(os.path.exists(os.path.join(OUT, "console")), f"the machine did not run: see vm/{SERIES}")
print({k[6:]: v for k, v in globals().items() if k.startswith("judge_")}[STAGE]())
