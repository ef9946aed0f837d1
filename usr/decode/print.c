// SPDX-License-Identifier: MIT
#include "print.h"
#include "kfd.h"
#include "pte.h"
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

/* KFD_IOC_ALLOC_MEM_FLAGS_* (linux/kfd_ioctl.h; CONTIGUOUS and EXT_COHERENT since Linux 6.12). */
static const struct name names_alloc_flags[] = {
	{1u << 0, "VRAM"},	    {1u << 1, "GTT"},	       {1u << 2, "USERPTR"},
	{1u << 3, "DOORBELL"},	    {1u << 4, "MMIO_REMAP"},   {1u << 23, "CONTIGUOUS"},
	{1u << 24, "EXT_COHERENT"}, {1u << 25, "UNCACHED"},    {1u << 26, "COHERENT"},
	{1u << 27, "AQL_QUEUE_MEM"}, {1u << 28, "NO_SUBSTITUTE"}, {1u << 29, "PUBLIC"},
	{1u << 30, "EXECUTABLE"},   {1u << 31, "WRITABLE"},    {0, NULL}};

static const struct name names_queue_type[] = {{0, "COMPUTE"},	   {1, "SDMA"},
						{2, "COMPUTE_AQL"}, {3, "SDMA_XGMI"},
						{4, "SDMA_BY_ENG_ID"}, {0, NULL}};
static const struct name names_cache_policy[] = {{0, "COHERENT"}, {1, "NONCOHERENT"}, {0, NULL}};
static const struct name names_event_type[] = {
	{0, "SIGNAL"},	     {1, "NODECHANGE"},	   {2, "DEVICESTATECHANGE"}, {3, "HW_EXCEPTION"},
	{4, "SYSTEM_EVENT"}, {5, "DEBUG_EVENT"},   {6, "PROFILE_EVENT"},     {7, "QUEUE_EVENT"},
	{8, "MEMORY"},	     {0, NULL}};
static const struct name names_wait_result[] = {{0, "COMPLETE"}, {1, "TIMEOUT"}, {2, "FAIL"}, {0, NULL}};
static const struct name names_svm_op[] = {{0, "SET_ATTR"}, {1, "GET_ATTR"}, {0, NULL}};

static const struct name names_source[] = {{SOURCE_kernel, "kernel"},
					   {SOURCE_agent, "agent"},
					   {SOURCE_emu, "emulated device"},
					   {SOURCE_recorder, "recorder"},
					   {0, NULL}};
static const struct name names_phase[] = {{PHASE_begin, "begin"}, {PHASE_end, "end"}, {0, NULL}};
static const struct name names_pte_op[] = {{PTE_OP_map, "map"}, {PTE_OP_unmap, "unmap"}, {0, NULL}};
static const struct name names_gap[] = {{GAP_consumed, "consumed before it could be read"},
					{GAP_unseen_doorbell, "doorbell not seen"},
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

const char *pte_gfx10_mtype(uint64_t pte)
{
	return pte_mtype(caps_pte__find(PTE_GFX10_1), pte);
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

/* ---- printers ---- */

/* "NAME (raw)" or the raw value alone. */
static void named(struct buf *b, const struct name *table, uint64_t value, const char *raw_fmt)
{
	const char *name = names__find(table, value);

	if (!name)
		buf__printf(b, raw_fmt[0] == 'x' ? "0x%" PRIx64 : "%" PRIu64, value);
	else
		buf__printf(b, raw_fmt[0] == 'x' ? "%s (0x%" PRIx64 ")" : "%s (%" PRIu64 ")", name,
			    value);
}

static void flags(struct buf *b, const struct name *table, uint64_t value)
{
	names__flags(b, table, value);
	if (value)
		buf__printf(b, " (0x%" PRIx64 ")", value);
}

static void print_errno(struct buf *b, int64_t value)
{
	const char *name;

	buf__printf(b, "%" PRId64, value);
	if (value >= 0 || value < -4095)
		return;
	name = names__find(names_kernel_errno, (uint64_t)-value);
	if (!name)
		name = strerrorname_np((int)-value);
	if (name)
		buf__printf(b, " (%s)", name);
}

static void print_status(struct buf *b, int32_t status)
{
	if (status & 0x7f)
		buf__printf(b, "killed by signal %d", status & 0x7f);
	else
		buf__printf(b, "exited with %d", (status >> 8) & 0xff);
	buf__printf(b, " (0x%x)", (unsigned int)status);
}

void print_value(struct buf *b, enum print_kind kind, uint64_t v, bool is_signed)
{
	switch (kind) {
	case PRINT_HEX:
		buf__printf(b, v ? "0x%" PRIx64 : "%" PRIx64, v);
		return;
	case PRINT_SIZE:
		buf__printf(b, "%" PRIu64, v);
		if (v >= 1024 && v % 1024 == 0) {
			buf__puts(b, " (");
			buf__size(b, v);
			buf__putc(b, ')');
		}
		return;
	case PRINT_NS:
		buf__printf(b, "%" PRIu64, v);
		if (v >= 1000) {
			buf__puts(b, " (");
			print_ns(b, v);
			buf__putc(b, ')');
		}
		return;
	case PRINT_ERRNO:
		print_errno(b, (int64_t)v);
		return;
	case PRINT_STATUS:
		print_status(b, (int32_t)v);
		return;
	case PRINT_SOURCE:
		named(b, names_source, v, "d");
		return;
	case PRINT_CAUSE:
		named(b, names_cause, v, "d");
		return;
	case PRINT_PHASE:
		named(b, names_phase, v, "d");
		return;
	case PRINT_KFD_CMD:
		kfd_print_cmd(b, (uint32_t)v);
		buf__printf(b, " (0x%" PRIx64 ")", v);
		return;
	case PRINT_KFD_ALLOC_FLAGS:
		flags(b, names_alloc_flags, v);
		return;
	case PRINT_KFD_QUEUE_TYPE:
		named(b, names_queue_type, v, "d");
		return;
	case PRINT_KFD_CACHE_POLICY:
		named(b, names_cache_policy, v, "d");
		return;
	case PRINT_KFD_EVENT_TYPE:
		named(b, names_event_type, v, "d");
		return;
	case PRINT_KFD_TIMEOUT:
		if (v == UINT32_MAX)
			buf__puts(b, "INFINITE (0xffffffff)");
		else
			buf__printf(b, "%" PRIu64, v);
		return;
	case PRINT_KFD_WAIT_RESULT:
		named(b, names_wait_result, v, "d");
		return;
	case PRINT_KFD_SVM_OP:
		named(b, names_svm_op, v, "d");
		return;
	case PRINT_HSA_STATUS:
		named(b, names_status, (uint32_t)v, "x");
		return;
	case PRINT_HSA_DEVICE:
		named(b, names_device, v, "d");
		return;
	case PRINT_HSA_SEGMENT:
		named(b, names_segment, v, "d");
		return;
	case PRINT_POOL_FLAGS:
		flags(b, names_pool_flags, v);
		return;
	case PRINT_FAULT_REASON:
		flags(b, names_fault_reason, v);
		return;
	case PRINT_GAP:
		named(b, names_gap, v, "d");
		return;
	case PRINT_AMDGPU_EFLAGS:
		if (processor_name(v))
			buf__printf(b, "%s (0x%" PRIx64 ")", processor_name(v), v);
		else
			buf__printf(b, "0x%" PRIx64, v);
		return;
	case PRINT_PTE_OP:
		named(b, names_pte_op, v, "d");
		return;
	case PRINT_PTE:
	case PRINT_PTE_GFX10:
		pte_print(b, caps_pte__find(PTE_GFX10_1), v);
		return;
	case PRINT_SDMA_OP:
		named(b, names_sdma, v, "d");
		return;
	case PRINT_EMU_FAULT:
		named(b, names_fault, v, "d");
		return;
	default:
		break;
	}
	if (is_signed)
		buf__printf(b, "%" PRId64, (int64_t)v);
	else
		buf__printf(b, "%" PRIu64, v);
}

/* ---- AQL packets (HSA Runtime Programmer's Reference 1.2, section 2.9) ---- */

static uint64_t le(const uint8_t *p, unsigned int size)
{
	uint64_t v = 0;

	memcpy(&v, p, size);
	return v;
}

static void print_aql(struct buf *b, const uint8_t *p)
{
	static const struct name types[] = {
		{0, "VENDOR_SPECIFIC"}, {1, "INVALID"},	   {2, "KERNEL_DISPATCH"},
		{3, "BARRIER_AND"},	{4, "AGENT_DISPATCH"}, {5, "BARRIER_OR"},
		{0, NULL}};
	uint16_t header = (uint16_t)le(p, 2);

	buf__putc(b, '{');
	names__value(b, types, header & 0xff);
	buf__printf(b, " (header 0x%04x)", header);
	if (header & 0x100)
		buf__puts(b, ", barrier");
	switch (header & 0xff) {
	case 2:
		buf__printf(b,
			    ", grid=%" PRIu64 "x%" PRIu64 "x%" PRIu64 ", workgroup=%" PRIu64
			    "x%" PRIu64 "x%" PRIu64,
			    le(p + 12, 4), le(p + 16, 4), le(p + 20, 4), le(p + 4, 2), le(p + 6, 2),
			    le(p + 8, 2));
		buf__printf(b,
			    ", private=%" PRIu64 ", group=%" PRIu64 ", kernel_object=0x%" PRIx64
			    ", kernarg=0x%" PRIx64,
			    le(p + 24, 4), le(p + 28, 4), le(p + 32, 8), le(p + 40, 8));
		break;
	case 3:
	case 5:
		buf__puts(b, ", dep_signals=[");
		for (int i = 0; i < 5; i++)
			buf__printf(b, i ? ", 0x%" PRIx64 : "0x%" PRIx64, le(p + 8 + 8 * i, 8));
		buf__putc(b, ']');
		break;
	default:
		buf__puts(b, ", raw=");
		buf__hex(b, p + 2, 54);
	}
	buf__printf(b, ", completion_signal=0x%" PRIx64 "}", le(p + 56, 8));
}

void print_bytes(struct buf *b, enum print_kind kind, const uint8_t *data, size_t len)
{
	if (kind == PRINT_AQL_PACKET && len == 64) {
		print_aql(b, data);
	} else if (kind == PRINT_X64_LIST && len % 8 == 0) {
		buf__putc(b, '[');
		for (size_t i = 0; i < len; i += 8)
			buf__printf(b, i ? ", 0x%" PRIx64 : "0x%" PRIx64, le(data + i, 8));
		buf__putc(b, ']');
	} else {
		buf__hex(b, data, len);
	}
}
