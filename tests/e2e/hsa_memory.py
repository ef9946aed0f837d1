#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tests/tools/hsa-memory: every way to get, register, share and move memory works on the device, and the agent's
events are what the program says it has called, one by one and in its order."""
import re

from rdna1 import *

MEMORY = os.path.join(BUILD, "tests", "tools", "hsa-memory")

# Calls by the kind they have in mem_alloc, mem_free, async_copy and mem_export.
GIVEN = {"hsa_memory_allocate": 2, "hsa_amd_memory_lock": 3, "hsa_amd_memory_lock_to_pool": 3, "hsa_memory_register": 4,
         "hsa_amd_ipc_memory_attach": 5, "hsa_amd_interop_map_buffer": 6, "hsa_amd_vmem_address_reserve": 7,
         "hsa_amd_vmem_address_reserve_align": 7, "hsa_amd_vmem_handle_create": 8,
         "hsa_amd_vmem_import_shareable_handle": 8, "hsa_amd_vmem_map": 9}
TAKEN = {"hsa_memory_free": 2, "hsa_amd_memory_unlock": 3, "hsa_memory_deregister": 4, "hsa_amd_ipc_memory_detach": 5,
         "hsa_amd_interop_unmap_buffer": 6, "hsa_amd_vmem_address_free": 7, "hsa_amd_vmem_handle_release": 8,
         "hsa_amd_vmem_unmap": 9}
COPIES = {"hsa_memory_copy": 1, "hsa_amd_memory_async_copy": 2, "hsa_amd_memory_async_copy_on_engine": 3,
          "hsa_amd_memory_async_copy_rect": 4}
EXPORTS = {"hsa_amd_ipc_memory_create": 1, "hsa_amd_portable_export_dmabuf": 2,
           "hsa_amd_vmem_export_shareable_handle": 3}
LOCK, HANDLE = 3, 8
# Said by the program, and no event of the agent's.
SILENT = {"hsa_memory_assign_agent", "hsa_amd_memory_migrate", "hsa_signal_create", "hsa_signal_destroy",
          "hsa_amd_signal_create", "hsa_amd_svm_attributes_get", "hsa_amd_portable_close_dmabuf"}


def of_line(call, s):
    """What the trace must have of a line of the program's; s: its numbers by their names."""
    status, address, size = s["status"], s.get("address", 0), s.get("size", 0)
    if call in GIVEN:
        where = s.get("handle", 0) if GIVEN[call] == HANDLE else address
        return "given", GIVEN[call], status, where, size, s.get("agent_address", where)
    if call in TAKEN:
        return "taken", TAKEN[call], s.get("handle", 0) if TAKEN[call] == HANDLE else address, size
    if call in COPIES:
        return "copied", COPIES[call], status, address, s["from"], size, s.get("signal", 0), s.get("engine", 0)
    if call in EXPORTS:
        return "exported", EXPORTS[call], status, s.get("handle", 0) or address, size
    return {"hsa_amd_memory_pool_allocate": ("pool", status, address, size),
            "hsa_amd_memory_pool_free": ("pool free", address),
            "hsa_amd_agents_allow_access": ("access", status, address, s.get("agents")),
            "hsa_amd_memory_fill": ("filled", status, address, size),
            "hsa_amd_vmem_set_access": ("vmem access", status, address, size, s.get("agents")),
            "hsa_amd_svm_attributes_set": ("svm", status, address, size, s.get("attributes")),
            "hsa_amd_svm_prefetch_async": ("prefetched", status, address, size, s.get("signal"))}[call]


def of_event(name, f):
    """The same of an event; None of those that no line stands for."""
    status, va = f.get("status", 0), f.get("va", 0)
    if name == "mem_alloc":
        where = f["object"] if f["kind"] == HANDLE else f["host"] or va
        return "given", f["kind"], status, where, f["size_bytes"], where if f["kind"] == HANDLE else va
    if name == "mem_free":
        return "taken", f["kind"], f["object"] if f["kind"] in (LOCK, HANDLE) else va, f["size_bytes"]
    if name == "async_copy":
        return ("copied", f["kind"], status, f["dst"], f["src"], f["size_bytes"], f["completion_signal"],
                f["engine"])
    if name == "mem_export":
        return "exported", f["kind"], status, va, f["size_bytes"]
    if name in POOL_ALLOC:
        return "pool", status, va, f["size_bytes"]
    if name == "pool_free":
        return "pool free", va
    if name == "allow_access":
        return "access", status, va, f["num_agents"]
    if name == "mem_fill":
        return "filled", status, va, 4 * f["words"]
    if name == "vmem_access":
        return "vmem access", status, va, f["size_bytes"], len(words(f["access"])) // 2
    if name == "svm_attributes":
        return "svm", status, va, f["size_bytes"], len(words(f["attributes"])) // 2
    if name == "svm_prefetch":
        return "prefetched", status, va, f["size_bytes"], f["completion_signal"]
    return None


def words(text):
    """A list of 8-byte words, as dump has it."""
    return [text[i:i + 16] for i in range(0, len(text), 16)]


def said(out):
    """(call, its numbers) of each line of the program's."""
    found = []
    for line in re.findall(r"^hsa_\w+ status=.*$", out, re.M):
        call, *fields = line.split()
        numbers = dict(f.split("=") for f in fields)
        found.append((call, {k: 0 if v == "(nil)" else int(v, 0) for k, v in numbers.items() if k != "pool"}))
    return found


def compare_calls(name, out, directory):
    theirs = [of_line(call, s) for call, s in said(out) if call not in SILENT]
    ours = [c for c in (of_event(e["event"], e["fields"]) for e in dump(directory)) if c]
    for i, (a, b) in enumerate(zip(theirs, ours)):
        expect(a == b, f"{name}: call {i} is {a}, the trace has {b}\n{out}")
    expect(len(theirs) == len(ours), f"{name}: {len(theirs)} calls, {len(ours)} in the trace\n{theirs}\n{ours}\n{out}")
    return len(ours)


def run(name, modes, emulate="--emulate", program=MEMORY):
    r = record(name, program, *modes, options=(emulate,)).expect_status(0)
    expect(re.search(r"^ok: \d+ checks$", r.out.splitlines()[-1]), r.out + r.err)
    compare_ioctls(r.dir)
    expect_no_loss(r.dir)
    expect(compare_calls(name, r.out, r.dir) or modes == ["signals"], f"{name}: no calls\n{r.out}")
    return r


def main():
    for mode in ("pools", "lock", "copies", "migrate", "signals", "interop"):
        run(mode, [mode])
    r = run("regions", ["regions"])
    expect(r.out.count("hsa_memory_allocate status=0x0 ") >= 3, r.out)

    r = run("ipc", ["ipc"], "--emulate=ipc")
    expect(r.out.count("hsa_amd_ipc_memory_attach status=0x0 ") == 2, r.out)
    if ROOT:
        calls = [e["fields"]["cmd"] & 0xff for e in dump(r.dir) if e["event"] == "kfd_ioctl" and not e["fields"]["ret"]]
        expect(calls.count(0x81) == 2 and calls.count(0x80) == 2, f"IPC ioctls: {calls.count(0x81)}, {calls.count(0x80)}")
    # Linux's driver has no such ioctls.
    r = record("no-ipc", MEMORY, "ipc")
    expect(r.status == 1 and "hsa_amd_ipc_memory_create status=0x1001 " in r.out, r.out + r.err)

    r = run("svm", ["svm"], "--emulate=svm")
    expect(re.search(r"^Shared virtual memory \(SVM\): [1-9]", report(r.dir), re.M), report(r.dir))
    done("pools, regions, locks, copies, two processes, dma-bufs, SVM: one event a call")


if __name__ == "__main__":
    main()
