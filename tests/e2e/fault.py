#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""fault.py MODE: conv2d --fault MODE ends as on hardware, and the report states what it did."""
import re
import sys

from rdna1 import *

ABORT = -6
# The runtime's own words, as bug reports quote them.
PAGE = "Reason: Page not present or supervisor privilege."
MODES = {
    "oob": PAGE,
    "uaf": PAGE,
    "aperture": "HSA_STATUS_ERROR_MEMORY_APERTURE_VIOLATION: The agent attempted to access memory "
                "beyond the largest legal address. code: 0x29",
    "illegal": "HSA_STATUS_ERROR_ILLEGAL_INSTRUCTION: The agent attempted to execute an illegal "
               "shader instruction. code: 0x2a",
    # s_trap 2 (ROCr's trap handler: docs/emulated-device.md): 0x80000000 into queue_inactive_signal.
    "trap": "HSA_STATUS_ERROR_EXCEPTION: An HSAIL operation resulted in a hardware exception. code: 0x1016",
    "oob-inside": None,
}

mode = sys.argv[1]
message = MODES[mode]
r = record("t", workload("conv2d"), "--fault", mode).expect_status(ABORT if message else 0)
text = expect_report_of_workload(r)
flat = re.sub(r"\n +", " ", text)
said = re.search(r"^fault \S+: address (0x[0-9a-f]+) buffer (0x[0-9a-f]+) \((\d+) bytes(, freed)?\), "
                 r"(0x[0-9a-f]+|\d+) (.*)$", r.out, re.M)
compare_ctf(r.dir, 200)
compare_ioctls(r.dir)
expect_no_loss(r.dir)

if not message:
    # In the block that the runtime cut the buffer from: no fault on hardware, none here.
    expect(re.search(r"^ok: \d+ outputs", r.out, re.M), r.out)
    expect("\nFaults: none\n" in text, text)
    done("no fault inside the 2 MiB block")
    sys.exit(0)

expect(message in r.err, f"the runtime did not say '{message}':\n{r.err}")
expect("killed by signal 6 (ABRT)" in text, text)
expect("limit of the emulator" not in text, text)
if mode == "illegal":
    words = re.search(r"^fault illegal: instruction (0x\S+) (0x\S+) in (\S+)$", r.out, re.M)
    expect(f"illegal instruction in kernel {words[3]}: .long {words[1]} {words[2]}" in flat, text)
    expect("HSA_STATUS_ERROR_ILLEGAL_INSTRUCTION (0x2a)" in flat, text)
    done("illegal instruction and its kernel named")
    sys.exit(0)
if mode == "trap":
    kernel = re.search(r"^fault trap: s_trap 2 in (\S+)$", r.out, re.M)[1]
    expect(f"trap in kernel {kernel}: s_trap at pc" in flat, text)
    expect("HSA_STATUS_ERROR_EXCEPTION (0x1016)" in flat, text)
    done("s_trap and its kernel named")
    sys.exit(0)

expect(said, r.out)
address, buffer, n, distance, where = said[1], said[2], said[3], said[5], said[6]
expect(f"at address {address}," in flat, text)
expect("in kernel conv2d_direct: global_store_dword" in flat, text)
if mode == "oob":
    expect(where == "bytes past its end", where)
    expect(f"nearest buffer below: {buffer} ({n} bytes, GPU coarse), {distance} bytes past its end"
           in flat, text)
    expect(f"PAGE_NOT_PRESENT (0x1) in the page at {address}" in flat, text)
    expect(f"on address {address}." in r.err, r.err)
elif mode == "uaf":
    expect(f"in freed buffer {buffer} ({n} bytes, GPU coarse), {distance} bytes into it" in flat, text)
    expect(f"on address {address}." in r.err, r.err)
elif mode == "aperture":
    expect(f"which is in buffer {buffer} ({n} bytes, GPU coarse), 0 bytes into it; the address is "
           f"{distance} above it" in flat, text)
    expect("HSA_STATUS_ERROR_MEMORY_APERTURE_VIOLATION (0x29)" in flat, text)
done(f"address {address}, buffer {buffer}, distance {distance}: the same in the report")
