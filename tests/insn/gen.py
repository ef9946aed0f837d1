#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Instructions to test: one big assembly, by llvm-mc, and what each of its lines means.

gen.py ROWS LLVM_MC OUT    ROWS: what insn-rows printed (mnemonic, class, signature)

For every mnemonic and every form, several lines with random operands; llvm-mc says which of them
exist. OUT has a line for each that does: "name key=value ... | words | text", read by insn.c.
"""
import random
import re
import struct
import subprocess
import sys

random.seed(20200810)
MARK = 0x5AD00000  # s_mov_b32 s101, MARK + n: separates the answers
FLOATS = ["0.5", "-0.5", "1.0", "-1.0", "2.0", "-2.0", "4.0", "-4.0", "0.15915494"]
INV_2PI = {"f": 0x3E22F983, "i": 0x3E22F983, "u": 0x3E22F983, "d": 0x3FC45F306DC9C882,
           "l": 0x3FC45F306DC9C882, "h": 0x3118, "H": 0x3118}
NUM_V = 48  # VGPRs the lines use
pick = random.choice


def chance(p):
    return random.random() < p


def float_bits(text, t):
    if text == FLOATS[8]:
        return INV_2PI[t]
    if t in "dl":
        return struct.unpack("<Q", struct.pack("<d", float(text)))[0]
    if t in "hH":
        return struct.unpack("<H", struct.pack("<e", float(text)))[0]
    return struct.unpack("<I", struct.pack("<f", float(text)))[0]


def bits(t):
    return 64 if t in "dlQ" else 16 if t in "shH" else 32


def vreg(n=1, last=NUM_V):
    r = random.randrange(last - n)
    return (f"v{r}" if n == 1 else f"v[{r}:{r + n - 1}]"), f"v{r}"


def sreg(n=1, low=0, high=96):
    """A register (tuple of n), aligned as the hardware wants."""
    align = 1 if n == 1 else 2 if n == 2 else 4
    r = random.randrange(low, high - n + 1) // align * align
    return (f"s{r}" if n == 1 else f"s[{r}:{r + n - 1}]"), f"s{r}"


def scalar(n, wave, special=True):
    """Any scalar register an instruction may read."""
    if special and chance(0.15):
        if n == 2:
            return pick([("vcc", "s106"), ("exec", "s126")])
        return pick([("vcc_lo", "s106"), ("vcc_hi", "s107"), ("m0", "s124"), ("exec_lo", "s126"),
                     ("exec_hi", "s127"), ("null", "s125")])
    return sreg(n)


def source(t, kind, wave):
    """(text, description) of a source of type t."""
    n = 2 if bits(t) == 64 else 1
    if kind == "v":
        return vreg(n)
    if kind == "s":
        return scalar(n, wave)
    if kind == "int" or (kind in ("float", "special") and t == "s"):
        k = random.randrange(-16, 65)
        return str(k), f"c{k & (2 ** bits(t) - 1):x}"
    if kind == "float":
        text = pick(FLOATS)
        return (text + "309189532" if text == FLOATS[8] and t in "dl" else text), f"c{float_bits(text, t):x}"
    if kind == "special":
        return pick([("src_vccz", "p251"), ("src_execz", "p252"), ("src_scc", "p253")]
                    + ([("src_shared_base", "p235"), ("src_shared_limit", "p236"), ("src_private_base", "p237"),
                        ("src_private_limit", "p238")] if n == 2 else []))
    value = random.getrandbits(32) >> pick([0, 0, 8, 16])
    if t == "f" and chance(0.7):
        value = float_bits(str(random.uniform(-100, 100)), "f")
    if t in "shH":
        value = value & 0xFFFF | 0x100
    if t == "l":
        value &= 0x7FFFFFFF  # whether the high half is the sign is not said for all
    value |= 0x80  # not an inline constant
    return f"0x{value:x}", f"c{value << 32 if t == 'd' else value:x}"


class Lines:
    def __init__(self, wave):
        self.wave = wave
        self.lines = []  # (name, text, fields)

    def add(self, name, text, **fields):
        self.lines.append((name, re.sub(r"\s+", " ", text).strip(), fields))

    # ---- vector arithmetic ----

    def mask(self):
        """A scalar that holds a lane mask."""
        n = 2 if self.wave == 64 else 1
        return sreg(n) if chance(0.8) else (("vcc", "s106") if n == 2 else ("vcc_lo", "s106"))

    def vcc(self):
        return "vcc" if self.wave == 64 else "vcc_lo"

    def valu(self, name, cls, sig):
        sig = sig.rstrip("=")
        dst, src = sig.split(":")
        for form in ["e32"] * 5 + ["e64"] * 12 + ["sdwa"] * 8 + ["dpp"] * 8 + ["dpp8"] * 3:
            self.valu_form(name, cls, dst, src, form)

    def valu_form(self, name, cls, dst, src, form):
        fields = {"form": {"e32": "1", "e64": "3", "sdwa": "s", "dpp": "d", "dpp8": "8"}[form]}
        types = [t for t in src if t in "ifdlshHu"]
        operands, texts = [], []
        for n, t in enumerate(types):
            kind = "v"
            if form == "e64":
                kind = pick(["v", "v", "v", "s", "s", "int", "float", "lit", "special"])
            elif form == "e32" and n == 0:
                kind = pick(["v", "v", "s", "int", "float", "lit", "special"])
            elif form == "sdwa" and chance(0.15):
                kind = "s"
            if kind == "lit" and ("k" in src or "K" in src):
                kind = "v"
            text, what = source(t, kind, self.wave)
            is_float = t in "fdhH" or (t == "u" and form != "sdwa")
            if is_float and "div_scale" not in name and form in ("e64", "sdwa", "dpp") and what[0] in "vs" and chance(0.4):
                if chance(0.5):
                    text, fields["abs"] = f"|{text}|", fields.get("abs", 0) | 1 << n
                if chance(0.6):
                    text, fields["neg"] = f"-{text}", fields.get("neg", 0) | 1 << n
            elif form == "sdwa" and not is_float and chance(0.4):
                text, fields[f"sext{n}"] = f"sext({text})", 1
            texts.append(text)
            operands.append(what)
            fields[f"s{n}"] = what
        parts = []
        if cls == "CMP":
            text, what = self.mask() if form in ("e64", "sdwa") else (self.vcc(), "s106")
            parts.append(text)
            fields["sd"] = what
        elif cls != "CMPX":
            text, fields["d"] = vreg(2 if bits(dst[0]) == 64 else 1)
            parts.append(text)
            if dst[1:] == "c":
                text, fields["sd"] = self.mask() if form == "e64" else (self.vcc(), "s106")
                parts.append(text)
        if "K" in src or "k" in src:
            lit = source(dst[0], "lit", self.wave)
            fields["s2"] = lit[1]
            texts = [texts[0], lit[0], texts[1]] if "K" in src else texts + [lit[0]]
        parts += texts
        if "m" in src:
            text, what = self.mask() if form == "e64" else (self.vcc(), "s106")
            parts.append(text)
            fields[f"s{src.index('m')}"] = what
        suffix = {"e32": "_e32", "e64": "_e64", "sdwa": "_sdwa", "dpp": "_dpp", "dpp8": "_dpp"}[form]
        if "k" in src or "K" in src:
            suffix = ""
        tail = ""
        if form == "e64" and "div_scale" not in name:
            if any(t in "shH" for t in types) and chance(0.5):
                sel = [int(chance(0.5) and o[0] == "v") for o in operands]
                tail += " op_sel:[" + ",".join(map(str, sel + ([int(dst[0] in "sh" and chance(0.5))] if dst else []))) + "]"
                fields["opsel"] = sum(b << n for n, b in enumerate(sel))
                if dst and tail.endswith("1]"):
                    fields["opsel"] |= 8
            if chance(0.25):
                tail += " clamp"
                fields["clamp"] = 1
            if dst and dst[0] in "fdh" and chance(0.35):
                text, fields["omod"] = pick([(" mul:2", 1), (" mul:4", 2), (" div:2", 3)])
                tail += text
        elif form == "sdwa":
            sels = ["BYTE_0", "BYTE_1", "BYTE_2", "BYTE_3", "WORD_0", "WORD_1", "DWORD"]
            if cls not in ("CMP", "CMPX"):
                # Parts of a float are not a float's: a NaN's bits are the device's own.
                # What a 16-bit integer leaves in the high half of a whole register is not said.
                sel = 6 if dst[0] in "fP" else pick([4, 5, 6]) if dst[0] == "h" else random.randrange(6 + (dst[0] != "s"))
                unused = pick([0, 2]) if dst[0] == "h" else random.randrange(3)
                if chance(0.2):
                    tail += " clamp"
                    fields["clamp"] = 1
                if dst[0] in "fh" and chance(0.2):
                    text, fields["omod"] = pick([(" mul:2", 1), (" mul:4", 2), (" div:2", 3)])
                    tail += text
                tail += f" dst_sel:{sels[sel]} dst_unused:{['UNUSED_PAD', 'UNUSED_SEXT', 'UNUSED_PRESERVE'][unused]}"
                fields["dsel"], fields["dun"] = sel, unused
            for n in range(len(types)):
                sel = random.randrange(7)
                tail += f" src{n}_sel:{sels[sel]}"
                fields[f"sel{n}"] = sel
        elif form == "dpp":
            text, fields["ctrl"] = pick([
                lambda: (lambda q: (f"quad_perm:[{q[0]},{q[1]},{q[2]},{q[3]}]", q[0] | q[1] << 2 | q[2] << 4 | q[3] << 6))(
                    [random.randrange(4) for _ in range(4)]),
                lambda: (lambda n: pick([(f"row_shl:{n}", 0x100 + n), (f"row_shr:{n}", 0x110 + n),
                                         (f"row_ror:{n}", 0x120 + n)]))(random.randrange(1, 16)),
                lambda: pick([("row_mirror", 0x140), ("row_half_mirror", 0x141)]),
                lambda: (lambda n: pick([(f"row_share:{n}", 0x150 + n), (f"row_xmask:{n}", 0x160 + n)]))(
                    random.randrange(16))])()
            # What a lane that DPP turns off leaves in a mask is not said.
            whole = dst[1:] == "c" or chance(0.4)
            rows, banks, bound = (15, 15, 1) if whole else (random.randrange(16), random.randrange(16), int(chance(0.5)))
            fi = int(chance(0.3))
            tail = f" {text} row_mask:0x{rows:x} bank_mask:0x{banks:x}" + (" bound_ctrl:0" if bound else "") + (" fi:1" if fi else "")
            fields.update(rows=rows, banks=banks, bound=bound, fi=fi)
        elif form == "dpp8":
            q = [random.randrange(8) for _ in range(8)]
            fields["dpp8"] = sum(v << (3 * n) for n, v in enumerate(q))
            fi = int(chance(0.3))
            fields["fi"] = fi
            tail = " dpp8:[" + ",".join(map(str, q)) + "]" + (" fi:1" if fi else "")
        self.add(name, f"{name}{suffix} {', '.join(parts)}{tail}", **fields)

    def packed(self, name, dst, src):
        if name == "v_pk_fmac_f16":
            for _ in range(6):
                d, dd = vreg()
                a, ad = source("h", pick(["v", "v", "s", "float"]), self.wave)
                b, bd = vreg()
                self.add(name, f"{name} {d}, {a}, {b}", form="1", d=dd, s0=ad, s1=bd, opsel_hi=7)
            return
        for _ in range(24):
            fields, texts = {"form": "3"}, []
            for n, t in enumerate(src):
                kind = pick(["v", "v", "v", "s", "const"])
                if kind != "const":
                    text, fields[f"s{n}"] = vreg() if kind == "v" else sreg()
                elif t == "h":
                    text, fields[f"s{n}"] = source("h", "float", self.wave)
                else:
                    k = random.randrange(65)
                    text, fields[f"s{n}"] = str(k), f"c{k:x}"
                texts.append(text)
            d, fields["d"] = vreg()
            tail = ""
            for key, low in (("op_sel", "opsel"), ("op_sel_hi", "opsel_hi")) + (
                    (("neg_lo", "neg"), ("neg_hi", "neg_hi")) if src[0] == "h" else ()):
                sel = [random.randrange(2) for _ in src]
                tail += f" {key}:[{','.join(map(str, sel))}]"
                fields[low] = sum(b << n for n, b in enumerate(sel))
            if chance(0.3) and not re.search("shl|shr|ashr|_min_[iu]|_max_[iu]|mul_lo", name):
                tail += " clamp"
                fields["clamp"] = 1
            self.add(name, f"{name} {d}, {', '.join(texts)}{tail}", **fields)

    def mix(self, name):
        for _ in range(24):
            fields, texts, hi, sel = {"form": "3"}, [], [], []
            for n in range(3):
                text, fields[f"s{n}"] = pick([vreg, vreg, vreg, sreg])()
                h, o = random.randrange(2), random.randrange(2)
                hi.append(h)
                sel.append(o if h else 0)
                if not h and chance(0.2):
                    text, fields[f"s{n}"] = source("f", "float", self.wave)
                elif chance(0.3):
                    neg, ab = chance(0.6), chance(0.5)
                    text = ("-" if neg else "") + (f"|{text}|" if ab else text)
                    fields["neg"] = fields.get("neg", 0) | neg << n
                    fields["neg_hi"] = fields.get("neg_hi", 0) | ab << n
                texts.append(text)
            fields["opsel"], fields["opsel_hi"] = (sum(b << n for n, b in enumerate(x)) for x in (sel, hi))
            d, fields["d"] = vreg()
            tail = f" op_sel:[{','.join(map(str, sel))}] op_sel_hi:[{','.join(map(str, hi))}]"
            if chance(0.3):
                tail += " clamp"
                fields["clamp"] = 1
            self.add(name, f"{name} {d}, {', '.join(texts)}{tail}", **fields)

    def dot(self, name):
        for _ in range(12):
            fields, texts, tail = {"form": "3", "opsel_hi": 7}, [], ""
            for n in range(3):
                text, fields[f"s{n}"] = pick([vreg, vreg, sreg])()
                texts.append(text)
            if "f16" in name:
                for key, low in (("op_sel", "opsel"), ("op_sel_hi", "opsel_hi"), ("neg_lo", "neg"), ("neg_hi", "neg_hi")):
                    sel = [random.randrange(2), random.randrange(2), 0]
                    tail += f" {key}:[{','.join(map(str, sel))}]"
                    fields[low] = sum(b << n for n, b in enumerate(sel))
            if chance(0.4):
                tail += " clamp"
                fields["clamp"] = 1
            d, fields["d"] = vreg()
            self.add(name, f"{name} {d}, {', '.join(texts)}{tail}", **fields)

    # ---- scalar arithmetic ----

    def salu(self, name, sig):
        dst, src = sig.split(":")
        for _ in range(20):
            fields, parts = {}, []
            if dst:
                n = 2 if dst == "l" else 1
                d, fields["d"] = sreg(n) if chance(0.85) or "exec" in name else pick(
                    [("vcc", "s106")] if n == 2 else [("vcc_lo", "s106"), ("m0", "s124"), ("null", "s125")])
                parts.append(d)
            for k, t in enumerate(src):
                if t == "k":
                    imm = pick([0, 1, -1, 32767, -32768, random.randrange(-32768, 32768)])
                    unsigned = "cmpk" in name and name.endswith("u32")
                    fields["imm"] = imm
                    parts.append(str(imm & 0xFFFF if unsigned else imm))
                    continue
                text, fields[f"s{k}"] = source(t, pick(["s"] * 5 + ["int", "float", "lit", "special"]), self.wave)
                parts.append(text)
            self.add(name, f"{name} {', '.join(parts)}", **fields)

    # ---- the rest, by the signature's letters ----

    def wave_row(self, name, sig):
        if "mmm" in sig:
            return self.mix(name)
        if "DDD" in sig:
            return self.dot(name)
        if "subvector" in name and self.wave == 32:
            return None
        dst, src = sig.split(":") if ":" in sig else ("", "")
        for _ in range(12 if src else 2):
            fields, parts = {}, []
            for where, letters in (("d", dst), ("s", src)):
                for k, t in enumerate(letters):
                    key = "d" if where == "d" else f"s{k}"
                    if t in "SQ":
                        n = 2 if t == "Q" else 1
                        text, fields[key] = sreg(n, 0, 64)
                    elif t == "V":
                        text, fields[key] = vreg() if where == "d" or chance(0.8) or "readlane" in name else sreg()
                        fields.setdefault("form", "3" if "lane" in name and "first" not in name else "1")
                    elif t == "W":
                        text, fields[key] = vreg()
                    elif t == "X":
                        text, fields[key] = vreg(4)
                        fields["form"] = "3"
                    elif t in "li":
                        text, fields[key] = vreg(2 if t == "l" else 1)
                    elif t == "I":
                        text, fields[key] = sreg() if chance(0.7) else source("i", "int", self.wave)
                    elif t == "L":
                        text, fields[key] = source("i", "lit", self.wave)
                    elif t == "z":
                        text, fields[key] = "null", "s125"
                    elif t in "bn":
                        imm = random.randrange(-300, 300) if t == "b" else random.randrange(0, 63)
                        text, fields["imm"] = str(imm), imm
                    elif t == "t":
                        imm = pick([2, 3, 3, 7])
                        text, fields["imm"] = str(imm), imm
                    elif t == "g":
                        text, fields["imm"] = "1", 1
                    elif t == "r":
                        imm = random.randrange(16)
                        text, fields["imm"] = str(imm), imm
                    elif t in "hH":
                        reg, off = pick([1, 1, 3, 20, 21]), random.randrange(32)
                        size = random.randrange(1, 33 - off)
                        text = f"hwreg({reg}, {off}, {size})"
                        fields["imm"] = reg | off << 6 | (size - 1) << 11
                    parts.append(text)
            tail = ""
            if "permlane" in name:
                sel = [random.randrange(2), random.randrange(2)]
                fields["opsel"] = sel[0] | sel[1] << 1
                fields["form"] = "3"
                tail = f" op_sel:[{sel[0]},{sel[1]}]"
            if name == "v_mqsad_u32_u8" and chance(0.3):
                tail, fields["clamp"] = " clamp", 1
            self.add(name, f"{name} {', '.join(parts)}{tail}", **fields)

    # ---- memory ----

    @staticmethod
    def dwords(name):
        m = re.search(r"x(\d+)$", name)
        return int(m[1]) if m and not name.startswith("ds_") else 1

    def memory(self, name):
        for _ in range(8):
            if name.startswith("ds_"):
                self.ds(name)
            elif re.match("(flat|global|scratch)_", name):
                self.flat(name)
            elif re.match("t?buffer_(load|store|atomic)", name):
                self.buffer(name)
            elif name.startswith("buffer_"):
                self.add(name, name)
            else:
                self.smem(name)

    def flat(self, name):
        fields, n = {}, self.dwords(name)
        atomic, load = "_atomic_" in name, "_load_" in name
        data, dd = vreg(2 * n if "cmpswap" in name else n)
        fields["s1"] = dd
        offset = 0
        if not name.startswith("flat") or chance(0.5):
            offset = pick([0, 4, 16, 64, 2047 - 47]) * (1 if name.startswith("flat") else pick([1, -1]))
        fields["imm"] = offset
        if name.startswith("scratch"):
            if chance(0.5):
                addr, fields["s0"] = vreg()
                base = "off"
            else:
                addr = "off"
                base, fields["sa"] = sreg(1, 0, 64)
        elif name.startswith("global") and chance(0.5):
            addr, fields["s0"] = vreg()
            base, fields["sa"] = sreg(2, 0, 64)
        else:
            addr, fields["s0"] = vreg(2)
            base = "off" if name.startswith("global") else None
        tail = f" offset:{offset}" if offset else ""
        if "addtid" in name:
            fields.pop("s0", None)
            base, fields["sa"] = sreg(2, 0, 64)
            if load:
                fields["d"] = fields.pop("s1")
            self.add(name, f"{name} {data}, {base}{tail}", **fields)
            return
        parts = [addr, data]
        if load:
            data, fields["d"] = vreg(n)
            parts = [data, addr]
        elif atomic and (chance(0.6) or "csub" in name):
            ret, fields["d"] = vreg(n)
            parts = [ret, addr, data]
            fields["glc"] = 1
            tail += " glc"
        if base:
            parts.append(base)
        self.add(name, f"{name} {', '.join(parts)}{tail}", **fields)

    FORMATS = [n for n in range(1, 78) if not 30 <= n <= 49 and n != 36 and n != 43]

    def buffer(self, name):
        fields = {}
        m = re.search("_([xyzw]+)$", name) if "format" in name else None
        n = self.dwords(name)
        if m:
            n = len(m[1])
            if "d16" in name:
                n = (n + 1) // 2
        data, fields["s1"] = vreg(2 * n if "cmpswap" in name else n)
        fields["d"] = fields["s1"]
        offen, idxen = random.randrange(2), random.randrange(2)
        addr = "off"
        if offen or idxen:
            addr, fields["s0"] = vreg(offen + idxen)
        base, fields["sa"] = sreg(4, 0, 64)
        soff, fields["so"] = sreg(1, 64, 96) if chance(0.7) else ("0", "c0")
        offset = pick([0, 16, 64] if name.endswith("_x2") else [0, 4, 16, 64])
        fields.update(imm=offset, offen=offen, idxen=idxen)
        tail = (" idxen" if idxen else "") + (" offen" if offen else "") + (f" offset:{offset}" if offset else "")
        if "_atomic_" in name and (chance(0.6) or "csub" in name):
            tail += " glc"
            fields["glc"] = 1
        fmt = ""
        if name.startswith("tbuffer"):
            number = pick(self.FORMATS)
            fields["fmt"] = number
            fmt = f" format:{number},"
        self.add(name, f"{name} {data}, {addr}, {base},{fmt} {soff}{tail}", **fields)

    def smem(self, name):
        fields, n = {"so": "s125"}, self.dwords(name)
        buffer = "buffer" in name
        if name in ("s_memtime", "s_memrealtime"):
            d, fields["d"] = sreg(2)
            self.add(name, f"{name} {d}", **fields)
            return
        if name == "s_get_waveid_in_workgroup":
            d, fields["d"] = sreg(1)
            self.add(name, f"{name} {d}", **fields)
            return
        if name in ("s_dcache_inv", "s_dcache_wb", "s_gl1_inv"):
            self.add(name, name, **fields)
            return
        base, fields["sa"] = sreg(4 if buffer else 2, 0, 32)
        imm = pick([0, 16, 0x40] + ([] if name.endswith("_x2") else [4]) + ([-0x10, -0x40] if not buffer else []))
        off = f"{'-' if imm < 0 else ''}0x{abs(imm):x}"
        if chance(0.4):
            off, fields["so"] = sreg(1, 90, 96)
            imm = 0
        fields["imm"] = imm
        if "discard" in name:
            self.add(name, f"{name} {base}, {off}", **fields)
            return
        if "atc_probe" in name:
            self.add(name, f"{name} 7, {base}, {off}", **fields)
            return
        k = 1
        if "_atomic_" in name:
            n = self.dwords(name)
            k = 2 if "cmpswap" in name else 1
        d, fields["d"] = sreg(n * k, 32, 88)
        tail = ""
        if "_atomic_" in name and chance(0.6):
            tail, fields["glc"] = " glc", 1
        self.add(name, f"{name} {d}, {base}, {off}{tail}", **fields)

    def ds(self, name):
        fields = {}
        n = 4 if "128" in name else 3 if "96" in name else 2 if "64" in name.replace("st64", "") else 1
        a, ad = vreg()
        d0, d0d = vreg(n)
        d1, d1d = vreg(n)
        ret, rd = vreg(n)
        two = re.search("(read|write|wrxchg)2(st64)?_", name)
        if two:
            o0, o1 = random.randrange(4), random.randrange(4)
            tail = f" offset0:{o0} offset1:{o1}"
            fields.update(off0=o0, off1=o1)
        else:
            offset = pick([0, 4, 8, 64, 256])
            if "swizzle" in name:
                offset = pick([random.getrandbits(15), 0x8000 | random.getrandbits(14)])  # 0xc000: gap
            if "src2" in name:
                offset = pick([random.getrandbits(6), 0x8000, 0x7FF0 + random.randrange(16)])
                fields.update(off0=offset & 255, off1=offset >> 8)
            fields["imm"] = offset
            tail = f" offset:{offset}" if offset else ""
        if name == "ds_nop":
            self.add(name, name)
        elif name in ("ds_append", "ds_consume", "ds_read_addtid_b32"):
            self.add(name, f"{name} {ret}{tail}", d=rd, **fields)
        elif name == "ds_write_addtid_b32":
            self.add(name, f"{name} {d0}{tail}", s1=d0d, **fields)
        elif "src2" in name:
            self.add(name, f"{name} {a}{tail}", s0=ad, **fields)
        elif "swizzle" in name:
            self.add(name, f"{name} {ret}, {a}{tail}", d=rd, s0=ad, **fields)
        elif "permute" in name:
            self.add(name, f"{name} {ret}, {a}, {d0}{tail}", d=rd, s0=ad, s1=d0d, **fields)
        elif "read" in name:
            if two:
                ret, rd = vreg(2 * n)
            self.add(name, f"{name} {ret}, {a}{tail}", d=rd, s0=ad, **fields)
        else:
            parts = [a, d0]
            fields.update(s0=ad, s1=d0d)
            if re.search("write2|wrxchg2|cmpst|mskor|wrap", name):
                parts.append(d1)
                fields["s2"] = d1d
            if "_rtn_" in name:
                if "wrxchg2" in name:
                    ret, rd = vreg(2 * n)
                parts = [ret] + parts
                fields["d"] = rd
            self.add(name, f"{name} {', '.join(parts)}{tail}", **fields)


def assemble(mc, lines, mcpu):
    """The words of each line, None where llvm-mc knows no such instruction."""
    text = "".join(f"s_mov_b32 s101, 0x{MARK + n:x}\n{line[1]}\n" for n, line in enumerate(lines.lines))
    run = subprocess.run([mc, "-arch=amdgcn", f"-mcpu={mcpu}", f"-mattr=+wavefrontsize{lines.wave}," +
                          f"-wavefrontsize{96 - lines.wave}", "--show-encoding"],
                         input=text, capture_output=True, text=True)
    words, at = [None] * len(lines.lines), None
    for line in run.stdout.split("\n"):
        m = re.search(r"encoding: \[(.*)\]", line)
        if not m:
            continue
        data = bytes(int(b, 16) for b in m[1].split(","))
        got = [int.from_bytes(data[k:k + 4], "little") for k in range(0, len(data), 4)]
        if len(got) == 2 and got[1] & 0xFFF00000 == MARK and "s101" in line:
            at = got[1] - MARK
        else:
            words[at] = got
    return words


def main():
    rows, mc, out = sys.argv[1:4]
    with open(rows) as f:
        rows = [line.rstrip("\n").split(" ", 2) for line in f]
    with open(out, "w") as f:
        for wave in (32, 64):
            lines = Lines(wave)
            for name, cls, sig in rows:
                if cls in ("VALU", "CMP", "CMPX"):
                    lines.valu(name, cls, sig)
                elif cls == "PACKED":
                    lines.packed(name, *sig.split(":"))
                elif cls == "SALU":
                    lines.salu(name, sig)
                elif sig == "@":
                    lines.memory(name)
                else:
                    lines.wave_row(name, sig)
            answers = assemble(mc, lines, "gfx1010")
            known = {line[0] for line, words in zip(lines.lines, answers) if words}
            # What only later ones of the family have.
            later = assemble(mc, lines, "gfx1030")
            for (name, text, fields), words, words30 in zip(lines.lines, answers, later):
                if name not in known and words30:
                    fields["isa"] = 1
                    words = words30
                if words:
                    what = " ".join(f"{k}={v}" for k, v in fields.items())
                    f.write(f"{name} wave={wave} {what} | {' '.join(f'{w:08x}' for w in words)} | {text}\n")
                elif "-v" in sys.argv:
                    print("no such instruction:", wave, text, file=sys.stderr)


main()
