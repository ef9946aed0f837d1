// SPDX-License-Identifier: MIT
#include "drm.h"
#include "structs.h"

#include <inttypes.h>

#define DRM_CMD(nr, name, size) static const struct ioctl_field fields_##name[] = {
#define DRM_ARRAY(slot, ptr, count, elem)
#define DRM_FIELD(name, offset, type, print) IOCTL_ROW(#name, offset, type, print, IOCTL_ALWAYS),
#define DRM_IN(member, offset, type, print) IOCTL_ROW(#member, offset, type, print, IOCTL_IN),
#define DRM_OUT(member, offset, type, print) IOCTL_ROW(#member, offset, type, print, IOCTL_OUT),
#define DRM_CASE(value, member, offset, type, print) IOCTL_ROW(#member, offset, type, print, value),
#define DRM_END()                                                                                  \
	IOCTL_LAST                                                                                 \
	}                                                                                          \
	;
#include "../../bpf/drm_cmds.def"

static const struct ioctl_field no_fields[] = {IOCTL_LAST};

/* clang-format off */
static const struct ioctl_cmd cmds[] = {
#define DRM_CMD(nr, name_, size_) [nr] = {.name = #name_, .size = size_, .fields = fields_##name_,
#define DRM_ARRAY(slot, ptr, count, elem) .array[slot] = {ptr, count, elem},
#define DRM_FIELD(name, offset, type, print)
#define DRM_SELECT(offset) .selector = 1 + offset,
#define DRM_END() },
#define DRM_CORE(nr, name_) [nr] = {.name = #name_, .fields = no_fields},
#include "../../bpf/drm_cmds.def"
};
/* clang-format on */

const struct ioctl_cmd *drm_cmd__find(uint32_t cmd)
{
	uint32_t nr = IOC_NR(cmd);

	if (IOC_TYPE(cmd) != 'd' || nr >= ARRAY_SIZE(cmds) || !cmds[nr].name)
		return NULL;
	return &cmds[nr];
}

void drm_print_cmd(struct buf *b, uint32_t cmd)
{
	const struct ioctl_cmd *c = drm_cmd__find(cmd);

	if (c)
		buf__printf(b, "DRM_IOCTL_%s", c->name);
	else
		buf__printf(b, "_IOC(0x%x, 0x%x, %u)", IOC_TYPE(cmd), IOC_NR(cmd), IOC_SIZE(cmd));
}

void drm_print_arg(struct buf *b, uint32_t cmd, int64_t ret, const uint8_t *arg, size_t len)
{
	const struct ioctl_cmd *c = drm_cmd__find(cmd);

	buf__putc(b, '{');
	if (c)
		ioctl_print_fields(b, c, ret >= 0, arg, len);
	ioctl_print_rest(b, c && c->size ? ", " : "", arg, c ? c->size : 0, len);
	buf__putc(b, '}');
}

bool drm_arg_get(uint32_t cmd, int64_t ret, const uint8_t *arg, size_t len, const char *field,
		 uint64_t *value)
{
	const struct ioctl_cmd *c = drm_cmd__find(cmd);

	return c && ioctl_get(c, ret >= 0, arg, len, field, value);
}

/* GEM and sync object handles. */
static void print_handle(struct buf *b, const uint8_t *p)
{
	buf__printf(b, "%" PRIu64, ioctl_load(p, 4, false));
}

static const struct {
	uint8_t nr, slot;
	ioctl_element print;
} elements[] = {
	{0x43, 0, struct_print_bo_list_entry},
	{0x48, 0, print_handle},
	{0x52, 0, struct_print_fence},
	{0x57, 0, print_handle},
	{0x57, 1, print_handle},
	{0x58, 0, print_handle},
	{0x58, 1, print_handle},
	{0x59, 0, struct_print_gem_handle},
};

void drm_print_array(struct buf *b, uint32_t cmd, unsigned int slot, const uint8_t *data,
		     size_t len)
{
	const struct ioctl_cmd *c = drm_cmd__find(cmd);
	ioctl_element print = NULL;

	for (size_t i = 0; c && i < ARRAY_SIZE(elements); i++)
		if (elements[i].nr == IOC_NR(cmd) && elements[i].slot == slot)
			print = elements[i].print;
	ioctl_print_elements(b, print, c ? c->array[slot].elem : 0, data, len);
}
