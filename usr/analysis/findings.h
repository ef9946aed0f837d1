/* SPDX-License-Identifier: MIT */
/*
 * What the rules make of a trace: findings with the events that prove them, what stopped the
 * program (incidents), and the verdict. Pure: from the model, and from what the caller read of the
 * machine and of code objects; prints nothing. For the report, compare and quarantine.
 */
#ifndef RDNA1_ANALYSIS_FINDINGS_H
#define RDNA1_ANALYSIS_FINDINGS_H

#include "model.h"

enum severity { SEVERITY_error, SEVERITY_warning, SEVERITY_note };

enum finding_state {
	FINDING_CONFIRMED, /* events of this trace show it */
	FINDING_POSSIBLE,  /* they agree with it, and with something else */
	FINDING_UNDECIDED, /* it was not recorded what would decide: see finding.decide */
	FINDING_RULED_OUT, /* events show that it is not so */
};

/* A row of rules.def. */
struct rule {
	const char *id, *title;
	enum severity severity; /* the highest its findings have */
	const char *needs;	/* what must be recorded */
	const char *decides;	/* how */
	const char *remedy;
	const char *source; /* of what it knows */
};
const struct rule *rule__get(size_t i);	       /* NULL past the last */
const struct rule *rule__find(const char *id); /* NULL when there is none */
const char *rule__group(const struct rule *r); /* its heading in the catalogue */

/* An event that shows it, or a fact of the machine (event NULL). */
struct proof {
	uint64_t ts_ns;	   /* the event's timestamp, as dump prints it; 0: none */
	const char *event; /* its name in the event table */
	char *text;
};

struct finding {
	const struct rule *rule;
	enum finding_state state;
	enum severity severity;
	const struct incident *about; /* the failure it is about; NULL: of the run */
	char *what;		      /* one sentence: what was found, or what rules it out */
	char *remedy;		      /* of this case; NULL: the rule's */
	char *decide;		      /* FINDING_UNDECIDED: which recording would decide */
	char *weak; /* why it may be wrong: losses, a hook that was off; NULL: nothing known */
	VEC(struct proof) proofs;
	size_t more_proofs; /* that were not kept */
};

/* How a run was stopped. The runtime's classes, which are disjoint. */
enum incident_class {
	INCIDENT_APERTURE, /* HSA_STATUS_ERROR_MEMORY_APERTURE_VIOLATION, 0x29 */
	INCIDENT_PAGE,	   /* "Memory access fault by GPU node" */
	INCIDENT_ILLEGAL,  /* HSA_STATUS_ERROR_ILLEGAL_INSTRUCTION, 0x2a */
	INCIDENT_TRAP,	   /* HSA_STATUS_ERROR_EXCEPTION */
	INCIDENT_PACKET,   /* a packet the queue refused */
	INCIDENT_QUEUE,	   /* another error of a queue */
	INCIDENT_RESET,
	INCIDENT_HANG,
};

/* Which allocation an address belongs to, or did, or nearly does. */
enum place_kind {
	PLACE_UNKNOWN, /* no allocation was recorded */
	PLACE_NOWHERE, /* in none, near none */
	PLACE_INSIDE,
	PLACE_FREED,
	PLACE_PAST_END, /* behind one, nearer than to the next */
	PLACE_BEFORE,	/* before one, the same */
	PLACE_DRIVER,	/* in a buffer of the driver's that nobody was seen to allocate from */
	PLACE_DRIVER_FREED,
	PLACE_SVM,
	PLACE_NULL, /* in the first page */
	PLACE_LDS,
	PLACE_SCRATCH,	     /* the apertures of flat addresses */
	PLACE_NON_CANONICAL, /* no page table can hold it */
};

struct address {
	uint64_t va;
	bool exact; /* to the byte; else a page */
	enum place_kind kind;
	struct alloc alloc; /* INSIDE, FREED, PAST_END, BEFORE: a copy; NON_CANONICAL: what the low
			       bits are in */
	bool has_alloc;
	struct bo bo;	   /* DRIVER, DRIVER_FREED: a copy */
	uint64_t distance; /* bytes into it; PAST_END: from its end; BEFORE: to its begin */
	uint64_t age_ns;   /* FREED: since then */
	bool forgotten;	   /* too much was freed since: what held it is not known any more */
	bool freed_before; /* something that was freed once held it, too */
};

/* An argument of the dispatch that failed. */
struct suspect {
	bool known, certain; /* certain: it leads to the allocation the address is about, or is the
				address */
	uint16_t at;	     /* offset in the kernarg segment */
	uint64_t pointer;
	uint8_t state;	    /* enum ev_pointer_state */
	const char *name;   /* of a kernel whose layout is known: "out"; NULL */
	struct alloc alloc; /* that it leads to, or past; a copy */
	bool has_alloc;
};
#define MAX_ARGUMENTS 8

struct incident {
	uint32_t pid;
	uint64_t ts_ns; /* of the first that told of it */
	enum incident_class class;
	int32_t status;		/* hsa_status_t that the runtime gave; 0 none */
	struct address address; /* va 0 and kind UNKNOWN: none is known */
	bool has_address;
	bool write, access_known;
	bool has_pte;
	uint64_t pte;		      /* as last written before */
	uint64_t object;	      /* kernel_object; 0 not known */
	const char *kernel;	      /* its name, the model's; NULL */
	bool kernel_certain;	      /* the device said so; else it is the one that was running */
	bool copy;		      /* an SDMA engine did it, no kernel */
	size_t last_of_queue;	      /* inside: index into dispatches plus 1 */
	unsigned int kernels_running; /* that may have been it, when it is not certain */
	uint64_t queue_id, index;
	bool has_index, has_queue;
	const char *insn;	 /* the instruction; NULL not known */
	struct suspect argument; /* the one that explains it best */
	struct suspect arguments[MAX_ARGUMENTS];
	unsigned int num_arguments; /* pointers of its dispatch, as far as they were recorded */
	VEC(struct proof) proofs;
	uint64_t elapsed_ns; /* HANG: without progress */
	bool injected;	     /* by an option of the emulated device */
};

/* Rungs of the ladder of control, lowest number nearest to the code. */
enum rung { RUNG_CODE, RUNG_HIP, RUNG_HSA, RUNG_DRIVER, RUNG_PTE, RUNG_HARDWARE, RUNG_COUNT };

/* What was observed at each level for the memory that an incident is about, and which decided. */
struct ladder {
	bool known;
	char *about; /* "0x7f.. (441 KiB)" */
	char *observed[RUNG_COUNT];
	enum rung decided; /* RUNG_COUNT: not known */
};

#define VERDICT_LINES 3
struct findings {
	VEC(struct finding) list; /* confirmed errors first */
	VEC(struct incident) incidents;
	struct ladder ladder;
	char *verdict[VERDICT_LINES]; /* a sentence or two each; NULL behind the last */
};

struct machine;
struct scan_object;

/* A code object of the trace as hsa-tools/isa/scan read it, by the digest of its file. */
struct scanned {
	uint8_t sha256[32];
	const struct scan_object *object; /* NULL: see why */
	const char *why;		  /* it could not be scanned */
};

struct evidence_of_machine {
	const struct machine *machine; /* NULL: nothing is known of it */
	const struct scanned
		*scanned; /* code objects of kernels that ran, built for another chip */
	size_t num_scanned;
	const char *no_scan; /* why none was scanned: libamd_comgr is not there; NULL */
	bool recording;	     /* the trace still grows */
};

/* m and e must outlive f. */
void findings__make(struct findings *f, const struct model *m, const struct evidence_of_machine *e);
void findings__free(struct findings *f);

const char *finding_state_name(enum finding_state s); /* "confirmed" */
const char *severity_name(enum severity s);
const char *incident_class_name(enum incident_class c); /* "aperture violation (0x29)" */
const char *rung_name(enum rung r);
const char *place_kind_name(enum place_kind k); /* "inside", "past_end" */

#endif
