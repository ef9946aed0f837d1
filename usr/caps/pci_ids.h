/* SPDX-License-Identifier: MIT */
/*
 * PCI ids of RDNA1: what a card is before any driver has looked at it. Plain data, as caps.h.
 *
 * Ids and chips: Linux drivers/gpu/drm/amd/amdgpu/amdgpu_drv.c, pciidlist (NAVI10, NAVI12, NAVI14; the
 * list of Linux 5.15 to 6.12). A chip's gfx_target_version: kfd_device.c (navi10 10.1.10 is gfx1010, navi12 gfx1011,
 * navi14 gfx1012). Names by revision: libdrm's data/amdgpu.ids. What the list names without a product
 * (rev CAPS_ANY_REV, name NULL) is one of the chip.
 */
#ifndef RDNA1_CAPS_PCI_IDS_H
#define RDNA1_CAPS_PCI_IDS_H

#include <stddef.h>

#define CAPS_PCI_VENDOR_AMD 0x1002
#define CAPS_ANY_REV 0x100

struct caps_pci {
	unsigned int device_id, rev;
	unsigned int gfx_target_version;
	const char *chip;
	const char *name; /* NULL: not in libdrm's table */
};

static const struct caps_pci caps_pcis[] = {
	{0x7310, CAPS_ANY_REV, 100100, "Navi 10", NULL},
	{0x7312, 0x00, 100100, "Navi 10", "AMD Radeon Pro W5700"},
	{0x7312, CAPS_ANY_REV, 100100, "Navi 10", NULL},
	{0x7318, CAPS_ANY_REV, 100100, "Navi 10", NULL},
	{0x7319, CAPS_ANY_REV, 100100, "Navi 10", NULL},
	{0x731a, CAPS_ANY_REV, 100100, "Navi 10", NULL},
	{0x731b, CAPS_ANY_REV, 100100, "Navi 10", NULL},
	{0x731e, 0xc6, 100100, "Navi 10", "AMD Radeon RX 5700XTB"},
	{0x731e, 0xc7, 100100, "Navi 10", "AMD Radeon RX 5700B"},
	{0x731e, CAPS_ANY_REV, 100100, "Navi 10", NULL},
	{0x731f, 0xc0, 100100, "Navi 10", "AMD Radeon RX 5700 XT 50th Anniversary"},
	{0x731f, 0xc1, 100100, "Navi 10", "AMD Radeon RX 5700 XT"},
	{0x731f, 0xc2, 100100, "Navi 10", "AMD Radeon RX 5600M"},
	{0x731f, 0xc3, 100100, "Navi 10", "AMD Radeon RX 5700M"},
	{0x731f, 0xc4, 100100, "Navi 10", "AMD Radeon RX 5700"},
	{0x731f, 0xc5, 100100, "Navi 10", "AMD Radeon RX 5700 XT"},
	{0x731f, 0xca, 100100, "Navi 10", "AMD Radeon RX 5600 XT"},
	{0x731f, 0xcb, 100100, "Navi 10", "AMD Radeon RX 5600 OEM"},
	{0x731f, CAPS_ANY_REV, 100100, "Navi 10", NULL},
	{0x7340, 0xc1, 100102, "Navi 14", "AMD Radeon RX 5500M"},
	{0x7340, 0xc3, 100102, "Navi 14", "AMD Radeon RX 5300M"},
	{0x7340, 0xc5, 100102, "Navi 14", "AMD Radeon RX 5500 XT"},
	{0x7340, 0xc7, 100102, "Navi 14", "AMD Radeon RX 5500"},
	{0x7340, 0xc9, 100102, "Navi 14", "AMD Radeon RX 5500XTB"},
	{0x7340, 0xcf, 100102, "Navi 14", "AMD Radeon RX 5300"},
	{0x7340, CAPS_ANY_REV, 100102, "Navi 14", NULL},
	{0x7341, 0x00, 100102, "Navi 14", "AMD Radeon Pro W5500"},
	{0x7341, CAPS_ANY_REV, 100102, "Navi 14", NULL},
	{0x7347, 0x00, 100102, "Navi 14", "AMD Radeon Pro W5500M"},
	{0x7347, CAPS_ANY_REV, 100102, "Navi 14", NULL},
	{0x734f, CAPS_ANY_REV, 100102, "Navi 14", NULL},
	{0x7360, 0x41, 100101, "Navi 12", "AMD Radeon Pro 5600M"},
	{0x7360, 0xc3, 100101, "Navi 12", "AMD Radeon Pro V520"},
	{0x7360, CAPS_ANY_REV, 100101, "Navi 12", NULL},
	{0x7362, CAPS_ANY_REV, 100101, "Navi 12", NULL},
};
#define CAPS_NUM_PCIS (sizeof(caps_pcis) / sizeof(caps_pcis[0]))

/* The row of a device and its revision (CAPS_ANY_REV: not known); NULL: not of RDNA1. */
const struct caps_pci *caps_pci__find(unsigned int device_id, unsigned int rev);

/* MEC firmware from which on KFD takes a gfx10.1 card without PCIe atomics (kfd_device.c, no_atomic_fw_version). */
#define CAPS_GFX10_1_NO_ATOMICS_FW 145

#endif
