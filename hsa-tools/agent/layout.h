/* SPDX-License-Identifier: MIT */
/*
 * The AMD extension table of the ROCr that loaded us, read and written slot by slot at the places
 * its version has them. Knows of no event.
 */
#ifndef RDNA1_AGENT_LAYOUT_H
#define RDNA1_AGENT_LAYOUT_H

#include "hsa_c.h"

/*
 * What came after ROCr 5.2.3 (<hsa/hsa_ext_amd.h> of rocm-systems), in types of 5.2.3: enums are
 * uint32_t, and hsa_amd_vmem_alloc_handle_t, a struct of one uint64_t, is passed as one.
 */
struct amd_memory_access_desc {
	uint32_t permissions; /* hsa_access_permission_t */
	hsa_agent_t agent;
};

typedef hsa_status_t
hsa_amd_memory_async_copy_on_engine_t(void *dst, hsa_agent_t dst_agent, const void *src,
				      hsa_agent_t src_agent, size_t size, uint32_t num_deps,
				      const hsa_signal_t *deps, hsa_signal_t completion,
				      uint32_t engine_id, bool force_copy_on_sdma);
typedef hsa_status_t hsa_amd_portable_export_dmabuf_t(const void *ptr, size_t size, int *dmabuf,
						      uint64_t *offset);
typedef hsa_status_t hsa_amd_portable_export_dmabuf_v2_t(const void *ptr, size_t size, int *dmabuf,
							 uint64_t *offset, uint64_t flags);
typedef hsa_status_t hsa_amd_vmem_address_reserve_t(void **va, size_t size, uint64_t address,
						    uint64_t flags);
typedef hsa_status_t hsa_amd_vmem_address_reserve_align_t(void **va, size_t size, uint64_t address,
							  uint64_t alignment, uint64_t flags);
typedef hsa_status_t hsa_amd_vmem_address_free_t(void *va, size_t size);
typedef hsa_status_t hsa_amd_vmem_handle_create_t(hsa_amd_memory_pool_t pool, size_t size,
						  uint32_t type, uint64_t flags, uint64_t *handle);
typedef hsa_status_t hsa_amd_vmem_handle_release_t(uint64_t handle);
typedef hsa_status_t hsa_amd_vmem_map_t(void *va, size_t size, size_t in_offset, uint64_t handle,
					uint64_t flags);
typedef hsa_status_t hsa_amd_vmem_unmap_t(void *va, size_t size);
typedef hsa_status_t hsa_amd_vmem_set_access_t(void *va, size_t size,
					       const struct amd_memory_access_desc *desc, size_t n);
typedef hsa_status_t hsa_amd_vmem_export_shareable_handle_t(int *fd, uint64_t handle,
							    uint64_t flags);
typedef hsa_status_t hsa_amd_vmem_import_shareable_handle_t(int fd, uint64_t *handle);
typedef hsa_status_t hsa_amd_queue_get_info_t(hsa_queue_t *queue, uint32_t attribute, void *value);
typedef uint32_t hsa_amd_signal_wait_all_t(uint32_t n, hsa_signal_t *signals,
					   hsa_signal_condition_t *conditions,
					   hsa_signal_value_t *values, uint64_t timeout_hint,
					   hsa_wait_state_t wait_hint,
					   hsa_signal_value_t *satisfying);

/* What the agent uses of it; NULL what the version does not have. */
struct amd_table {
#define AMD_FN(fn, since) __typeof__(fn) *fn##_fn;
#define AMD_NEW(fn, since) fn##_t *fn##_fn;
#include "layout.def"
};

/* Most functions of a table that is known. */
enum { AMD_TABLE_MOST = 86 };

/* How many functions the table has; 0 when its version is not known. */
uint32_t amd_table__functions(const AmdExtTable *table);
/* From or into a table of a known layout; an unknown one gives and takes nothing. */
void amd_table__read(struct amd_table *to, const AmdExtTable *table);
void amd_table__write(AmdExtTable *table, const struct amd_table *from);

/*
 * Of a core table, which has had the same order since ROCr 5.0, only what lies within its size is
 * copied; the rest of *to is NULL.
 */
void core_table__read(CoreApiTable *to, const CoreApiTable *table);
void core_table__write(CoreApiTable *table, const CoreApiTable *from);
/* Whether the member at `offset` lies within it. */
static inline bool core_table__has(const CoreApiTable *table, size_t offset)
{
	return offset + sizeof(void *) <= table->version.minor_id;
}

#endif
