// SPDX-License-Identifier: MIT
#include "kfd.h"
#include "structs.h"

#include <inttypes.h>
#include <string.h>

#define KFD_CMD(nr, name, size) static const struct ioctl_field fields_##name[] = {
#define KFD_ARRAY(slot, ptr, count, elem)
#define KFD_FIELD(name, offset, type, print) IOCTL_ROW(#name, offset, type, print, IOCTL_ALWAYS),
#define KFD_CASE(value, member, offset, type, print) IOCTL_ROW(#member, offset, type, print, value),
#define KFD_END()                                                                                  \
	IOCTL_LAST                                                                                 \
	}                                                                                          \
	;
#include "../../bpf/kfd_cmds.def"

/* clang-format off */
static const struct ioctl_cmd cmds[] = {
#define KFD_CMD(nr, name_, size_) [nr] = {.name = #name_, .size = size_, .fields = fields_##name_,
#define KFD_ARRAY(slot, ptr, count, elem) .array[slot] = {ptr, count, elem ? elem : 0xffff},
#define KFD_FIELD(name, offset, type, print)
#define KFD_SELECT(offset) .selector = 1 + offset,
#define KFD_END() },
#include "../../bpf/kfd_cmds.def"
};

/* Arrays inside an argument: max 0 those that follow it up to the end of what was passed. */
struct nested {
	const char *name;
	uint16_t offset, count, elem, max;
};
static const struct nested nested[] = {
#define KFD_CMD(nr, name, size) [nr] = {
#define KFD_ARRAY(slot, ptr, count, elem)
#define KFD_FIELD(name, offset, type, print)
#define KFD_NESTED(name, offset, count, elem, max) #name, offset, count, elem, max
#define KFD_END() },
#include "../../bpf/kfd_cmds.def"
};
/* clang-format on */

const struct ioctl_cmd *kfd_cmd__find(uint32_t cmd)
{
	uint32_t nr = IOC_NR(cmd);

	if (IOC_TYPE(cmd) != 'K' || nr >= ARRAY_SIZE(cmds) || !cmds[nr].name)
		return NULL;
	return &cmds[nr];
}

/*
 * Numbers of AMD's out-of-tree driver (ROCm/amdgpu, linux/kfd_ioctl.h, AMDKFD_COMMAND_START_2): the
 * upstream driver answers them with ENOTTY.
 */
static const struct name out_of_tree[] = {{0x80, "IPC_IMPORT_HANDLE"},
					  {0x81, "IPC_EXPORT_HANDLE"},
					  {0x82, "DBG_TRAP"},
					  {0x83, "CROSS_MEMORY_COPY"},
					  {0x84, "RLC_SPM"},
					  {0x85, "PC_SAMPLE"},
					  {0, NULL}};

void kfd_print_cmd(struct buf *b, uint32_t cmd)
{
	const struct ioctl_cmd *c = kfd_cmd__find(cmd);
	const char *other = IOC_TYPE(cmd) == 'K' ? names__find(out_of_tree, IOC_NR(cmd)) : NULL;

	if (c || other)
		buf__printf(b, "AMDKFD_IOC_%s", c ? c->name : other);
	else
		buf__printf(b, "_IOC(0x%x, 0x%x, %u)", IOC_TYPE(cmd), IOC_NR(cmd), IOC_SIZE(cmd));
}

unsigned int kfd_doorbell_id(uint64_t doorbell_offset)
{
	return (unsigned int)(doorbell_offset >> 3) & 0x3ff;
}

bool kfd_arg_get(uint32_t cmd, const uint8_t *arg, size_t len, const char *field, uint64_t *value)
{
	const struct ioctl_cmd *c = kfd_cmd__find(cmd);

	return c && ioctl_get(c, true, arg, len, field, value);
}

/* ---- elements of arrays ---- */

static uint64_t u32(const uint8_t *p)
{
	return ioctl_load(p, 4, false);
}

static uint64_t u64(const uint8_t *p)
{
	return ioctl_load(p, 8, false);
}

/*
 * struct kfd_event_data: 32 bytes that are a union by the event's type, which only CREATE_EVENT was
 * told. A memory exception has its gpu_id at 24, a hardware exception at 12, a signal the age at 0.
 */
static void print_event_union(struct buf *b, const uint8_t *e)
{
	if (u32(e + 24)) {
		buf__printf(b, ", memory_exception={va=0x%" PRIx64 ", gpu_id=0x%" PRIx64,
			    u64(e + 16), u32(e + 24));
		for (int i = 0; i < 4; i++) {
			static const char *const what[] = {"NotPresent", "ReadOnly", "NoExecute",
							   "imprecise"};
			if (u32(e + 4 * i))
				buf__printf(b, ", %s", what[i]);
		}
		if (u32(e + 28)) {
			buf__puts(b, ", ErrorType=");
			print_value(b, PRINT_KFD_MEM_ERR, u32(e + 28), false);
		}
		buf__putc(b, '}');
	} else if (!u64(e + 16) && !u32(e + 28) && u32(e + 12)) {
		buf__puts(b, ", hw_exception=");
		struct_print_hw_exception(b, e);
	} else if (u64(e + 8) || u64(e + 16) || u64(e + 24)) {
		buf__puts(b, ", raw=");
		buf__hex(b, e, 32);
	} else if (u64(e)) {
		buf__printf(b, ", last_event_age=%" PRIu64, u64(e));
	}
}

static void print_event_data(struct buf *b, const uint8_t *e)
{
	buf__printf(b, "{event_id=%" PRIu64, u32(e + 40));
	print_event_union(b, e);
	if (u64(e + 32))
		buf__printf(b, ", kfd_event_data_ext=0x%" PRIx64, u64(e + 32));
	buf__putc(b, '}');
}

/* struct kfd_process_device_apertures */
static void print_apertures(struct buf *b, const uint8_t *e)
{
	buf__printf(b,
		    "{gpu_id=0x%" PRIx64 ", lds=0x%" PRIx64 "-0x%" PRIx64 ", scratch=0x%" PRIx64
		    "-0x%" PRIx64 ", gpuvm=0x%" PRIx64 "-0x%" PRIx64 "}",
		    u32(e + 48), u64(e), u64(e + 8), u64(e + 16), u64(e + 24), u64(e + 32),
		    u64(e + 40));
}

/* struct kfd_ioctl_svm_attribute: what the value is depends on the type. */
static void print_svm_attribute(struct buf *b, const uint8_t *e)
{
	static const enum print_kind kinds[] = {
		PRINT_KFD_SVM_LOCATION, PRINT_KFD_SVM_LOCATION, PRINT_HEX, PRINT_HEX, PRINT_HEX,
		PRINT_KFD_SVM_FLAGS,	PRINT_KFD_SVM_FLAGS,	PRINT_DEC};
	uint64_t type = u32(e);

	print_value(b, PRINT_KFD_SVM_ATTR, type, false);
	buf__putc(b, '=');
	print_value(b, type < ARRAY_SIZE(kinds) ? kinds[type] : PRINT_HEX, u32(e + 4), false);
}

/* A queue id of SUSPEND_QUEUES and RESUME_QUEUES: KFD_DBG_QUEUE_ERROR_BIT, _INVALID_BIT. */
static void print_queue_id(struct buf *b, const uint8_t *e)
{
	uint32_t id = (uint32_t)u32(e);

	buf__printf(b, "%u%s%s", id & 0x3fffffff, id & 1u << 30 ? "|ERROR" : "",
		    id & 1u << 31 ? "|INVALID" : "");
}

/* Which printer; slot NESTED is the array inside the argument. */
enum { NESTED = 2, ANY_OP = -1 };
#define INFO_OF(code) (64 + (code)) /* op QUERY_EXCEPTION_INFO, by its exception_code */
struct element {
	uint8_t nr, slot;
	int8_t op;    /* value of the selector */
	uint8_t size; /* bytes that the printer reads */
	ioctl_element print;
};
static const struct element elements[] = {
	{0x06, NESTED, ANY_OP, 56, print_apertures},
	{0x0c, 0, ANY_OP, 48, print_event_data},
	{0x14, 0, ANY_OP, 56, print_apertures},
	{0x20, NESTED, ANY_OP, 8, print_svm_attribute},
	{0x22, 0, ANY_OP, STRUCT_SIZE_criu_device_bucket, struct_print_criu_device_bucket},
	{0x22, 1, ANY_OP, STRUCT_SIZE_criu_bo_bucket, struct_print_criu_bo_bucket},
	{0x26, 0, 0, STRUCT_SIZE_runtime_info, struct_print_runtime_info},
	{0x26, 0, 6, 4, print_queue_id},
	{0x26, 0, 7, 4, print_queue_id},
	{0x26, 0, 13, STRUCT_SIZE_queue_snapshot, struct_print_queue_snapshot},
	{0x26, 0, 14, STRUCT_SIZE_device_info, struct_print_device_info},
	{0x26, 0, INFO_OF(33), STRUCT_SIZE_memory_exception, struct_print_memory_exception},
	{0x26, 0, INFO_OF(48), STRUCT_SIZE_runtime_info, struct_print_runtime_info},
};

static const struct element *element_of(uint32_t nr, unsigned int slot, int64_t op)
{
	for (size_t i = 0; i < ARRAY_SIZE(elements); i++)
		if (elements[i].nr == nr && elements[i].slot == slot &&
		    (elements[i].op == ANY_OP || elements[i].op == op))
			return &elements[i];
	return NULL;
}

/* elem 1: bytes that hold one struct. */
static void print_elements(struct buf *b, const struct element *e, size_t elem, const uint8_t *data,
			   size_t len)
{
	if (e && elem == 1)
		elem = e->size;
	ioctl_print_elements(b, e && e->size <= elem ? e->print : NULL, elem, data, len);
}

/* ---- arguments ---- */

/* The array inside the argument; returns where what no row knows begins. */
static size_t print_nested(struct buf *b, const char *sep, uint32_t nr, const uint8_t *arg,
			   size_t len)
{
	const struct nested *n = &nested[nr];
	size_t room, count, known = cmds[nr].size;

	if (!n->elem || n->count + 4u > len)
		return known;
	count = (size_t)u32(arg + n->count);
	if (n->max && count > n->max)
		count = n->max;
	room = n->offset < len ? (len - n->offset) / n->elem : 0;
	if (count > room)
		count = room;
	if (!count)
		return known;
	buf__printf(b, "%s%s=", sep, n->name);
	print_elements(b, element_of(nr, NESTED, ANY_OP), n->elem, arg + n->offset,
		       count * n->elem);
	return n->max ? known : n->offset + count * n->elem;
}

void kfd_print_arg(struct buf *b, uint32_t cmd, const uint8_t *arg, size_t len)
{
	const struct ioctl_cmd *c = kfd_cmd__find(cmd);
	const char *sep = "";
	size_t known = 0;

	buf__putc(b, '{');
	if (c) {
		sep = ioctl_print_fields(b, c, true, arg, len);
		known = print_nested(b, sep, IOC_NR(cmd), arg, len);
	}
	ioctl_print_rest(b, known ? ", " : "", arg, known, len);
	buf__putc(b, '}');
}

/* Bytes from one element to the next, by the argument where it says so; 0: there is no array. */
static size_t stride(uint32_t cmd, int64_t op, unsigned int slot, const uint8_t *arg, size_t len)
{
	static const struct {
		uint8_t nr;
		int8_t op;
		uint8_t slot, elem;
	} cases[] = {
#define KFD_CMD(nr, name, size)
#define KFD_ARRAY(slot, ptr, count, elem)
#define KFD_FIELD(name, offset, type, print)
#define KFD_CASE_ARRAY(nr, value, slot, ptr, count, elem) {nr, value, slot, elem},
#define KFD_END()
#include "../../bpf/kfd_cmds.def"
	};
	const struct ioctl_cmd *c = kfd_cmd__find(cmd);
	uint64_t v;

	if (kfd_arg_get(cmd, arg, len, "queue_snapshot.entry_size", &v) ||
	    kfd_arg_get(cmd, arg, len, "device_snapshot.entry_size", &v))
		return (size_t)v;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (cases[i].nr == IOC_NR(cmd) && cases[i].op == op && cases[i].slot == slot)
			return cases[i].elem;
	if (!c || !c->array[slot].elem)
		return 0;
	return c->array[slot].elem == 0xffff ? 4 : c->array[slot].elem;
}

void kfd_print_array(struct buf *b, uint32_t cmd, const uint8_t *arg, size_t arg_len,
		     unsigned int slot, const uint8_t *data, size_t len)
{
	const struct ioctl_cmd *c = kfd_cmd__find(cmd);
	int64_t op = ANY_OP;
	uint64_t code;
	size_t elem;

	if (c && c->selector && c->selector + 3u <= arg_len)
		op = (int64_t)u32(arg + c->selector - 1);
	elem = stride(cmd, op, slot, arg, arg_len);
	if (kfd_arg_get(cmd, arg, arg_len, "query_exception_info.exception_code", &code))
		op = INFO_OF((int64_t)code);
	print_elements(b, c ? element_of(IOC_NR(cmd), slot, op) : NULL, elem, data, len);
}
