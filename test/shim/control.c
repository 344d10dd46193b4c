/* The control file: what lies beside this library under the name "control", read again whenever it was replaced. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "shim.h"

Control control;

static char directory[PATH_MAX];
static struct stat seen;
static _Atomic unsigned long *counts;

/* A control that cannot be read must fail the test, and not leave it without its faults. */
void die(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("pkcs11 shim: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  _exit(70);
}

static void findDirectory(void) {
  Dl_info info;
  if (!dladdr((void *)findDirectory, &info)) die("where am I?");
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s", info.dli_fname);
  snprintf(directory, sizeof directory, "%s", dirname(path));
}

/* A path as the control gives it: absolute, or of a file beside this library. */
static void resolvePath(char *into, const char *path) {
  int length = path[0] == '/' ? snprintf(into, PATH_MAX, "%s", path) : snprintf(into, PATH_MAX, "%s/%s", directory, path);
  if (length >= PATH_MAX) die("too long: %s", path);
}

static unsigned long number(const char *text) {
  char *rest;
  unsigned long value = text ? strtoul(text, &rest, 0) : 0;
  if (!text || rest == text || *rest) die("not a number: %s", text ? text : "(nothing)");
  return value;
}

/* "3": the third call; "3-": all from the third; "3-5". */
static void readRange(Rule *rule, char *text) {
  char *dash = text ? strchr(text, '-') : NULL;
  if (dash) *dash = 0;
  rule->from = number(text);
  rule->to = !dash ? rule->from : dash[1] ? number(dash + 1) : ULONG_MAX;
}

static bool isFunction(const char *name) {
#define CK_PKCS11_FUNCTION_INFO(known) if (!strcmp(name, #known)) return true;
#include <pkcs11/pkcs11f.h>
  return !strcmp(name, "*");
}

static void readRule(Control *to, Kind kind, bool hasValue) {
  if (to->ruleCount == MOST_RULES) die("more than %d rules", MOST_RULES);
  Rule *rule = &to->rules[to->ruleCount++];
  rule->kind = kind;
  const char *function = strtok(NULL, " ");
  if (!function || !isFunction(function)) die("no function: %s", function ? function : "(nothing)");
  snprintf(rule->function, sizeof rule->function, "%s", function);
  if (kind == FLIP && strcmp(rule->function, "C_Sign")) die("flip is for C_Sign");
  if (kind == OTHER_KEY && strcmp(rule->function, "C_SignInit")) die("otherkey is for C_SignInit");
  readRange(rule, strtok(NULL, " "));
  if (hasValue) rule->value = number(strtok(NULL, " "));
}

static void readLine(Control *to, char *line) {
  line[strcspn(line, "#\n")] = 0;
  const char *word = strtok(line, " ");
  if (!word) return;
  if (!strcmp(word, "module")) resolvePath(to->module, strtok(NULL, " "));
  else if (!strcmp(word, "log")) resolvePath(to->log, strtok(NULL, " "));
  else if (!strcmp(word, "counters")) resolvePath(to->counters, strtok(NULL, " "));
  else if (!strcmp(word, "fail")) readRule(to, FAIL, true);
  else if (!strcmp(word, "delay")) readRule(to, DELAY, true);
  else if (!strcmp(word, "hang")) readRule(to, HANG, false);
  else if (!strcmp(word, "flip")) readRule(to, FLIP, false);
  else if (!strcmp(word, "otherkey")) readRule(to, OTHER_KEY, false);
  else if (!strcmp(word, "hide")) {
    if (to->hiddenCount == MOST_HIDDEN) die("more than %d hidden mechanisms", MOST_HIDDEN);
    to->hidden[to->hiddenCount++] = number(strtok(NULL, " "));
  } else if (!strcmp(word, "life")) {
    to->life = number(strtok(NULL, " "));
    to->lost = number(strtok(NULL, " "));
  } else if (!strcmp(word, "absent")) to->absent = true;
  else die("not a word of the control: %s", word);
  if (strtok(NULL, " ")) die("too many words after: %s", word);
}

/* Counters live in a file, so that the workers count together; without one each process counts for itself. */
static void mapCounters(void) {
  static const size_t size = MOST_RULES * sizeof *counts;
  if (counts) munmap((void *)counts, size);
  int file = control.counters[0] ? open(control.counters, O_RDWR | O_CLOEXEC) : -1;
  if (control.counters[0] && (file < 0 || ftruncate(file, size) < 0)) die("cannot open %s", control.counters);
  counts = mmap(NULL, size, PROT_READ | PROT_WRITE, file < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, file, 0);
  if (counts == MAP_FAILED) die("cannot map the counters");
  if (file >= 0) close(file);
}

void refreshControl(void) {
  if (!directory[0]) findDirectory();
  char path[PATH_MAX];
  resolvePath(path, "control");
  struct stat now;
  if (stat(path, &now) < 0) die("there is no %s", path);
  if (now.st_ino == seen.st_ino && !memcmp(&now.st_mtim, &seen.st_mtim, sizeof now.st_mtim)) return;
  FILE *file = fopen(path, "re");
  if (!file) die("cannot read %s", path);
  if (fstat(fileno(file), &seen) < 0) die("cannot stat %s", path);
  Control next = {.life = 1, .lost = CKR_DEVICE_REMOVED};
  char line[PATH_MAX + 100];
  while (fgets(line, sizeof line, file)) readLine(&next, line);
  fclose(file);
  if (!next.module[0]) die("%s names no module", path);
  control = next;
  mapCounters();
}

unsigned long countCall(int rule) {
  return atomic_fetch_add(&counts[rule], 1) + 1;
}

bool isHidden(CK_MECHANISM_TYPE mechanism) {
  for (int i = 0; i < control.hiddenCount; i++)
    if (control.hidden[i] == mechanism) return true;
  return false;
}
