// SPDX-License-Identifier: MIT
#include "iv.h"
#include "print.h"

#include <inttypes.h>

/* include/soc15_ih_clientid.h; SDMA engines of newer chips took over numbers of older blocks. */
static const struct name clients[] = {
	{0x00, "IH"},	      {0x01, "ACP/SDMA2"},  {0x02, "ATHUB"},
	{0x03, "BIF"},	      {0x04, "DCE/SDMA3"},  {0x05, "ISP/SDMA4"},
	{0x06, "PCIE0/VMC1"}, {0x07, "RLC"},	    {0x08, "SDMA0"},
	{0x09, "SDMA1"},      {0x0a, "SE0SH"},	    {0x0b, "SE1SH"},
	{0x0c, "SE2SH"},      {0x0d, "SE3SH"},	    {0x0e, "UVD1/VCN1"},
	{0x0f, "THM"},	      {0x10, "UVD/VCN"},    {0x11, "VCE0/SDMA5"},
	{0x12, "VMC"},	      {0x13, "XDMA/SDMA6"}, {0x14, "GRBM_CP"},
	{0x15, "ATS"},	      {0x16, "ROM_SMUIO"},  {0x17, "DF"},
	{0x18, "VCE1/SDMA7"}, {0x19, "PWR"},	    {0x1a, "RESERVED"},
	{0x1b, "UTCL2"},      {0x1c, "EA"},	    {0x1d, "UTCL2LOG"},
	{0x1e, "MP0"},	      {0x1f, "MP1"},	    {0, NULL}};

/* include/ivsrcid/gfx/irqsrcs_gfx_10_1.h and sdma0/irqsrcs_sdma0_5_0.h. */
static const struct name sources[] = {{176, "CP_RB_INTERRUPT_PKT"},
				      {177, "CP_IB1_INTERRUPT_PKT"},
				      {178, "CP_IB2_INTERRUPT_PKT"},
				      {180, "CP_PM4_PKT_RSVD_BIT_ERROR"},
				      {181, "CP_EOP_INTERRUPT"},
				      {183, "CP_BAD_OPCODE_ERROR"},
				      {184, "CP_PRIV_REG_FAULT"},
				      {185, "CP_PRIV_INSTR_FAULT"},
				      {186, "CP_WAIT_MEM_SEM_FAULT"},
				      {187, "CP_CTX_EMPTY_INTERRUPT"},
				      {188, "CP_CTX_BUSY_INTERRUPT"},
				      {192, "CP_ME_WAIT_REG_MEM_POLL_TIMEOUT"},
				      {193, "CP_SIG_INCOMPLETE"},
				      {194, "CP_PREEMPT_ACK"},
				      {195, "CP_GPF"},
				      {196, "CP_GDS_ALLOC_ERROR"},
				      {197, "CP_ECC_ERROR"},
				      {199, "CP_COMPUTE_QUERY_STATUS"},
				      {200, "CP_VM_DOORBELL"},
				      {201, "CP_FUE_ERROR"},
				      {202, "RLC_STRM_PERF_MONITOR_INTERRUPT"},
				      {217, "SDMA_ATOMIC_RTN_DONE"},
				      {218, "SDMA_ATOMIC_TIMEOUT"},
				      {219, "SDMA_IB_PREEMPT"},
				      {220, "SDMA_ECC"},
				      {221, "SDMA_PAGE_FAULT"},
				      {222, "SDMA_PAGE_NULL"},
				      {223, "SDMA_XNACK"},
				      {224, "SDMA_TRAP"},
				      {225, "SDMA_SEM_INCOMPLETE_TIMEOUT"},
				      {226, "SDMA_SEM_WAIT_FAIL_TIMEOUT"},
				      {228, "SDMA_SRAM_ECC"},
				      {232, "GRBM_RD_TIMEOUT_ERROR"},
				      {233, "GRBM_REG_GUI_IDLE"},
				      {239, "SQ_INTERRUPT_ID"},
				      {240, "SDMA_PREEMPT"},
				      {242, "SDMA_VM_HOLE"},
				      {243, "SDMA_CTXEMPTY"},
				      {244, "SDMA_DOORBELL_INVALID"},
				      {245, "SDMA_FROZEN"},
				      {246, "SDMA_POLL_TIMEOUT"},
				      {247, "SDMA_SRBMWRITE"},
				      {0, NULL}};

/* amdkfd/soc15_int.h */
enum { SRC_VM_FAULT = 0, SRC_END_OF_PIPE = 181, SRC_BAD_OPCODE = 183, SRC_SQ = 239 };

/* Of the word src_data[1] of a fault: AMDGPU_GMC9_FAULT_SOURCE_DATA_* (amdgpu_gmc.h). */
enum { FAULT_EXE = 0x10, FAULT_WRITE = 0x20, FAULT_READ = 0x40, FAULT_RETRY = 0x80 };

/* enum SQ_INTERRUPT_WORD_ENCODING (kfd_int_process_v10.c) */
enum { ENCODING_AUTO, ENCODING_WAVE, ENCODING_ERROR };

static const struct name wave_codes[] = {{IV_CODE_ABORT, "ABORT"},
				    {IV_CODE_TRAP, "TRAP"},
				    {IV_CODE_MATH_ERROR, "MATH_ERROR"},
				    {IV_CODE_ILLEGAL_INSTRUCTION, "ILLEGAL_INSTRUCTION"},
				    {IV_CODE_MEMORY_VIOLATION, "MEMORY_VIOLATION"},
				    {IV_CODE_APERTURE_VIOLATION, "APERTURE_VIOLATION"},
				    {0, NULL}};

/* enum SQ_INTERRUPT_ERROR_TYPE (kfd_int_process_v10.c) */
static const struct name errors[] = {
	{0, "EDC_FUE"}, {1, "ILLEGAL_INST"}, {2, "MEMVIOL"}, {3, "EDC_FED"}, {0, NULL}};

void iv_print_codes(struct buf *b, unsigned int codes)
{
	names__flags(b, wave_codes, codes);
}

void iv_print_error(struct buf *b, unsigned int err_type)
{
	names__value(b, errors, err_type);
}

const char *iv_client_name(uint64_t client_id)
{
	return names__find(clients, client_id);
}

const char *iv_src_name(uint64_t src_id)
{
	return names__find(sources, src_id);
}

static uint32_t bits(const struct iv *iv, const struct caps_bits *f)
{
	return f->width ? iv->src_data[f->word] >> f->shift & ((1u << f->width) - 1) : 0;
}

static void decode_shader(const struct caps_iv *row, const struct iv *iv, struct iv_info *out)
{
	static const enum iv_class classes[] = {IV_SQ, IV_WAVE, IV_HW_ERROR, IV_OTHER};
	unsigned int at = 0;

	out->class = classes[bits(iv, &row->encoding)];
	for (int i = 0; i < 3; i++) {
		out->data |= bits(iv, &row->data[i]) << at;
		at += row->data[i].width;
	}
	if (out->class != IV_WAVE && out->class != IV_HW_ERROR)
		return;
	out->priv = bits(iv, &row->priv);
	out->se = bits(iv, &row->se);
	out->sa = bits(iv, &row->sa);
	out->wgp = bits(iv, &row->wgp);
	out->cu = bits(iv, &row->cu);
	out->simd = bits(iv, &row->simd);
	out->wave = bits(iv, &row->wave);
	if (out->class == IV_HW_ERROR) {
		out->err_type = out->data >> row->err_shift & ((1u << row->err_width) - 1);
	} else if (out->priv) {
		out->doorbell_id = out->data & 0x3ff;
		out->codes = out->data >> 10 & ((1u << row->code_width) - 1);
	}
}

struct iv_info iv__decode(const struct caps_iv *row, const struct iv *iv)
{
	struct iv_info out = {.class = IV_OTHER};
	uint32_t client = iv->client_id < 32 ? 1u << iv->client_id : 0;

	if (!row)
		return out;
	if (client & row->fault_clients && iv->src_id == SRC_VM_FAULT) {
		out.class = IV_PAGE_FAULT;
		out.va = (uint64_t)iv->src_data[0] << 12 | (uint64_t)(iv->src_data[1] & 0xf) << 44;
		out.retry = iv->src_data[1] & FAULT_RETRY;
		out.read = iv->src_data[1] & FAULT_READ;
		out.write = iv->src_data[1] & FAULT_WRITE;
		out.exec = iv->src_data[1] & FAULT_EXE;
	} else if (client & row->shader_clients && iv->src_id == SRC_SQ) {
		decode_shader(row, iv, &out);
	} else if (client & row->shader_clients && iv->src_id == SRC_END_OF_PIPE) {
		out.class = IV_END_OF_PIPE;
		out.data = iv->src_data[0];
	} else if (client & row->shader_clients && iv->src_id == SRC_BAD_OPCODE) {
		/* KFD_DEBUG_CP_BAD_OP_ECODE; a doorbell only where the code is one of a packet. */
		out.class = IV_BAD_OPCODE;
		out.data = iv->src_data[0];
		out.doorbell_id = iv->src_data[0] & 0x3ff;
		out.err_type = iv->src_data[0] >> 10 & 0xffff;
	} else if (client & row->sdma_clients && iv->src_id == row->sdma_trap) {
		out.class = IV_SDMA_TRAP;
		out.data = iv->src_data[0] & 0xfffffff;
	}
	return out;
}

static void print_wave(struct buf *b, const struct caps_iv *row, const struct iv_info *i)
{
	const struct {
		const char *name;
		unsigned int value;
		uint8_t width;
	} places[] = {{"se", i->se, row->se.width},	  {"sa", i->sa, row->sa.width},
		      {"wgp", i->wgp, row->wgp.width},	  {"cu", i->cu, row->cu.width},
		      {"simd", i->simd, row->simd.width}, {"wave", i->wave, row->wave.width}};

	for (size_t n = 0; n < ARRAY_SIZE(places); n++)
		if (places[n].width)
			buf__printf(b, ", %s=%u", places[n].name, places[n].value);
}

static void print_source(struct buf *b, const struct iv *iv)
{
	const char *client = iv_client_name(iv->client_id);

	buf__printf(b, ", client=0x%x", iv->client_id);
	if (client)
		buf__printf(b, " (%s)", client);
	buf__printf(b, ", vmid=%u, pasid=0x%x", iv->vmid, iv->pasid);
}

void iv_print(struct buf *b, const struct caps_iv *row, const struct iv *iv)
{
	const struct iv_info i = iv__decode(row, iv);
	const char *src;

	switch (i.class) {
	case IV_PAGE_FAULT:
		buf__printf(b, "page fault%s, va=0x%" PRIx64 ", %s", i.retry ? " (retry)" : "",
			    i.va,
			    i.write  ? "write"
			    : i.exec ? "execute"
				     : "read");
		break;
	case IV_WAVE:
		if (i.priv) {
			buf__puts(b, "wave exception ");
			iv_print_codes(b, i.codes);
			buf__printf(b, ", doorbell_id=%u", i.doorbell_id);
		} else {
			buf__printf(b, "wave message 0x%x", i.data);
		}
		print_wave(b, row, &i);
		break;
	case IV_HW_ERROR:
		buf__puts(b, "wave error ");
		iv_print_error(b, i.err_type);
		print_wave(b, row, &i);
		break;
	case IV_SQ:
		buf__printf(b, "shader message 0x%x", i.data);
		break;
	case IV_END_OF_PIPE:
		buf__printf(b, "end of pipe, context 0x%x", i.data);
		break;
	case IV_BAD_OPCODE:
		buf__puts(b, "bad packet ");
		print_value(b, PRINT_KFD_EXCEPTION_CODE, i.err_type, false);
		buf__printf(b, ", doorbell_id=%u", i.doorbell_id);
		break;
	case IV_SDMA_TRAP:
		buf__printf(b, "SDMA trap, context 0x%x", i.data);
		break;
	case IV_OTHER:
		src = iv_src_name(iv->src_id);
		buf__printf(b, "interrupt src_id=%u", iv->src_id);
		if (src)
			buf__printf(b, " (%s)", src);
		buf__printf(b, ", src_data=[0x%x, 0x%x, 0x%x, 0x%x]", iv->src_data[0],
			    iv->src_data[1], iv->src_data[2], iv->src_data[3]);
		break;
	}
	print_source(b, iv);
}
