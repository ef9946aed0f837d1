// SPDX-License-Identifier: MIT
/* The GPUs of rdna1-trace info: what KFD's topology and PCI say of them. */
#include "cmd_info.h"
#include "caps/caps.h"

#include <stdio.h>
#include <string.h>

/* ---- one line ---- */

/* KFD's 100102 is gfx1012. */
static void put_gfx(struct buf *b, int64_t version)
{
	buf__printf(b, "gfx%u%u%x", (unsigned int)version / 10000,
		    (unsigned int)version / 100 % 100, (unsigned int)version % 100);
}

static uint64_t node_bytes(const struct json_t *node)
{
	const struct json_t *banks = value__at(node, "mem_banks"), *m;
	uint64_t sum = 0;

	for (size_t i = 0; (m = value__item(banks, i, NULL)); i++)
		sum += (uint64_t)number(m, "size_in_bytes");
	return sum;
}

static const struct json_t *card_of(const struct view *v, const struct json_t *node)
{
	const struct json_t *cards = value__at(v->s, "facts.device.cards"), *c;
	int64_t minor = number(node, "drm_render_minor");

	for (size_t i = 0; (c = value__item(cards, i, NULL)); i++)
		if (minor && number(c, "drm_render_minor") == minor)
			return c;
	return NULL;
}

static const struct json_t *node_of(const struct view *v, const struct json_t *card)
{
	const struct json_t *nodes = value__at(v->s, "facts.device.nodes"), *n;

	for (size_t i = 0; (n = value__item(nodes, i, NULL)); i++)
		if (card_of(v, n) == card)
			return n;
	return NULL;
}

/* Cards of one device id differ by the PCI revision, which an emulated card does not show. */
static void put_product(const struct view *v, struct buf *b, const struct json_t *node,
			const struct json_t *card)
{
	int64_t device, revision;

	if (!value__number(node, "device_id", &device))
		value__number(card, "device_id", &device);
	for (size_t i = 0; i < CAPS_NUM_CARDS; i++) {
		const struct caps_card *c = &caps_cards[i];

		if (device == c->device_id &&
		    (v->emulated ||
		     (value__number(card, "revision", &revision) && revision == c->pci_rev))) {
			buf__puts(b, c->name);
			return;
		}
	}
	buf__printf(b, "AMD GPU %04" PRIx64, (uint64_t)device);
}

unsigned int put_gpus(struct view *v)
{
	const struct json_t *nodes = value__at(v->s, "facts.device.nodes"), *n;
	struct buf *b = &v->text;
	unsigned int gpus = 0;

	for (size_t i = 0; (n = value__item(nodes, i, NULL)); i++) {
		if (!number(n, "simd_count"))
			continue;
		buf__puts(b, v->emulated ? "emulated device: " : "device: ");
		put_product(v, b, n, card_of(v, n));
		buf__puts(b, " (");
		put_gfx(b, number(n, "gfx_target_version"));
		buf__printf(b, ", %" PRId64 " CUs, ", number(n, "compute_units"));
		buf__size(b, node_bytes(n));
		buf__puts(b, ")\n");
		gpus++;
	}
	return gpus;
}

/* ---- topology ---- */

static void put_links(struct view *v, const struct json_t *node, const char *which)
{
	const struct json_t *links = value__at(node, which), *l;

	for (size_t i = 0; (l = value__item(links, i, NULL)); i++) {
		struct buf *b = row(v, "  link");

		buf__printf(b, "to node %" PRId64 ": ", number(l, "node_to"));
		say(b, l, "type_name");
		buf__puts(b, ", ");
		say(b, l, "flags_text");
		buf__printf(b, " (0x%" PRIx64 ")\n", (uint64_t)number(l, "flags"));
	}
}

static void put_list(struct buf *b, const struct json_t *list,
		     void (*put)(struct buf *, const struct json_t *))
{
	const struct json_t *o;
	const char *name;

	for (size_t i = 0; (o = value__item(list, i, &name)); i++) {
		buf__puts(b, i ? ", " : "");
		if (name) {
			buf__visible(b, name, strlen(name));
			buf__putc(b, ' ');
		}
		put(b, o);
	}
	buf__putc(b, '\n');
}

static void put_plain(struct buf *b, const struct json_t *o)
{
	say(b, o, "");
}

static void put_size(struct buf *b, const struct json_t *o)
{
	buf__size(b, (uint64_t)number(o, ""));
}

static void put_card(struct view *v, const struct json_t *c)
{
	uint64_t vram = (uint64_t)number(c, "vram_bytes"),
		 visible = (uint64_t)number(c, "visible_vram_bytes");
	struct buf *b = row(v, "  card");

	buf__printf(b, "%04" PRIx64 ":%04" PRIx64 " revision %02" PRIx64 ", driver ",
		    (uint64_t)number(c, "vendor_id"), (uint64_t)number(c, "device_id"),
		    (uint64_t)number(c, "revision"));
	say(b, c, "driver");
	buf__printf(b, ", /dev/dri/renderD%" PRId64 "%s\n", number(c, "drm_render_minor"),
		    value__is_true(c, "accessible") ? "" : " (cannot be opened)");
	if (value__at(c, "subsystem_device_id"))
		rowf(v, "  board", "%04" PRIx64 ":%04" PRIx64,
		     (uint64_t)number(c, "subsystem_vendor_id"),
		     (uint64_t)number(c, "subsystem_device_id"));
	if (value__text(c, "vbios_version"))
		row_say(v, "  VBIOS", c, "vbios_version");
	if (vram) {
		b = row(v, "  VRAM");
		buf__size(b, vram);
		buf__puts(b, ", of which the CPU reaches ");
		buf__size(b, visible);
		buf__puts(b, visible == vram ? " (large BAR)\n" : "\n");
	}
	if (value__count(value__at(c, "bar_bytes")))
		put_list(row(v, "  BARs"), value__at(c, "bar_bytes"), put_size);
	if (value__count(value__at(c, "links_to_root")))
		put_list(row(v, "  PCIe to root"), value__at(c, "links_to_root"), put_plain);
	if (value__count(value__at(c, "firmware")))
		put_list(row(v, "  firmware"), value__at(c, "firmware"), put_plain);
}

static void put_gpu_node(struct view *v, const struct json_t *n)
{
	const struct json_t *banks = value__at(n, "mem_banks"), *m, *c = card_of(v, n);
	unsigned int at = (unsigned int)number(n, "location_id");
	struct buf *b = &v->text;

	put_gfx(b, number(n, "gfx_target_version"));
	buf__printf(b, ", gpu_id %" PRId64 "\n", number(n, "gpu_id"));
	rowf(v, "  shape",
	     "%" PRId64 " CUs of %" PRId64 " SIMDs of %" PRId64 " waves, %" PRId64 " arrays",
	     number(n, "compute_units"), number(n, "simd_per_cu"), number(n, "max_waves_per_simd"),
	     number(n, "array_count"));
	rowf(v, "  PCI",
	     "%04" PRIx64 ":%04" PRIx64 " at %04" PRIx64 ":%02x:%02x.%x, renderD%" PRId64,
	     (uint64_t)number(n, "vendor_id"), (uint64_t)number(n, "device_id"),
	     (uint64_t)number(n, "domain"), at >> 8 & 0xff, at >> 3 & 0x1f, at & 7,
	     number(n, "drm_render_minor"));
	rowf(v, "  KFD firmware", "MEC %" PRId64 ", SDMA %" PRId64 ", capability 0x%" PRIx64,
	     number(n, "fw_version"), number(n, "sdma_fw_version"),
	     (uint64_t)number(n, "capability"));
	for (size_t i = 0; (m = value__item(banks, i, NULL)); i++) {
		int64_t heap = number(m, "heap_type"); /* HSA_MEM_HEAP_TYPE_FB_PUBLIC, _PRIVATE */

		b = row(v, "  memory");
		buf__size(b, (uint64_t)number(m, "size_in_bytes"));
		buf__printf(b, ", heap type %" PRId64 "%s\n", heap,
			    heap == 1	? " (the CPU reaches all of it)"
			    : heap == 2 ? " (the CPU does not reach all of it)"
					: "");
	}
	put_links(v, n, "io_links");
	put_links(v, n, "p2p_links");
	if (c)
		put_card(v, c);
}

void put_nodes(struct view *v)
{
	const struct json_t *nodes = value__at(v->s, "facts.device.nodes"), *o;
	const struct json_t *cards = value__at(v->s, "facts.device.cards");
	struct buf *b = &v->text;
	char name[32];

	if (value__count(nodes))
		section(v, v->emulated ? "KFD topology (emulated)" : "KFD topology");
	for (size_t i = 0; (o = value__item(nodes, i, NULL)); i++) {
		snprintf(name, sizeof(name), "node %" PRId64, number(o, "node"));
		row(v, name);
		if (value__is_false(o, "readable")) {
			buf__puts(b, "cannot be read\n");
		} else if (number(o, "simd_count")) {
			put_gpu_node(v, o);
		} else {
			buf__printf(b, "CPU, %" PRId64 " cores, ", number(o, "cpu_cores_count"));
			buf__size(b, node_bytes(o));
			buf__putc(b, '\n');
			put_links(v, o, "io_links");
		}
	}
	for (size_t i = 0; (o = value__item(cards, i, NULL)); i++) {
		if (node_of(v, o))
			continue;
		snprintf(name, sizeof(name), "renderD%" PRId64, number(o, "drm_render_minor"));
		section(v, "A card that KFD has no node for");
		b = row(v, name);
		put_product(v, b, NULL, o);
		buf__putc(b, '\n');
		put_card(v, o);
	}
}
