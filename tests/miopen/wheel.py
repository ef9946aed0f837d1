#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""wheel.py DIR LIBRARY: into DIR, LIBRARY and copies of the system's HIP, HSA and comgr that look for each other
in the directory they are in, as a wheel's do.

What patchelf does to a wheel's libraries is DT_RUNPATH: the linker leaves empty entries at the end of the
dynamic section for such a purpose, and zeros behind the segment that holds the names."""
import os
import shutil
import struct
import sys

LIBRARIES = ("libamdhip64.so.5", "libhsa-runtime64.so.1", "libamd_comgr.so.2")
PLACES = ("/usr/lib/x86_64-linux-gnu", "/lib/x86_64-linux-gnu")
PT_LOAD, PT_DYNAMIC = 1, 2
DT_NULL, DT_STRTAB, DT_STRSZ, DT_RPATH, DT_RUNPATH = 0, 5, 10, 15, 29
ORIGIN = b"$ORIGIN\0"


def offset_of(loads, va):
    return next(s[2] + va - s[3] for s in loads if s[3] <= va < s[3] + s[5])


def set_runpath(path):
    with open(path, "rb") as f:
        data = bytearray(f.read())
    phoff, = struct.unpack_from("<Q", data, 32)
    size, num = struct.unpack_from("<HH", data, 54)
    segments = [struct.unpack_from("<IIQQQQQQ", data, phoff + i * size) for i in range(num)]
    loads = [s for s in segments if s[0] == PT_LOAD]
    at, length = next((s[2], s[5]) for s in segments if s[0] == PT_DYNAMIC)
    entries = [struct.unpack_from("<QQ", data, at + i) for i in range(0, length, 16)]
    tags = [t for t, _ in entries]
    strtab = dict(entries)[DT_STRTAB]
    for tag, value in entries:
        if tag in (DT_RPATH, DT_RUNPATH):
            at_path = offset_of(loads, strtab) + value
            if data[at_path:at_path + 7] != ORIGIN[:7]:
                sys.exit(f"{path}: it has another path already")
            return
    # The end of the segment that the names are in, on its last page.
    _, _, offset, va, _, file_size, _, _ = next(s for s in loads if s[3] <= strtab < s[3] + s[5])
    end = offset + file_size
    if bytes(data[end:end + len(ORIGIN)]) != bytes(len(ORIGIN)) or end % 4096 + len(ORIGIN) > 4096 or end % 4096 == 0:
        sys.exit(f"{path}: no room for a path")
    free = tags.index(DT_NULL)
    if free + 1 >= len(tags):
        sys.exit(f"{path}: no room for an entry of the dynamic section")
    data[end:end + len(ORIGIN)] = ORIGIN
    struct.pack_into("<QQ", data, at + 16 * free, DT_RUNPATH, va + file_size - strtab)
    struct.pack_into("<Q", data, at + 16 * tags.index(DT_STRSZ) + 8, va + file_size - strtab + len(ORIGIN))
    with open(path, "wb") as f:
        f.write(data)


def main(directory, library):
    os.makedirs(directory, exist_ok=True)
    for name in LIBRARIES:
        source = next((os.path.join(p, name) for p in PLACES if os.path.exists(os.path.join(p, name))), None)
        if not source:
            sys.exit(f"wheel.py: no {name}: sudo .ci/install-packages")
        copy = os.path.join(directory, name)
        shutil.copyfile(source, copy)
        set_runpath(copy)
    shutil.copyfile(library, os.path.join(directory, os.path.basename(library)))


main(*sys.argv[1:])
