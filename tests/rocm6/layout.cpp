// SPDX-License-Identifier: MIT
/*
 * layout.def against <hsa/hsa_api_trace.h> of the ROCr that is here. Another table than 6.4.3's is one
 * that the agent leaves alone; nothing to check then.
 */
#include <cstddef>
#include <hsa/hsa.h>
#include <hsa/hsa_ext_amd.h>
#define AMD_INTERNAL_BUILD 1
#include <hsa/hsa_api_trace.h>

constexpr bool known = sizeof(AmdExtTable) == 592 && HSA_AMD_EXT_API_TABLE_MAJOR_VERSION == 2;
#define AMD_SLOT(fn, in_5_2, in_6_4)                                                               \
	static_assert(!known || offsetof(AmdExtTable, fn##_fn) == (in_6_4), #fn);
#include "../../hsa-tools/agent/layout.def"
static_assert(sizeof(CoreApiTable) == 1016, "the core table is what it was in ROCr 5.2");
