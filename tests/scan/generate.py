# SPDX-License-Identifier: MIT
"""Kernels at random: nested branches and loops around loads, stores, LDS, divisions, atomics and lane exchanges."""
import random


class Kernel:
    def __init__(self, r):
        self.r = r
        self.lines = []
        self.depth = 1
        self.names = ["i", "n", "m"]
        self.next = 0
        self.uses_lds = r.random() < 0.6

    def put(self, text):
        self.lines.append("\t" * self.depth + text)

    def value(self):
        r = self.r
        kind = r.random()
        if kind < 0.45:
            return r.choice(self.names)
        if kind < 0.65:
            return str(r.choice((1, 2, 3, 5, 7, 16, 63, 64, 255, 1000)))
        if kind < 0.8:
            return f"a[({r.choice(self.names)} & 4095) + {r.randrange(64)}]"
        if kind < 0.9 and self.uses_lds:
            return f"l[{r.choice(self.names)} & 255]"
        return f"b[{r.choice(self.names)}]"

    def expression(self):
        r = self.r
        a, b = self.value(), self.value()
        form = r.randrange(12)
        if form < 6:
            return f"{a} {r.choice(('+', '-', '*', '&', '|', '^'))} {b}"
        if form == 6:
            return f"{a} / ({b} | 1)"
        if form == 7:
            return f"(int)(((long){a} * {b}) % (m | 1))"
        if form == 8:
            return f"({a} > {b} ? {a} : {self.value()})"
        if form == 9:
            return f"__builtin_amdgcn_readfirstlane({a})"
        if form == 10:
            return f"(int)((float){a} * 1.5f)"
        return a

    def condition(self):
        return f"{self.value()} {self.r.choice(('<', '>', '==', '!=', '<=', '>='))} {self.value()}"

    def declare(self):
        name = f"v{self.next}"
        self.next += 1
        self.put(f"int {name} = {self.expression()};")
        self.names.append(name)

    def block(self, budget):
        keep = len(self.names)
        self.depth += 1
        self.statements(budget)
        self.depth -= 1
        del self.names[keep:]

    def statements(self, budget):
        r = self.r
        for _ in range(r.randint(1, 4)):
            kind = r.random()
            if kind < 0.25 or self.depth > 5 or budget <= 0:
                self.declare()
            elif kind < 0.4:
                self.put(f"a[({r.choice(self.names)} & 4095)] = {self.expression()};")
            elif kind < 0.5 and self.uses_lds:
                self.put(f"l[{r.choice(self.names)} & 255] = {self.expression()};")
            elif kind < 0.75:
                self.put(f"if ({self.condition()}) {{")
                self.block(budget - 1)
                if r.random() < 0.5:
                    self.put("} else {")
                    self.block(budget - 1)
                self.put("}")
            elif kind < 0.9:
                k = f"k{self.next}"
                self.next += 1
                self.put(f"for (int {k} = 0; {k} < {self.value()}; {k} += {r.choice((1, 2, 3))}) {{")
                self.names.append(k)
                self.block(budget - 1)
                if r.random() < 0.4:
                    self.put(f"\tif ({self.condition()})")
                    self.put(f"\t\t{r.choice(('break', 'continue', 'return'))};")
                self.names.remove(k)
                self.put("}")
            elif kind < 0.95:
                self.put(f"__atomic_fetch_add(&a[{r.choice(self.names)} & 1023], {self.value()}, __ATOMIC_RELAXED);")
            else:
                self.put(f"if ({r.choice(('n', 'm'))} > {r.randrange(9)})")
                self.put(f"\ta[{r.choice(self.names)} & 63] += {self.value()};")

    def text(self, name):
        self.statements(4)
        out = [f"KERNEL {name}(int *a, const int *b, int n, int m)", "{"]
        if self.uses_lds:
            out += ["\tLDS int l[256];"]
        out += ["\tint i = global_id();", ""]
        if self.uses_lds:
            out += ["\tl[local_id() & 255] = b[i];", "\tbarrier();"]
        return "\n".join(out + self.lines + ["\ta[i] += n;", "}", ""])


def write(path, seed, kernels=12):
    r = random.Random(seed)
    with open(path, "w") as f:
        f.write('#include "kernels.h"\n\n')
        f.write("\n".join(Kernel(r).text(f"random_{i}") for i in range(kernels)))
    return path
