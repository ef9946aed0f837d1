/* SPDX-License-Identifier: MIT */
/*
 * What each GPU is, as rows of data with their sources. A chip difference is a row here; no code
 * anywhere asks for a chip by name. Plain data: also read by the emulated device, needs no libc.
 */
#ifndef RDNA1_CAPS_H
#define RDNA1_CAPS_H

#include <stdint.h>

/* ---- processors ---- */

/*
 * EF_AMDGPU_MACH_AMDGCN_*: low byte of the ELF e_flags of a code object (LLVM AMDGPUUsage,
 * "AMDGPU ELF Header e_flags"; 0x100 and up carry xnack and sramecc).
 */
#define CAPS_PROCESSORS(X)                                                                         \
	X(0x2c, "gfx900", 90000)                                                                   \
	X(0x2f, "gfx906", 90006)                                                                   \
	X(0x30, "gfx908", 90008)                                                                   \
	X(0x3f, "gfx90a", 90010)                                                                   \
	X(0x33, "gfx1010", 100100)                                                                 \
	X(0x34, "gfx1011", 100101)                                                                 \
	X(0x35, "gfx1012", 100102)                                                                 \
	X(0x42, "gfx1013", 100103)                                                                 \
	X(0x36, "gfx1030", 100300)                                                                 \
	X(0x37, "gfx1031", 100301)                                                                 \
	X(0x38, "gfx1032", 100302)                                                                 \
	X(0x39, "gfx1033", 100303)                                                                 \
	X(0x3e, "gfx1034", 100304)                                                                 \
	X(0x3d, "gfx1035", 100305)                                                                 \
	X(0x41, "gfx1100", 110000)

/* gfx_target_version of the chips this tool is for: gfx1010 to gfx1013. */
#define CAPS_RDNA1_FIRST 100100
#define CAPS_RDNA1_LAST 100299

struct caps_processor {
	unsigned int elf_mach;
	const char *name;
	unsigned int gfx_target_version; /* KFD topology: major * 10000 + minor * 100 + stepping */
};

/* ---- page-table entries ---- */

/* The same on every GPU here (Linux drivers/gpu/drm/amd/amdgpu/amdgpu_vm.h AMDGPU_PTE_*). */
enum {
	PTE_VALID = 1 << 0,
	PTE_SYSTEM = 1 << 1,
	PTE_SNOOPED = 1 << 2,
	PTE_TMZ = 1 << 3,
	PTE_EXECUTABLE = 1 << 4,
	PTE_READABLE = 1 << 5,
	PTE_WRITEABLE = 1 << 6,
};
#define PTE_FRAG_SHIFT 7 /* bits 11:7: log2 of the pages that translate as one */
#define PTE_FRAG_MASK 0x1full
#define PTE_ADDR_MASK 0x0000fffffffff000ull

#define PTE_GFX10_MTYPE_SHIFT 48 /* bits 50:48 */
#define PTE_GFX10_MTYPE_MASK 7ull

/* include/navi10_enum.h: TCC_MTYPE and MTYPE. KFD picks only NC and UC on gfx10. */
enum { MTYPE_GFX10_NC = 0, MTYPE_GFX10_WC = 1, MTYPE_GFX10_CC = 2, MTYPE_GFX10_UC = 3 };

#define CAPS_PTE_BITS 16
#define CAPS_PTE_MTYPES 8

/* What else a page-table entry holds, by generation. */
struct caps_pte {
	const char *generation;
	unsigned int first, last; /* gfx_target_version */
	unsigned int mtype_shift;
	uint64_t mtype_mask;		    /* before it is shifted */
	const char *mtype[CAPS_PTE_MTYPES]; /* by value; NULL: reserved */
	struct {
		uint64_t bit;
		const char *name;
	} bits[CAPS_PTE_BITS]; /* besides the common ones; ends with bit 0 */
	/*
	 * What the driver writes, with an address of 0, over a page whose fault is not to be tried
	 * again (amdgpu_vm.h AMDGPU_VM_NORETRY_FLAGS); 0: not told apart.
	 */
	uint64_t no_retry;
	/*
	 * The memory types KFD gives by the flags of an allocation, where these alone decide; NULL:
	 * by more than these.
	 */
	const char *kfd_coarse, *kfd_coherent;
};

/* Of gfx9 to gfx11: amdgpu_vm.h, amdgpu_vm_handle_fault. */
#define CAPS_PTE_NO_RETRY (PTE_EXECUTABLE | 1ull << 54 | 1ull << 56)

/* AMDGPU_PTE_PRT, AMDGPU_PDE_PTE, AMDGPU_PTE_LOG, AMDGPU_PTE_TF: gfx9 to gfx11. */
#define CAPS_PTE_PRT_LOG_TF                                                                        \
	{1ull << 51, "PRT"}, {1ull << 52, "SW0"}, {1ull << 53, "SW1"}, {1ull << 54, "PDE_PTE"},    \
		{1ull << 55, "LOG"},                                                               \
	{                                                                                          \
		1ull << 56, "TF"                                                                   \
	}

/*
 * The first row that holds a gfx_target_version is its. Sources, Linux 7.2:
 *
 * gfx9     gmc_v9_0.c, "PTE format on VEGA 10"; vega10_enum.h MTYPE, where 1 is WC and RW: the driver
 *          uses RW from GC 9.4.1 (gfx908) on (gmc_v9_0_get_coherence_flags)
 * gfx10    gmc_v10_0.c, "PTE format on NAVI 10"; navi10_enum.h; NOALLOC is sienna_cichlid's, gfx10.3
 * gfx11    gmc_v11_0.c, "PTE format"; soc21_enum.h
 * gfx12    gmc_v12_0.c, "PTE format"; AMDGPU_PTE_*_GFX12; soc24_enum.h
 * gfx12.1  gmc_v12_1.c; soc_v1_0_enum.h; its gfx_target_version is 120500 (kfd_device.c)
 */
#define CAPS_PTE_GFX9(name, from, to, one)                                                         \
	{                                                                                          \
		.generation = name, .first = from, .last = to, .mtype_shift = 57, .mtype_mask = 3, \
		.mtype = {"NC", one, "CC", "UC"}, .no_retry = CAPS_PTE_NO_RETRY, .bits = {         \
			CAPS_PTE_PRT_LOG_TF                                                        \
		}                                                                                  \
	}
/* amdgpu_amdkfd_gpuvm.c get_pte_flags (Linux 5.15 to 6.1), gmc_v10_0.c gmc_v10_0_get_vm_pte (since). */
#define CAPS_KFD_GFX10 .kfd_coarse = "NC", .kfd_coherent = "UC"
#define CAPS_MTYPES_GFX10 "NC", "WC", "CC", "UC", "C_RW_S", 0, "C_RO_US"
static const struct caps_pte caps_ptes[] = {
	CAPS_PTE_GFX9("gfx908", 90008, 90008, "RW"),
	CAPS_PTE_GFX9("gfx90a", 90010, 90010, "RW"),
	CAPS_PTE_GFX9("gfx9", 90000, 90399, "WC"),
	CAPS_PTE_GFX9("gfx9.4", 90400, 99999, "RW"),
	{
		.generation = "gfx10.1",
		.first = 100100,
		.last = 100299,
		.mtype_shift = PTE_GFX10_MTYPE_SHIFT,
		.mtype_mask = PTE_GFX10_MTYPE_MASK,
		.mtype = {CAPS_MTYPES_GFX10},
		.bits = {CAPS_PTE_PRT_LOG_TF},
		.no_retry = CAPS_PTE_NO_RETRY,
		CAPS_KFD_GFX10,
	},
	{
		.generation = "gfx10.3",
		.first = 100300,
		.last = 109999,
		.mtype_shift = PTE_GFX10_MTYPE_SHIFT,
		.mtype_mask = PTE_GFX10_MTYPE_MASK,
		.mtype = {CAPS_MTYPES_GFX10},
		.bits = {CAPS_PTE_PRT_LOG_TF, {1ull << 58, "NOALLOC"}},
		.no_retry = CAPS_PTE_NO_RETRY,
		CAPS_KFD_GFX10,
	},
	{
		.generation = "gfx11",
		.first = 110000,
		.last = 119999,
		.mtype_shift = PTE_GFX10_MTYPE_SHIFT,
		.mtype_mask = PTE_GFX10_MTYPE_MASK,
		.mtype = {CAPS_MTYPES_GFX10},
		.bits = {CAPS_PTE_PRT_LOG_TF, {1ull << 58, "NOALLOC"}},
		.no_retry = CAPS_PTE_NO_RETRY,
	},
	{
		.generation = "gfx12",
		.first = 120000,
		.last = 120099,
		.mtype_shift = 54,
		.mtype_mask = 3,
		.mtype = {"NC", 0, 0, "UC"},
		.bits = {{1ull << 52, "SW0"},
			 {1ull << 53, "SW1"},
			 {1ull << 56, "PRT"},
			 {1ull << 58, "DCC"},
			 {1ull << 63, "IS_PTE"}},
	},
	{
		.generation = "gfx12.1",
		.first = 120100,
		.last = 129999,
		.mtype_shift = 54,
		.mtype_mask = 3,
		.mtype = {"NC", 0, "RW", "UC"},
		.bits = {{1ull << 52, "SW0"},
			 {1ull << 53, "SW1"},
			 {1ull << 56, "PRT"},
			 {1ull << 59, "BUS_ATOMICS"},
			 {1ull << 63, "IS_PTE"}},
	},
};
#define CAPS_NUM_PTES (sizeof(caps_ptes) / sizeof(caps_ptes[0]))

/* NULL when no row is known for it. */
const struct caps_pte *caps_pte__find(unsigned int gfx_target_version);

/* ---- interrupts ---- */

/* Bits of src_data[word] of an interrupt. */
struct caps_bits {
	uint8_t word, shift, width;
};

/*
 * Where an interrupt says what, by generation. The numbers of clients are SOC15_IH_CLIENTID_* and
 * SOC21_IH_CLIENTID_* (include/soc15_ih_clientid.h), as masks.
 *
 * The shader's message (SQ_INTERRUPT_MSG) has an encoding: 0 the SQ itself, 1 a wave's S_SENDMSG, 2
 * an error. `data` is what a wave sent, in up to three pieces, lowest first: with `priv` (sent by
 * the trap handler) its low 10 bits are the queue's doorbell and code_width bits from 10 on the
 * exceptions. An error's type is err_width bits of data from err_shift on.
 */
struct caps_iv {
	const char *generation;
	unsigned int first, last; /* gfx_target_version */
	uint32_t fault_clients, shader_clients, sdma_clients;
	unsigned int sdma_trap; /* src_id */
	struct caps_bits encoding, priv, data[3];
	unsigned int code_width, err_shift, err_width;
	struct caps_bits se, sa, wgp, cu, simd, wave; /* width 0: not told */
};

/*
 * Sources: amdkfd/kfd_int_process_v9.c, _v10.c, _v11.c (Linux 7.2). The layout is the chip's:
 * Linux 6.1 has no _v10.c and reads gfx10's words by the gfx9 layout, which is wrong in its own log
 * only.
 */
static const struct caps_iv caps_ivs[] = {
	{
		.generation = "gfx9",
		.first = 90000,
		.last = 99999,
		.fault_clients = 1u << 0x12 | 1u << 0x1b | 1u << 0x06,
		.shader_clients = 0xfu << 0x0a | 1u << 0x14,
		.sdma_clients = 3u << 8 | 1u << 1 | 3u << 4 | 1u << 0x11 | 1u << 0x13 | 1u << 0x18,
		.sdma_trap = 224,
		.encoding = {0, 26, 2},
		.priv = {0, 13, 1},
		.data = {{0, 0, 12}, {0, 28, 4}, {1, 0, 8}},
		.code_width = 9,
		.err_shift = 20,
		.err_width = 4,
		.se = {0, 24, 2},
		.sa = {0, 12, 1},
		.cu = {0, 20, 4},
		.simd = {0, 18, 2},
		.wave = {0, 14, 4},
	},
	{
		.generation = "gfx10",
		.first = 100100,
		.last = 109999,
		.fault_clients = 1u << 0x12 | 1u << 0x1b,
		.shader_clients = 0xfu << 0x0a | 1u << 0x14,
		.sdma_clients = 3u << 8 | 1u << 1 | 3u << 4 | 1u << 0x11 | 1u << 0x13 | 1u << 0x18,
		.sdma_trap = 224,
		.encoding = {1, 6, 2},
		.priv = {0, 24, 1},
		.data = {{0, 0, 23}},
		.code_width = 9,
		.err_shift = 19,
		.err_width = 4,
		.se = {1, 4, 2},
		.sa = {0, 23, 1},
		.wgp = {1, 0, 4},
		.simd = {0, 30, 2},
		.wave = {0, 25, 5},
	},
	{
		.generation = "gfx11",
		.first = 110000,
		.last = 120099,
		.fault_clients = 1u << 0x12 | 1u << 0x0a,
		.shader_clients = 1u << 0x0a | 1u << 0x14,
		.sdma_clients = 1u << 0x0a | 1u << 0x14,
		.sdma_trap = 49,
		.encoding = {1, 6, 2},
		.priv = {0, 26, 1},
		.data = {{0, 0, 25}},
		.code_width = 14,
		.err_shift = 21,
		.err_width = 4,
		.sa = {0, 25, 1},
		.wgp = {1, 2, 4},
		.simd = {1, 0, 2},
		.wave = {0, 27, 5},
	},
};
#define CAPS_NUM_IVS (sizeof(caps_ivs) / sizeof(caps_ivs[0]))

/* NULL when no row is known for it. */
const struct caps_iv *caps_iv__find(unsigned int gfx_target_version);

/* ---- addresses ---- */

/*
 * Flat addresses that are not memory: LDS and scratch, 4 GiB each (KFD kfd_flat_memory.c,
 * MAKE_LDS_APP_BASE_V9 and MAKE_SCRATCH_APP_BASE_V9, GFX9 and later), and the end of what a page
 * table can map for a process.
 */
#define CAPS_LDS_BASE ((uint64_t)1 << 48)
#define CAPS_SCRATCH_BASE ((uint64_t)2 << 48)
#define CAPS_APERTURE_BYTES ((uint64_t)1 << 32)
#define CAPS_GPUVM_END ((uint64_t)1 << 47)

/* ---- cards, as the KFD topology and libdrm present them ---- */

struct caps_card {
	const char *gfx;  /* processor */
	const char *name; /* libdrm's amdgpu.ids for this device id and revision */
	unsigned int gfx_target_version;
	unsigned int device_id; /* PCI */
	unsigned int pci_rev;
	unsigned int family_id; /* AMDGPU_FAMILY_NV */
	unsigned int compute_units;
	unsigned int shader_engines;
	unsigned int shader_arrays_per_engine;
	unsigned int simd_per_cu;
	unsigned int max_waves_per_simd;
	unsigned int max_slots_scratch_cu;
	unsigned int lds_kb; /* per workgroup */
	unsigned int wave_size;
	unsigned int sdma_engines;
	unsigned int sdma_count_bits; /* of a linear copy or fill */
	unsigned int fw_version;
	unsigned int debug_fw_version; /* from which on the firmware reports exceptions */
	unsigned int sdma_fw_version;
	unsigned int max_clock_mhz;
	unsigned int l2_kb;
	unsigned long long vram_bytes;
};

/*
 * The cards that can be emulated. Counts from AMD's product pages and the shape of the chips: Navi
 * 10 and 12 have 2 shader engines of 2 arrays, Navi 14 one of 2, Navi 21 four of 2; 2 SDMA engines,
 * Navi 21 four (sdma_v5_2.c). A packet for SDMA 5.0 has 22 bits of byte count
 * (navi10_sdma_pkt_open.h, copy_max_bytes in sdma_v5_0.c), for 5.2 it has 30 (sdma_v5_2.c,
 * "SDMA 5.2.x has increased transfer limits"). debug_fw_version:
 * kfd_topology_set_dbg_firmware_support. Firmware versions are plausible values, not read off a
 * card; a gfx10.1 fw_version below 145 would make KFD require PCIe atomics (kfd_device.c). The
 * first is the default.
 */
static const struct caps_card caps_cards[] = {
	{
		.gfx = "gfx1010",
		.name = "AMD Radeon RX 5600 XT",
		.gfx_target_version = 100100,
		.device_id = 0x731f,
		.pci_rev = 0xca,
		.family_id = 143,
		.compute_units = 36,
		.shader_engines = 2,
		.shader_arrays_per_engine = 2,
		.simd_per_cu = 2,
		.max_waves_per_simd = 20,
		.max_slots_scratch_cu = 32,
		.lds_kb = 64,
		.wave_size = 32,
		.sdma_engines = 2,
		.sdma_count_bits = 22,
		.fw_version = 144,
		.debug_fw_version = 144,
		.sdma_fw_version = 35,
		.max_clock_mhz = 1560,
		.l2_kb = 3072,
		.vram_bytes = 6128ull << 20,
	},
	{
		.gfx = "gfx1011",
		.name = "AMD Radeon Pro V520",
		.gfx_target_version = 100101,
		.device_id = 0x7360,
		.pci_rev = 0xc3,
		.family_id = 143,
		.compute_units = 36,
		.shader_engines = 2,
		.shader_arrays_per_engine = 2,
		.simd_per_cu = 2,
		.max_waves_per_simd = 20,
		.max_slots_scratch_cu = 32,
		.lds_kb = 64,
		.wave_size = 32,
		.sdma_engines = 2,
		.sdma_count_bits = 22,
		.fw_version = 144,
		.debug_fw_version = 144,
		.sdma_fw_version = 35,
		.max_clock_mhz = 1600,
		.l2_kb = 4096,
		.vram_bytes = 8176ull << 20,
	},
	{
		.gfx = "gfx1012",
		.name = "AMD Radeon RX 5500 XT",
		.gfx_target_version = 100102,
		.device_id = 0x7340,
		.pci_rev = 0xc5,
		.family_id = 143,
		.compute_units = 22,
		.shader_engines = 1,
		.shader_arrays_per_engine = 2,
		.simd_per_cu = 2,
		.max_waves_per_simd = 20,
		.max_slots_scratch_cu = 32,
		.lds_kb = 64,
		.wave_size = 32,
		.sdma_engines = 2,
		.sdma_count_bits = 22,
		.fw_version = 144,
		.debug_fw_version = 144,
		.sdma_fw_version = 35,
		.max_clock_mhz = 1845,
		.l2_kb = 2048,
		.vram_bytes = 4080ull << 20,
	},
	{
		.gfx = "gfx1030",
		.name = "AMD Radeon RX 6800 XT",
		.gfx_target_version = 100300,
		.device_id = 0x73bf,
		.pci_rev = 0xc1,
		.family_id = 143,
		.compute_units = 72,
		.shader_engines = 4,
		.shader_arrays_per_engine = 2,
		.simd_per_cu = 2,
		.max_waves_per_simd = 16, /* LLVM AMDGPUBaseInfo getMaxWavesPerEU: gfx10.3 */
		.max_slots_scratch_cu = 32,
		.lds_kb = 64,
		.wave_size = 32,
		.sdma_engines = 4,
		.sdma_count_bits = 30,
		.fw_version = 99,
		.debug_fw_version = 89,
		.sdma_fw_version = 76,
		.max_clock_mhz = 2250,
		.l2_kb = 4096,
		.vram_bytes = 16368ull << 20,
	},
};
#define CAPS_NUM_CARDS (sizeof(caps_cards) / sizeof(caps_cards[0]))

#endif
