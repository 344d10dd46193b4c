/* What the parts of the shim share. One thread makes all calls, as in a token worker. */
#ifndef SHIM_H
#define SHIM_H

#include <limits.h>
#include <stdbool.h>
#include <pkcs11/pkcs11.h> /* comes with pkcs11js */

/* A call on its way through the shim. */
typedef struct {
  const char *function;
  CK_SESSION_HANDLE session;
  bool forwarded;          /* whether the real module was called, */
  CK_RV real;              /* what it answered, */
  CK_RV result;            /* and what the caller is answered */
  const char *fault;       /* the kind of the rule that was applied; NULL: none */
  bool flip, otherKey;     /* what C_Sign and C_SignInit still have to do */
  CK_MECHANISM_TYPE mechanism; /* of C_SignInit, and of the C_Sign that follows it */
  const CK_BYTE *input;    /* what C_Sign was given to sign */
  CK_ULONG inputLength;
} Call;

typedef enum { FAIL, DELAY, HANG, FLIP, OTHER_KEY } Kind;

/* What happens to the calls `from` to `to` of a function; `function` may be "*". */
typedef struct {
  Kind kind;
  char function[32];
  unsigned long from, to, value;
} Rule;

enum { MOST_RULES = 32, MOST_HIDDEN = 64 };

/* A control file as it was read last: README.md says what it may hold. */
typedef struct {
  char module[PATH_MAX];
  char log[PATH_MAX];
  char counters[PATH_MAX];
  Rule rules[MOST_RULES];
  int ruleCount;
  CK_MECHANISM_TYPE hidden[MOST_HIDDEN];
  int hiddenCount;
  unsigned long life;      /* how often the token was put into the slot, */
  CK_RV lost;              /* what a process hears whose token of another life is gone, */
  bool absent;             /* and whether the slot is empty now */
} Control;

extern Control control;

/* control.c: reads the control file again if it was replaced. */
void refreshControl(void);
/* How many calls the rule has seen with this one, over all processes that share the counters. */
unsigned long countCall(int rule);
bool isHidden(CK_MECHANISM_TYPE mechanism);
void die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* faults.c: whether the control lets this call through to the real module. */
bool lets(Call *call);
/* The process is initialised with the token that is there now. */
void rememberToken(void);

/* calls.c: appends a line; answers the call's result. */
CK_RV logged(const Call *call);
extern long openSessions;

#endif
