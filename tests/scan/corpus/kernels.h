/* SPDX-License-Identifier: MIT */
/* What kernels need of HIP, without HIP: any clang compiles this, also one that cannot read the device library. */
#ifndef RDNA1_TESTS_SCAN_KERNELS_H
#define RDNA1_TESTS_SCAN_KERNELS_H

#define KERNEL extern "C" __attribute__((global)) void
#define DEVICE __attribute__((device))
#define NOINLINE __attribute__((device, noinline))
#define LDS __attribute__((shared))

DEVICE static inline int local_id(void)
{
	return __builtin_amdgcn_workitem_id_x();
}

DEVICE static inline int group_id(void)
{
	return __builtin_amdgcn_workgroup_id_x();
}

DEVICE static inline int global_id(void)
{
	return group_id() * 256 + local_id();
}

DEVICE static inline void barrier(void)
{
	__builtin_amdgcn_fence(__ATOMIC_RELEASE, "workgroup");
	__builtin_amdgcn_s_barrier();
	__builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "workgroup");
}

#endif
