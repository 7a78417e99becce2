#include "fb_text.h"
#include <limits.h>
#include <oniguruma.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct fb_regex {
  OnigRegex compiled;
};

static void initialize(void) {
  OnigEncoding encodings[] = {ONIG_ENCODING_UTF8};
  onig_initialize(encodings, 1);
}

fb_regex *fb_regex_open(const uint8_t *pattern, size_t size, char message[FB_REGEX_MESSAGE_SIZE]) {
  _Static_assert(FB_REGEX_MESSAGE_SIZE >= ONIG_MAX_ERROR_MESSAGE_LEN, "Oniguruma writes as much");
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, initialize);
  OnigErrorInfo info;
  memset(&info, 0, sizeof info);
  fb_regex *regex = malloc(sizeof *regex);
  int status = ONIGERR_MEMORY;
  if (regex)
    status = onig_new(&regex->compiled, pattern, pattern + size, ONIG_OPTION_NONE, ONIG_ENCODING_UTF8,
                      ONIG_SYNTAX_DEFAULT, &info);
  if (status == ONIG_NORMAL) return regex;
  int length = onig_error_code_to_str((OnigUChar *)message, status, &info);
  message[length] = 0;
  free(regex);
  return NULL;
}

void fb_regex_close(fb_regex *regex) {
  onig_free(regex->compiled);
  free(regex);
}

ptrdiff_t fb_regex_matches(const fb_regex *regex, const uint8_t *text, size_t size, size_t **ranges) {
  *ranges = NULL;
  if (size > INT_MAX) return -1;
  size_t *found = NULL;
  size_t count = 0, room = 0;
  OnigRegion *region = onig_region_new();
  OnigMatchParam *limits = onig_new_match_param();
  int status = ONIGERR_MEMORY;
  if (!region || !limits) goto done;
  onig_initialize_match_param(limits);
  // However long it takes: an expression that gave up would split the text elsewhere.
  onig_set_retry_limit_in_match_of_match_param(limits, ULONG_MAX);
  const uint8_t *end = text + size;
  for (const uint8_t *at = text; at <= end;) {
    status = onig_search_with_param(regex->compiled, text, end, at, end, region, ONIG_OPTION_NONE, limits);
    if (status < 0) break;
    size_t from = (size_t)region->beg[0], to = (size_t)region->end[0];
    at = text + to;
    if (from == to) {
      do at++;
      while (at < end && (*at & 0xC0) == 0x80);
      continue;
    }
    if (count == room) {
      room = room ? 2 * room : 64;
      size_t *larger = realloc(found, 2 * room * sizeof *found);
      if (!larger) {
        status = ONIGERR_MEMORY;
        break;
      }
      found = larger;
    }
    found[2 * count] = from;
    found[2 * count + 1] = to;
    count++;
  }
done:
  if (region) onig_region_free(region, 1);
  if (limits) onig_free_match_param(limits);
  if (status < 0 && status != ONIG_MISMATCH) {
    free(found);
    return -1;
  }
  *ranges = found;
  return (ptrdiff_t)count;
}
