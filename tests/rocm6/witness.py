# SPDX-License-Identifier: MIT
"""The agent's stream against what others say of the same run: the device of every kernel that it ran, llvm-readelf
of the code objects."""
import struct
from collections import Counter

import metadata
from rdna1 import *

INSIDE = 1
STATES = {1: "inside", 3: "nothing", 4: "freed", 5: "past end", 6: "busy"}
MADE_BY_APPLICATION, MADE_BY_RUNTIME = (1, 2), 3
READ_BY_INTERCEPT, NOT_READ = 2, 3
GAP_RUNTIME = 3
# Kernels of MIOpen and rocBLAS of which every pointer is to memory that the application has.
STRICT = re.compile("naive_conv|Im2d2Col|Col2Im|Cijk_")
NUMBERS = {"kernarg_bytes": "kernarg_segment_size", "wavefront_size": "wavefront_size", "vgprs": "vgpr_count",
           "sgprs": "sgpr_count", "max_workgroup_size": "max_flat_workgroup_size"}
KINDS = {0: 1, 1: 2, 2: 3, 3: 4, 4: 5, 5: 6, 6: 7}  # metadata.kind() -> enum ev_arg_kind


class Witness:
    """Of one process: its events; dispatches, their packets taken apart, with what was known of their kernel then: code
    is unloaded, and other code loaded there."""

    def __init__(self, directory):
        self.dir = directory
        self.events = [(e["event"], e["fields"]) for e in dump(directory)]
        self.queues = [f for f in self.all("queue_create") if not f["status"]]
        self.dispatches, symbols, infos = [], {}, {}
        for name, f in self.events:
            if name == "kernel_symbol":
                symbols[f["kernel_object"]] = f
                infos.pop(f["kernel_object"], None)
            elif name == "kernel_info":
                infos[f["kernel_object"]] = f
            elif name == "dispatch":
                d = self.apart(f)
                d.update(symbol=symbols.get(d["kernel_object"]), info=infos.get(d["kernel_object"]))
                expect(d["symbol"] and d["symbol"]["name"], f"no kernel_symbol: {d}")
                d["name"] = d["symbol"]["name"]
                self.dispatches.append(d)

    def all(self, name):
        return [f for n, f in self.events if n == name]

    def apart(self, f):
        packet = bytes.fromhex(f["packet"])
        return {**f, "kernel_object": struct.unpack_from("<Q", packet, 32)[0],
                "signal": struct.unpack_from("<Q", packet, 56)[0],
                "kernarg": bytes.fromhex(f["kernarg"]), "pointers": list(struct.iter_unpack("<HBBQQ",
                                                                         bytes.fromhex(f["pointers"])))}

    # ---- what the device ran ----

    def compare_device(self):
        """Each kernel that the device ran, once, and named; but for those on the runtime's own queues."""
        ran, own = Counter(), Counter()
        intercepted = {q["queue_id"] for q in self.queues if q["read_at"] == READ_BY_INTERCEPT}
        rings = {q["base"]: q for q in self.queues}
        expect(len(rings) == len(self.queues), "two queues with one ring: not to be told apart")
        for e in self.all("emu_dispatch"):
            q = rings.get(e["ring"])
            if not q and intercepted:  # the device's ring is ROCr's, behind the one that the application has
                ran[None, e["kernel_object"]] += 1
                continue
            expect(q, f"the device ran packet {e['index']} of a queue that the trace does not have: {e}")
            if q["made_by"] == MADE_BY_RUNTIME:
                expect(q["read_at"] == NOT_READ, f"{q}")
                own[q["queue_id"]] += 1
            else:
                ran[q["queue_id"], e["index"], e["kernel_object"]] += 1
        seen = Counter((None, d["kernel_object"]) if d["queue_id"] in intercepted else
                       (d["queue_id"], d["index"], d["kernel_object"]) for d in self.dispatches)
        expect(ran == seen, f"the device ran, the agent has not: {list((ran - seen).items())[:5]}, "
                            f"the other way round: {list((seen - ran).items())[:5]}")
        expect(intercepted or set(seen.values()) <= {1}, "a packet is there twice")
        gaps = Counter()
        for g in self.all("queue_gap"):
            expect(g["cause"] == GAP_RUNTIME and g["queue_id"] not in {d["queue_id"] for d in self.dispatches}, f"{g}")
            gaps[g["queue_id"]] += g["count"]
        for queue_id, n in own.items():
            expect(gaps[queue_id] >= n, f"queue {queue_id} of the runtime's: {n} dispatches, {gaps[queue_id]} counted")
        expect(not self.all("api_failed") and not self.all("hang"), f"{self.all('api_failed')} {self.all('hang')}")
        counted, reported = Counter(d["name"] for d in self.dispatches), Counter()
        for row in rows(report(self.dir, 10000, "--all"), "Kernels dispatched"):
            reported[row["kernel"]] += int(row["count"])
        expect(reported == counted, f"the report has {list((reported - counted).items())[:3]} more, "
                                    f"{list((counted - reported).items())[:3]} less")

    # ---- what the code objects say ----

    def compare_code(self):
        """Names, addresses, arguments and kernarg sizes of all that was dispatched, by llvm-readelf."""
        meta, symbols = {}, {}
        for sha in {f["sha256"] for f in self.all("code_object_info")}:
            path = os.path.join(self.dir, "code-objects", sha + ".co")
            if not os.path.exists(path):
                continue
            run = sh("llvm-readelf-15", "--symbols", "--wide", path)
            symbols[sha] = {name: int(value, 16) for value, name in
                            re.findall(r"^ +\d+: ([0-9a-f]+) .* (\S+)\.kd$", run.stdout, re.M)}
            meta[sha] = {k["symbol"].removesuffix(".kd"): k for k in metadata.read(path)[0]}
        loaded = {(f["executable"], f["sha256"]): f["va"] for f in self.all("code_object_info")}
        compared = set()
        for d in self.dispatches:
            name, info, executable = d["name"], d["info"], d["symbol"]["executable"]
            if (d["kernel_object"], name, executable) in compared:
                continue
            compared.add((d["kernel_object"], name, executable))
            expect(info, f"{name} has no kernel_info")
            sha = info["sha256"]
            expect(sha in meta, f"the code object of {name} is not stored: {sha} {self.all('agent_note')}")
            address = loaded[executable, sha] + symbols[sha][name]
            expect(d["kernel_object"] == address, f"{name} is at {address:#x}, recorded: {d['kernel_object']:#x}")
            k = meta[sha][name]
            want = [(int(a["offset"]), int(a["size"]), KINDS[metadata.kind(a["value_kind"])]) for a in k["args"]]
            expect(list(struct.iter_unpack("<HHB", bytes.fromhex(info["args"]))) == want, f"{name}: {info} {want}")
            for ours, theirs in NUMBERS.items():
                expect(info[ours] == int(k[theirs]), f"{name}: {ours} {info[ours]}, {theirs} {k[theirs]}")

    # ---- arguments ----

    def compare_arguments(self):
        """Kernargs whole, and where their pointers point by the allocations that lived then."""
        live = {}
        dispatches = iter(self.dispatches)
        self.resolved = Counter()
        for name, f in self.events:
            if name in POOL_ALLOC and not f.get("status"):
                live[f["va"]] = f["size_bytes"]
            elif name == "pool_free":
                live.pop(f["va"], None)
            elif name == "dispatch":
                self.one_dispatch(next(dispatches), live)

    def one_dispatch(self, d, live):
        info, name = d["info"], d["name"]
        declared = max(info["kernarg_bytes"], d["symbol"]["kernarg_bytes"])
        expect(d["unread"] == 0 and len(d["kernarg"]) == declared, f"{name}: {len(d['kernarg'])} of {declared}: {d}")
        args = struct.iter_unpack("<HHB", bytes.fromhex(info["args"]))
        values = {at: struct.unpack_from("<Q", d["kernarg"], at)[0] for at, size, kind in args
                  if kind in (2, 4, 5) and size == 8}
        found = {at: (state, kind, base, n) for at, state, kind, base, n in d["pointers"]}
        expect(set(found) == {at for at, v in values.items() if v}, f"{name}: pointers at {values}, resolved {found}")
        for at, (state, kind, base, n) in found.items():
            said = f"{name}: the pointer at {at}, {values[at]:#x}, is {STATES.get(state, state)} {base:#x} {n}"
            self.resolved[state] += 1
            if STRICT.search(name):
                expect(state == INSIDE, said)
            if state == INSIDE:
                expect(0 <= values[at] - base < n, said)
                expect(kind != 1 or live.get(base) == n, said + f", live: {live.get(base)}")


def expect_agent_right(directory):
    """-> the events, to look at more of them."""
    w = Witness(directory)
    expect(w.dispatches, "no dispatches")
    w.compare_device()
    w.compare_code()
    w.compare_arguments()
    return w
