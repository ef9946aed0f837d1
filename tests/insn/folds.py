#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What LLVM says instructions do: operations on constants, folded by opt for gfx1010.

folds.py OPT OUT    OUT has lines "mnemonic a b c = result" (hexadecimal bits) for insn --folds

Only what opt folds gets a line; it is the reference of insn.c that is checked with them.
"""
import random
import re
import subprocess
import sys

random.seed(14)
WIDTH = {"i": 32, "l": 64, "s": 16, "f": 32, "d": 64, "h": 16, "b": 1}
INT = {t: f"i{w}" for t, w in WIDTH.items()}
TYPE = dict(INT, f="float", d="double", h="half")
SUFFIX = {"f": "f32", "d": "f64", "h": "f16", "i": "i32", "l": "i64", "s": "i16"}
EDGES = {
    "i": [0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 31, 32, 33, 255, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0xFFFFFF, 0x800000,
          0x7FFFFFFF, 0x80000000, 0x80000001, 0xFFFFFFFF, 0x03020100, 0x0B0A0908, 0x0C0D0E07, 0xFF00FF00],
    "l": [0, 1, 31, 32, 63, 64, 0xFFFFFFFF, 1 << 32, (1 << 63) - 1, 1 << 63, (1 << 64) - 1],
    "s": [0, 1, 2, 15, 16, 255, 0x7FFF, 0x8000, 0x8001, 0xFFFF],
    "f": [0, 1 << 31, 0x800000, 0x3F7FFFFF, 0x3F800000, 0xBF800000, 0x3F000000, 0x3FC00000, 0x40200000, 0xC0200000,
          0x40490FDB, 0x34000000, 0x477FF000, 0x4B000000, 0x4AFFFFFF, 0x4F000000, 0xCF000000, 0x4F7FFFFF, 0x4F800000,
          0x7F7FFFFF, 0xFF7FFFFF, 0x7F800000, 0xFF800000, 0x7FC00000, 0x3E800000, 0x3E000000, 0x43800000],
    "d": [0, 1 << 63, 1 << 52, 0x3FEFFFFFFFFFFFFF, 0x3FF0000000000000, 0xBFF0000000000000, 0x3FE0000000000000,
          0x3FF8000000000000, 0x4004000000000000, 0x47EFFFFFF0000000, 0x41DFFFFFFFC00000, 0x41F0000000000000,
          0x7FEFFFFFFFFFFFFF, 0x7FF0000000000000, 0xFFF0000000000000, 0x7FF8000000000000, 0x4330000000000001],
    "h": [0, 0x8000, 1, 0x3FF, 0x400, 0x3BFF, 0x3C00, 0xBC00, 0x3800, 0x3E00, 0x4100, 0xC100, 0x63FF, 0x6401, 0x77FF,
          0x7BFF, 0x7C00, 0xFC00, 0x7E00],
}

OPS = {}  # mnemonic: (source types, result type, IR of %a %b %c giving %r)


def op(name, src, dst, ir):
    OPS[name] = (src, dst, ir)


def binary(name, t, ir):
    op(name, t * 2, t, f"%r = {ir} {TYPE[t]} %a, %b")


def call(name, src, dst, fn, args=None):
    args = args or [f"{TYPE[t]} %{v}" for t, v in zip(src, "abc")]
    op(name, src, dst, f"%r = call {TYPE[dst]} @llvm.{fn}({', '.join(args)})")


for name, ir in {"v_and_b32": "and", "v_or_b32": "or", "v_xor_b32": "xor", "v_add_nc_u32": "add", "v_sub_nc_u32": "sub",
                 "v_mul_lo_u32": "mul", "s_and_b32": "and", "s_mul_i32": "mul"}.items():
    binary(name, "i", ir)
for name, ir in {"s_and_b64": "and", "s_or_b64": "or", "s_xor_b64": "xor"}.items():
    binary(name, "l", ir)
for name, ir in {"v_add_nc_u16": "add", "v_sub_nc_u16": "sub", "v_mul_lo_u16": "mul", "v_pk_add_u16": "add",
                 "v_pk_sub_i16": "sub", "v_pk_mul_lo_u16": "mul"}.items():
    binary(name, "s", ir)
for name, t, fn in (("v_min_i32", "i", "smin"), ("v_max_i32", "i", "smax"), ("v_min_u32", "i", "umin"),
                    ("v_max_u32", "i", "umax"), ("v_min_i16", "s", "smin"), ("v_max_u16", "s", "umax"),
                    ("v_pk_min_i16", "s", "smin"), ("v_pk_max_u16", "s", "umax")):
    call(name, t * 2, t, f"{fn}.{SUFFIX[t]}")
for name, t, ir in (("v_lshlrev_b32", "i", "shl"), ("v_lshrrev_b32", "i", "lshr"), ("v_ashrrev_i32", "i", "ashr"),
                    ("v_lshlrev_b16", "s", "shl"), ("v_lshrrev_b16", "s", "lshr"), ("v_ashrrev_i16", "s", "ashr"),
                    ("v_pk_lshlrev_b16", "s", "shl"), ("v_pk_ashrrev_i16", "s", "ashr")):
    op(name, t * 2, t, f"%m = and {TYPE[t]} %a, {WIDTH[t] - 1}\n%r = {ir} {TYPE[t]} %b, %m")
for name, ir in (("v_mul_hi_u32", "zext"), ("v_mul_hi_i32", "sext"), ("s_mul_hi_u32", "zext"), ("s_mul_hi_i32", "sext")):
    op(name, "ii", "i", f"%x = {ir} i32 %a to i64\n%y = {ir} i32 %b to i64\n%p = mul i64 %x, %y\n%h = lshr i64 %p, 32\n"
                        "%r = trunc i64 %h to i32")
call("v_bfrev_b32", "i", "i", "bitreverse.i32")
call("s_brev_b64", "l", "l", "bitreverse.i64")
call("v_alignbit_b32", "iii", "i", "fshr.i32")
op("v_alignbyte_b32", "iii", "i", "%m = and i32 %c, 3\n%n = mul i32 %m, 8\n%r = call i32 @llvm.fshr.i32(i32 %a, i32 %b, i32 %n)")
op("v_bcnt_u32_b32", "ii", "i", "%p = call i32 @llvm.ctpop.i32(i32 %a)\n%r = add i32 %p, %b")
op("s_bcnt1_i32_b64", "l", "i", "%p = call i64 @llvm.ctpop.i64(i64 %a)\n%r = trunc i64 %p to i32")
for name, fn in (("v_ffbh_u32", "ctlz"), ("v_ffbl_b32", "cttz"), ("s_flbit_i32_b32", "ctlz"), ("s_ff1_i32_b32", "cttz")):
    op(name, "i", "i", f"%n = call i32 @llvm.{fn}.i32(i32 %a, i1 false)\n%z = icmp eq i32 %a, 0\n%r = select i1 %z, i32 -1, i32 %n")
call("v_bfe_u32", "iii", "i", "amdgcn.ubfe.i32")
call("v_bfe_i32", "iii", "i", "amdgcn.sbfe.i32")
call("v_perm_b32", "iii", "i", "amdgcn.perm")
for t, n in (("f", "f32"), ("d", "f64"), ("h", "f16")):
    binary(f"v_add_{n}", t, "fadd")
    binary(f"v_mul_{n}", t, "fmul")
    call(f"v_fma_{n}", t * 3, t, f"fma.{n}")
    for name, fn in (("floor", "floor"), ("ceil", "ceil"), ("trunc", "trunc"), ("rndne", "roundeven"),
                     ("fract", "amdgcn.fract"), ("frexp_mant", "amdgcn.frexp.mant"), ("rcp", "amdgcn.rcp"),
                     ("sqrt", "sqrt"), ("sin", "amdgcn.sin"), ("cos", "amdgcn.cos"), ("exp", "exp2"), ("log", "log2")):
        if t == "d" and name in ("sin", "cos", "exp", "log"):
            continue
        call(f"v_{name}_{n}", t, t, f"{fn}.{n}")
    for name, fn in (("min", "minnum"), ("max", "maxnum")):
        call(f"v_{name}_{n}", t * 2, t, f"{fn}.{n}")
    # amdgcn.class takes its mask in 32 bits
    op(f"v_cmp_class_{n}", t + "i", "b", f"%r = call i1 @llvm.amdgcn.class.{n}({TYPE[t]} %a, i32 %b)")
    for name, pred in {"lt": "olt", "eq": "oeq", "le": "ole", "gt": "ogt", "lg": "one", "ge": "oge", "o": "ord", "u": "uno",
                       "nge": "ult", "nlg": "ueq", "ngt": "ule", "nle": "ugt", "neq": "une", "nlt": "uge"}.items():
        op(f"v_cmp_{name}_{n}", t * 2, "b", f"%r = fcmp {pred} {TYPE[t]} %a, %b")
for t, n in (("i", "32"), ("l", "64"), ("s", "16")):
    for name, s, u in (("lt", "slt", "ult"), ("le", "sle", "ule"), ("gt", "sgt", "ugt"), ("ge", "sge", "uge"),
                       ("eq", "eq", "eq"), ("ne", "ne", "ne")):
        op(f"v_cmp_{name}_i{n}", t * 2, "b", f"%r = icmp {s} {TYPE[t]} %a, %b")
        op(f"v_cmp_{name}_u{n}", t * 2, "b", f"%r = icmp {u} {TYPE[t]} %a, %b")
call("v_frexp_exp_i32_f32", "f", "i", "amdgcn.frexp.exp.i32.f32")
call("v_frexp_exp_i32_f64", "d", "i", "amdgcn.frexp.exp.i32.f64")
call("v_frexp_exp_i16_f16", "h", "s", "amdgcn.frexp.exp.i16.f16")
call("v_med3_f32", "fff", "f", "amdgcn.fmed3.f32")
call("v_mul_legacy_f32", "ff", "f", "amdgcn.fmul.legacy")
for what in ("id", "ma", "sc", "tc"):
    call(f"v_cube{what}_f32", "fff", "f", f"amdgcn.cube{what}")
call("v_ldexp_f32", "fi", "f", "amdgcn.ldexp.f32")
call("v_ldexp_f64", "di", "d", "amdgcn.ldexp.f64")
op("v_cvt_pkrtz_f16_f32", "ff", "i", "%v = call <2 x half> @llvm.amdgcn.cvt.pkrtz(float %a, float %b)\n"
                                     "%r = bitcast <2 x half> %v to i32")
for name, src, dst, ir in (("v_cvt_f32_i32", "i", "f", "sitofp"), ("v_cvt_f32_u32", "i", "f", "uitofp"),
                           ("v_cvt_f64_i32", "i", "d", "sitofp"), ("v_cvt_f64_u32", "i", "d", "uitofp"),
                           ("v_cvt_f16_i16", "s", "h", "sitofp"), ("v_cvt_f16_u16", "s", "h", "uitofp"),
                           ("v_cvt_f32_f64", "d", "f", "fptrunc"), ("v_cvt_f16_f32", "f", "h", "fptrunc"),
                           ("v_cvt_f64_f32", "f", "d", "fpext"), ("v_cvt_f32_f16", "h", "f", "fpext")):
    op(name, src, dst, f"%r = {ir} {TYPE[src]} %a to {TYPE[dst]}")
for name, src, dst, fn in (("v_cvt_i32_f32", "f", "i", "fptosi"), ("v_cvt_u32_f32", "f", "i", "fptoui"),
                           ("v_cvt_i32_f64", "d", "i", "fptosi"), ("v_cvt_u32_f64", "d", "i", "fptoui"),
                           ("v_cvt_i16_f16", "h", "s", "fptosi"), ("v_cvt_u16_f16", "h", "s", "fptoui")):
    call(name, src, dst, f"{fn}.sat.{SUFFIX[dst]}.{SUFFIX[src]}")
op("v_cvt_f32_ubyte2", "i", "f", "%x = lshr i32 %a, 16\n%y = and i32 %x, 255\n%r = uitofp i32 %y to float")

# Where the instruction is known to differ from what is folded: denormals that it flushes, a signaling
# NaN, the order of zeros (minnum takes either), denormal halves of pkrtz.
FLUSHES = re.compile("v_(rcp|sqrt|exp|log)_f32")


def is_nan(t, v):
    top = {"f": 0x7F800000, "d": 0x7FF << 52, "h": 0x7C00}[t]
    return v & (top * 2 + 1 >> 1 | top | (1 << {"f": 23, "d": 52, "h": 10}[t]) - 1) > top


def is_denormal(t, v):
    m = {"f": 23, "d": 52, "h": 10}[t]
    e = {"f": 8, "d": 11, "h": 5}[t]
    return not v >> m & (1 << e) - 1 and v & (1 << m) - 1


def value(t):
    if random.random() < 0.6:
        return random.choice(EDGES[t])
    v = random.getrandbits(WIDTH[t])
    if t == "f" and random.random() < 0.7:
        v = v & 0x807FFFFF | random.randrange(117, 140) << 23
    if t == "d" and random.random() < 0.7:
        v = v & 0x800FFFFFFFFFFFFF | random.randrange(1003, 1043) << 52
    if t in "fdh" and is_nan(t, v):
        v = EDGES[t][-1]
    return v


def usable(name, src, args):
    if FLUSHES.match(name) and is_denormal("f", args[0]):
        return False
    if re.match("v_(min|max|med3|cubeid|cubema|cubesc|cubetc)_f", name) and any(
            v & (1 << WIDTH[t] - 1) - 1 == 0 for t, v in zip(src, args)):
        return False
    # LLVM says max(a, b) for a NaN in c, the ISA text min3 of all: nobody asked a card.
    if ("cube" in name or "med3_f" in name) and any(is_nan("f", v) for v in args):
        return False
    return True


def main():
    opt, out = sys.argv[1:3]
    cases, text, declared = [], ["target triple = \"amdgcn-amd-amdhsa\""], set()
    for name, (src, dst, ir) in OPS.items():
        for fn in re.findall(r"call (\S+|<2 x half>) @(llvm\.[\w.]+)\(([^)]*)\)", ir):
            if fn[1] not in declared:
                declared.add(fn[1])
                args = ["i1 immarg" if a.strip() == "i1 false" else re.sub(r" [%\w]+$", "", a.strip()) for a in fn[2].split(",")]
                text.append(f"declare {fn[0]} @{fn[1]}({', '.join(args)})")
        seen = set()
        for _ in range(80):
            args = tuple(value(t) for t in src)
            if args in seen or not usable(name, src, args):
                continue
            seen.add(args)
            body = [f"define {INT[dst]} @f{len(cases)}() {{"]
            for var, t, v in zip("abc", src, args):
                body.append(f"%{var} = bitcast {INT[t]} {v} to {TYPE[t]}")
            body.append(ir)
            body.append(f"%o = bitcast {TYPE[dst]} %r to {INT[dst]}")
            body.append(f"ret {INT[dst]} %o\n}}")
            cases.append((name, args, dst))
            text.append("\n".join(body))
    run = subprocess.run([opt, "-S", "-mcpu=gfx1010", "-passes=instcombine"], input="\n".join(text), capture_output=True,
                         text=True)
    if run.returncode:
        sys.exit(run.stderr)
    folded = {}
    for m in re.finditer(r"define i\d+ @f(\d+)\(\)[^{]*\{\s*ret i(\d+) (-?\d+|true|false)\s*\}", run.stdout):
        v = {"true": 1, "false": 0}.get(m[3])
        folded[int(m[1])] = (int(m[3]) if v is None else v) & (1 << int(m[2])) - 1
    got = set()
    with open(out, "w") as f:
        for n, (name, args, dst) in enumerate(cases):
            if n not in folded:
                continue
            if FLUSHES.match(name) and is_denormal("f", folded[n]):
                continue
            got.add(name)
            a, b, c = (list(args) + [0, 0])[:3]
            f.write(f"{name} {a:x} {b:x} {c:x} = {folded[n]:x}\n")
    if "-v" in sys.argv:
        print(f"{len(folded)} of {len(cases)} folded, of {len(got)} mnemonics; none of:", *sorted(set(OPS) - got), file=sys.stderr)


main()
