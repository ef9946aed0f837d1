#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tests/tools/hsa-memory and hsa-dispatch, compiled with this ROCm's header: what is new in it, too. Every call of
the one is an event, every packet of the other."""
import hsa_dispatch
import hsa_memory
from rocm6 import *

MEMORY = {"--emulate": ("regions", "pools", "lock", "copies", "migrate", "signals", "interop", "dmabuf", "vmem"),
          "--emulate=ipc": ("ipc",), "--emulate=svm": ("svm",)}
# Calls that an older ROCr does not have, as the program says them.
NEW = {"copies": ("hsa_amd_memory_async_copy_on_engine",), "dmabuf": ("hsa_amd_portable_export_dmabuf",),
       "vmem": ("hsa_amd_vmem_address_reserve_align", "hsa_amd_vmem_map", "hsa_amd_vmem_set_access",
                "hsa_amd_vmem_export_shareable_handle", "hsa_amd_vmem_import_shareable_handle")}

calls = 0
for emulate, modes in MEMORY.items():
    for mode in modes:
        r = hsa_memory.run("memory-" + mode, [mode], emulate, os.path.join(BUILD, "hsa-memory"))
        for call in NEW.get(mode, ()):
            expect(f"\n{call} status=0x0 " in "\n" + r.out, f"{mode}: no {call}\n{r.out}")
        calls += len(hsa_memory.said(r.out))
for mode in hsa_dispatch.MODES:
    hsa_dispatch.run(mode, os.path.join(BUILD, "hsa-dispatch"))
done(f"{calls} calls for memory, {len(hsa_dispatch.MODES)} kinds of queues: each call an event, each packet recorded or counted")
