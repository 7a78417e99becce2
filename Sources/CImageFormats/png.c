#include "fb_images.h"
#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  const uint8_t *data;
  size_t size, at;
  uint8_t *out;
  size_t out_size, out_capacity;
  char *message;
} stream;

static void on_error(png_structp png, png_const_charp text) {
  stream *s = png_get_error_ptr(png);
  snprintf(s->message, FB_MESSAGE_SIZE, "%s", text);
  png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp text) {
  (void)png;
  (void)text;
}

static void on_read(png_structp png, png_bytep to, size_t size) {
  stream *s = png_get_io_ptr(png);
  if (size > s->size - s->at) png_error(png, "the file ends too early");
  memcpy(to, s->data + s->at, size);
  s->at += size;
}

static void on_write(png_structp png, png_bytep from, size_t size) {
  stream *s = png_get_io_ptr(png);
  if (size > s->out_capacity - s->out_size) {
    size_t capacity = (s->out_capacity + size) * 2;
    uint8_t *grown = realloc(s->out, capacity);
    if (!grown) png_error(png, "out of memory");
    s->out = grown;
    s->out_capacity = capacity;
  }
  memcpy(s->out + s->out_size, from, size);
  s->out_size += size;
}

static void on_flush(png_structp png) { (void)png; }

static png_structp open_reader(stream *s, png_infop *info) {
  if (s->size < 8 || png_sig_cmp(s->data, 0, 8) != 0) {
    snprintf(s->message, FB_MESSAGE_SIZE, "not a PNG file");
    return NULL;
  }
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, s, on_error, on_warning);
  if (!png) return NULL;
  *info = png_create_info_struct(png);
  if (!*info) {
    png_destroy_read_struct(&png, NULL, NULL);
    return NULL;
  }
  png_set_read_fn(png, s, on_read);
  png_set_user_limits(png, 1 << 20, 1 << 20);
  png_set_chunk_cache_max(png, 128);
  png_set_chunk_malloc_max(png, 4 << 20);
  return png;
}

int fb_png_header(const uint8_t *data, size_t size, uint32_t *width, uint32_t *height, int *channels, int *bits,
                  char message[FB_MESSAGE_SIZE]) {
  stream s = {.data = data, .size = size, .message = message};
  snprintf(message, FB_MESSAGE_SIZE, "out of memory");
  png_infop info = NULL;
  png_structp png = open_reader(&s, &info);
  if (!png) return 1;
  if (setjmp(png_jmpbuf(png))) {
    png_destroy_read_struct(&png, &info, NULL);
    return 1;
  }
  png_read_info(png, info);
  *width = png_get_image_width(png, info);
  *height = png_get_image_height(png, info);
  int color = png_get_color_type(png, info);
  int alpha = (color & PNG_COLOR_MASK_ALPHA) != 0 || png_get_valid(png, info, PNG_INFO_tRNS);
  *channels = (color & PNG_COLOR_MASK_COLOR ? 3 : 1) + alpha;
  *bits = png_get_bit_depth(png, info) * png_get_channels(png, info);
  png_destroy_read_struct(&png, &info, NULL);
  return 0;
}

int fb_png_decode(const uint8_t *data, size_t size, int channels, uint8_t *pixels, size_t capacity,
                  char message[FB_MESSAGE_SIZE]) {
  stream s = {.data = data, .size = size, .message = message};
  snprintf(message, FB_MESSAGE_SIZE, "out of memory");
  png_infop info = NULL;
  png_structp png = open_reader(&s, &info);
  if (!png) return 1;
  png_bytep *volatile rows = NULL;
  if (setjmp(png_jmpbuf(png))) {
    free((void *)rows);
    png_destroy_read_struct(&png, &info, NULL);
    return 1;
  }
  png_read_info(png, info);
  size_t width = png_get_image_width(png, info), height = png_get_image_height(png, info);
  if (width * height * (size_t)channels > capacity) png_error(png, "the image is larger than its header said");
  png_set_expand(png);
  png_set_strip_16(png);
  if (channels == 1) {
    png_set_rgb_to_gray_fixed(png, PNG_ERROR_ACTION_NONE, 29900, 58700);
    png_set_strip_alpha(png);
  } else {
    png_set_gray_to_rgb(png);
    if (channels == 3) png_set_strip_alpha(png);
    if (channels == 4) png_set_add_alpha(png, 0xFF, PNG_FILLER_AFTER);
  }
  png_set_interlace_handling(png);
  png_read_update_info(png, info);
  if (png_get_rowbytes(png, info) != width * (size_t)channels) png_error(png, "an unexpected pixel format");
  rows = malloc(height * sizeof(png_bytep));
  if (!rows) png_error(png, "out of memory");
  for (size_t y = 0; y < height; y++) rows[y] = pixels + y * width * (size_t)channels;
  png_read_image(png, rows);
  png_read_end(png, NULL);
  free((void *)rows);
  png_destroy_read_struct(&png, &info, NULL);
  return 0;
}

int fb_png_encode(const uint8_t *pixels, uint32_t width, uint32_t height, int channels, uint8_t **out, size_t *size,
                  char message[FB_MESSAGE_SIZE]) {
  stream s = {.message = message};
  snprintf(message, FB_MESSAGE_SIZE, "out of memory");
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &s, on_error, on_warning);
  if (!png) return 1;
  png_infop info = png_create_info_struct(png);
  if (!info) {
    png_destroy_write_struct(&png, NULL);
    return 1;
  }
  if (setjmp(png_jmpbuf(png))) {
    png_destroy_write_struct(&png, &info);
    free(s.out);
    return 1;
  }
  int color = channels == 1 ? PNG_COLOR_TYPE_GRAY : channels == 3 ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_RGB_ALPHA;
  png_set_write_fn(png, &s, on_write, on_flush);
  png_set_IHDR(png, info, width, height, 8, color, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  png_write_info(png, info);
  for (uint32_t y = 0; y < height; y++) png_write_row(png, pixels + (size_t)y * width * (size_t)channels);
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  *out = s.out;
  *size = s.out_size;
  return 0;
}
