/* SPDX-License-Identifier: MIT */
/* Error messages that were found in a text, explained: for a person, and as JSON. */
#ifndef RDNA1_REPORT_EXPLAIN_H
#define RDNA1_REPORT_EXPLAIN_H

#include "../analysis/signatures.h"

void explain_text(const struct signature_sums *s, unsigned int width, struct buf *b);
void explain_json(const struct signature_sums *s, struct buf *b);

#endif
