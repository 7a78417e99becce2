#include "fb_curl.h"
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

// What is used of libcurl's stable ABI, so that no headers need to be installed. Numbers: curl/curl.h.
typedef struct curl_slist curl_slist;
enum {
  OPT_LOW_SPEED_LIMIT = 19,
  OPT_LOW_SPEED_TIME = 20,
  OPT_NOBODY = 44,
  OPT_CONNECTTIMEOUT = 78,
  OPT_NOSIGNAL = 99,
  OPT_PROTOCOLS = 181,
  OPT_SUPPRESS_CONNECT_HEADERS = 265,
  OPT_WRITEDATA = 10001,
  OPT_URL = 10002,
  OPT_ERRORBUFFER = 10010,
  OPT_HTTPHEADER = 10023,
  OPT_HEADERDATA = 10029,
  OPT_PROTOCOLS_STR = 10318,
  OPT_WRITEFUNCTION = 20011,
  OPT_HEADERFUNCTION = 20079,
};
enum { GLOBAL_ALL = 3, PROTOCOL_HTTP = 1, PROTOCOL_HTTPS = 2 };
enum {
  CODE_OK = 0,
  CODE_COULDNT_RESOLVE_HOST = 6,
  CODE_COULDNT_CONNECT = 7,
  CODE_HTTP2 = 16,
  CODE_PARTIAL_FILE = 18,
  CODE_WRITE_ERROR = 23,
  CODE_TIMED_OUT = 28,
  CODE_BAD_CERTIFICATE = 51,
  CODE_GOT_NOTHING = 52,
  CODE_SEND_ERROR = 55,
  CODE_RECV_ERROR = 56,
  CODE_UNTRUSTED_CERTIFICATE = 60,
  CODE_HTTP2_STREAM = 92,
};

static struct {
  bool is_loaded;
  int (*global_init)(long flags);
  void *(*easy_init)(void);
  void (*easy_reset)(void *easy);
  void (*easy_cleanup)(void *easy);
  int (*easy_setopt)(void *easy, int option, ...);
  int (*easy_perform)(void *easy);
  const char *(*easy_strerror)(int code);
  curl_slist *(*slist_append)(curl_slist *list, const char *text);
  void (*slist_free_all)(curl_slist *list);
} curl;

static void *open_library(void) {
#ifdef __APPLE__
  return dlopen("libcurl.4.dylib", RTLD_NOW | RTLD_LOCAL);
#else
  void *library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
  return library ? library : dlopen("libcurl-gnutls.so.4", RTLD_NOW | RTLD_LOCAL);
#endif
}

static void load(void) {
  void *library = open_library();
  if (!library) return;
#define FIND(name) (*(void **)&curl.name = dlsym(library, "curl_" #name))
  bool is_whole = FIND(global_init) && FIND(easy_init) && FIND(easy_reset) && FIND(easy_cleanup) && FIND(easy_setopt) &&
                  FIND(easy_perform) && FIND(easy_strerror) && FIND(slist_append) && FIND(slist_free_all);
#undef FIND
  curl.is_loaded = is_whole && curl.global_init(GLOBAL_ALL) == CODE_OK;
}

static size_t on_line(char *bytes, size_t size, size_t count, void *context) {
  const fb_curl_request *request = context;
  return request->line(request->context, bytes, size * count) ? size * count : 0;
}

static size_t on_data(char *bytes, size_t size, size_t count, void *context) {
  const fb_curl_request *request = context;
  // A count of zero would be understood as an error.
  return request->data(request->context, bytes, size * count) ? size * count : size * count + 1;
}

// Certificates, proxies (https_proxy, no_proxy) and the version of HTTP are libcurl's own choice.
static bool prepare(void *easy, const fb_curl_request *request, const curl_slist *headers, char *message) {
#define SET(option, value) (curl.easy_setopt(easy, option, value) == CODE_OK)
  (void)SET(OPT_SUPPRESS_CONNECT_HEADERS, 1L);
  return SET(OPT_ERRORBUFFER, message) && SET(OPT_NOSIGNAL, 1L) &&
         // The first is younger (7.85), the second will go.
         (SET(OPT_PROTOCOLS_STR, "http,https") || SET(OPT_PROTOCOLS, (long)(PROTOCOL_HTTP | PROTOCOL_HTTPS))) &&
         SET(OPT_URL, request->url) && SET(OPT_NOBODY, request->head_only ? 1L : 0L) && SET(OPT_HTTPHEADER, headers) &&
         SET(OPT_CONNECTTIMEOUT, 30L) && SET(OPT_LOW_SPEED_LIMIT, 1L) && SET(OPT_LOW_SPEED_TIME, 30L) &&
         SET(OPT_HEADERFUNCTION, on_line) && SET(OPT_HEADERDATA, request) && SET(OPT_WRITEFUNCTION, on_data) &&
         SET(OPT_WRITEDATA, request);
#undef SET
}

// Told not to touch signals, libcurl lets SIGPIPE through where its TLS library writes to a closed connection.
static int perform(void *easy) {
#ifdef __linux__
  sigset_t pipe, before, pending;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  sigpending(&pending);
  pthread_sigmask(SIG_BLOCK, &pipe, &before);
  int code = curl.easy_perform(easy);
  struct timespec now = {0, 0};
  if (!sigismember(&pending, SIGPIPE)) sigtimedwait(&pipe, NULL, &now);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return code;
#else
  return curl.easy_perform(easy);
#endif
}

static int result(int code) {
  switch (code) {
    case CODE_OK: return FB_CURL_DONE;
    case CODE_WRITE_ERROR: return FB_CURL_STOPPED;
    case CODE_COULDNT_RESOLVE_HOST: return FB_CURL_NO_HOST;
    case CODE_COULDNT_CONNECT: return FB_CURL_NO_CONNECTION;
    case CODE_TIMED_OUT: return FB_CURL_SILENT;
    case CODE_HTTP2:
    case CODE_PARTIAL_FILE:
    case CODE_GOT_NOTHING:
    case CODE_SEND_ERROR:
    case CODE_RECV_ERROR:
    case CODE_HTTP2_STREAM: return FB_CURL_LOST;
    case CODE_BAD_CERTIFICATE:
    case CODE_UNTRUSTED_CERTIFICATE: return FB_CURL_UNTRUSTED;
    default: return FB_CURL_FAILED;
  }
}

int fb_curl_run(const fb_curl_request *request, char message[FB_CURL_MESSAGE_SIZE]) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  // The handle of the last request: it holds open connections, which the next one can use.
  static _Atomic(void *) idle;
  message[0] = 0;
  pthread_once(&once, load);
  if (!curl.is_loaded) return FB_CURL_MISSING;
  void *easy = atomic_exchange(&idle, NULL);
  if (!easy) easy = curl.easy_init();
  if (!easy) return FB_CURL_FAILED;
  curl_slist *headers = NULL;
  for (const char *const *line = request->headers; *line; line++) {
    curl_slist *longer = curl.slist_append(headers, *line);
    if (longer) headers = longer;
  }
  int code = prepare(easy, request, headers, message) ? perform(easy) : -1;
  if (code != CODE_OK && !message[0])
    snprintf(message, FB_CURL_MESSAGE_SIZE, "%s", code > 0 ? curl.easy_strerror(code) : "libcurl is too old");
  curl.easy_reset(easy);
  curl.slist_free_all(headers);
  easy = atomic_exchange(&idle, easy);
  if (easy) curl.easy_cleanup(easy);
  return result(code);
}
