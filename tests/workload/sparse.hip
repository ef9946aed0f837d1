// SPDX-License-Identifier: MIT
/*
 * Sparse products by Debian's librocsparse, whose code nobody here wrote: y = alpha A x + beta y in CSR,
 * with and without its analysis of A, C = A B with dense B, and a triangular system. Its code objects are
 * gfx1030 and no gfx1010: run it with HSA_OVERRIDE_GFX_VERSION=10.3.0. Sums run in an order of its own:
 * every result must be the CPU's to 1e-5 of the sum of the magnitudes.
 */
#include "hip_check.h"

#include <cmath>
#include <rocsparse/rocsparse.h>

#define SPARSE(call)                                                                               \
	do {                                                                                       \
		rocsparse_status status_ = (call);                                                 \
                                                                                                   \
		if (status_ != rocsparse_status_success) {                                         \
			std::fprintf(stderr, "%s: status %d\n", #call, (int)status_);              \
			std::exit(3);                                                              \
		}                                                                                  \
	} while (0)

enum { ROWS = 3000, COLUMNS = 2500, DENSE = 8 };

struct csr {
	std::vector<int> begin, column;
	std::vector<float> value;
};

/* Rows of no, few and very many elements. */
static csr make(uint32_t seed)
{
	csr a;

	a.begin.push_back(0);
	for (int r = 0; r < ROWS; r++) {
		unsigned int n = r % 500 == 7 ? 2000 : next_random(&seed) % 12, gap = COLUMNS / (n + 1);

		for (unsigned int i = 0; i < n; i++) {
			a.column.push_back((int)(i * gap + next_random(&seed) % gap));
			a.value.push_back((float)(int)(next_random(&seed) >> 8) / (1 << 23) - 1);
		}
		a.begin.push_back((int)a.column.size());
	}
	return a;
}

static const float alpha = 1.5f, beta = -0.25f;

/* Column j of alpha A b + beta c. */
static void compare(const char *what, const csr &a, const float *b, const float *before, const float *got)
{
	for (int r = 0; r < ROWS; r++) {
		double sum = (double)beta * before[r], size = std::fabs(sum);

		for (int i = a.begin[r]; i < a.begin[r + 1]; i++) {
			double p = (double)alpha * a.value[i] * b[a.column[i]];

			sum += p;
			size += std::fabs(p);
		}
		expect_that(std::fabs(got[r] - sum) <= 1e-5 * size, what, (size_t)r);
	}
}

/* L x = b in doubles: workgroups wait for the rows that others solve. To 1e-10 of the CPU's. */
static void solve(rocsparse_handle handle, uint32_t seed)
{
	const double one = 1;
	std::vector<int> begin{0}, column;
	std::vector<double> value, b(ROWS), want(ROWS), got(ROWS);
	rocsparse_mat_descr descr;
	rocsparse_mat_info info;
	size_t bytes;
	void *buffer;

	for (int r = 0; r < ROWS; r++) {
		double sum = b[r] = (double)(next_random(&seed) % 1000) / 100;

		for (int c = r % 7; c < r; c += 1 + (int)(next_random(&seed) % ROWS)) {
			column.push_back(c);
			value.push_back((double)(next_random(&seed) % 1000) / 1000 - 0.5);
			sum -= value.back() * want[c];
		}
		column.push_back(r);
		value.push_back(2 + (double)(next_random(&seed) % 100) / 50);
		want[r] = sum / value.back();
		begin.push_back((int)column.size());
	}
	const int nnz = (int)column.size();
	int *d_begin = device_copy("rows", begin), *d_column = device_copy("columns", column);
	double *d_value = device_copy("values", value), *d_b = device_copy("b", b), *d_x = device_copy("x", got);

	SPARSE(rocsparse_create_mat_descr(&descr));
	SPARSE(rocsparse_set_mat_fill_mode(descr, rocsparse_fill_mode_lower));
	SPARSE(rocsparse_set_mat_diag_type(descr, rocsparse_diag_type_non_unit));
	SPARSE(rocsparse_create_mat_info(&info));
	SPARSE(rocsparse_dcsrsv_buffer_size(handle, rocsparse_operation_none, ROWS, nnz, descr, d_value, d_begin, d_column, info,
					    &bytes));
	HIP(hipMalloc(&buffer, bytes));
	SPARSE(rocsparse_dcsrsv_analysis(handle, rocsparse_operation_none, ROWS, nnz, descr, d_value, d_begin, d_column, info,
					 rocsparse_analysis_policy_force, rocsparse_solve_policy_auto, buffer));
	SPARSE(rocsparse_dcsrsv_solve(handle, rocsparse_operation_none, ROWS, nnz, &one, descr, d_value, d_begin, d_column, info,
				      d_b, d_x, rocsparse_solve_policy_auto, buffer));
	copy_back(got, d_x);
	for (int r = 0; r < ROWS; r++)
		expect_that(std::fabs(got[r] - want[r]) <= 1e-10 * (1 + std::fabs(want[r])), "csrsv", (size_t)r);
	SPARSE(rocsparse_destroy_mat_info(info));
	SPARSE(rocsparse_destroy_mat_descr(descr));
}

int main(int argc, char **)
{
	csr a = make(20);
	std::vector<float> x((size_t)COLUMNS * DENSE), y((size_t)ROWS * DENSE), got(y.size());
	rocsparse_handle handle;
	rocsparse_mat_descr descr;
	rocsparse_mat_info info;
	const int nnz = (int)a.column.size();

	if (argc > 1) {
		std::fprintf(stderr, "usage: sparse\n");
		return 2;
	}
	fill_random(x.data(), x.size(), 21);
	fill_random(y.data(), y.size(), 22);
	SPARSE(rocsparse_create_handle(&handle));
	SPARSE(rocsparse_create_mat_descr(&descr));
	SPARSE(rocsparse_create_mat_info(&info));
	int *begin = device_copy("rows", a.begin), *column = device_copy("columns", a.column);
	float *value = device_copy("values", a.value), *d_x = device_copy("x", x), *d_y = device_copy("y", y);

	SPARSE(rocsparse_scsrmv(handle, rocsparse_operation_none, ROWS, COLUMNS, nnz, &alpha, descr, value, begin, column, nullptr,
				d_x, &beta, d_y));
	copy_back(got, d_y);
	compare("csrmv", a, x.data(), y.data(), got.data());

	HIP(hipMemcpy(d_y, y.data(), y.size() * 4, hipMemcpyHostToDevice));
	SPARSE(rocsparse_scsrmv_analysis(handle, rocsparse_operation_none, ROWS, COLUMNS, nnz, descr, value, begin, column, info));
	SPARSE(rocsparse_scsrmv(handle, rocsparse_operation_none, ROWS, COLUMNS, nnz, &alpha, descr, value, begin, column, info, d_x,
				&beta, d_y));
	copy_back(got, d_y);
	compare("csrmv by analysis", a, x.data(), y.data(), got.data());

	HIP(hipMemcpy(d_y, y.data(), y.size() * 4, hipMemcpyHostToDevice));
	SPARSE(rocsparse_scsrmm(handle, rocsparse_operation_none, rocsparse_operation_none, ROWS, DENSE, COLUMNS, nnz, &alpha, descr,
				value, begin, column, d_x, COLUMNS, &beta, d_y, ROWS));
	copy_back(got, d_y);
	for (int j = 0; j < DENSE; j++)
		compare("csrmm", a, &x[(size_t)j * COLUMNS], &y[(size_t)j * ROWS], &got[(size_t)j * ROWS]);
	SPARSE(rocsparse_destroy_mat_info(info));
	SPARSE(rocsparse_destroy_mat_descr(descr));
	solve(handle, 23);
	SPARSE(rocsparse_destroy_handle(handle));
	return verdict();
}
