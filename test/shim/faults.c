/* What the control says is to happen to a call. */
#define _GNU_SOURCE
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "shim.h"

static unsigned long lifeAtInitialize;

void rememberToken(void) {
  lifeAtInitialize = control.life;
}

static void sleepFor(unsigned long milliseconds) {
  struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};
  while (nanosleep(&time, &time) < 0) {}
}

static bool refuses(Call *call, const char *fault, CK_RV result) {
  call->fault = fault;
  call->result = result;
  return false;
}

static bool apply(Call *call, const Rule *rule) {
  switch (rule->kind) {
    case FAIL:
      return refuses(call, "fail", rule->value);
    case DELAY:
      call->fault = "delay";
      sleepFor(rule->value);
      return true;
    case HANG:
      refuses(call, "hang", CKR_FUNCTION_CANCELED);
      logged(call); /* now: there will be no end */
      for (;;) pause();
    case FLIP:
      call->fault = "flip";
      return call->flip = true;
    case OTHER_KEY:
      call->fault = "otherkey";
      return call->otherKey = true;
  }
  return true;
}

/* For a process whose token went, only a new C_Initialize heals; one that comes while it is away sees an empty slot. */
static bool reachesToken(Call *call) {
  if (!strcmp(call->function, "C_Initialize") || !strcmp(call->function, "C_Finalize")) return true;
  if (lifeAtInitialize != control.life) return refuses(call, "lost", control.lost);
  if (control.absent && strcmp(call->function, "C_GetSlotList")) return refuses(call, "absent", control.lost);
  return true;
}

bool lets(Call *call) {
  refreshControl();
  bool passes = true;
  for (int i = 0; i < control.ruleCount; i++) {
    const Rule *rule = &control.rules[i];
    if (strcmp(rule->function, "*") && strcmp(rule->function, call->function)) continue;
    unsigned long nth = countCall(i);
    if (passes && nth >= rule->from && nth <= rule->to) passes = apply(call, rule);
  }
  return passes && reachesToken(call);
}
