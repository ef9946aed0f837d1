/* SPDX-License-Identifier: MIT */
/*
 * <hsa/hsa_api_trace.h> from C. The header is C++ only in name: it uses decltype, bare struct tags
 * and one constructor, which these macros take care of.
 */
#ifndef RDNA1_AGENT_HSA_C_H
#define RDNA1_AGENT_HSA_C_H

#include <stdbool.h>
#include <stddef.h>
#include <hsa/hsa.h>
#include <hsa/hsa_ext_amd.h>

typedef struct ApiTableVersion ApiTableVersion;
typedef struct FinalizerExtTable FinalizerExtTable;
typedef struct ImageExtTable ImageExtTable;
typedef struct AmdExtTable AmdExtTable;
typedef struct CoreApiTable CoreApiTable;
typedef struct HsaApiTable HsaApiTable;
typedef struct HsaApiTableContainer HsaApiTableContainer;
#define decltype(x) __typeof__(x)
#define AMD_INTERNAL_BUILD 1 /* else it includes a path that is not installed */
/* The constructor closes its struct and becomes a function nobody calls. */
#define HsaApiTableContainer()                                                                     \
	char c_shim_;                                                                              \
	}                                                                                          \
	;                                                                                          \
	static inline void hsa_c_shim_(void)                                                       \
	{                                                                                          \
		HsaApiTable root;                                                                  \
		CoreApiTable core;                                                                 \
		AmdExtTable amd_ext;                                                               \
		FinalizerExtTable finalizer_ext;                                                   \
		ImageExtTable image_ext;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-but-set-variable"
#include <hsa/hsa_api_trace.h>
#pragma GCC diagnostic pop
#undef HsaApiTableContainer
#undef decltype
#undef AMD_INTERNAL_BUILD

#endif
