#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""gtest.py TARGET: a handful of MIOpen's gtests that Debian's packages have all they need for."""
from rocm6 import *

FILTER = ("GPU_ConvStridedTensors_FP32.*", "Full/GPU_TestActivation_FP32.*/0", "GPU_SoftmaxFind20_FP32.*",
          "GPU_SoftmaxFind20_FP16.*", "Smoke/GPU_PReLU_bwd_FP32.*/0", "Smoke/GPU_PReLU_bwd_FP16.*/0",
          "Full/GPU_GLU_fwd_FP32.*/0", "Full/GPU_GLU_bwd_FP32.*/0", "Smoke/GPU_MultiMarginLoss_FP32.*/0",
          "Smoke/GPU_Kthvalue_fwd_FP32.*/0")
# Tensors of 16 MiB: see bigcopy.py for what the override does to their copies.
env = miopen_env(sys.argv[1], HSA_ENABLE_SDMA_COPY_SIZE_OVERRIDE="0")
r = record("t", package_file("miopen_gtest"), "--gtest_filter=" + ":".join(FILTER), env=env, timeout=600)
ran = re.search(r"^\[==========\] (\d+) tests? from \d+ test suites? ran", r.out, re.M)
if ran and ran[1] == "0":
    print("this MIOpen has none of these tests")
    sys.exit(77)
passed = re.findall(r"^\[       OK \] (.*) \(\d+ ms\)$", r.out, re.M)
expect(r.status == 0 and ran and len(passed) == int(ran[1]),
       f"status {r.status}\n{r.out[-6000:]}\n{r.err[-4000:]}")
expect_clean(r)
done(f"{len(passed)} gtests passed")
