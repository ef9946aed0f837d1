// SPDX-License-Identifier: MIT
/*
 * A small network, trained for ten steps: convolution, relu, convolution, relu, maxpool, fully connected,
 * softmax with cross entropy, plain gradient descent. The device computes in floats, one work-item for
 * each output; the CPU's run is other loops, in doubles. Every parameter must be the CPU's to 2e-5 of
 * itself and 2e-5 absolute: rounding of sums of up to 1024 floats of size 1, ten times over.
 */
#include "hip_check.h"

#include <cmath>

enum {
	BATCH = 16,
	SIDE = 12,
	F1 = 4,
	S1 = SIDE - 2,
	F2 = 6,
	S2 = S1 - 2,
	POOLED = S2 / 2,
	FEATURES = F2 * POOLED * POOLED,
	CLASSES = 5,
	STEPS = 10,
	GROUP = 64,
};
#define RATE 0.3

/* Weights and biases of a layer, one after the other. */
enum { LAYER1 = F1 * 9 + F1, LAYER2 = F2 * F1 * 9 + F2, LAYER3 = CLASSES * FEATURES + CLASSES };
enum { PARAMETERS = LAYER1 + LAYER2 + LAYER3 };

/* ---- the device's ---- */

#define ITEM(n)                                                                                    \
	int i = (int)(blockIdx.x * GROUP + threadIdx.x);                                           \
	if (i >= (n))                                                                              \
	return

/* 3x3, no padding, followed by relu. */
__global__ void conv_forward(const float *in, const float *p, float *out, int c, int side, int f)
{
	int s = side - 2;

	ITEM(BATCH * f * s * s);
	int x = i % s, y = i / s % s, k = i / (s * s) % f, n = i / (s * s * f);
	float sum = p[f * c * 9 + k];

	for (int ch = 0; ch < c; ch++)
		for (int t = 0; t < 9; t++)
			sum += in[((n * c + ch) * side + y + t / 3) * side + x + t % 3] * p[(k * c + ch) * 9 + t];
	out[i] = fmaxf(sum, 0.0f);
}

__global__ void pool_forward(const float *in, float *out, int *from)
{
	ITEM(BATCH * FEATURES);
	int x = i % POOLED, y = i / POOLED % POOLED, at = (i / (POOLED * POOLED) * S2 + 2 * y) * S2 + 2 * x, best = at;

	for (int t = 1; t < 4; t++) {
		int there = at + t / 2 * S2 + t % 2;

		best = in[there] > in[best] ? there : best;
	}
	out[i] = in[best];
	from[i] = best;
}

__global__ void full_forward(const float *in, const float *p, float *out)
{
	ITEM(BATCH * CLASSES);
	int k = i % CLASSES, n = i / CLASSES;
	float sum = p[CLASSES * FEATURES + k];

	for (int j = 0; j < FEATURES; j++)
		sum += in[n * FEATURES + j] * p[k * FEATURES + j];
	out[i] = sum;
}

/* The gradient in place of the scores, of the mean loss of the batch. */
__global__ void softmax(float *scores, const int *labels, float *loss)
{
	ITEM(BATCH);
	float *s = scores + i * CLASSES, most = s[0], sum = 0;

	for (int k = 1; k < CLASSES; k++)
		most = fmaxf(most, s[k]);
	for (int k = 0; k < CLASSES; k++)
		sum += expf(s[k] - most);
	loss[i] = logf(sum) + most - s[labels[i]];
	for (int k = 0; k < CLASSES; k++)
		s[k] = (expf(s[k] - most) / sum - (k == labels[i] ? 1.0f : 0.0f)) / BATCH;
}

__global__ void full_backward(const float *in, const float *dout, const float *p, float *din, float *dp)
{
	ITEM(BATCH * FEATURES + LAYER3);
	float sum = 0;

	if (i < BATCH * FEATURES) {
		for (int k = 0; k < CLASSES; k++)
			sum += dout[i / FEATURES * CLASSES + k] * p[k * FEATURES + i % FEATURES];
		din[i] = sum;
		return;
	}
	i -= BATCH * FEATURES;
	bool bias = i >= CLASSES * FEATURES;
	int k = bias ? i - CLASSES * FEATURES : i / FEATURES;

	for (int n = 0; n < BATCH; n++)
		sum += dout[n * CLASSES + k] * (bias ? 1.0f : in[n * FEATURES + i % FEATURES]);
	dp[i] = sum;
}

/* dout has been zeroed: an element is of one window only. */
__global__ void pool_backward(const float *dpooled, const int *from, float *din)
{
	ITEM(BATCH * FEATURES);
	din[from[i]] = dpooled[i];
}

/* What relu stopped passes nothing back. */
__global__ void relu_backward(const float *out, float *dout, int n)
{
	ITEM(n);
	if (!(out[i] > 0))
		dout[i] = 0;
}

__global__ void conv_backward_data(const float *dout, const float *p, float *din, int c, int side, int f)
{
	int s = side - 2;

	ITEM(BATCH * c * side * side);
	int x = i % side, y = i / side % side, ch = i / (side * side) % c, n = i / (side * side * c);
	float sum = 0;

	for (int k = 0; k < f; k++)
		for (int t = 0; t < 9; t++) {
			int oy = y - t / 3, ox = x - t % 3;

			if (oy >= 0 && oy < s && ox >= 0 && ox < s)
				sum += dout[((n * f + k) * s + oy) * s + ox] * p[(k * c + ch) * 9 + t];
		}
	din[i] = sum;
}

__global__ void conv_backward_weights(const float *in, const float *dout, float *dp, int c, int side, int f)
{
	int s = side - 2;

	ITEM(f * c * 9 + f);
	bool bias = i >= f * c * 9;
	int t = i % 9, ch = i / 9 % c, k = bias ? i - f * c * 9 : i / (9 * c);
	float sum = 0;

	for (int n = 0; n < BATCH; n++)
		for (int y = 0; y < s; y++)
			for (int x = 0; x < s; x++)
				sum += dout[((n * f + k) * s + y) * s + x] *
				       (bias ? 1.0f : in[((n * c + ch) * side + y + t / 3) * side + x + t % 3]);
	dp[i] = sum;
}

extern "C" __global__ void descend(float *p, const float *dp)
{
	ITEM(PARAMETERS);
	p[i] -= (float)RATE * dp[i];
}

/* ---- the CPU's ---- */

struct layer {
	const double *in, *p;
	double *out;
	int c, side, f;
};

static void conv_cpu(const layer &l)
{
	int s = l.side - 2;

	for (int n = 0; n < BATCH; n++)
		for (int k = 0; k < l.f; k++)
			for (int y = 0; y < s; y++)
				for (int x = 0; x < s; x++) {
					double sum = l.p[l.f * l.c * 9 + k];

					for (int fy = 0; fy < 3; fy++)
						for (int fx = 0; fx < 3; fx++)
							for (int ch = 0; ch < l.c; ch++)
								sum += l.in[((n * l.c + ch) * l.side + y + fy) * l.side + x + fx] *
								       l.p[(k * l.c + ch) * 9 + fy * 3 + fx];
					l.out[((n * l.f + k) * s + y) * s + x] = sum > 0 ? sum : 0;
				}
}

/* Every output gives to the weights and inputs it was made of. */
static void conv_cpu_backward(const layer &l, const double *dout, double *dp, double *din)
{
	int s = l.side - 2;

	for (int n = 0; n < BATCH; n++)
		for (int k = 0; k < l.f; k++)
			for (int at = 0; at < s * s; at++) {
				int y = at / s, x = at % s, o = (n * l.f + k) * s * s + at;
				double d = l.out[o] > 0 ? dout[o] : 0;

				dp[l.f * l.c * 9 + k] += d;
				for (int ch = 0; ch < l.c; ch++)
					for (int t = 0; t < 9; t++) {
						int i = ((n * l.c + ch) * l.side + y + t / 3) * l.side + x + t % 3;

						dp[(k * l.c + ch) * 9 + t] += d * l.in[i];
						if (din)
							din[i] += d * l.p[(k * l.c + ch) * 9 + t];
					}
			}
}

static double step_cpu(std::vector<double> &p, const std::vector<double> &in, const std::vector<int> &labels)
{
	std::vector<double> a1(BATCH * F1 * S1 * S1), a2(BATCH * F2 * S2 * S2), pooled(BATCH * FEATURES);
	std::vector<double> d1(a1.size()), d2(a2.size()), dp(PARAMETERS);
	std::vector<size_t> from(pooled.size());
	const double *p3 = &p[LAYER1 + LAYER2];
	double *dp3 = &dp[LAYER1 + LAYER2], loss = 0;
	layer one = {in.data(), &p[0], a1.data(), 1, SIDE, F1}, two = {a1.data(), &p[LAYER1], a2.data(), F1, S1, F2};

	conv_cpu(one);
	conv_cpu(two);
	for (size_t i = 0; i < a2.size(); i++) {
		size_t w = (i / (S2 * S2) * POOLED + i / S2 % S2 / 2) * POOLED + i % S2 / 2;
		bool first = i % S2 % 2 == 0 && i / S2 % 2 == 0;

		if (first || a2[i] > pooled[w]) {
			pooled[w] = a2[i];
			from[w] = i;
		}
	}
	for (int n = 0; n < BATCH; n++) {
		double score[CLASSES], sum = 0;

		for (int k = 0; k < CLASSES; k++) {
			score[k] = p3[CLASSES * FEATURES + k];
			for (int j = 0; j < FEATURES; j++)
				score[k] += p3[k * FEATURES + j] * pooled[n * FEATURES + j];
			sum += std::exp(score[k]);
		}
		loss += std::log(sum) - score[labels[n]];
		for (int k = 0; k < CLASSES; k++) {
			double d = (std::exp(score[k]) / sum - (k == labels[n])) / BATCH;

			dp3[CLASSES * FEATURES + k] += d;
			for (int j = 0; j < FEATURES; j++) {
				dp3[k * FEATURES + j] += d * pooled[n * FEATURES + j];
				d2[from[n * FEATURES + j]] += d * p3[k * FEATURES + j];
			}
		}
	}
	conv_cpu_backward(two, d2.data(), &dp[LAYER1], d1.data());
	conv_cpu_backward(one, d1.data(), &dp[0], nullptr);
	for (int i = 0; i < PARAMETERS; i++)
		p[i] -= RATE * dp[i];
	return loss / BATCH;
}

/* ---- both ---- */

struct device {
	float *in, *p, *dp, *a1, *a2, *pooled, *scores, *loss, *d1, *d2, *dpooled;
	int *labels, *from;
};

static unsigned int groups(int n)
{
	return (unsigned int)(n + GROUP - 1) / GROUP;
}

static double step_device(const device &d)
{
	std::vector<float> loss(BATCH);
	double sum = 0;
	float *p2 = d.p + LAYER1, *p3 = d.p + LAYER1 + LAYER2;
	const int n1 = BATCH * F1 * S1 * S1, n2 = BATCH * F2 * S2 * S2, np = BATCH * FEATURES;

	conv_forward<<<groups(n1), GROUP>>>(d.in, d.p, d.a1, 1, SIDE, F1);
	conv_forward<<<groups(n2), GROUP>>>(d.a1, p2, d.a2, F1, S1, F2);
	pool_forward<<<groups(np), GROUP>>>(d.a2, d.pooled, d.from);
	full_forward<<<groups(BATCH * CLASSES), GROUP>>>(d.pooled, p3, d.scores);
	softmax<<<groups(BATCH), GROUP>>>(d.scores, d.labels, d.loss);
	full_backward<<<groups(np + LAYER3), GROUP>>>(d.pooled, d.scores, p3, d.dpooled, d.dp + LAYER1 + LAYER2);
	HIP(hipMemsetAsync(d.d2, 0, n2 * sizeof(float)));
	pool_backward<<<groups(np), GROUP>>>(d.dpooled, d.from, d.d2);
	relu_backward<<<groups(n2), GROUP>>>(d.a2, d.d2, n2);
	conv_backward_weights<<<groups(LAYER2), GROUP>>>(d.a1, d.d2, d.dp + LAYER1, F1, S1, F2);
	conv_backward_data<<<groups(n1), GROUP>>>(d.d2, p2, d.d1, F1, S1, F2);
	relu_backward<<<groups(n1), GROUP>>>(d.a1, d.d1, n1);
	conv_backward_weights<<<groups(LAYER1), GROUP>>>(d.in, d.d1, d.dp, 1, SIDE, F1);
	descend<<<groups(PARAMETERS), GROUP>>>(d.p, d.dp);
	copy_back(loss, d.loss);
	for (float x : loss)
		sum += x;
	return sum / BATCH;
}

int main(int argc, char **)
{
	std::vector<float> in(BATCH * SIDE * SIDE), p(PARAMETERS);
	std::vector<int> labels(BATCH);
	uint32_t seed = 14;
	double first = 0, loss = 0, worst = 0;

	if (argc > 1) {
		std::fprintf(stderr, "usage: train\n");
		return 2;
	}
	auto uniform = [&] { return (float)(next_random(&seed) >> 8) / (1 << 23) - 1; };

	/* A class is a direction of stripes; some noise on it. */
	for (int n = 0; n < BATCH; n++) {
		labels[n] = n % CLASSES;
		for (int i = 0; i < SIDE * SIDE; i++)
			in[n * SIDE * SIDE + i] = std::sin((float)(i % SIDE * labels[n] + i / SIDE * (CLASSES - labels[n])) / 2 + n) +
						  uniform() / 4;
	}
	for (int i = 0; i < PARAMETERS; i++)
		p[i] = uniform() / (i < LAYER1 ? 3 : i < LAYER1 + LAYER2 ? 6 : 10);

	const device d = {
		.in = device_copy("in", in),
		.p = device_copy("p", p),
		.dp = device_floats("dp", PARAMETERS),
		.a1 = device_floats("a1", BATCH * F1 * S1 * S1),
		.a2 = device_floats("a2", BATCH * F2 * S2 * S2),
		.pooled = device_floats("pooled", BATCH * FEATURES),
		.scores = device_floats("scores", BATCH * CLASSES),
		.loss = device_floats("loss", BATCH),
		.d1 = device_floats("d1", BATCH * F1 * S1 * S1),
		.d2 = device_floats("d2", BATCH * F2 * S2 * S2),
		.dpooled = device_floats("dpooled", BATCH * FEATURES),
		.labels = device_copy("labels", labels),
		.from = device_array<int>("from", BATCH * FEATURES),
	};
	std::vector<double> in_cpu(in.begin(), in.end()), p_cpu(p.begin(), p.end());

	for (int i = 0; i < STEPS; i++) {
		double of_cpu = step_cpu(p_cpu, in_cpu, labels);

		loss = step_device(d);
		if (i == 0)
			first = loss;
		std::printf("step %d: loss %.6f, the CPU has %.6f\n", i, loss, of_cpu);
		expect_that(std::fabs(loss - of_cpu) < 2e-5, "loss", (size_t)i);
	}
	std::printf("launched descend %d times\n", STEPS);
	expect_that(loss < 0.8 * first, "falling loss", 0);
	copy_back(p, d.p);
	for (int i = 0; i < PARAMETERS; i++) {
		double off = std::fabs(p[i] - p_cpu[i]);

		worst = off > worst ? off : worst;
		expect_that(off <= 2e-5 + 2e-5 * std::fabs(p_cpu[i]), "parameter", (size_t)i);
	}
	std::printf("%d parameters, off by at most %.2g\n", PARAMETERS, worst);
	return verdict();
}
