// SPDX-License-Identifier: MIT
#include "api.h"
#include "print.h"
#include "../base/names.h"

#include <inttypes.h>
#include <string.h>

/* ---- rows ---- */

enum how { HOW_PTR = 1, HOW_INTS, HOW_LONGS, HOW_FLOATS, HOW_PERF, HOW_SOLUTIONS, HOW_STR };
enum library { LIB_miopen, LIB_rocblas, LIB_hip, LIB_hsa };

static const struct row {
	const char *symbol, *args;
	enum library library;
	unsigned int words;
	struct {
		uint8_t arg; /* plus 1 */
		uint8_t how;
	} copy[API_CALL_COPIES];
} rows[1024] = {
#define API_CALL(nr, library_, symbol_, num, args_)                                                \
	[nr] = {.symbol = #symbol_,                                                                \
		.args = args_,                                                                     \
		.library = LIB_##library_,                                                         \
		.words = num,                                                                      \
		.copy = {
#define API_COPY(slot, arg_, count, elem, how_) [slot] = {.arg = (arg_) + 1, .how = HOW_##how_},
#define API_END()                                                                                  \
	}                                                                                          \
	}                                                                                          \
	,
#include "../../bpf/api_calls.def"
};

static const struct row *row_of(uint16_t nr)
{
	return nr < ARRAY_SIZE(rows) && rows[nr].symbol ? &rows[nr] : NULL;
}

const char *api_call_name(uint16_t nr)
{
	return row_of(nr) ? rows[nr].symbol : NULL;
}

uint16_t api_call_number(const char *name)
{
	for (uint16_t nr = 0; nr < ARRAY_SIZE(rows); nr++)
		if (rows[nr].symbol && !strcmp(rows[nr].symbol, name))
			return nr;
	return 0;
}

/* ---- values (miopen.h; rocblas-types.h; hip_runtime_api.h) ---- */

static const struct name names_type[] = {
	{0, "half"},   {1, "float"},  {2, "int32"},   {3, "int8"},  {5, "bfloat16"},
	{6, "double"}, {7, "float8"}, {8, "bfloat8"}, {9, "int64"}, {0, NULL}};
static const struct name names_layout[] = {
	{0, "NCHW"},   {1, "NHWC"},   {2, "CHWN"},  {3, "NCHWc4"}, {4, "NCHWc8"},
	{5, "CHWNc4"}, {6, "CHWNc8"}, {7, "NCDHW"}, {8, "NDHWC"},  {0, NULL}};
static const struct name names_mode[] = {
	{0, "Convolution"}, {1, "Transpose"}, {2, "GroupConv"}, {3, "Depthwise"}, {0, NULL}};
static const struct name names_forward[] = {{0, "GEMM"},     {1, "Direct"},	  {2, "FFT"},
					    {3, "Winograd"}, {5, "ImplicitGEMM"}, {0, NULL}};
static const struct name names_backward_data[] = {
	{0, "GEMM"},	      {1, "Direct"},	   {2, "FFT"}, {3, "Winograd"},
	{4, "TransposeGEMM"}, {5, "ImplicitGEMM"}, {0, NULL}};
static const struct name names_backward_weights[] = {
	{0, "GEMM"}, {1, "Direct"}, {3, "Winograd"}, {5, "ImplicitGEMM"}, {0, NULL}};
static const struct name names_operation[] = {
	{111, "none"}, {112, "transpose"}, {113, "conjugate_transpose"}, {0, NULL}};
static const struct name names_datatype[] = {
	{150, "f16_r"},	 {151, "f32_r"}, {152, "f64_r"}, {153, "f16_c"}, {154, "f32_c"},
	{155, "f64_c"},	 {160, "i8_r"},	 {161, "u8_r"},	 {162, "i32_r"}, {163, "u32_r"},
	{164, "i8_c"},	 {165, "u8_c"},	 {166, "i32_c"}, {167, "u32_c"}, {168, "bf16_r"},
	{169, "bf16_c"}, {0, NULL}};
static const struct name names_kind[] = {{0, "HostToHost"},   {1, "HostToDevice"},
					 {2, "DeviceToHost"}, {3, "DeviceToDevice"},
					 {4, "Default"},      {0, NULL}};
static const struct name names_bool[] = {{0, "false"}, {1, "true"}, {0, NULL}};

static const struct name names_miopen_status[] = {
	{0, "miopenStatusSuccess"},	     {1, "miopenStatusNotInitialized"},
	{2, "miopenStatusInvalidValue"},     {3, "miopenStatusBadParm"},
	{4, "miopenStatusAllocFailed"},	     {5, "miopenStatusInternalError"},
	{6, "miopenStatusNotImplemented"},   {7, "miopenStatusUnknownError"},
	{8, "miopenStatusUnsupportedOp"},    {9, "miopenStatusGpuOperationsSkipped"},
	{10, "miopenStatusVersionMismatch"}, {0, NULL}};
static const struct name names_rocblas_status[] = {{0, "rocblas_status_success"},
						   {1, "rocblas_status_invalid_handle"},
						   {2, "rocblas_status_not_implemented"},
						   {3, "rocblas_status_invalid_pointer"},
						   {4, "rocblas_status_invalid_size"},
						   {5, "rocblas_status_memory_error"},
						   {6, "rocblas_status_internal_error"},
						   {7, "rocblas_status_perf_degraded"},
						   {8, "rocblas_status_size_query_mismatch"},
						   {9, "rocblas_status_size_increased"},
						   {10, "rocblas_status_size_unchanged"},
						   {11, "rocblas_status_invalid_value"},
						   {12, "rocblas_status_continue"},
						   {13, "rocblas_status_check_numerics_fail"},
						   {0, NULL}};
static const struct name names_hip_status[] = {{0, "hipSuccess"},
					       {1, "hipErrorInvalidValue"},
					       {2, "hipErrorOutOfMemory"},
					       {3, "hipErrorNotInitialized"},
					       {4, "hipErrorDeinitialized"},
					       {9, "hipErrorInvalidConfiguration"},
					       {13, "hipErrorInvalidSymbol"},
					       {17, "hipErrorInvalidDevicePointer"},
					       {21, "hipErrorInvalidMemcpyDirection"},
					       {98, "hipErrorInvalidDeviceFunction"},
					       {100, "hipErrorNoDevice"},
					       {101, "hipErrorInvalidDevice"},
					       {200, "hipErrorInvalidImage"},
					       {201, "hipErrorInvalidContext"},
					       {209, "hipErrorNoBinaryForGpu"},
					       {301, "hipErrorFileNotFound"},
					       {302, "hipErrorSharedObjectSymbolNotFound"},
					       {303, "hipErrorSharedObjectInitFailed"},
					       {400, "hipErrorInvalidHandle"},
					       {500, "hipErrorNotFound"},
					       {600, "hipErrorNotReady"},
					       {700, "hipErrorIllegalAddress"},
					       {701, "hipErrorLaunchOutOfResources"},
					       {702, "hipErrorLaunchTimeOut"},
					       {710, "hipErrorAssert"},
					       {712, "hipErrorHostMemoryAlreadyRegistered"},
					       {713, "hipErrorHostMemoryNotRegistered"},
					       {719, "hipErrorLaunchFailure"},
					       {720, "hipErrorCooperativeLaunchTooLarge"},
					       {801, "hipErrorNotSupported"},
					       {999, "hipErrorUnknown"},
					       {0, NULL}};

static const struct {
	char type;
	const struct name *names;
} named_types[] = {{'t', names_type},	       {'l', names_layout},
		   {'m', names_mode},	       {'F', names_forward},
		   {'G', names_backward_data}, {'H', names_backward_weights},
		   {'o', names_operation},     {'r', names_datatype},
		   {'k', names_kind},	       {'b', names_bool}};

static const struct name *names_of(char type)
{
	for (size_t i = 0; i < ARRAY_SIZE(named_types); i++)
		if (named_types[i].type == type)
			return named_types[i].names;
	return NULL;
}

const char *api_miopen_type(uint64_t type)
{
	return names__find(names_type, type);
}

const char *api_miopen_algorithm(char type, uint64_t algo)
{
	return names_of(type) ? names__find(names_of(type), algo) : NULL;
}

/* ---- arguments ---- */

/* Of 32 bits and less the upper half of the word is whatever was there. */
static uint64_t narrow(char type, uint64_t v)
{
	if (type == 'b')
		return v & 0xff;
	if (type == 'u' || names_of(type))
		return (uint32_t)v;
	return type == 'i' ? (uint64_t)(int64_t)(int32_t)v : v;
}

bool api_arg__next(const struct api_call *c, struct api_arg *a)
{
	const struct row *row = row_of(c->nr);

	if (!a->rest)
		a->rest = row ? row->args : "";
	else
		a->index++;
	if (!a->rest[0] || a->word >= c->num_args)
		return false;
	a->type = a->rest[0];
	a->name = a->rest + 2;
	a->len = strcspn(a->name, ",");
	a->rest = a->name + a->len;
	a->rest += strspn(a->rest, ", ");
	a->value = narrow(a->type, c->args[a->word++]);
	a->second = 0;
	if (a->type == 'D' && a->word < c->num_args)
		a->second = (uint32_t)c->args[a->word++];
	return true;
}

bool api_arg__is(const struct api_arg *a, const char *name)
{
	return strlen(name) == a->len && !strncmp(a->name, name, a->len);
}

uint64_t api_call__arg(const struct api_call *c, const char *name)
{
	struct api_arg a = {0};

	while (api_arg__next(c, &a))
		if (api_arg__is(&a, name))
			return a.value;
	return 0;
}

/* Slot of the copy of argument number `index`; negative when it has none. */
static int slot_of(const struct row *row, unsigned int index)
{
	for (int i = 0; row && i < API_CALL_COPIES; i++)
		if (row->copy[i].arg == index + 1)
			return i;
	return -1;
}

static int64_t element(const uint8_t *p, unsigned int size)
{
	int32_t narrow;
	int64_t wide;

	memcpy(&narrow, p, sizeof(narrow));
	if (size == 4)
		return narrow;
	memcpy(&wide, p, sizeof(wide));
	return wide;
}

bool api_call__copied(const struct api_call *c, const char *name, unsigned int i, int64_t *v)
{
	const struct row *row = row_of(c->nr);
	struct api_arg a = {0};

	while (api_arg__next(c, &a)) {
		int slot = api_arg__is(&a, name) ? slot_of(row, a.index) : -1;
		unsigned int size;

		if (slot < 0)
			continue;
		size = row->copy[slot].how == HOW_INTS ? 4 : 8;
		if ((i + 1) * size > c->copy_len[slot])
			return false;
		*v = element(c->copy[slot] + i * size, size);
		return true;
	}
	return false;
}

/* ---- printing ---- */

static void print_list(struct buf *b, const uint8_t *data, size_t len, unsigned int size, bool hex)
{
	buf__puts(b, len > size ? "[" : "");
	for (size_t at = 0; at + size <= len; at += size) {
		int64_t v = element(data + at, size);

		buf__printf(b, hex ? "%s0x%" PRIx64 : "%s%" PRId64, at ? "," : "", v);
	}
	buf__puts(b, len > size ? "]" : "");
}

static void print_float(struct buf *b, const uint8_t *p)
{
	float f;

	memcpy(&f, p, sizeof(f));
	buf__printf(b, "%g", (double)f);
}

/* miopenConvAlgoPerf_t, as many as were found. */
static void print_perf(struct buf *b, const struct api_call *c, const uint8_t *p, size_t len)
{
	int64_t found = (int64_t)len / 16;
	struct api_arg a = {.type = 'F'};

	api_call__copied(c, "returnedAlgoCount", 0, &found);
	buf__putc(b, '[');
	for (size_t at = 0; at + 16 <= len && (int64_t)(at / 16) < found; at += 16) {
		buf__puts(b, at ? ", {" : "{");
		names__value(b, names_of(a.type), (uint64_t)element(p + at, 4));
		buf__puts(b, ", ");
		print_float(b, p + at + 4);
		buf__printf(b, " ms, %" PRId64 " B}", element(p + at + 8, 8));
	}
	buf__putc(b, ']');
}

/* miopenConvSolution_t: float time; size_t workspace_size; uint64_t solution_id; algorithm. */
static void print_solutions(struct buf *b, const struct api_call *c, const uint8_t *p, size_t len)
{
	int64_t found = (int64_t)len / 32;

	api_call__copied(c, "solutionCount", 0, &found);
	buf__putc(b, '[');
	for (size_t at = 0; at + 32 <= len && (int64_t)(at / 32) < found; at += 32) {
		buf__printf(b, "%s{id %" PRId64 ", ", at ? ", " : "", element(p + at + 16, 8));
		names__value(b, names_forward, (uint64_t)element(p + at + 24, 4));
		buf__puts(b, ", ");
		print_float(b, p + at);
		buf__printf(b, " ms, %" PRId64 " B}", element(p + at + 8, 8));
	}
	buf__putc(b, ']');
}

static void print_copy(struct buf *b, const struct api_call *c, enum how how, unsigned int slot)
{
	const uint8_t *data = c->copy[slot];
	size_t len = c->copy_len[slot];

	switch (how) {
	case HOW_STR:
		buf__json(b, (const char *)data, len);
		break;
	case HOW_PERF:
		print_perf(b, c, data, len);
		break;
	case HOW_SOLUTIONS:
		print_solutions(b, c, data, len);
		break;
	case HOW_FLOATS:
		if (len >= 4)
			print_float(b, data);
		break;
	default:
		print_list(b, data, len, how == HOW_INTS ? 4 : 8, how == HOW_PTR);
	}
}

static void print_arg(struct buf *b, const struct api_arg *a)
{
	if (names_of(a->type))
		names__value(b, names_of(a->type), a->value);
	else if (a->type == 'D')
		buf__printf(b, "%ux%ux%u", (uint32_t)a->value, (uint32_t)(a->value >> 32),
			    (uint32_t)a->second);
	else if (a->type == 'p' || a->type == 'x')
		buf__printf(b, a->value ? "0x%" PRIx64 : "%" PRIx64, a->value);
	else
		buf__printf(b, a->type == 'i' ? "%" PRId64 : "%" PRIu64, a->value);
}

static uint32_t status_of(const struct api_call *c)
{
	return (uint32_t)c->ret;
}

void api_call__print_status(struct buf *b, const struct api_call *c)
{
	const struct row *row = row_of(c->nr);
	const char *name = NULL;

	if (row && row->library == LIB_hsa)
		name = hsa_status_name(status_of(c));
	else if (row)
		name = names__find(row->library == LIB_miopen	 ? names_miopen_status
				   : row->library == LIB_rocblas ? names_rocblas_status
								 : names_hip_status,
				   status_of(c));
	if (name)
		buf__printf(b, "%s (%" PRIu32 ")", name, status_of(c));
	else
		buf__printf(b, "%" PRIu32, status_of(c));
}

bool api_call__failed(const struct api_call *c)
{
	return c->returned && status_of(c);
}

void api_call__print(struct buf *b, const struct api_call *c)
{
	const struct row *row = row_of(c->nr);
	struct api_arg a = {0};

	if (row)
		buf__puts(b, row->symbol);
	else
		buf__printf(b, "call %u", c->nr);
	buf__putc(b, '(');
	while (api_arg__next(c, &a)) {
		int slot = slot_of(row, a.index);

		buf__printf(b, "%s%.*s=", a.index ? ", " : "", (int)a.len, a.name);
		print_arg(b, &a);
		if (slot >= 0 && c->copy_len[slot]) {
			buf__puts(b, " => ");
			print_copy(b, c, row->copy[slot].how, (unsigned int)slot);
		}
	}
	buf__puts(b, c->returned ? ") = " : c->left ? ") was left without a return" : ") has not returned");
	if (c->returned)
		api_call__print_status(b, c);
}
