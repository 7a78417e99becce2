// Regular expressions through Oniguruma, which the reference tokenizers use too, and normal forms through utf8proc.
#ifndef FB_TEXT_H
#define FB_TEXT_H
#include <stddef.h>
#include <stdint.h>

enum { FB_REGEX_MESSAGE_SIZE = 256 };

typedef struct fb_regex fb_regex;
// `pattern` is UTF-8. NULL where Oniguruma refuses it; `message` says why.
fb_regex *fb_regex_open(const uint8_t *pattern, size_t size, char message[FB_REGEX_MESSAGE_SIZE]);
// The matches in UTF-8 from left to right without empty ones: *ranges gets malloc'ed pairs of begin and end, which belong to
// the caller. Returns their count, or -1 where memory does not suffice or the text has 2 GB. Any number of threads may search.
ptrdiff_t fb_regex_matches(const fb_regex *regex, const uint8_t *text, size_t size, size_t **ranges);
void fb_regex_close(fb_regex *regex);

enum { FB_DECOMPOSITION_SIZE = 18 }; // U+FDFA's, the longest
// What one character decomposes into, canonically or for compatibility; returns how many.
int fb_decompose(uint32_t character, int compatible, uint32_t parts[FB_DECOMPOSITION_SIZE]);
// The character that two compose to; 0 if there is none.
uint32_t fb_compose(uint32_t first, uint32_t second);
#endif
