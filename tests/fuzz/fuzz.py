#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The harnesses of tests/fuzz over the readers of hsa-tools/isa.

fuzz.py replay          the corpus of the tree, by programs that need no libFuzzer ($B/tests/fuzz)
fuzz.py planted         the same with defects put into the readers: the corpus finds each of them
fuzz.py fuzz SECONDS    libFuzzer for so long in all; what it finds goes to build/fuzz
"""
import os
import re
import shutil
import subprocess
import sys

BUILD = os.environ.get("B", "build")
CORPUS = "tests/fuzz/corpus"
# Each harness with the seeds that are for it.
READERS = {"elf": ("objects", "elf"), "metadata": ("objects", "elf", "metadata"), "msgpack": ("msgpack", "metadata"),
           "bundle": ("bundle",), "scan": ("objects", "elf", "scan")}
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=undefined")
ENV = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=0:exitcode=99"}

# Checks of the readers, and what stands in their place.
PLANTED = (
    ("elf", "elf.c", "return off <= len && n * entry <= len - off;", "return off <= len;"),
    ("elf", "elf.c", "p.p_offset <= len && p.p_filesz <= len - p.p_offset", "p.p_offset <= len"),
    ("elf", "elf.c", "s.sh_size <= len - s.sh_offset", "s.sh_size"),
    ("metadata", "metadata.c", "name > size || ", ""),
    ("metadata", "metadata.c", " || h.n_descsz > size - name", ""),
    ("metadata", "metadata.c", "if (desc > size - name)", "if (desc == size)"),
    ("metadata", "metadata.c", "h.e_phoff > len || at + sizeof(p) > len - h.e_phoff", "h.e_phoff > len"),
    ("metadata", "metadata.c", "p.p_offset <= len && p.p_filesz <= len - p.p_offset", "p.p_offset <= len"),
    ("metadata", "metadata.c", " || v.kind != MSGPACK_TEXT)", ")"),
    ("metadata", "metadata.c", "list->end = whole.at;", "list->end = whole.at + 1;"),
    ("metadata", "metadata.c", "md->num_kernels--;", ""),
    ("metadata", "metadata.c", "k->num_args--;", ""),
    ("bundle", "bundle.c", " || head[2] > b->len - b->at", ""),
    ("bundle", "bundle.c", "head[0] > b->len || ", ""),
    ("bundle", "bundle.c", " || head[1] > b->len - head[0]", ""),
    ("bundle", "bundle.c", " || whole > len", ""),
    ("bundle", "bundle.c", "*at > len || size > len - *at", "*at > len"),
    ("scan", "scan/object.c", "size <= p.p_filesz &&", "size &&"),
    ("scan", "scan/object.c", "return offset <= o->len && size <= o->len - offset;", "return offset <= o->len || !size;"),
    ("scan", "scan/object.c", " || sym.st_name >= names.sh_size", ""),
    ("scan", "scan/object.c", "o->data[names.sh_offset + names.sh_size - 1]", "0"),
    ("scan", "scan/flow.c", "return at >= 0 && at < code_dwords(f);", "return at < (int64_t)code_dwords(f);"),
    ("scan", "scan/flow.c", "return to >= 0 && to < code_dwords(f);", "return to >= 0;"),
    ("msgpack", "msgpack.c", "if ((size_t)(m->end - m->at) < bytes)", "if (m->at == m->end)"),
    ("msgpack", "msgpack.c", "if (size > (size_t)(m->end - m->at))", "if (m->at > m->end)"),
    ("msgpack", "msgpack.c", "v.kind == MSGPACK_MAP ? 2ull * v.size : 0", "v.kind == MSGPACK_MAP ? v.size : 0"),
)


def seeds(reader):
    return [os.path.join(CORPUS, folder) for folder in READERS[reader]]


def replay():
    total = 0
    for reader in READERS:
        run = subprocess.run([f"{BUILD}/tests/fuzz/{reader}", *seeds(reader)], env=ENV, capture_output=True, text=True,
                             errors="replace")
        if run.returncode:
            sys.exit(f"{reader}, status {run.returncode}:\n{run.stdout}{run.stderr}")
        total += int(run.stdout.split()[0])
    print(f"{total} inputs read by {len(READERS)} harnesses")


def planted():
    copy = os.path.join(os.environ["T"], "planted")
    for reader, name, good, bad in PLANTED:
        shutil.rmtree(copy, ignore_errors=True)
        for folder in ("tests/fuzz", "hsa-tools/isa"):
            shutil.copytree(folder, os.path.join(copy, folder), ignore=shutil.ignore_patterns("corpus"))
        path = os.path.join(copy, "hsa-tools/isa", name)
        with open(path) as f:
            text = f.read()
        if good not in text:
            sys.exit(f"{name} has no \"{good}\": bring PLANTED up to date")
        with open(path, "w") as f:
            f.write(text.replace(good, bad))
        sources = [os.path.join(copy, "hsa-tools/isa", n) for n in ("bundle.c", "elf.c", "metadata.c", "msgpack.c")]
        if name.startswith("scan/"):
            folder = os.path.join(copy, "hsa-tools/isa/scan")
            sources += [os.path.join(folder, n) for n in sorted(os.listdir(folder)) if n.endswith(".c")]
        subprocess.run(["gcc", "-std=gnu11", "-w", "-D_GNU_SOURCE", *SANITIZERS, os.path.join(copy, f"tests/fuzz/{reader}.c"),
                        os.path.join(copy, "tests/fuzz/replay.c"), *sources, "-o", f"{copy}/replay"], check=True)
        run = subprocess.run([f"{copy}/replay", *seeds(reader)], env=ENV, capture_output=True, timeout=60)
        if not run.returncode:
            sys.exit(f"{name}: the corpus does not find \"{bad}\" in the place of \"{good}\"")
    print(f"the corpus finds {len(PLANTED)} of {len(PLANTED)} planted defects")


def fuzz(seconds):
    found = "build/fuzz/found"
    os.makedirs(found, exist_ok=True)
    for reader in READERS:
        corpus = f"build/fuzz/corpus/{reader}"
        os.makedirs(corpus, exist_ok=True)
        run = subprocess.run([f"build/fuzz/{reader}", f"-max_total_time={max(1, seconds // len(READERS))}",
                              "-max_len=4096", "-timeout=10", "-print_final_stats=1",
                              f"-artifact_prefix={found}/{reader}-", corpus, *seeds(reader)], env=ENV,
                             capture_output=True, text=True, errors="replace")
        if run.returncode:
            print("\n".join(run.stderr.splitlines()[-60:]))
            sys.exit(f"{reader}: the input is in {found}; see it again with {BUILD}/tests/fuzz/{reader} FILE, mend the "
                     f"reader, and add the file to {seeds(reader)[-1]}")
        runs = re.search(r"stat::number_of_executed_units: (\d+)", run.stderr)[1]
        cover = re.findall(r"cov: (\d+)", run.stderr)[-1]
        print(f"  {reader:<10} {runs} runs, {cover} edges covered, {len(os.listdir(corpus))} inputs in {corpus}",
              flush=True)


def main():
    modes = {"replay": replay, "planted": planted, "fuzz": lambda: fuzz(int(sys.argv[2]))}
    if len(sys.argv) < 2 or sys.argv[1] not in modes or (sys.argv[1] == "fuzz") != (len(sys.argv) == 3):
        sys.exit(__doc__)
    modes[sys.argv[1]]()


main()
