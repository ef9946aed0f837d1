#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""gen.py miopen|rocblas: a library with the calls of bpf/api_calls.def, which answer success.

What a call points to is filled in, so that a reader of memory finds what it should: a new object, a
size, what a search found."""
import re
import sys

TYPES = {"p": "void *", "z": "size_t ", "x": "uint64_t ", "b": "bool ", "u": "unsigned int "}
table = re.sub(r"/\*.*?\*/", "", open("bpf/api_calls.def").read(), flags=re.S)
print("#include <stdbool.h>\n#include <stddef.h>\n#include <stdint.h>\n#include <string.h>\n#include \"fill.h\"\n")
for m in re.finditer(r"API_CALL\((\d+), (\w+), (\w+), (\d+),\s*((?:\"[^\"]*\"\s*)+)\)(.*?)API_END", table, re.S):
    nr, library, symbol, words, texts, copies = m.groups()
    if library != sys.argv[1]:
        continue
    args = [a.split() for a in "".join(re.findall(r'"([^"]*)"', texts)).split(", ") if a]
    filled = [a[1] for a in args if a[0] == "p"]
    print(f"int {symbol}({', '.join(TYPES.get(t, 'int ') + name for t, name in args) or 'void'})\n{{")
    for copy in re.findall(r"API_COPY\(\d+, (\d+), (-?\d+), (\d+), (\w+)\)", copies):
        name, how = args[int(copy[0])][1], copy[3]
        if how == "PTR":
            print(f"\tfill_object({name});")
        elif name in ("workSpaceSize", "solutionCount", "returnedAlgoCount"):
            print(f"\tfill_number({name}, {4 if how == 'INTS' else 8});")
        elif how in ("PERF", "SOLUTIONS"):
            print(f"\tfill_{how.lower()}({name});")
    for _, name in args:
        print(f"\t(void){name};")
    print(f"\treturn fill_status({nr});\n}}\n")
