#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What docs/ and README say is so: lists against the tables they come from, links, file names."""
import os
import re
import sys

bad = []


def text(path):
    with open(path) as f:
        return f.read()


def same(what, ours, theirs):
    for row in theirs:
        if row not in ours:
            bad.append(f"docs/trace-format.md lacks the {what} {row}")
    for row in ours:
        if row not in theirs:
            bad.append(f"docs/trace-format.md has a {what} that is not so: {row}")


page = text("docs/trace-format.md")
same("event", re.findall(r"^\| (\d+) \| `(\w+)` \| (.*) \|$", page, re.M),
     [(i, n, d) for n, i, d in
      re.findall(r'^EVENT\((\w+), (\d+), "(.*)"\)$', text("bpf/events.def"), re.M)])
same("cause", re.findall(r"^\| (\d+) \| ([^`|]+) \| ([^|]+) \|$", page, re.M),
     re.findall(r'^LOSS\(\w+, (\d+), "(.*)", "(.*)"\)$', text("bpf/losses.def"), re.M))

# Rules that error messages are linked to are there.
rules = set(re.findall(r'^RULE\(\w+, "([\w-]+)"', text("usr/analysis/rules.def"), re.M))
for names in re.findall(r"\.rules = \{([^}]*)\}", text("usr/analysis/signatures.def")):
    for rule in re.findall(r'"([\w-]+)"', names):
        if rule not in rules:
            bad.append(f"usr/analysis/signatures.def: no rule {rule}")

pages = ["README.md"] + [os.path.join("docs", n) for n in os.listdir("docs") if n.endswith(".md")]
for path in pages:
    for target in re.findall(r"\]\(([^)#]+)\)", text(path)):
        if "://" not in target and not os.path.exists(os.path.join(os.path.dirname(path), target)):
            bad.append(f"{path}: no {target}")
    # Files of the project that are named must be there.
    for name in re.findall(r"`((?:bpf|usr|hsa-tools|tests|docs)/[\w./-]+\.\w+)`", text(path)):
        if not os.path.exists(name):
            bad.append(f"{path}: no {name}")
if bad:
    sys.exit("\n".join(bad))
print(f"{len(pages)} pages agree with the tables")
