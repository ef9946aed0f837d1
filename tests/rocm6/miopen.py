#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""miopen.py naive|gemm|find TARGET: ten convolutions through MIOpen against a CPU loop."""
from rocm6 import *

mode, target = sys.argv[1:]
r = record("t", os.path.join(BUILD, "miopen"), mode, env=miopen_env(target), timeout=600)
expect(r.status == 0, f"status {r.status}\n{r.out}\n{r.err}")
kernels = expect_clean(r)
names = " ".join(k["kernel"] for k in kernels)
expect(mode == "gemm" or "naive_conv" in names, names)
expect(mode == "naive" or "Cijk_" in names, names)
compare_ctf(r.dir, 200)
compare_ioctls(r.dir)
done(r.out.splitlines()[-1])
