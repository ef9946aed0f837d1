// SPDX-License-Identifier: MIT
/*
 * Products of matrices by the names and arguments of Tensile's source kernels: D = alpha A B + beta
 * C, by columns, where the letters say which index of A and B is the contiguous one (i, j: of the
 * result; l: the summed). A workgroup of 256 computes 32x32 results, 8 of l at a time through LDS;
 * y is the tile in j, z the batch.
 */
#include <hip/hip_runtime.h>

#include "device.h"

__device__ unsigned int standin_trouble;

enum { TILE = TENSILE_TILE, DEPTH = 8, EACH = 2 };

struct gemm {
	unsigned int strideD1J, strideDK, strideC1J, strideCK, strideA1, strideAK, strideB1,
		strideBK;
	unsigned int sizeI, sizeJ, sizeK, sizeL;
};

template <typename T, bool A_BY_L, bool B_BY_L>
static __device__ void product(T *D, const T *C, const T *A, const T *B, float alpha, float beta,
			       gemm g)
{
	__shared__ float a[DEPTH][TILE], b[DEPTH][TILE];
	unsigned int t = threadIdx.x, i0 = blockIdx.x * TILE, j0 = blockIdx.y * TILE,
		     batch = blockIdx.z;
	unsigned int ti = t % 16 * EACH, tj = t / 16 * EACH;
	/* Neighbours load what is contiguous. */
	unsigned int ai = A_BY_L ? t / DEPTH : t % TILE, al = A_BY_L ? t % DEPTH : t / TILE;
	unsigned int bj = B_BY_L ? t / DEPTH : t % TILE, bl = B_BY_L ? t % DEPTH : t / TILE;
	float sum[EACH][EACH] = {};

	A += (size_t)batch * g.strideAK;
	B += (size_t)batch * g.strideBK;
	for (unsigned int l0 = 0; l0 < g.sizeL; l0 += DEPTH) {
		unsigned int i = i0 + ai, la = l0 + al, j = j0 + bj, lb = l0 + bl;

		a[al][ai] = i < g.sizeI && la < g.sizeL
				    ? (float)A[A_BY_L ? la + (size_t)i * g.strideA1
						      : i + (size_t)la * g.strideA1]
				    : 0;
		b[bl][bj] = j < g.sizeJ && lb < g.sizeL
				    ? (float)B[B_BY_L ? lb + (size_t)j * g.strideB1
						      : j + (size_t)lb * g.strideB1]
				    : 0;
		__syncthreads();
		for (int l = 0; l < DEPTH; l++)
			for (int x = 0; x < EACH; x++)
				for (int y = 0; y < EACH; y++)
					sum[x][y] = fmaf(a[l][ti + x], b[l][tj + y], sum[x][y]);
		__syncthreads();
	}
	for (int x = 0; x < EACH; x++)
		for (int y = 0; y < EACH; y++) {
			unsigned int i = i0 + ti + x, j = j0 + tj + y;
			size_t at = batch * (size_t)g.strideDK + j * (size_t)g.strideD1J + i;
			float v = alpha * sum[x][y];

			if (i >= g.sizeI || j >= g.sizeJ ||
			    (standin_trouble == TROUBLE_WRONG && i % 8 == 5))
				continue;
			if (beta != 0)
				v += beta * (float)C[batch * (size_t)g.strideCK +
						     j * (size_t)g.strideC1J + i];
			D[at] = (T)v;
		}
}

#define JOIN(a, b) a##_##b
#define NAME(a, b) JOIN(a, b)
#define CIJK(problem, T, A_BY_L, B_BY_L)                                                           \
	extern "C" __global__ void __launch_bounds__(256) NAME(problem, TENSILE_PARAMETERS)(       \
		T * D, const T *C, const T *A, const T *B, float alpha, float beta, gemm g,        \
		int staggerUIter, unsigned int problemNumGroupTiles0,                              \
		unsigned int problemNumGroupTiles1, unsigned int magicNumberProblemNumGroupTiles0) \
	{                                                                                          \
		product<T, A_BY_L, B_BY_L>(D, C, A, B, alpha, beta, g);                            \
	}
CIJK(Cijk_Ailk_Bljk_SB, float, false, true)
CIJK(Cijk_Ailk_Bjlk_SB, float, false, false)
CIJK(Cijk_Alik_Bljk_SB, float, true, true)
CIJK(Cijk_Ailk_Bljk_HHS_BH, _Float16, false, true)
CIJK(Cijk_Ailk_Bjlk_HHS_BH, _Float16, false, false)
CIJK(Cijk_Alik_Bljk_HHS_BH, _Float16, true, true)
