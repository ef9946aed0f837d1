// SPDX-License-Identifier: MIT
/*
 * layout.def against <hsa/hsa_api_trace.h> of the ROCr that is here: every function that the agent
 * expects in a table of this size stands where it expects it, and no other does. A table of which
 * layout.def does not know the size is one that the agent leaves alone; nothing to check then.
 */
#include <cstddef>
#include <hsa/hsa.h>
#include <hsa/hsa_ext_amd.h>
#define AMD_INTERNAL_BUILD 1
#include <hsa/hsa_api_trace.h>

constexpr size_t HEAD = sizeof(ApiTableVersion), ABSENT = 0;
constexpr unsigned int FUNCTIONS = (sizeof(AmdExtTable) - HEAD) / sizeof(void *);

enum {
#define AMD_FN(fn, since) ROW_##fn,
#define AMD_NO(fn, since) ROW_##fn,
#include "../../hsa-tools/agent/layout.def"
	NUM_ROWS
};
constexpr unsigned int SINCE[] = {
#define AMD_FN(fn, since) since,
#define AMD_NO(fn, since) since,
#include "../../hsa-tools/agent/layout.def"
};
constexpr bool KNOWN = HSA_AMD_EXT_API_TABLE_MAJOR_VERSION == 2 && FUNCTIONS >= 67 && FUNCTIONS <= NUM_ROWS;

constexpr size_t expected(int row)
{
	size_t at = HEAD;

	if (SINCE[row] > FUNCTIONS)
		return ABSENT;
	for (int i = 0; i < row; i++)
		at += SINCE[i] <= FUNCTIONS ? sizeof(void *) : 0;
	return at;
}

#define CHECK(fn)                                                                                  \
	template <class T> constexpr size_t at_##fn()                                              \
	{                                                                                          \
		if constexpr (requires { &T::fn##_fn; })                                           \
			return offsetof(T, fn##_fn);                                               \
		else                                                                               \
			return ABSENT;                                                             \
	}                                                                                          \
	static_assert(!KNOWN || at_##fn<AmdExtTable>() == expected(ROW_##fn), #fn);
#define AMD_FN(fn, since) CHECK(fn)
#define AMD_NO(fn, since) CHECK(fn)
#include "../../hsa-tools/agent/layout.def"
static_assert(sizeof(CoreApiTable) == 1016, "the core table is what it was in ROCr 5.2");
