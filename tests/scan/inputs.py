#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What rdna1-trace scan takes: code objects, bundles plain and packed, libraries, databases, directories, traces."""
import bz2
import ctypes
import json
import os
import sqlite3
import struct
import subprocess
import sys
import zlib

T, B, TOOL = os.environ["T"], os.environ["B"], os.environ["RDNA1_TRACE"]
MAGIC = b"__CLANG_OFFLOAD_BUNDLE__"
checks = 0


def expect(condition, what):
    global checks
    checks += 1
    if not condition:
        sys.exit(what)


def scan(*arguments, status, env=None):
    p = subprocess.run([TOOL, "scan", *arguments], capture_output=True, text=True, env={**os.environ, **(env or {})})
    expect(p.returncode == status, f"scan {' '.join(arguments)}: {p.returncode}, not {status}\n{p.stdout}{p.stderr}")
    expect(all(len(l) <= 80 for l in p.stdout.splitlines() if not l.startswith(T) and "--format" not in arguments),
           f"scan {' '.join(arguments)}: wide lines\n{p.stdout}")
    return p


def objects(*arguments, status):
    """[(part, isa, hazards)] and the whole."""
    whole = json.loads(scan("--format", "json", *arguments, status=status).stdout)
    expect(whole["status"] == status and not whole["measured_on_silicon"], str(whole)[:200])
    return [(o.get("part"), o["isa"], o["hazards"]) for f in whole["files"] for o in f["objects"]], whole


def write(name, data):
    path = os.path.join(T, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)
    return path


def entries(data):
    """{id: bytes} of the first bundle in data."""
    at = data.index(MAGIC)
    n, = struct.unpack_from("<Q", data, at + 24)
    p, out = at + 32, {}
    for _ in range(n):
        offset, size, length = struct.unpack_from("<QQQ", data, p)
        out[data[p + 24:p + 24 + length].decode()] = data[at + offset:at + offset + size]
        p += 24 + length
    return out


def bundle(parts):
    table, body = b"", b""
    size = 32 + sum(24 + len(i) for i in parts)
    start = (size + 4095) // 4096 * 4096
    for i, data in parts.items():
        table += struct.pack("<QQQ", start + len(body), len(data), len(i)) + i.encode()
        body += data.ljust((len(data) + 4095) // 4096 * 4096, b"\0")
    return (MAGIC + struct.pack("<Q", len(parts)) + table).ljust(start, b"\0") + body


def packed(data, version, method, content, size=None):
    size = len(data) if size is None else size
    form, *whole = {1: ("<IQ",), 2: ("<IIQ", 24 + len(content)), 3: ("<QQQ", 32 + len(content))}[version]
    return b"CCOB" + struct.pack("<HH", version, method) + struct.pack(form, *whole, size, 7) + content


def zstd(data):
    lib = ctypes.CDLL("libzstd.so.1")
    lib.ZSTD_compressBound.restype = lib.ZSTD_compress.restype = ctypes.c_size_t
    lib.ZSTD_compressBound.argtypes = [ctypes.c_size_t]
    lib.ZSTD_compress.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int]
    out = ctypes.create_string_buffer(lib.ZSTD_compressBound(len(data)))
    size = lib.ZSTD_compress(out, len(out), data, len(data), 3)
    return out.raw[:size]


with open(f"{B}/workload/pair", "rb") as f:
    pair = f.read()
own = entries(pair)
new = next(v for k, v in own.items() if "gfx1030" in k)
old = next(v for k, v in own.items() if "gfx1010" in k)
vega = new[:48] + struct.pack("<I", 0x2f) + new[52:]  # as if for gfx906

# ---- bare ----
found, whole = objects(write("gfx1030.co", new), status=1)
expect(len(found) == 1 and found[0][1] == "gfx1030" and found[0][2]["vcmpx-exec-war"] > 0, str(found))
hazards = found[0][2]
ids = {c["id"] for c in whole["classes"]}
expect(len(ids) == 15 and set(hazards) < ids and all(c["source"] for c in whole["classes"]), str(ids))
found, _ = objects(write("gfx1010.co", old), status=0)
expect(found == [(None, "gfx1010", {})], str(found))
p = scan("--kernels", "--sites", f"{T}/gfx1030.co", status=1)
for text in ("wave32", "VGPRs", "VALU", "glc", "v_cmpx_", "not measured on silicon"):
    expect(text in p.stdout, f"no {text}:\n{p.stdout}")
expect(p.stderr == "", p.stderr)
_, whole = objects("--sites=1", f"{T}/gfx1030.co", status=1)
kernels = whole["files"][0]["objects"][0]["kernels"]
expect(all(len([s for s in k["sites"] if s["hazard"] == h]) == 1 for k in kernels for h in k["hazards"]), str(kernels)[:500])
expect(all(s["va"] >= k["entry"] and s["from_va"] < s["va"] for k in kernels for s in k["sites"]), "addresses")

# ---- a word that is no instruction ----
run = scan("--kernels", os.path.join(os.environ["B"], "workload", "conv2d"), status=0)
flat = " ".join(run.stdout.split())
expect("1 word that code leads to is no instruction of gfx1010" in flat and
       "is reached, in conv2d_illegal" in flat and flat.count("no hazards; but 1 word is no instruction of the chip") == 1 and
       "no hazards found" in flat and "v_cmpx and all" not in flat, run.stdout)

# ---- what is none ----
for name, data, text in (("text", b"hello\n", "no code object"), ("empty", b"", "no code object"),
                         ("cut.co", new[:700], "damaged"), ("host", open("/bin/true", "rb").read(), "without code for AMD"),
                         ("magic", MAGIC, "cut off"), ("CCOB", b"CCOB\7\0\0\0", "version that is not known")):
    p = scan(write(name, data), status=2)
    expect(text in p.stderr, f"{name}: {p.stderr}")
expect("No such file" in scan(f"{T}/missing", status=2).stderr, "missing")
expect("name a file" in scan(status=2).stderr, "no argument")
expect("--sites" in scan("--sites=0", f"{T}/text", status=2).stderr, "--sites=0")
expect("json" in scan("--format", "xml", f"{T}/text", status=2).stderr, "--format xml")
expect("--llvm" in scan("--llvm", "9", f"{T}/text", status=2).stderr, "--llvm 9")
# One that cannot be read does not keep the others from being read.
expect("vcmpx-exec-war" in scan(f"{T}/text", f"{T}/gfx1030.co", status=2).stdout, "both")

# ---- bundles ----
fat = bundle({"host-x86_64-unknown-linux--": b"", "hipv4-amdgcn-amd-amdhsa--gfx906": vega,
              "hipv4-amdgcn-amd-amdhsa--gfx1030": new})
p = scan(write("fat", fat), status=1)
expect("skipped 1 code object for gfx906" in p.stdout, p.stdout)
found, whole = objects(f"{T}/fat", status=1)
expect(found == [("hipv4-amdgcn-amd-amdhsa--gfx1030", "gfx1030", hazards)], str(found))
expect(whole["files"][0]["skipped"] == {"gfx906": 1}, str(whole["files"]))
found, _ = objects("--all-targets", f"{T}/fat", status=1)
expect([f[1] for f in found] == ["gfx906", "gfx1030"] and not found[0][2], str(found))
found, _ = objects("--arch", "gfx1010", f"{B}/workload/pair", status=0)
expect([f[1] for f in found] == ["gfx1010"], str(found))
expect("damaged" in scan(write("cut", fat[:len(fat) - 9000]), status=2).stderr, "a cut bundle")
for name, data in (("zlib-1", packed(fat, 1, 0, zlib.compress(fat))), ("zlib-2", packed(fat, 2, 0, zlib.compress(fat))),
                   ("zlib-3", packed(fat, 3, 0, zlib.compress(fat))), ("zstd-1", packed(fat, 1, 1, zstd(fat))),
                   ("zstd-2", packed(fat, 2, 1, zstd(fat))), ("zstd-3", packed(fat, 3, 1, zstd(fat)))):
    found, _ = objects(write(name, data), status=1)
    expect(found == [("hipv4-amdgcn-amd-amdhsa--gfx1030", "gfx1030", hazards)], f"{name}: {found}")
for name, data in (("damaged", packed(fat, 2, 0, b"x" * 100)), ("size", packed(fat, 2, 0, zlib.compress(fat), 99)),
                   ("zstd-damaged", packed(fat, 2, 1, b"x" * 100)), ("zstd-size", packed(fat, 2, 1, zstd(fat), 99)),
                   ("big", packed(fat, 3, 0, zlib.compress(fat), 1 << 62)), ("method", packed(fat, 2, 9, b"x" * 9))):
    p = scan(write(name, data), status=2)
    expect("compressed" in p.stderr, f"{name}: {p.stderr}")

# ---- libraries and programs: several bundles, plain and packed, one behind the other ----
found, _ = objects(f"{B}/workload/pair", status=1)
expect(sorted(f[1] for f in found) == ["gfx1010", "gfx1030"], str(found))
section = write("section", fat + b"\0" * 512 + packed(fat, 2, 1, zstd(fat)) + b"\0" * 100 + packed(fat, 1, 0, zlib.compress(fat)) + fat)
subprocess.run(["objcopy", "--add-section", f".hip_fatbin={section}", "/bin/true", f"{T}/lib.so"], check=True)
found, _ = objects(f"{T}/lib.so", status=1)
expect([f[1] for f in found] == ["gfx1030"] * 4, str(found))

# ---- MIOpen's databases ----
def database(name, rows):
    path = os.path.join(T, name)
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE kern_db (id INTEGER PRIMARY KEY ASC, kernel_name TEXT NOT NULL, kernel_args TEXT NOT NULL,"
                   "kernel_blob BLOB NOT NULL, kernel_hash TEXT NOT NULL, uncompressed_size INT NOT NULL)")
        db.executemany("INSERT INTO kern_db(kernel_name, kernel_args, kernel_blob, kernel_hash, uncompressed_size)"
                       " VALUES(?, '-O3', ?, 'x', ?)", rows)
    return path


kdb = database("gfx1030_18.kdb", [("naive.cpp.o", bz2.compress(new), len(new)), ("fat.o", bz2.compress(fat), len(fat)),
                                  ("plain.o", new, 0)])
found, _ = objects(kdb, status=1)
expect(found == [("naive.cpp.o", "gfx1030", hazards), ("fat.o: hipv4-amdgcn-amd-amdhsa--gfx1030", "gfx1030", hazards),
                 ("plain.o", "gfx1030", hazards)], str(found))
p = scan(database("bad.ukdb", [("a.o", b"no bzip2", 100), ("b.o", bz2.compress(new), len(new)), ("c.o", b"text", 0)]), status=2)
expect("a.o cannot be read" in p.stderr and "c.o is no code object" in p.stderr and "vcmpx-exec-war" in p.stdout, p.stderr)
expect("not a database" in scan(write("broken.kdb", b"SQLite format 3\0" + b"x" * 5000), status=2).stderr, "broken.kdb")

# ---- directories: deep, links that lead back, other files ----
write("tree/a/b/c/x.co", new)
write("tree/a/y.co", old)
write("tree/readme.txt", b"text")
with sqlite3.connect(f"{T}/tree/other.db") as db:
    db.execute("CREATE TABLE x (y INT)")
os.symlink("..", f"{T}/tree/a/loop")
os.symlink("y.co", f"{T}/tree/a/link.co")
os.mkfifo(f"{T}/tree/fifo")
found, whole = objects(f"{T}/tree", status=1)
expect([f[1] for f in found] == ["gfx1030", "gfx1010"], str(found))
expect("2 files, 1 with hazards" in scan(f"{T}/tree/", status=1).stdout, "two files")
os.makedirs(f"{T}/none/at/all")
expect("no file in it holds" in scan(f"{T}/none", status=2).stderr, "an empty directory")

# ---- a trace ----
subprocess.run([TOOL, "--emulate", "-q", "-o", f"{T}/trace", "--", f"{B}/workload/conv2d", "--size", "9"], check=True,
               capture_output=True)
found, _ = objects(f"{T}/trace", status=0)
expect(found and {f[1] for f in found} == {"gfx1010"}, str(found))

# ---- without libamd_comgr ----
write("nolib/libamd_comgr.so.2", b"")
write("nolib/libamd_comgr.so.3", b"")
p = scan(f"{T}/gfx1030.co", status=2, env={"LD_LIBRARY_PATH": f"{T}/nolib"})
expect("apt-get install libamd-comgr2" in p.stderr, p.stderr)
print(f"{checks} checks")
