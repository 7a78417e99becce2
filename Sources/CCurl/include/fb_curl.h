// libcurl's easy interface, loaded at the first request: mapping it and its 28 libraries costs a quarter of a start.
#ifndef FB_CURL_H
#define FB_CURL_H
#include <stdbool.h>
#include <stddef.h>

enum { FB_CURL_MESSAGE_SIZE = 256 };

// How a request ended.
enum {
  FB_CURL_DONE,
  FB_CURL_STOPPED, // a callback returned false
  FB_CURL_MISSING, // there is no libcurl
  FB_CURL_NO_HOST,
  FB_CURL_NO_CONNECTION,
  FB_CURL_SILENT, // 30 seconds without a byte
  FB_CURL_LOST,
  FB_CURL_UNTRUSTED,
  FB_CURL_FAILED, // `message` says why
};

typedef struct {
  const char *url;            // http or https
  bool head_only;             // HEAD instead of GET
  const char *const *headers; // "Name: value", each, then NULL
  void *context;              // for the callbacks, which return false to stop
  bool (*line)(void *context, const char *bytes, size_t count); // the answer's head, also those of interim answers
  bool (*data)(void *context, const char *bytes, size_t count);
} fb_curl_request;

// Asks and waits; any thread may. Redirections are not followed: the caller knows which headers may go where.
int fb_curl_run(const fb_curl_request *request, char message[FB_CURL_MESSAGE_SIZE]);

#endif
