// topk, kthvalue, median and mode. Among equal values PyTorch's choice of position follows from its algorithms (the
// standard library's selection and a quickselect, on keys alone; the median orders ties by position), so they are used
// here too.
#include <utility>

#include "failure.hpp"
#include "sort.hpp"

namespace fbd {
namespace {

// Types, not functions: the library's algorithms inline them.
struct Less {
  template <class T> bool operator()(const T &a, const T &b) const { return a.key < b.key; }
};
struct Greater {
  template <class T> bool operator()(const T &a, const T &b) const { return a.key > b.key; }
};
constexpr Greater greater{};

// Runs body(line of x, room for its items, place of the line's first result) for each line; results have `kept` items a
// line.
template <class T, class Body>
void forEachLine(const T *x, int64_t n, int64_t inner, int64_t kept, int64_t begin, int64_t end, Body &&body) {
  Scratch scratch(size_t(n + 1) * sizeof(Item<Key<T>>));
  auto *items = scratch.as<Item<Key<T>>>();
  for (int64_t line = begin; line < end; ++line) {
    const int64_t o = line / inner, i = line % inner;
    body(x + o * n * inner + i, items, o * kept * inner + i);
  }
}

// The k first of a line by `before`, in the order and with the ties of std::partial_sort, whose heap of k items this is.
// The keys of the others are only compared, a block at a time, with the heap's last: few of them enter it.
template <class T, class Before>
void selectFew(const T *x, int64_t n, int64_t stride, Item<Key<T>> *heap, int64_t k, Before before) {
  using K = Key<T>;
  constexpr int64_t kBlock = 32;
  loadItems(x, k, stride, heap);
  std::make_heap(heap, heap + k, before);
  K keys[kBlock];
  for (int64_t start = k; start < n; start += kBlock) {
    const int64_t count = std::min(kBlock, n - start);
    for (int64_t i = 0; i < count; ++i) keys[i] = keyOf(x[(start + i) * stride]);
    const K last = heap[0].key;
    bool enters = false;
    for (int64_t i = 0; i < count; ++i) enters |= std::is_same_v<Before, Greater> ? keys[i] > last : keys[i] < last;
    if (!enters) continue;
    for (int64_t i = 0; i < count; ++i) {
      heap[k] = {keys[i], start + i};
      if (before(heap[k], heap[0])) std::pop_heap(heap, heap + k + 1, before);  // puts item k into the heap of the others
    }
  }
  std::sort_heap(heap, heap + k, before);
}

// The k first of a line in order, if no two of the k + 1 first are equal: then every algorithm gives the same. They stand in
// a short sorted list, which few of the others enter.
constexpr int64_t kShortList = 16;
template <class T, class Before>
bool selectDistinct(const T *x, int64_t n, int64_t stride, Item<Key<T>> *first, int64_t k, Before before) {
  Item<Key<T>> list[kShortList + 1];
  const int64_t most = std::min(k + 1, n);
  int64_t count = 0;
  for (int64_t i = 0; i < n; ++i) {
    const Item<Key<T>> item = {keyOf(x[i * stride]), i};
    if (count == most && !before(item, list[most - 1])) continue;
    int64_t place = count < most ? count++ : most - 1;
    for (; place > 0 && before(item, list[place - 1]); --place) list[place] = list[place - 1];
    list[place] = item;
  }
  for (int64_t i = 1; i < most; ++i)
    if (list[i].key == list[i - 1].key) return false;
  std::copy(list, list + k, first);
  return true;
}

template <class T, class Before>
void selectTop(const T *x, int64_t n, int64_t stride, Item<Key<T>> *items, int64_t k, bool sorted, Before before) {
  if (k == 0) return;
  if (k * 64 <= n) return selectFew(x, n, stride, items, k, before);
  if (sorted && k <= kShortList && 4 * k <= n && selectDistinct(x, n, stride, items, k, before)) return;
  loadItems(x, n, stride, items);
  std::nth_element(items, items + k - 1, items + n, before);
  if (sorted) std::sort(items, items + k - 1, before);
}

// Puts the k-th smallest item at place k (Hoare's selection with the median of three as pivot).
template <class K>
void quickSelect(Item<K> *items, int64_t n, int64_t k) {
  int64_t left = 0, right = n - 1;
  while (left < right) {
    if (right == left + 1) {
      if (greater(items[left], items[right])) std::swap(items[left], items[right]);
      return;
    }
    std::swap(items[left + (right - left) / 2], items[left + 1]);
    if (greater(items[left + 1], items[right])) std::swap(items[left + 1], items[right]);
    if (greater(items[left], items[right])) std::swap(items[left], items[right]);
    if (greater(items[left + 1], items[left])) std::swap(items[left + 1], items[left]);
    int64_t i = left + 1, j = right;
    const Item<K> pivot = items[left];
    for (;;) {
      do ++i; while (greater(pivot, items[i]));
      do --j; while (greater(items[j], pivot));
      if (j < i) break;
      std::swap(items[i], items[j]);
    }
    std::swap(items[left], items[j]);
    if (j <= k) left = i;
    if (j >= k) right = j - 1;
  }
}

// The position of the median of the line.
template <class T>
int64_t medianOf(const T *x, Item<Key<T>> *items, int64_t n, int64_t stride, bool ignoreNaN) {
  int64_t nans = 0;
  for (int64_t i = 0; i < n; ++i)
    if (isNaN(x[i * stride])) {
      if (!ignoreNaN) return i;
      ++nans;
    }
  const int64_t k = nans == n ? 0 : (n - nans - 1) / 2;
  loadItems(x, n, stride, items);
  std::nth_element(items, items + k, items + n, [](const Item<Key<T>> &a, const Item<Key<T>> &b) {
    return a.key < b.key || (a.key == b.key && a.index < b.index);
  });
  return items[k].index;
}

template <class T>
int64_t modeOf(const T *x, Item<Key<T>> *items, int64_t n, int64_t stride) {
  loadItems(x, n, stride, items);
  bool hasNaN = false;
  for (int64_t i = 0; i < n; ++i) hasNaN |= isNaN(x[i * stride]);
  // PyTorch sorts by <, which leaves a short line with NaN as an insertion sort by it does: NaN where they stand.
  if (hasNaN && n <= 16) {
    for (int64_t i = 1; i < n; ++i) {
      const auto item = items[i];
      const T value = x[item.index * stride];
      int64_t k = value < x[items[0].index * stride] ? 0 : i;
      if (k > 0)
        while (value < x[items[k - 1].index * stride]) --k;
      std::move_backward(items + k, items + i, items + i + 1);
      items[k] = item;
    }
  } else {
    std::sort(items, items + n, Less());
  }
  int64_t best = 0, most = 0, count = 0;
  for (int64_t i = 0; i < n; ++i) {
    ++count;
    const bool last = i == n - 1 || items[i].key != items[i + 1].key || isNaN(x[items[i].index * stride]);
    if (!last) continue;
    if (count > most) {
      most = count;
      best = items[i].index;
    }
    count = 0;
  }
  return best;
}

}  // namespace
}  // namespace fbd

using namespace fbd;

extern "C" void fb_topk(fb_dtype dtype, const void *x, int64_t outer, int64_t n, int64_t inner, int64_t k,
                        bool largest, bool sorted, void *values, int64_t *indices, int64_t begin, int64_t end) try {
  (void)outer;
  dispatch<kReal>(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    forEachLine(static_cast<const T *>(x), n, inner, k, begin, end, [&](const T *line, auto *items, int64_t place) {
      if (largest) selectTop(line, n, inner, items, k, sorted, Greater());
      else selectTop(line, n, inner, items, k, sorted, Less());
      for (int64_t i = 0; i < k; ++i) {
        indices[place + i * inner] = items[i].index;
        static_cast<T *>(values)[place + i * inner] = line[items[i].index * inner];
      }
    });
  });
} FBD_NOTES_FAILURE()

extern "C" void fb_kthvalue(fb_dtype dtype, const void *x, int64_t outer, int64_t n, int64_t inner, int64_t k,
                            void *values, int64_t *indices, int64_t begin, int64_t end) try {
  (void)outer;
  dispatch<kReal>(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    forEachLine(static_cast<const T *>(x), n, inner, 1, begin, end, [&](const T *line, auto *items, int64_t place) {
      loadItems(line, n, inner, items);
      quickSelect(items, n, k - 1);
      indices[place] = items[k - 1].index;
      static_cast<T *>(values)[place] = line[items[k - 1].index * inner];
    });
  });
} FBD_NOTES_FAILURE()

extern "C" void fb_median(fb_dtype dtype, const void *x, int64_t outer, int64_t n, int64_t inner, bool ignore_nan,
                          void *values, int64_t *indices, int64_t begin, int64_t end) try {
  (void)outer;
  dispatch<kReal>(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    forEachLine(static_cast<const T *>(x), n, inner, 1, begin, end, [&](const T *line, auto *items, int64_t place) {
      indices[place] = medianOf(line, items, n, inner, ignore_nan);
      static_cast<T *>(values)[place] = line[indices[place] * inner];
    });
  });
} FBD_NOTES_FAILURE()

extern "C" void fb_mode(fb_dtype dtype, const void *x, int64_t outer, int64_t n, int64_t inner, void *values,
                        int64_t *indices, int64_t begin, int64_t end) try {
  (void)outer;
  dispatch<kReal>(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    forEachLine(static_cast<const T *>(x), n, inner, 1, begin, end, [&](const T *line, auto *items, int64_t place) {
      indices[place] = modeOf(line, items, n, inner);
      static_cast<T *>(values)[place] = line[indices[place] * inner];
    });
  });
} FBD_NOTES_FAILURE()
