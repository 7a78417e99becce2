#include "fb_images.h"
#include <libdeflate.h>
#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

struct fb_inflater {
  z_stream stream;
};

static int window_bits(int kind) { return kind == FB_DEFLATE_RAW ? -15 : kind == FB_DEFLATE_ZLIB ? 15 : 31; }

static uInt clamp(size_t size) { return size > UINT_MAX ? UINT_MAX : (uInt)size; }

fb_inflater *fb_inflate_open(int kind) {
  fb_inflater *inflater = calloc(1, sizeof *inflater);
  if (inflater && inflateInit2(&inflater->stream, window_bits(kind)) != Z_OK) {
    free(inflater);
    return NULL;
  }
  return inflater;
}

int fb_inflate_run(fb_inflater *inflater, const uint8_t *in, size_t in_size, size_t *consumed,
                   uint8_t *out, size_t out_size, size_t *produced) {
  z_stream *z = &inflater->stream;
  z->next_in = (Bytef *)in;
  z->avail_in = clamp(in_size);
  z->next_out = out;
  z->avail_out = clamp(out_size);
  int result = inflate(z, Z_NO_FLUSH);
  *consumed = (size_t)(z->next_in - in);
  *produced = (size_t)(z->next_out - out);
  if (result == Z_STREAM_END) return FB_INFLATE_END;
  return result == Z_OK || result == Z_BUF_ERROR ? FB_INFLATE_MORE : FB_INFLATE_DAMAGED;
}

void fb_inflate_close(fb_inflater *inflater) {
  inflateEnd(&inflater->stream);
  free(inflater);
}

size_t fb_deflate_bound(size_t size) { return size + size / 1000 + 1024; }

int fb_deflate(int kind, int level, const uint8_t *in, size_t in_size, uint8_t *out, size_t *produced) {
  z_stream z = {0};
  if (deflateInit2(&z, level, Z_DEFLATED, window_bits(kind), 8, Z_DEFAULT_STRATEGY) != Z_OK) return 1;
  size_t room = *produced, used = 0, written = 0;
  int result = Z_OK;
  while (result == Z_OK) {
    z.next_in = (Bytef *)(in + used);
    z.avail_in = clamp(in_size - used);
    z.next_out = out + written;
    z.avail_out = clamp(room - written);
    result = deflate(&z, used + z.avail_in == in_size ? Z_FINISH : Z_NO_FLUSH);
    used = (size_t)(z.next_in - in);
    written = (size_t)(z.next_out - out);
    if (result == Z_OK && written == room) break;
  }
  deflateEnd(&z);
  *produced = written;
  return result == Z_STREAM_END ? 0 : 1;
}

uint32_t fb_crc32(uint32_t crc, const uint8_t *data, size_t size) { return libdeflate_crc32(crc, data, size); }

uint32_t fb_crc32_combine(uint32_t first, uint32_t second, size_t second_size) {
  return (uint32_t)crc32_combine(first, second, (z_off_t)second_size);
}
