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


def bundle(*entries, magic=b"__CLANG_OFFLOAD_BUNDLE__", count=None, tail=b"code" * 8):
    """entries: (offset, size, id, length of the id)."""
    table = b"".join(struct.pack("<QQQ", offset, size, len(i) if length is None else length) + i
                     for offset, size, i, length in entries)
    return magic + struct.pack("<Q", len(entries) if count is None else count) + table + tail


def bundles():
    top = (1 << 64) - 1
    yield "two", bundle((96, 8, b"host-x", None), (100, 20, b"hipv4-gfx1030", None))
    yield "none", bundle()
    yield "more-claimed", bundle((96, 8, b"host", None), count=top)
    yield "id-max", bundle((0, 8, b"host", top))
    yield "id-beyond", bundle((0, 8, b"host", 100))
    yield "offset-max", bundle((top, 8, b"host", None))
    yield "offset-and-size", bundle((top - 7, 8, b"host", None))
    yield "size-beyond", bundle((60, 1000, b"host", None))
    yield "size-max", bundle((60, top, b"host", None))
    yield "cut-head", bundle((60, 4, b"host", None), tail=b"")[:30]
    yield "cut-entry", bundle((60, 4, b"host", None), tail=b"")[:50]
    yield "behind-another", bundle((60, 4, b"host", None)) + b"\0" * 40 + bundle((60, 4, b"host", None))
    for version, head in ((1, "<IQ"), (2, "<IIQ"), (3, "<QQQ")):
        whole = 8 + struct.calcsize(head) + 16
        fields = (1000, 7) if version == 1 else (whole, 1000, 7)
        yield f"packed-{version}", b"CCOB" + struct.pack("<HH", version, 1) + struct.pack(head, *fields) + b"z" * 16
        if version > 1:
            for name, n in (("max", 0xffffffff), ("short", 5)):
                yield f"packed-{version}-{name}", b"CCOB" + struct.pack("<HH", version, 0) + \
                    struct.pack(head, n, 1000, 7) + b"z" * 16
    yield "packed-cut", b"CCOB\2\0\1\0\x20"
    yield "packed-behind", b"CCOBx" * 5 + b"CCOB" + struct.pack("<HHIIQ", 2, 1, 40, 100, 7) + b"z" * 16


def scanned(code, **change):
    """A linked gfx1030 file of one kernel; change: fields of it."""
    v = {"link": 3, "str_size": 11, "str_offset": 0x240, "name": 3, "kd": 0x280, "entry": 0x1000, "load_size": 0x300, "flags": 0x36,
         "code_size": 4 * len(code), "last": b"\0", **change}
    head = b"\x7fELF\x02\x01\x01".ljust(16, b"\0") + struct.pack("<HHIQQQIHHHHHH", 3, 224, 1, 0, 64, 176, v["flags"], 64, 56, 2,
                                                               64, 4, 0)
    segments = struct.pack("<IIQQQQQQ", 1, 4, 0, 0, 0, v["load_size"], 0x300, 0x1000) + \
        struct.pack("<IIQQQQQQ", 1, 5, 0x300, 0x1000, 0, 4 * len(code), 4 * len(code), 0x1000)
    sections = bytes(64) + struct.pack("<IIQQQQIIQQ", 0, 1, 6, 0x1000, 0x300, v["code_size"], 0, 0, 4, 0) + \
        struct.pack("<IIQQQQIIQQ", 0, 2, 0, 0, 0x1f0, 72, v["link"], 0, 8, 24) + \
        struct.pack("<IIQQQQIIQQ", 0, 3, 0, 0, v["str_offset"], v["str_size"], 0, 0, 1, 0)
    symbols = bytes(24) + struct.pack("<IBBHQQ", 1, 2, 0, 1, 0x1000, 0) + \
        struct.pack("<IBBHQQ", v["name"], 1, 0, 1, v["kd"], 64)
    kd = struct.pack("<16xQ24xIIHxxI", v["entry"] - v["kd"] & (1 << 64) - 1, 1 << 29, 0, 1 << 10, 0)
    data = (head + segments + sections).ljust(0x1f0, b"\0") + symbols
    data = data.ljust(0x240, b"\0") + b"\0k\0k.kd\0\0\0" + v["last"]
    return data.ljust(0x280, b"\0") + kd.ljust(0x80, b"\0") + struct.pack(f"<{len(code)}I", *code)


def scans():
    far = 1 << 63
    good = (0xbe80037e, 0x7da80085, 0xdc308000, 0, 0xbe800380, 0xbf810000)
    yield "good", scanned(good)
    yield "branch-before", scanned((0xbf82ff00, 0xbf810000))
    yield "branch-behind", scanned((0xbf827fff, 0xbf810000))
    yield "loops", scanned((0xbf850001, 0xbf85fffe, 0xbf85fffd, 0xbe80037e, 0x7da80085, 0xbf85fffa))
    yield "long-branch-behind", scanned((0xbe841f00, 0x8004ff04, 0x1000, 0x8205ff05, 0, 0xbe802004))
    yield "long-branch-far", scanned((0xbe841f00, 0x8004ff04, 0, 0x8205ff05, 0x40000000, 0xbe802004))
    yield "jump-to-nowhere", scanned((0xbe802004, 0xbe80037e, 0x7da80085, 0xbf810000))
    yield "cut-literal", scanned((0xbe80037e, 0x8004ff04))
    yield "cut-vop3", scanned((0xbe80037e, 0xd4c40001))
    yield "cut-image", scanned((0xf0880714, 0x00020906))
    yield "clause-at-end", scanned((0xbfa1003f, 0xf0000f12, 0x00020100, 0x905))
    yield "name-beyond", scanned(good, name=0x7fffffff)
    yield "names-without-end", scanned(struct.unpack("<3I", b"\0k\0k.kdxxxxx"), str_offset=0x300, str_size=12, name=7)
    yield "names-beyond", scanned(good, str_offset=0x7fffffff)
    yield "names-max", scanned(good, str_size=(1 << 64) - 1)
    yield "link-beyond", scanned(good, link=0xffff)
    yield "kd-beyond", scanned(good, kd=far)
    yield "kd-at-end", scanned(good, kd=0x2e0)
    yield "kd-in-no-bytes", scanned(good, kd=0x1000, load_size=far)
    yield "kd-short-segment", scanned(good, kd=0x310, load_size=8)
    yield "entry-beyond", scanned(good, entry=far)
    yield "entry-odd", scanned(good, entry=0x1002)
    yield "code-beyond", scanned(good, code_size=far)
    for flags in (0x20, 0x22, 0x28, 0x2f, 0x3f, 0x41, 0x4e, 0xff):
        yield f"isa-{flags:x}", scanned(good, flags=flags)
    yield "code-odd", scanned(good, code_size=7)


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
    store("bundle", bundles())
    store("scan", scans())
    sizes = [os.path.getsize(os.path.join(d, n)) for d, _, names in os.walk(CORPUS) for n in names]
    print(f"{len(sizes)} seeds, {sum(sizes)} bytes")


if __name__ == "__main__":
    sys.exit(main())
