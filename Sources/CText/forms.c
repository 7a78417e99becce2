#include "fb_text.h"
#include <utf8proc.h>

int fb_decompose(uint32_t character, int compatible, uint32_t parts[FB_DECOMPOSITION_SIZE]) {
  utf8proc_int32_t result[FB_DECOMPOSITION_SIZE];
  int boundary = 0;
  utf8proc_ssize_t count =
      utf8proc_decompose_char((utf8proc_int32_t)character, result, FB_DECOMPOSITION_SIZE,
                              UTF8PROC_DECOMPOSE | (compatible ? UTF8PROC_COMPAT : 0), &boundary);
  if (count < 1 || count > FB_DECOMPOSITION_SIZE) { // no character
    result[0] = (utf8proc_int32_t)character;
    count = 1;
  }
  for (int i = 0; i < count; i++) parts[i] = (uint32_t)result[i];
  return (int)count;
}

uint32_t fb_compose(uint32_t first, uint32_t second) {
  // Before the first of Hangul's trailing letters stands none; utf8proc would swallow this code.
  if (second == 0x11A7) return 0;
  utf8proc_int32_t text[2] = {(utf8proc_int32_t)first, (utf8proc_int32_t)second};
  return utf8proc_normalize_utf32(text, 2, UTF8PROC_COMPOSE | UTF8PROC_STABLE) == 1 ? (uint32_t)text[0] : 0;
}
