/*
 * apart.h -- a simulation in a process of its own, for the server's statics
 * must be fresh and a crash must have an end.
 */
#ifndef APART_H
#define APART_H

#include "simulator.h"

/* What a run came to; the process that ran it shares it. */
struct outcome {
	bool passed, trouble_came, ended;
	struct fault fault;
};

/* Memory that processes begun later share; all zero. */
void *share(size_t len);
void unshare(void *, size_t len);

void run_apart(struct simulation *, struct outcome *);

/* If it went wrong and was not traced: tell what happened before. */
void story_show(const struct simulation *, const struct outcome *);

enum {
	SHOWN_MAX = 1000 /* in Check's message; the story goes before it */
};

#endif
