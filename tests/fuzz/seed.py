#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""seed.py: make the seeds of tests/fuzz/corpus again: small real code objects, and MessagePack by hand."""
import os
import struct
import subprocess
import sys
import tempfile

CORPUS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus")
CLANG, LD = "clang-15", "ld.lld-15"

ADD = "__kernel void add(__global const float *a, __global float *b, int n) { b[ID] += a[n]; }\n"
LDS = "__kernel void tile(__local int *l, __global int *o) { __local int t[64]; t[ID] = l[0];\n" \
      "o[ID] = t[1]; }\n"
IMAGE = "__kernel void pick(read_only image2d_t i, sampler_t s, __global float4 *o)\n" \
        "{ o[0] = (float4)(0); }\n"
SPILL = "__kernel void big(__global int *o, int n) { volatile int a[200]; a[n] = 1; o[0] = a[n + 1]; }\n"
NONE = "__constant int table[4] = {1, 2, 3, 4};\n"

# name: source, chip, flags
OBJECTS = {
    "v3": (ADD, "gfx1010", ("-mcode-object-version=3",)),
    "v4": (ADD, "gfx1010", ("-mcode-object-version=4",)),
    "v5": (ADD, "gfx1010", ("-mcode-object-version=5",)),
    "wave64": (ADD + LDS, "gfx1012", ("-mwavefrontsize64",)),
    "xnack": (LDS, "gfx1010:xnack-", ()),
    "image": (IMAGE, "gfx1030", ()),
    "scratch": (SPILL, "gfx1011", ("-O0",)),
    "no-kernel": (NONE, "gfx1010", ()),
    "relocatable": (ADD, "gfx1010", ()),
}


def compile_object(name, source, chip, flags):
    path = os.path.join(CORPUS, "objects", name)
    with tempfile.TemporaryDirectory() as d:
        with open(f"{d}/in", "w") as f:
            f.write(source)
        subprocess.run([CLANG, "-x", "cl", "-cl-std=CL2.0", "-target", "amdgcn-amd-amdhsa", "-mcpu=" + chip, "-O2",
                        "-nogpulib", "-DID=__builtin_amdgcn_workitem_id_x()", *flags, "-c", "-o", f"{d}/o", f"{d}/in"], check=True)
        if name != "relocatable":
            subprocess.run([LD, "-shared", "--strip-all", "-o", f"{d}/so", f"{d}/o"], check=True)
        with open(f"{d}/o" if name == "relocatable" else f"{d}/so", "rb") as f, open(path, "wb") as out:
            out.write(f.read())


def text(s):
    s = s.encode()
    return (bytes([0xa0 | len(s)]) if len(s) < 32 else b"\xd9" + bytes([len(s)])) + s


def number(n):
    if n < 0:
        return b"\xd3" + struct.pack(">q", n)
    return bytes([n]) if n < 128 else b"\xce" + struct.pack(">I", n)


def pack(v):
    if isinstance(v, bytes):  # as it is
        return v
    if isinstance(v, str):
        return text(v)
    if isinstance(v, int):
        return number(v)
    if isinstance(v, list):
        return (bytes([0x90 | len(v)]) if len(v) < 16 else b"\xdc" + struct.pack(">H", len(v))) + b"".join(map(pack, v))
    head = bytes([0x80 | len(v)]) if len(v) < 16 else b"\xde" + struct.pack(">H", len(v))
    return head + b"".join(pack(k) + pack(x) for k, x in v.items())


def forms():
    """Every head byte once, with some bytes behind it, and heads that promise more than there is."""
    for head in range(0xc0, 0xe0):
        yield f"head-{head:02x}", bytes([head]) + bytes(range(1, 20))
        yield f"cut-{head:02x}", bytes([head, 1])
    yield "fixed", b"\x00\x7f\xe0\xff\xa3abc\x92\x01\x02\x81\xa1k\xa1v"
    yield "nested", pack([[[{"a": [1, 2, {"b": []}]}], {}], "x" * 40, -5, 1 << 31])
    yield "deep", b"\x91" * 300 + b"\xc0"
    yield "wide", pack([0] * 20) + pack({str(i): i for i in range(20)})
    yield "long-array", b"\xdd\xff\xff\xff\xff\x01"
    yield "long-map", b"\xdf\xff\xff\xff\xff\x01\x02"
    yield "long-text", b"\xdb\xff\xff\xff\xffabc"
    yield "long-ext", b"\xc9\xff\xff\xff\xff\x05abc"


def kernel(*args, **more):
    k = {".name": "k", ".symbol": "k.kd", ".kernarg_segment_size": 24, ".kernarg_segment_align": 8,
         ".group_segment_fixed_size": 0, ".private_segment_fixed_size": 0, ".wavefront_size": 32, ".sgpr_count": 10,
         ".vgpr_count": 6, ".max_flat_workgroup_size": 256, ".args": list(args)}
    k.update(more)
    return k


def arg(kind, offset=0, size=8, **more):
    return {".offset": offset, ".size": size, ".value_kind": kind, **more}


def metadata():
    def whole(*kernels, **more):
        return pack({"amdhsa.kernels": list(kernels), "amdhsa.target": "amdgcn-amd-amdhsa--gfx1010",
                     "amdhsa.version": [1, 1], **more})

    kinds = ("by_value", "global_buffer", "dynamic_shared_pointer", "image", "sampler", "hidden_global_offset_x",
             "hidden_printf_buffer", "hidden_hostcall_buffer", "hidden_none", "something_new", "")
    yield "kinds", whole(kernel(*(arg(k, 8 * i) for i, k in enumerate(kinds))))
    yield "two", whole(kernel(arg("global_buffer", **{".name": "a"})), kernel())
    yield "none", whole()
    yield "unknown-keys", whole(kernel(**{".language": "OpenCL C", ".language_version": [2, 0], ".reqd": {"x": [1]}}),
                                **{"amdhsa.printf": ["1:1:4:%d"]})
    yield "name-is-array", whole(kernel(arg("image", **{".name": ["a", "b"]}), **{".name": ["a", "b"]}))
    yield "kernel-is-text", whole("k")
    yield "kernels-is-map", pack({"amdhsa.kernels": {"a": 1}})
    yield "size-is-negative", whole(kernel(**{".kernarg_segment_size": -1}))
    yield "size-of-64-bits", whole(kernel(**{".kernarg_segment_size": b"\xcf" + b"\xff" * 8}))
    yield "args-end-early", whole(kernel())[:-60]
    yield "key-is-number", pack({"amdhsa.kernels": [b"\x81\x01\x02"]})
    yield "args-twice", pack({"amdhsa.kernels": [b"\x82" + pack(".args") + pack([arg("image")]) + pack(".args") + b"\x90"]})
    yield "many-claimed", b"\x81" + pack("amdhsa.kernels") + b"\xdd\x00\xff\xff\xff" + pack(kernel())


def bad_headers(path):
    """One header field at its worst, the rest as it was."""
    with open(path, "rb") as f:
        good = f.read()
    fields = {"phoff": (32, "<Q"), "shoff": (40, "<Q"), "phentsize": (54, "<H"), "phnum": (56, "<H"),
              "shentsize": (58, "<H"), "shnum": (60, "<H")}
    for name, (at, form) in fields.items():
        top = (1 << 8 * struct.calcsize(form)) - 1
        for suffix, value in (("max", top), ("end", len(good) & top), ("near", (len(good) - 8) & top), ("zero", 0)):
            bad = bytearray(good)
            struct.pack_into(form, bad, at, value)
            yield f"{name}-{suffix}", bytes(bad)
    for name, at in (("offset", 24), ("size", 32)):  # of a section
        for suffix, value in (("max", (1 << 64) - 1), ("beyond", len(good) - 1)):
            bad = bytearray(good)
            struct.pack_into("<Q", bad, struct.unpack_from("<Q", good, 40)[0] + 64 + at, value)
            yield f"section-{name}-{suffix}", bytes(bad)
    phoff, = struct.unpack_from("<Q", good, 32)
    phnum, = struct.unpack_from("<H", good, 56)
    for i in range(phnum):  # of the notes: where they are, and how long
        kind, = struct.unpack_from("<I", good, phoff + 56 * i)
        for name, at in (("offset", 8), ("filesz", 32)) if kind == 4 else ():
            for suffix, value in (("max", (1 << 64) - 1), ("end", len(good)), ("some", 24)):
                bad = bytearray(good)
                struct.pack_into("<Q", bad, phoff + 56 * i + at, value)
                yield f"note-{name}-{suffix}", bytes(bad)


TARGET = b"\x81" + text("amdhsa.target") + b"\xd9\x20amdgcn"


def note(namesz, descsz, owner=b"AMDGPU\0\0", kind=32, before=b"", size=None):
    """A file of one note segment, whose text is longer than the file."""
    body = before + struct.pack("<III", namesz, descsz, kind) + owner + TARGET
    head = b"\x7fELF\x02\x01\x01".ljust(16, b"\0") + struct.pack("<HHIQQQIHHHHHH", 3, 224, 1, 0, 64, 0, 0x33, 64, 56, 1,
                                                               0, 0, 0)
    return head + struct.pack("<IIQQQQQQ", 4, 4, 120, 0, 0, len(body) if size is None else size, 0, 4) + body


def notes():
    yield "note-name-max", note(0xffffffff, len(TARGET))
    yield "note-name-beyond", note(100, len(TARGET))
    yield "note-desc-max", note(7, 0xffffffff)
    yield "note-desc-beyond", note(7, len(TARGET) + 26)
    yield "note-desc-empty", note(7, 0)
    yield "note-behind-other", note(7, len(TARGET), before=struct.pack("<III", 4, 3, 1) + b"GNU\0abc\0")
    yield "note-other-beyond", note(7, len(TARGET), before=struct.pack("<III", 4, 300, 1) + b"GNU\0")
    yield "note-cut", note(7, len(TARGET), size=11)
    yield "note-other-owner", note(7, len(TARGET), owner=b"AMDGPX\0\0")


def store(folder, seeds):
    os.makedirs(os.path.join(CORPUS, folder), exist_ok=True)
    for name, data in seeds:
        with open(os.path.join(CORPUS, folder, name), "wb") as f:
            f.write(data)


def main():
    os.makedirs(os.path.join(CORPUS, "objects"), exist_ok=True)
    for name, how in OBJECTS.items():
        compile_object(name, *how)
    store("msgpack", forms())
    store("metadata", metadata())
    store("metadata", notes())
    store("elf", bad_headers(os.path.join(CORPUS, "objects", "no-kernel")))
    sizes = [os.path.getsize(os.path.join(d, n)) for d, _, names in os.walk(CORPUS) for n in names]
    print(f"{len(sizes)} seeds, {sum(sizes)} bytes")


if __name__ == "__main__":
    sys.exit(main())
