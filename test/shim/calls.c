/* The call log: one line for each call, written at once, so that the lines of several processes do not mix. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "shim.h"

long openSessions;

static char openPath[PATH_MAX];
static int file = -1;

static void openLog(void) {
  if (file >= 0) close(file);
  file = open(control.log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
  if (file < 0) die("cannot open %s", control.log);
  strcpy(openPath, control.log);
}

CK_RV logged(const Call *call) {
  if (!control.log[0]) return call->result;
  if (strcmp(openPath, control.log)) openLog();
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  char line[2048];
  int length = snprintf(line, sizeof line, "%d %lld %s session=%lu result=0x%lx", getpid(),
                        now.tv_sec * 1000000000LL + now.tv_nsec, call->function, call->session, call->result);
  if (call->forwarded) length += snprintf(line + length, sizeof line - length, " real=0x%lx", call->real);
  length += snprintf(line + length, sizeof line - length, " open=%ld", openSessions);
  if (call->fault) length += snprintf(line + length, sizeof line - length, " fault=%s", call->fault);
  if (call->mechanism) length += snprintf(line + length, sizeof line - length, " mechanism=0x%lx", call->mechanism);
  if (call->input) {
    length += snprintf(line + length, sizeof line - length, " input=");
    for (CK_ULONG i = 0; i < call->inputLength && length < (int)sizeof line - 4; i++)
      length += snprintf(line + length, sizeof line - length, "%02x", call->input[i]);
  }
  line[length++] = '\n';
  if (write(file, line, length) != length) die("cannot write to %s", control.log);
  return call->result;
}
