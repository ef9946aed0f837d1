#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""docs/investigation.md: its rules are the catalogue's, all of them; each section has a state."""
import os
import re
import subprocess
import sys

TOOL = os.environ["RDNA1_TRACE"]
PAGE = "docs/investigation.md"
OPEN = "open until run on silicon"
STATES = ("confirmed in source", "refuted", OPEN, "reported only", "no claim")
# Hyphenated words in backquotes that are no rules.
NO_RULES = {"rdna1-trace"}
# The variables of variables.def that the notes set or name.
VARIABLES = """
 HIP_FORCE_COARSE_GRAIN HIP_VISIBLE_DEVICES HSA_ENABLE_SDMA HSA_OVERRIDE_GFX_VERSION HSA_USE_SVM
HSA_XNACK LD_LIBRARY_PATH MIOPEN_DEBUG_CONV_DIRECT MIOPEN_DEBUG_CONV_FFT MIOPEN_DEBUG_CONV_GEMM
MIOPEN_DEBUG_CONV_IMPLICIT_GEMM MIOPEN_DEBUG_CONV_WINOGRAD MIOPEN_DEBUG_DISABLE_FIND_DB
MIOPEN_DISABLE_CACHE MIOPEN_FIND_ENFORCE MIOPEN_FIND_MODE MIOPEN_LOG_LEVEL PYTORCH_ROCM_ARCH
ROCM_PATH
""".split()
# The notes, with their number of sections here: none is lost in passing.
NOTES = {1: 13, 2: 19, 3: 19, 4: 38, 5: 19}

bad = []
with open(PAGE) as f:
    page = f.read()

listing = subprocess.run([TOOL, "rules"], capture_output=True, text=True, check=True,
                         env=dict(os.environ, COLUMNS="400")).stdout
catalogue = set(re.findall(r"^  ([a-z-]+) {2,}\S", listing, re.M))
if len(catalogue) < 30:
    bad.append(f"rdna1-trace rules lists {len(catalogue)} rules only")

quoted = set(re.findall(r"`([a-z]+(?:-[a-z0-9]+)*)`", page))
for word in sorted(quoted):
    if "-" in word and word not in catalogue | NO_RULES:
        bad.append(f"{PAGE}: `{word}` is no rule")
for rule in sorted(catalogue - quoted):
    bad.append(f"{PAGE} does not name the rule {rule}")

with open("usr/analysis/variables.def") as f:
    known = set(re.findall(r"^(?:VARIABLE|CONV_FAMILY|CONV_BUILD)\((\w+)", f.read(), re.M))
for name in VARIABLES:
    if name not in known:
        bad.append(f"usr/analysis/variables.def lacks {name}")
    if not re.search(rf"\b{name}\b", page):
        bad.append(f"{PAGE} does not name {name}")
for name in sorted(set(re.findall(r"\b(?:MIOPEN|HSA|HIP)_[A-Z_]+\b", page)) - known):
    if not re.match(r"HSA_STATUS_|MIOPEN_THROW$", name):
        bad.append(f"{PAGE}: variables.def does not know {name}")

for i, line in enumerate(page.splitlines(), 1):
    if len(line) > 110:
        bad.append(f"{PAGE}:{i}: {len(line)} columns")

# What is named as an experiment is one.
experiments = re.search(r"^## The experiments$(.*?)^## ", page, re.M | re.S)[1]
last = max(map(int, re.findall(r"^(\d+)\. ", experiments, re.M)))
for numbers in re.findall(r"[Ee]xperiments?\s+(\d+(?:(?:,\s+then|,|\s+and|\s+to)\s+\d+)*)", page):
    for n in re.findall(r"\d+", numbers):
        if not 1 <= int(n) <= last:
            bad.append(f"{PAGE}: there is no experiment {n}")

for number, part in re.findall(r"^## Note (\d): .*?\n(.*?)(?=^## |\Z)", page, re.M | re.S):
    sections = re.split(r"^### ", part, flags=re.M)[1:]
    if len(sections) != NOTES.pop(int(number), None):
        bad.append(f"{PAGE}: note {number} has {len(sections)} sections")
    for section in sections:
        title, _, text = section.partition("\n")
        text = " ".join(text.split())
        if not any(f"**{state}**" in text for state in STATES):
            bad.append(f"{PAGE}: \"{title}\" says no state")
        for word in re.findall(r"\*\*(.*?)\*\*", text):
            if word not in STATES:
                bad.append(f"{PAGE}: \"{title}\": {word} is no state")
        # Whoever reads that it is open must find what settles it.
        if f"**{OPEN}**" in text and not re.search(r"[Ee]xperiment|`[^`]*rdna1-trace [^`]*`", text):
            bad.append(f"{PAGE}: \"{title}\" is open, and names no command")
for number in NOTES:
    bad.append(f"{PAGE} has no note {number}")

if bad:
    sys.exit("\n".join(bad))
print(f"{len(catalogue)} rules, {len(VARIABLES)} variables, {last} experiments")
