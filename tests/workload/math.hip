// SPDX-License-Identifier: MIT
/*
 * The math library on the device against the host's, in units of the last place: arguments small, large
 * and huge (where sine and cosine need all bits of 2 / pi). The bound is our choice: a wrong instruction
 * is off by far more, the library's own rounding by at most 3 here.
 */
#include "hip_check.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

enum { N = 4096, FUNCTIONS = 10, BOUND = 4 };

template <typename T> __host__ __device__ static T apply(int which, T x, T y)
{
	switch (which) {
	case 0: return sin(x);
	case 1: return cos(x);
	case 2: return exp(fmod(x, (T)80));
	case 3: return log(fabs(x));
	case 4: return sqrt(fabs(x));
	case 5: return pow(fabs(fmod(x, (T)30)), fmod(y, (T)8));
	case 6: return atan2(x, y);
	case 7: return tanh(fmod(x, (T)20));
	case 8: return x / y;
	default: return cbrt(x);
	}
}

template <typename T> __global__ void compute(const T *a, const T *b, T *out)
{
	int i = blockIdx.x * blockDim.x + threadIdx.x;

	for (int f = 0; f < FUNCTIONS; f++)
		out[f * N + i] = apply(f, a[i], b[i]);
}

template <typename T> static double ulps(T got, double want)
{
	T near = (T)want, next = std::nextafter(std::fabs(near), (T)INFINITY);

	if (want != want || std::isinf(near))
		return (got != got) == (want != want) && (want != want || got == near) ? 0 : 1e9;
	return std::fabs(((double)got - want) / ((double)next - (double)std::fabs(near)));
}

template <typename T> static int compare(const char *type, int huge)
{
	std::vector<T> a(N), b(N), out(FUNCTIONS * N);
	double worst[FUNCTIONS] = {0};
	uint64_t seed = 11;
	T *da, *db, *dout;
	int wrong = 0;

	for (int i = 0; i < N; i++)
		for (T *v : {&a[i], &b[i]}) {
			seed = seed * 6364136223846793005ull + 1442695040888963407ull;
			*v = (T)std::ldexp((double)(int64_t)seed / 9.3e18, (int)(i % 8 == 7 ? seed >> 20 & (huge - 1) : i % 24));
		}
	HIP(hipMalloc((void **)&da, N * sizeof(T)));
	HIP(hipMalloc((void **)&db, N * sizeof(T)));
	HIP(hipMalloc((void **)&dout, out.size() * sizeof(T)));
	HIP(hipMemcpy(da, a.data(), N * sizeof(T), hipMemcpyHostToDevice));
	HIP(hipMemcpy(db, b.data(), N * sizeof(T), hipMemcpyHostToDevice));
	compute<T><<<N / 256, 256>>>(da, db, dout);
	HIP(hipMemcpy(out.data(), dout, out.size() * sizeof(T), hipMemcpyDeviceToHost));
	for (int f = 0; f < FUNCTIONS; f++)
		for (int i = 0; i < N; i++) {
			/* A float's reference is the double function; a double's is the host's own. */
			double want = apply<double>(f, a[i], b[i]), off = ulps<T>(out[f * N + i], want);

			worst[f] = off > worst[f] ? off : worst[f];
			if (off > BOUND && wrong++ < 10)
				std::printf("%s function %d of %a %a: %a, the CPU has %a\n", type, f, (double)a[i], (double)b[i],
					    (double)out[f * N + i], want);
		}
	std::printf("%s: off by at most", type);
	for (double x : worst)
		std::printf(" %.2f", x);
	std::printf(" ulp\n");
	return wrong;
}

int main(int argc, char **)
{
	int wrong;

	if (argc > 1) {
		std::fprintf(stderr, "usage: math\n");
		return 2;
	}
	wrong = compare<float>("float", 64) + compare<double>("double", 512);
	std::printf(wrong ? "WRONG: %d results\n" : "ok: all results right\n", wrong);
	return wrong != 0;
}
