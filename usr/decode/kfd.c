// SPDX-License-Identifier: MIT
#include "kfd.h"

#include <inttypes.h>
#include <string.h>

#define SIZE_u32 4
#define SIZE_u64 8
#define SIZE_s32 4
#define SIGNED_u32 false
#define SIGNED_u64 false
#define SIGNED_s32 true

#define KFD_CMD(nr, name, size) static const struct kfd_field fields_##name[] = {
#define KFD_ARRAY(slot, ptr, count, elem)
#define KFD_FIELD(name, offset, type, print)                                                       \
	{#name, offset, SIZE_##type, SIGNED_##type, PRINT_##print},
#define KFD_END()                                                                                  \
	{ NULL, 0, 0, false, PRINT_DEC }                                                           \
	}                                                                                          \
	;
#include "../../bpf/kfd_cmds.def"

static const struct kfd_cmd cmds[] = {
#define KFD_CMD(nr_, name_, size_)                                                                 \
	[nr_] = {.nr = nr_,                                                                        \
		 .name = #name_,                                                                   \
		 .size = size_,                                                                    \
		 .fields = fields_##name_,                                                         \
		 .array = {
#define KFD_ARRAY(slot, ptr_, count_, elem_) [slot] = {ptr_, count_, elem_ + (elem_ == 0 ? 0xffff : 0)},
#define KFD_FIELD(name, offset, type, print)
#define KFD_END()                                                                                  \
	}                                                                                          \
	}                                                                                          \
	,
#include "../../bpf/kfd_cmds.def"
};

const struct kfd_cmd *kfd_cmd__find(uint32_t cmd)
{
	uint32_t nr = KFD_IOC_NR(cmd);

	if (KFD_IOC_TYPE(cmd) != 'K' || nr >= ARRAY_SIZE(cmds) || !cmds[nr].name)
		return NULL;
	return &cmds[nr];
}

/*
 * Numbers of AMD's out-of-tree driver (ROCT-Thunk-Interface 5.2.3, linux/kfd_ioctl.h,
 * AMDKFD_COMMAND_START_2): the upstream driver answers them with ENOTTY.
 */
static const struct name out_of_tree[] = {
	{0x80, "IPC_IMPORT_HANDLE"}, {0x81, "IPC_EXPORT_HANDLE"}, {0x82, "DBG_TRAP"},
	{0x83, "CROSS_MEMORY_COPY"}, {0x84, "RLC_SPM"},		  {0, NULL}};

void kfd_print_cmd(struct buf *b, uint32_t cmd)
{
	const struct kfd_cmd *c = kfd_cmd__find(cmd);
	const char *other = KFD_IOC_TYPE(cmd) == 'K' ? names__find(out_of_tree, KFD_IOC_NR(cmd)) : NULL;

	if (c || other)
		buf__printf(b, "AMDKFD_IOC_%s", c ? c->name : other);
	else
		buf__printf(b, "_IOC(0x%x, 0x%x, %u)", KFD_IOC_TYPE(cmd), KFD_IOC_NR(cmd),
			    KFD_IOC_SIZE(cmd));
}

static uint64_t load(const uint8_t *p, unsigned int size, bool is_signed)
{
	uint64_t v = 0;

	memcpy(&v, p, size);
	if (is_signed && size == 4)
		v = (uint64_t)(int64_t)(int32_t)v;
	return v;
}

void kfd_print_arg(struct buf *b, uint32_t cmd, const uint8_t *arg, size_t len)
{
	const struct kfd_cmd *c = kfd_cmd__find(cmd);
	const char *sep = "";
	size_t known = 0;

	buf__putc(b, '{');
	if (c) {
		for (const struct kfd_field *f = c->fields; f->name; f++) {
			if (f->offset + f->size > len)
				continue;
			buf__printf(b, "%s%s=", sep, f->name);
			print_value(b, f->print, load(arg + f->offset, f->size, f->is_signed),
				    f->is_signed);
			sep = ", ";
		}
		known = c->size;
	}
	if (len > known) {
		buf__printf(b, "%s%s", sep, known ? "+" : "");
		buf__hex(b, arg + known, len - known);
	}
	buf__putc(b, '}');
}

bool kfd_arg_get(uint32_t cmd, const uint8_t *arg, size_t len, const char *field, uint64_t *value)
{
	const struct kfd_cmd *c = kfd_cmd__find(cmd);

	for (const struct kfd_field *f = c ? c->fields : NULL; f && f->name; f++) {
		if (strcmp(f->name, field) || f->offset + f->size > len)
			continue;
		*value = load(arg + f->offset, f->size, f->is_signed);
		return true;
	}
	return false;
}

/* struct kfd_event_data, 48 bytes: 32 of exception data, u64 ext, u32 event_id. */
static void print_event_data(struct buf *b, const uint8_t *e)
{
	uint64_t va = load(e + 16, 8, false);
	uint32_t gpu_id = (uint32_t)load(e + 24, 4, false);

	buf__printf(b, "{event_id=%" PRIu64, load(e + 40, 4, false));
	if (gpu_id) {
		buf__printf(b, ", memory_exception={va=0x%" PRIx64 ", gpu_id=0x%x", va, gpu_id);
		if (load(e, 4, false))
			buf__puts(b, ", NotPresent");
		if (load(e + 4, 4, false))
			buf__puts(b, ", ReadOnly");
		if (load(e + 8, 4, false))
			buf__puts(b, ", NoExecute");
		buf__putc(b, '}');
	}
	buf__putc(b, '}');
}

/* struct kfd_process_device_apertures, 56 bytes. */
static void print_apertures(struct buf *b, const uint8_t *e)
{
	buf__printf(b,
		    "{gpu_id=0x%" PRIx64 ", lds=0x%" PRIx64 "-0x%" PRIx64 ", scratch=0x%" PRIx64
		    "-0x%" PRIx64 ", gpuvm=0x%" PRIx64 "-0x%" PRIx64 "}",
		    load(e + 48, 4, false), load(e, 8, false), load(e + 8, 8, false),
		    load(e + 16, 8, false), load(e + 24, 8, false), load(e + 32, 8, false),
		    load(e + 40, 8, false));
}

void kfd_print_array(struct buf *b, uint32_t cmd, unsigned int slot, const uint8_t *data, size_t len)
{
	const struct kfd_cmd *c = kfd_cmd__find(cmd);
	size_t elem = c ? c->array[slot].elem : 0;
	const char *sep = "";

	if (elem == 0xffff)
		elem = 4;
	if (!elem || len % elem) {
		buf__hex(b, data, len);
		return;
	}
	buf__putc(b, '[');
	for (size_t i = 0; i < len; i += elem, sep = ", ") {
		buf__puts(b, sep);
		if (c->nr == 0x0c)
			print_event_data(b, data + i);
		else if (c->nr == 0x14)
			print_apertures(b, data + i);
		else
			buf__printf(b, "0x%" PRIx64, load(data + i, (unsigned int)elem, false));
	}
	buf__putc(b, ']');
}
