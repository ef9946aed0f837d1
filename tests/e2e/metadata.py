#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The metadata of real code objects, as hsa-tools/isa reads it, is what llvm-readelf prints."""
import glob

from rdna1 import *

KINDS = {"by_value": 0, "global_buffer": 1, "dynamic_shared_pointer": 2, "image": 3, "sampler": 3, "pipe": 3, "queue": 3}
POINTERS = ("printf_buffer", "hostcall_buffer", "default_queue", "completion_action", "multigrid_sync_arg", "heap_v1",
            "queue_ptr")
NUMBERS = ("kernarg_segment_size", "kernarg_segment_align", "group_segment_fixed_size", "private_segment_fixed_size",
           "wavefront_size", "max_flat_workgroup_size", "sgpr_count", "vgpr_count", "sgpr_spill_count",
           "vgpr_spill_count")


def kind(name):
    if name.startswith("hidden_"):
        return 4 if name[7:] in POINTERS else 5
    return KINDS.get(name, 6)


def read(path):
    """What llvm-readelf's YAML says: kernels, their arguments below "args"; version; target."""
    run = sh("llvm-readelf-15", "--notes", path)
    expect(run.returncode == 0, run.stderr)
    kernels, version, target, where = [], [], None, None
    for line in run.stdout.splitlines():  # kernels stand in 2 columns, their arguments in 6
        m = re.match(r"( *)(- )?(?:\.|amdhsa\.)?([\w.]+):? *(.*?)$", line)
        if line.startswith("amdhsa."):
            where = line.split(":")[0]
            if where == "amdhsa.target":
                target = line.split(None, 1)[1].strip("'")
            continue
        if where == "amdhsa.version" and re.match(r" +- \d+$", line):
            version.append(int(line.split()[1]))
        if where != "amdhsa.kernels" or not m:
            continue
        column, begins, key, value = len(m[1]), bool(m[2]), m[3], m[4].strip("'")
        if column == 2 and begins:
            kernels.append({"args": []})
        if column == 6 and begins and line.startswith("      - ."):
            kernels[-1]["args"].append({})
        if column + 2 * begins == 8 and line.lstrip(" -").startswith(".") and kernels[-1]["args"]:
            kernels[-1]["args"][-1][key] = value
        elif column + 2 * begins == 4 and value:
            kernels[-1][key] = value
    return kernels, version, target


def of_llvm(path):
    kernels, version, target = read(path)
    lines = ["version %u %u" % tuple(version)] + ([f"target {target}"] if target else [])
    for k in kernels:
        lines += [f"{key} {k[key]}" for key in ("name", "symbol") if key in k]
        lines += [f"{key} {k.get(key, 0)}" for key in NUMBERS]
        lines += [f"arg {a['offset']} {a['size']} {kind(a['value_kind'])}  {a['value_kind']}" for a in k["args"]]
    return lines, len(kernels)


def main():
    files = {}
    for name, *arguments in (("conv2d",), ("print",), ("opencl", workload("opencl.co"), "32"), ("sort",), ("scratch",)):
        r = record(name, workload(name), *arguments).expect_status(0)
        for path in glob.glob(f"{r.dir}/code-objects/*"):
            files[os.path.basename(path)] = path
    kernels = 0
    for path in files.values():
        run = sh(os.path.join(BUILD, "tests/tools/co-metadata"), path)
        want, n = of_llvm(path)
        kernels += n
        expect(run.returncode == 0 and run.stdout.splitlines() == want,
               f"{path}: {run.stderr}\n" + "\n".join(sorted(set(run.stdout.splitlines()) ^ set(want))[:10]))
    expect(len(files) > 4 and kernels > 10, f"{len(files)} code objects, {kernels} kernels")
    print(f"{len(files)} code objects, {kernels} kernels")


if __name__ == "__main__":
    main()
