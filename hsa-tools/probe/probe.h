/* SPDX-License-Identifier: MIT */
/* The exit status of the workload of rdna1-trace check --run. */
#ifndef RDNA1_PROBE_H
#define RDNA1_PROBE_H

enum probe_status { PROBE_right = 0, PROBE_wrong = 10, PROBE_no_hip, PROBE_no_gpu, PROBE_failed };

#define PROBE_PROGRAM "rdna1-probe"

#endif
