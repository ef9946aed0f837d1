// SPDX-License-Identifier: MIT
#include "families.h"

#include <stddef.h>
#include <string.h>

#define ARGS(...) .args = {__VA_ARGS__}

/* The first row that fits is meant. */
static const struct family families[] = {
	/* 6.2 and later: alpha and beta between the pointers. The names of backward data and
	 * weights say what they compute; the order of pointers is one: input, weights, output of
	 * the forward pass. */
	{"naive_conv_", "packed_", "DIRECT", "naive direct convolution",
	 ARGS({0, "in"}, {8, "weights"}, {32, "out"})},
	{"naive_conv_", NULL, "DIRECT", "naive direct convolution",
	 ARGS({0, "in"}, {8, "weights"}, {16, "out"})},
	{"MIOpenConvUni", NULL, "DIRECT", "direct convolution (OpenCL)", .args = {{0}}},
	{"MIOpenConv1x1", NULL, "DIRECT", "direct 1x1 convolution (OpenCL)", .args = {{0}}},
	{"MIOpenCvFwd11x11", NULL, "DIRECT", "direct 11x11 convolution (OpenCL)", .args = {{0}}},
	{"MIOpenCvBwdWrW", NULL, "DIRECT", "direct backward-weights convolution (OpenCL)",
	 .args = {{0}}},
	{"miopenGcnAsmConv", NULL, "DIRECT", "direct convolution (assembly)", .args = {{0}}},
	{"gcnAsmConv", NULL, "DIRECT", "direct convolution (assembly)", .args = {{0}}},
	{"miopenConv5x10", NULL, "DIRECT", "direct 5x10 convolution (assembly)", .args = {{0}}},
	{"miopenSp3AsmConv", NULL, "WINOGRAD", "Winograd convolution (assembly)", .args = {{0}}},
	{"Im2d2Col", NULL, "GEMM", "im2col, the first step of the GEMM algorithm",
	 ARGS({8, "image"}, {72, "columns"})},
	{"Im3d2Col", NULL, "GEMM", "im2col, the first step of the GEMM algorithm", .args = {{0}}},
	{"Col2Im2d", NULL, "GEMM", "col2im, a step of the GEMM algorithm", .args = {{0}}},
	{"Col2Im3d", NULL, "GEMM", "col2im, a step of the GEMM algorithm", .args = {{0}}},
	{"igemm_", NULL, "IMPLICIT_GEMM", "implicit GEMM (assembly)", .args = {{0}}},
	{"gridwise_convolution_", NULL, "IMPLICIT_GEMM", "implicit GEMM (composable kernels)",
	 .args = {{0}}},
	{"convolution_forward_implicit_gemm", NULL, "IMPLICIT_GEMM",
	 "implicit GEMM (composable kernels)", .args = {{0}}},
	{"mlir_gen_igemm", NULL, "IMPLICIT_GEMM", "implicit GEMM (MLIR)", .args = {{0}}},
	{"SubSample", NULL, "DIRECT", "subsampling for a strided 1x1 convolution", .args = {{0}}},
	{"UpSample", NULL, "DIRECT", "upsampling for a strided 1x1 convolution", .args = {{0}}},
	{"wrw_reduction_hip", NULL, "IMPLICIT_GEMM", "reduction of backward weights",
	 .args = {{0}}},
	/* rocBLAS: also of matrix products that are no convolution. */
	{"Cijk_", NULL, NULL, "matrix product (rocBLAS, Tensile)",
	 ARGS({0, "D"}, {8, "C"}, {16, "A"}, {24, "B"})},
};

const struct family *family__find(const char *kernel)
{
	for (size_t i = 0; kernel && i < sizeof(families) / sizeof(families[0]); i++) {
		const struct family *f = &families[i];
		size_t len = strlen(f->prefix);

		if (!strncmp(kernel, f->prefix, len) &&
		    (!f->contains || strstr(kernel + len, f->contains)))
			return f;
	}
	return NULL;
}

const char *family__arg(const char *kernel, uint16_t at)
{
	const struct family *f = family__find(kernel);

	for (size_t i = 0; f && i < 4 && f->args[i].name; i++)
		if (f->args[i].at == at)
			return f->args[i].name;
	return NULL;
}

bool family__is_convolution(const char *kernel)
{
	const struct family *f = family__find(kernel);

	return f && f->algorithm;
}
