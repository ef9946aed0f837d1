// SPDX-License-Identifier: MIT
#include "print.h"

#include "api.h"
#include "drm.h"
#include "hsa.h"
#include "iv.h"
#include "kfd.h"
#include "pte.h"
#include "structs.h"
#include "../base/le.h"
#include "../../bpf/events.h"

#include <inttypes.h>
#include <string.h>

/* ---- tables ---- */

static const struct name names_status[] = {
#define HSA_STATUS_ROW(name, value) {value, "HSA_STATUS_" #name},
#include "hsa_values.def"
	{0, NULL}};

static const struct name names_device[] = {
#define HSA_DEVICE_ROW(name, value) {value, #name},
#include "hsa_values.def"
	{0, NULL}};

static const struct name names_segment[] = {
#define HSA_SEGMENT_ROW(name, value) {value, #name},
#include "hsa_values.def"
	{0, NULL}};

static const struct name names_pool_flags[] = {
#define HSA_POOL_FLAG_ROW(name, value) {value, #name},
#include "hsa_values.def"
	{0, NULL}};

static const struct name names_fault_reason[] = {
#define HSA_FAULT_ROW(name, value) {value, #name},
#include "hsa_values.def"
	{0, NULL}};

#define VALUES(table) static const struct name names_##table[] = {
#define VALUE(prefix, name, value) {value, #name},
#define LATER(prefix, name, value) {value, #name},
#define END_VALUES()                                                                               \
	{                                                                                          \
		0, NULL                                                                            \
	}                                                                                          \
	}                                                                                          \
	;
#include "uapi_values.def"

/* drm.h: DRM_CAP_*, DRM_CLOEXEC, DRM_RDWR. */
static const struct name names_drm_cap[] = {{0x1, "DUMB_BUFFER"},
					    {0x2, "VBLANK_HIGH_CRTC"},
					    {0x3, "DUMB_PREFERRED_DEPTH"},
					    {0x4, "DUMB_PREFER_SHADOW"},
					    {0x5, "PRIME"},
					    {0x6, "TIMESTAMP_MONOTONIC"},
					    {0x7, "ASYNC_PAGE_FLIP"},
					    {0x8, "CURSOR_WIDTH"},
					    {0x9, "CURSOR_HEIGHT"},
					    {0x10, "ADDFB2_MODIFIERS"},
					    {0x11, "PAGE_FLIP_TARGET"},
					    {0x12, "CRTC_IN_VBLANK_EVENT"},
					    {0x13, "SYNCOBJ"},
					    {0x14, "SYNCOBJ_TIMELINE"},
					    {0x15, "ATOMIC_ASYNC_PAGE_FLIP"},
					    {0, NULL}};
static const struct name names_prime[] = {{2, "RDWR"}, {02000000, "CLOEXEC"}, {0, NULL}};
static const struct name names_busy[] = {{0, "idle"}, {1, "busy"}, {0, NULL}};
/* AMDGPU_TIMEOUT_INFINITE (amdgpu.h of libdrm). */
static const struct name names_drm_timeout[] = {{UINT64_MAX, "INFINITE"}, {0, NULL}};
static const struct name names_kfd_timeout[] = {{UINT32_MAX, "INFINITE"}, {0, NULL}};

/* TTM_PL_* (ttm_placement.h) and AMDGPU_PL_* (amdgpu_ttm.h). */
static const struct name names_ttm_place[] = {
	{0, "SYSTEM"}, {1, "GTT"},     {2, "VRAM"},	{3, "GDS"},	   {4, "GWS"},
	{5, "OA"},     {6, "PREEMPT"}, {7, "DOORBELL"}, {8, "MMIO_REMAP"}, {0, NULL}};

static const struct name names_flag_kind[] = {{1, "PTE"}, {2, "AMDGPU_VM"}, {0, NULL}};
static const struct name names_queue_op[] = {
	{1, "create"}, {2, "update"}, {3, "destroy"}, {0, NULL}};
static const struct name names_mem_op[] = {{1, "map"}, {2, "unmap"}, {3, "free"}, {0, NULL}};
static const struct name names_evict_op[] = {
	{1, "evict"}, {2, "restore"}, {3, "evict by pasid"}, {0, NULL}};
static const struct name names_pasid_op[] = {{1, "allocated"}, {2, "freed"}, {0, NULL}};

static const struct name names_source[] = {{SOURCE_kernel, "kernel"},
					   {SOURCE_agent, "agent"},
					   {SOURCE_emu, "emulated device"},
					   {SOURCE_recorder, "recorder"},
					   {0, NULL}};
static const struct name names_phase[] = {{PHASE_begin, "begin"}, {PHASE_end, "end"}, {0, NULL}};
static const struct name names_pte_op[] = {{PTE_OP_map, "map"}, {PTE_OP_unmap, "unmap"}, {0, NULL}};
static const struct name names_gap[] = {{GAP_consumed, "consumed before it could be read"},
					{GAP_unseen_doorbell, "doorbell not seen"},
					{GAP_runtime, "of a queue of the runtime's own"},
					{0, NULL}};
static const struct name names_fault[] = {{EMU_FAULT_page, "page fault"},
					  {EMU_FAULT_permission, "permission fault"},
					  {EMU_FAULT_aperture, "aperture violation"},
					  {EMU_FAULT_illegal, "illegal instruction"},
					  {EMU_FAULT_trap, "trap"},
					  {EMU_FAULT_packet, "malformed packet"},
					  {EMU_FAULT_hang, "endless waves"},
					  {EMU_FAULT_reset, "GPU reset"},
					  {0, NULL}};

/* SDMA v5 opcodes (Linux drivers/gpu/drm/amd/amdgpu/navi10_sdma_pkt_open.h). */
static const struct name names_sdma[] = {{1, "COPY"}, {2, "WRITE"}, {11, "CONST_FILL"}, {0, NULL}};

static const struct name names_mach[] = {
#define X(mach, name, version) {mach, name},
	CAPS_PROCESSORS(X)
#undef X
		{0, NULL}};

static const struct name names_cause[] = {
#define LOSS(name, id, text, remedy) {id, text},
#include "../../bpf/losses.def"
	{0, NULL}};
static const struct name names_remedy[] = {
#define LOSS(name, id, text, remedy) {id, remedy},
#include "../../bpf/losses.def"
	{0, NULL}};

/* Kernel-internal returns that user space never sees but a tracer does (linux/errno.h). */
static const struct name names_kernel_errno[] = {{512, "ERESTARTSYS"},
						 {513, "ERESTARTNOINTR"},
						 {514, "ERESTARTNOHAND"},
						 {515, "ENOIOCTLCMD"},
						 {516, "ERESTART_RESTARTBLOCK"},
						 {517, "EPROBE_DEFER"},
						 {518, "EOPENSTALE"},
						 {519, "ENOPARAM"},
						 {521, "EBADHANDLE"},
						 {522, "ENOTSYNC"},
						 {523, "EBADCOOKIE"},
						 {524, "ENOTSUPP"},
						 {525, "ETOOSMALL"},
						 {526, "ESERVERFAULT"},
						 {527, "EBADTYPE"},
						 {528, "EJUKEBOX"},
						 {529, "EIOCBQUEUED"},
						 {530, "ERECALLCONFLICT"},
						 {531, "ENOGRACE"},
						 {0, NULL}};

const char *hsa_status_name(uint64_t status)
{
	return names__find(names_status, (uint32_t)status);
}

const char *loss_cause_text(uint64_t cause)
{
	return names__find(names_cause, cause);
}

const char *loss_cause_remedy(uint64_t cause)
{
	return names__find(names_remedy, cause);
}

const char *source_name(uint64_t source)
{
	return names__find(names_source, source);
}

const char *fault_kind_name(uint64_t kind)
{
	return names__find(names_fault, kind);
}

const char *processor_name(uint64_t e_flags)
{
	return names__find(names_mach, e_flags & 0xff);
}

void print_grain(struct buf *b, uint64_t flags)
{
	if (flags & 4)
		buf__puts(b, "coarse");
	else if (flags & 2)
		buf__puts(b, "fine");
	else
		buf__puts(b, "-");
	if (flags & 1)
		buf__puts(b, ", kernarg");
}

void print_ns(struct buf *b, uint64_t ns)
{
	if (ns < 1000)
		buf__printf(b, "%" PRIu64 "ns", ns);
	else if (ns < 1000000)
		buf__printf(b, "%.1fus", (double)ns / 1e3);
	else if (ns < 1000000000)
		buf__printf(b, "%.1fms", (double)ns / 1e6);
	else
		buf__printf(b, "%.3fs", (double)ns / 1e9);
}

/* ---- printers of a value, by a table where its kind has one ---- */

struct value {
	uint64_t v;
	bool is_signed;
	const struct name *table;
};

static void print_dec(struct buf *b, const struct value *x)
{
	buf__printf(b, x->is_signed ? "%" PRId64 : "%" PRIu64, x->v);
}

static void print_hex(struct buf *b, const struct value *x)
{
	buf__printf(b, x->v ? "0x%" PRIx64 : "%" PRIx64, x->v);
}

/* "NAME (1)", or the number. */
static void print_named(struct buf *b, const struct value *x)
{
	const char *name = names__find(x->table, x->v);

	if (name)
		buf__printf(b, "%s (", name);
	print_dec(b, x);
	if (name)
		buf__putc(b, ')');
}

/* "NAME (0x1)", or the number. */
static void print_named_hex(struct buf *b, const struct value *x)
{
	const char *name = names__find(x->table, x->v);

	buf__printf(b, name ? "%s (0x%" PRIx64 ")" : "%s0x%" PRIx64, name ? name : "", x->v);
}

/* The number, unless it has a name. */
static void print_unless(struct buf *b, const struct value *x)
{
	if (names__find(x->table, x->v))
		print_named_hex(b, x);
	else
		print_dec(b, x);
}

/* "A|B (0x3)" */
static void print_flags(struct buf *b, const struct value *x)
{
	names__flags(b, x->table, x->v);
	if (x->v)
		buf__printf(b, " (0x%" PRIx64 ")", x->v);
}

static void print_size(struct buf *b, const struct value *x)
{
	print_dec(b, x);
	if (x->v >= 1024 && x->v % 1024 == 0) {
		buf__puts(b, " (");
		buf__size(b, x->v);
		buf__putc(b, ')');
	}
}

static void print_duration(struct buf *b, const struct value *x)
{
	print_dec(b, x);
	if (x->v >= 1000) {
		buf__puts(b, " (");
		print_ns(b, x->v);
		buf__putc(b, ')');
	}
}

static void print_errno(struct buf *b, const struct value *x)
{
	int64_t value = (int64_t)x->v;
	const char *name;

	buf__printf(b, "%" PRId64, value);
	if (value >= 0 || value < -4095)
		return;
	name = names__find(x->table, (uint64_t)-value);
	if (!name)
		name = strerrorname_np((int)-value);
	if (name)
		buf__printf(b, " (%s)", name);
}

static void print_status(struct buf *b, const struct value *x)
{
	int32_t status = (int32_t)x->v;

	if (status & 0x7f)
		buf__printf(b, "killed by signal %d", status & 0x7f);
	else
		buf__printf(b, "exited with %d", (status >> 8) & 0xff);
	buf__printf(b, " (0x%x)", (unsigned int)status);
}

static void print_hsa_status(struct buf *b, const struct value *x)
{
	struct value low = {(uint32_t)x->v, false, x->table};

	print_named_hex(b, &low);
}

static void print_eflags(struct buf *b, const struct value *x)
{
	const char *name = processor_name(x->v);

	buf__printf(b, name ? "%s (0x%" PRIx64 ")" : "%s0x%" PRIx64, name ? name : "", x->v);
}

static void print_kfd_cmd(struct buf *b, const struct value *x)
{
	kfd_print_cmd(b, (uint32_t)x->v);
	buf__printf(b, " (0x%" PRIx64 ")", x->v);
}

static void print_drm_cmd(struct buf *b, const struct value *x)
{
	drm_print_cmd(b, (uint32_t)x->v);
	buf__printf(b, " (0x%" PRIx64 ")", x->v);
}

/* From 7.x on bits 15:8 are pm4_target_xcc (kfd_chardev.c, set_queue_properties_from_user). */
static void print_percentage(struct buf *b, const struct value *x)
{
	if (x->v < 0x100) {
		print_dec(b, x);
		return;
	}
	buf__printf(b, "%" PRIu64 "|pm4_target_xcc=%" PRIu64 " (0x%" PRIx64 ")", x->v & 0xff,
		    x->v >> 8, x->v);
}

/*
 * What the KFD device is mapped at (kfd_priv.h KFD_MMAP_*): type in bits 63:62, 16 bits of gpu_id
 * from bit 46. Type MMIO is 0, so that addresses and offsets of the DRM device look like it; but
 * what lies below bit 46 is 0 there.
 */
enum { MMAP_MMIO, MMAP_RESERVED_MEM, MMAP_EVENTS, MMAP_DOORBELL };
static void print_mmap(struct buf *b, const struct value *x)
{
	static const char *const types[] = {"MMIO", "RESERVED_MEM", "EVENTS", "DOORBELL"};
	uint64_t offset = x->v & ((1ull << 46) - 1);
	unsigned int gpu_id = x->v >> 46 & 0xffff;

	if (x->v >> 62 == MMAP_MMIO && (!gpu_id || offset)) {
		print_hex(b, x);
		return;
	}
	buf__puts(b, types[x->v >> 62]);
	if (gpu_id)
		buf__printf(b, "|gpu_id=0x%x", gpu_id);
	if (offset)
		buf__printf(b, "|0x%" PRIx64, offset);
	buf__printf(b, " (0x%" PRIx64 ")", x->v);
}

static void print_doorbell(struct buf *b, const struct value *x)
{
	print_mmap(b, x);
	if (x->v >> 62 == MMAP_DOORBELL)
		buf__printf(b, ", doorbell_id=%u", kfd_doorbell_id(x->v));
}

/* KFD_EC_MASK: bit n - 1 for exception n. */
static void print_exception_mask(struct buf *b, const struct value *x)
{
	const char *sep = "";
	uint64_t rest = x->v;

	for (const struct name *n = x->table; n->name; n++) {
		if (!(rest >> (n->value - 1) & 1))
			continue;
		buf__printf(b, "%s%s", sep, n->name);
		rest &= ~(1ull << (n->value - 1));
		sep = "|";
	}
	if (rest || !x->v)
		buf__printf(b, rest ? "%s0x%" PRIx64 : "%s%" PRIu64, sep, rest);
	if (x->v)
		buf__printf(b, " (0x%" PRIx64 ")", x->v);
}

#define VM_MTYPE_MASK (0xfull << 5) /* AMDGPU_VM_MTYPE_MASK */
static void print_vm_flags(struct buf *b, const struct value *x)
{
	uint64_t mtype = x->v & VM_MTYPE_MASK;

	if (x->v != mtype || !x->v)
		names__flags(b, x->table, x->v & ~VM_MTYPE_MASK);
	if (mtype) {
		if (x->v != mtype)
			buf__putc(b, '|');
		names__value(b, names_vm_mtype, mtype);
	}
	if (x->v)
		buf__printf(b, " (0x%" PRIx64 ")", x->v);
}

static void print_pte(struct buf *b, const struct value *x)
{
	pte_print(b, caps_pte__find(PTE_GFX10_1), x->v);
}

static void print_iv_client(struct buf *b, const struct value *x)
{
	const char *name = iv_client_name(x->v);

	buf__printf(b, name ? "%s (0x%" PRIx64 ")" : "%s0x%" PRIx64, name ? name : "", x->v);
}

static void print_iv_src(struct buf *b, const struct value *x)
{
	const char *name = iv_src_name(x->v);

	if (name)
		buf__printf(b, "%s (", name);
	print_dec(b, x);
	if (name)
		buf__putc(b, ')');
}

/*
 * Fields: gc_10_1_0_sh_mask.h GCVM_L2_PROTECTION_FAULT_STATUS; names of the clients: gfxhub_v2_0.c;
 * bits of PERMISSION_FAULTS: Documentation/gpu/amdgpu/debugging.rst.
 */
static void print_l2_status(struct buf *b, const struct value *x)
{
	static const struct name cids[] = {
		{0, "CB/DB"},  {2, "GE1"},    {3, "GE2"},    {4, "CPF"},	{5, "CPC"},
		{6, "CPG"},    {7, "RLC"},    {8, "TCP"},    {9, "SQC (inst)"}, {10, "SQC (data)"},
		{11, "SQG"},   {13, "SDMA0"}, {14, "SDMA1"}, {15, "GCR"},	{16, "SDMA2"},
		{17, "SDMA3"}, {0, NULL}};
	static const struct name faults[] = {{1, "not valid"},
					     {2, "not readable"},
					     {4, "not writeable"},
					     {8, "not executable"},
					     {0, NULL}};

	if (!x->v) {
		buf__putc(b, '0');
		return;
	}
	names__value(b, cids, x->v >> 9 & 0x1ff);
	buf__printf(b, " %s", x->v >> 18 & 1 ? "write" : "read");
	if (x->v >> 19 & 1)
		buf__puts(b, " atomic");
	if (x->v >> 4 & 0xf) {
		buf__puts(b, ", ");
		names__flags(b, faults, x->v >> 4 & 0xf);
	}
	if (x->v >> 1 & 7)
		buf__printf(b, ", WALKER_ERROR=%" PRIu64, x->v >> 1 & 7);
	if (x->v >> 8 & 1)
		buf__puts(b, ", MAPPING_ERROR");
	if (x->v & 1)
		buf__puts(b, ", MORE_FAULTS");
	buf__printf(b, ", VMID=%" PRIu64, x->v >> 20 & 0xf);
	if (x->v >> 24 & 1)
		buf__printf(b, ", VFID=%" PRIu64, x->v >> 25 & 0x1f);
	buf__printf(b, " (0x%" PRIx64 ")", x->v);
}

/* "bo#3": the table's one name and the number; 0 is none. */
static void print_ordinal(struct buf *b, const struct value *x)
{
	if (x->v)
		buf__printf(b, "%s#%" PRIu64, x->table->name, x->v);
	else
		buf__putc(b, '-');
}
static const struct name ord_bo[] = {{0, "bo"}}, ord_vm[] = {{0, "vm"}}, ord_mem[] = {{0, "mem"}},
			 ord_gpu[] = {{0, "gpu"}}, ord_page[] = {{0, "page"}};

static void print_fd(struct buf *b, const struct value *x)
{
	if ((int32_t)x->v == -1)
		buf__puts(b, "not known");
	else
		buf__printf(b, "%d", (int32_t)x->v);
}

static void print_api_call(struct buf *b, const struct value *x)
{
	const char *name = x->v <= UINT16_MAX ? api_call_name((uint16_t)x->v) : NULL;

	if (name)
		buf__printf(b, "%s (", name);
	print_dec(b, x);
	if (name)
		buf__putc(b, ')');
}

static const struct {
	void (*print)(struct buf *b, const struct value *x);
	const struct name *table;
} kinds[] = {
	[PRINT_DEC] = {print_dec, NULL},
	[PRINT_HEX] = {print_hex, NULL},
	[PRINT_SIZE] = {print_size, NULL},
	[PRINT_NS] = {print_duration, NULL},
	[PRINT_ERRNO] = {print_errno, names_kernel_errno},
	[PRINT_STATUS] = {print_status, NULL},
	[PRINT_SOURCE] = {print_named, names_source},
	[PRINT_CAUSE] = {print_named, names_cause},
	[PRINT_PHASE] = {print_named, names_phase},
	[PRINT_KFD_CMD] = {print_kfd_cmd, NULL},
	[PRINT_KFD_ALLOC_FLAGS] = {print_flags, names_alloc_flags},
	[PRINT_KFD_QUEUE_TYPE] = {print_named, names_queue_type},
	[PRINT_KFD_QUEUE_PERCENTAGE] = {print_percentage, NULL},
	[PRINT_KFD_DOORBELL] = {print_doorbell, NULL},
	[PRINT_KFD_MMAP] = {print_mmap, NULL},
	[PRINT_KFD_CACHE_POLICY] = {print_named, names_cache_policy},
	[PRINT_KFD_PROC_FLAGS] = {print_flags, names_proc_flags},
	[PRINT_KFD_EVENT_TYPE] = {print_named, names_event_type},
	[PRINT_KFD_TIMEOUT] = {print_unless, names_kfd_timeout},
	[PRINT_KFD_WAIT_RESULT] = {print_named, names_wait_result},
	[PRINT_KFD_RESET_TYPE] = {print_named, names_reset_type},
	[PRINT_KFD_RESET_CAUSE] = {print_named, names_reset_cause},
	[PRINT_KFD_MEM_ERR] = {print_named, names_mem_err},
	[PRINT_KFD_SVM_OP] = {print_named, names_svm_op},
	[PRINT_KFD_SVM_ATTR] = {print_named, names_svm_attr},
	[PRINT_KFD_SVM_FLAGS] = {print_flags, names_svm_flags},
	[PRINT_KFD_SVM_LOCATION] = {print_named_hex, names_svm_location},
	[PRINT_KFD_CRIU_OP] = {print_named, names_criu_op},
	[PRINT_KFD_RUNTIME_MODE] = {print_flags, names_runtime_mode},
	[PRINT_KFD_RUNTIME_STATE] = {print_named, names_runtime_state},
	[PRINT_KFD_DBG_OP] = {print_named, names_dbg_op},
	[PRINT_KFD_DBG_FLAGS] = {print_flags, names_dbg_flags},
	[PRINT_KFD_EXCEPTION_CODE] = {print_named, names_exception},
	[PRINT_KFD_EXCEPTION_MASK] = {print_exception_mask, names_exception},
	[PRINT_KFD_OVERRIDE_MODE] = {print_named, names_override_mode},
	[PRINT_KFD_TRAP_MASK] = {print_flags, names_trap_mask},
	[PRINT_KFD_LAUNCH_MODE] = {print_named, names_launch_mode},
	[PRINT_KFD_WATCH_MODE] = {print_named, names_watch_mode},
	[PRINT_KFD_PROFILER_OP] = {print_named, names_profiler_op},
	[PRINT_KFD_EVICT_TRIGGER] = {print_named, names_evict_trigger},
	[PRINT_DRM_CMD] = {print_drm_cmd, NULL},
	[PRINT_DRM_CAP] = {print_named_hex, names_drm_cap},
	[PRINT_DRM_PRIME_FLAGS] = {print_flags, names_prime},
	[PRINT_DRM_CTX_OP] = {print_named, names_ctx_op},
	[PRINT_DRM_CTX_PRIORITY] = {print_named, names_ctx_priority},
	[PRINT_DRM_CTX_STATE] = {print_flags, names_ctx_state},
	[PRINT_DRM_CTX_RESET] = {print_named, names_ctx_reset},
	[PRINT_DRM_BO_LIST_OP] = {print_named, names_bo_list_op},
	[PRINT_DRM_INFO] = {print_named_hex, names_info},
	[PRINT_DRM_HW_IP] = {print_named, names_hw_ip},
	[PRINT_DRM_FW] = {print_named_hex, names_fw},
	[PRINT_DRM_VBIOS] = {print_named, names_vbios},
	[PRINT_DRM_SENSOR] = {print_named, names_sensor},
	[PRINT_DRM_VIDEO_CAPS] = {print_named, names_video_caps},
	[PRINT_DRM_METADATA_OP] = {print_named, names_metadata_op},
	[PRINT_DRM_TIMEOUT] = {print_unless, names_drm_timeout},
	[PRINT_DRM_BUSY] = {print_named, names_busy},
	[PRINT_DRM_VA_OP] = {print_named, names_va_op},
	[PRINT_DRM_GEM_OP] = {print_named, names_gem_op},
	[PRINT_DRM_VM_OP] = {print_named, names_vm_op},
	[PRINT_DRM_FENCE_WHAT] = {print_named, names_fence_what},
	[PRINT_DRM_SCHED_OP] = {print_named, names_sched_op},
	[PRINT_DRM_USERQ_OP] = {print_named, names_userq_op},
	[PRINT_GEM_DOMAIN] = {print_flags, names_gem_domain},
	[PRINT_GEM_FLAGS] = {print_flags, names_gem_flags},
	[PRINT_GEM_USERPTR] = {print_flags, names_gem_userptr},
	[PRINT_TTM_PLACE] = {print_named, names_ttm_place},
	[PRINT_VM_FLAGS] = {print_vm_flags, names_vm_flags},
	[PRINT_MAP_FLAGS] = {print_hex, NULL},
	[PRINT_FLAG_KIND] = {print_named, names_flag_kind},
	[PRINT_PTE] = {print_pte, NULL},
	[PRINT_IV_CLIENT] = {print_iv_client, NULL},
	[PRINT_IV_SRC] = {print_iv_src, NULL},
	[PRINT_GCVM_L2_STATUS] = {print_l2_status, NULL},
	[PRINT_ORD_BO] = {print_ordinal, ord_bo},
	[PRINT_ORD_VM] = {print_ordinal, ord_vm},
	[PRINT_ORD_MEM] = {print_ordinal, ord_mem},
	[PRINT_ORD_GPU] = {print_ordinal, ord_gpu},
	[PRINT_ORD_PAGE] = {print_ordinal, ord_page},
	[PRINT_FD] = {print_fd, NULL},
	[PRINT_QUEUE_OP] = {print_named, names_queue_op},
	[PRINT_MEM_OP] = {print_named, names_mem_op},
	[PRINT_EVICT_OP] = {print_named, names_evict_op},
	[PRINT_PASID_OP] = {print_named, names_pasid_op},
	[PRINT_HSA_STATUS] = {print_hsa_status, names_status},
	[PRINT_HSA_DEVICE] = {print_named, names_device},
	[PRINT_HSA_SEGMENT] = {print_named, names_segment},
	[PRINT_POOL_FLAGS] = {print_flags, names_pool_flags},
	[PRINT_FAULT_REASON] = {print_flags, names_fault_reason},
	[PRINT_GAP] = {print_named, names_gap},
	[PRINT_AMDGPU_EFLAGS] = {print_eflags, NULL},
	[PRINT_PTE_OP] = {print_named, names_pte_op},
	[PRINT_PTE_GFX10] = {print_pte, NULL},
	[PRINT_SDMA_OP] = {print_named, names_sdma},
	[PRINT_EMU_FAULT] = {print_named, names_fault},
	[PRINT_MEM_KIND] = {print_named, names_mem_kind},
	[PRINT_COPY_KIND] = {print_named, names_copy_kind},
	[PRINT_QUEUE_MAKER] = {print_named, names_queue_maker},
	[PRINT_QUEUE_READ] = {print_named, names_queue_read},
	[PRINT_QUEUE_SET] = {print_named, names_queue_set},
	[PRINT_TIMED_BY] = {print_named, names_timed_by},
	[PRINT_CODE_STORED] = {print_named, names_code_stored},
	[PRINT_POLICY_KIND] = {print_named, names_policy_kind},
	[PRINT_POLICY_STATE] = {print_named, names_policy_state},
	[PRINT_KEPT_PHASE] = {print_named, names_kept_phase},
	[PRINT_STEER_ACTION] = {print_named, names_steer_action},
	[PRINT_STEER_WHY] = {print_named, names_steer_why},
	[PRINT_STEER_PASSED] = {print_named, names_steer_passed},
	[PRINT_EVIDENCE] = {print_named, names_evidence},
	[PRINT_DISPATCH_DONE] = {print_named, names_dispatch_done},
	[PRINT_WATCH_STATE] = {print_named, names_watch_state},
	[PRINT_RANGE_OP] = {print_named, names_range_op},
	[PRINT_EXPORT_KIND] = {print_named, names_export_kind},
	[PRINT_SIGNAL] = {print_named, names_signal},
	[PRINT_QUEUE_PROPS] = {print_flags, names_queue_props},
	[PRINT_API_CALL] = {print_api_call, NULL},
};

void print_value(struct buf *b, enum print_kind kind, uint64_t v, bool is_signed)
{
	struct value x = {.v = v, .is_signed = is_signed};

	if (kind >= ARRAY_SIZE(kinds) || !kinds[kind].print) {
		print_dec(b, &x);
		return;
	}
	x.table = kinds[kind].table;
	kinds[kind].print(b, &x);
}

void print_bytes(struct buf *b, enum print_kind kind, const uint8_t *data, size_t len)
{
	if (kind == PRINT_AQL_PACKET && len == 64) {
		print_aql_packet(b, data);
	} else if (kind == PRINT_POINTERS) {
		print_pointers(b, data, len);
	} else if (kind == PRINT_KERNEL_ARGS) {
		print_kernel_args(b, data, len);
	} else if (kind == PRINT_KFD_VM_FAULT_INFO && len == STRUCT_SIZE_vm_fault_info) {
		struct_print_vm_fault_info(b, data);
	} else if (kind == PRINT_KFD_EXCEPTION && len == STRUCT_SIZE_memory_exception) {
		struct_print_memory_exception(b, data);
	} else if (kind == PRINT_X64_LIST && len % 8 == 0) {
		buf__putc(b, '[');
		for (size_t i = 0; i < len; i += 8)
			buf__printf(b, i ? ", 0x%" PRIx64 : "0x%" PRIx64, le(data + i, 8));
		buf__putc(b, ']');
	} else {
		buf__hex(b, data, len);
	}
}
