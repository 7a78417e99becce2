// PNG through libpng and deflate through zlib (checksums through libdeflate), with every jump and macro kept on the C side.
#ifndef FB_IMAGES_H
#define FB_IMAGES_H
#include <stddef.h>
#include <stdint.h>

enum { FB_MESSAGE_SIZE = 256 };

// Width, height, natural channels (1 gray, 2 gray+alpha, 3 RGB, 4 RGBA; a palette counts as 3 or 4) and bits per
// pixel as stored. 0 on success, else `message` says why.
int fb_png_header(const uint8_t *data, size_t size, uint32_t *width, uint32_t *height, int *channels, int *bits,
                  char message[FB_MESSAGE_SIZE]);

// Decodes to rows of `channels` bytes a pixel (1, 3 or 4), `capacity` bytes in all. 16-bit samples keep their high byte.
int fb_png_decode(const uint8_t *data, size_t size, int channels, uint8_t *pixels, size_t capacity,
                  char message[FB_MESSAGE_SIZE]);

// Encodes; *out is malloc'ed and belongs to the caller.
int fb_png_encode(const uint8_t *pixels, uint32_t width, uint32_t height, int channels, uint8_t **out, size_t *size,
                  char message[FB_MESSAGE_SIZE]);

typedef struct fb_inflater fb_inflater;
enum { FB_DEFLATE_RAW = 0, FB_DEFLATE_ZLIB = 1, FB_DEFLATE_GZIP = 2 };
enum { FB_INFLATE_MORE = 0, FB_INFLATE_END = 1, FB_INFLATE_DAMAGED = -1 };
fb_inflater *fb_inflate_open(int kind);
// Consumes from `in`, produces into `out`; both counts are at most UINT32_MAX.
int fb_inflate_run(fb_inflater *inflater, const uint8_t *in, size_t in_size, size_t *consumed,
                   uint8_t *out, size_t out_size, size_t *produced);
void fb_inflate_close(fb_inflater *inflater);

size_t fb_deflate_bound(size_t size);
// One-shot; *produced must hold the room and receives the size. 0 on success.
int fb_deflate(int kind, int level, const uint8_t *in, size_t in_size, uint8_t *out, size_t *produced);

uint32_t fb_crc32(uint32_t crc, const uint8_t *data, size_t size);
// The checksum of two stretches one behind the other.
uint32_t fb_crc32_combine(uint32_t first, uint32_t second, size_t second_size);
#endif
