// The steps of Winograd's convolution for tiles of m x m results, for one SIMD target.
#if defined(FB_WINOGRAD_TILES_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef FB_WINOGRAD_TILES_INL_H
#undef FB_WINOGRAD_TILES_INL_H
#else
#define FB_WINOGRAD_TILES_INL_H
#endif

#include <hwy/highway.h>

#include <algorithm>

#include "scratch.hpp"
#include "strips-inl.h"
#include "winograd-inl.h"
#include "winograd.hpp"

HWY_BEFORE_NAMESPACE();
namespace fb {
namespace HWY_NAMESPACE {
namespace {  // file-local: other kernels use the same names
using fbd::Positions;
using fbd::Winograd;
using fbd::WinogradStep;

constexpr int64_t kGroup = 8;    // channels whose transformed filters stay in the first cache
constexpr int64_t kDepth = 128;  // channels of a panel whose filters stay in the cache

int64_t PanelWidth() { return 2 * static_cast<int64_t>(hn::Lanes(hn::ScalableTag<float>())); }
int64_t BlocksOf(int64_t channels) { return (channels + kLanes - 1) / kLanes; }

template <int m> struct Tiles {
  static constexpr int n = m + 2, positions = n * n;
  const Winograd &w;

  // `f` on the columns of [from, from], then on the rows.
  template <int from, int to, class F> static HWY_INLINE void Both(const ChannelVec *in, ChannelVec *out, F f) {
    ChannelVec columns[to * from], column[from], result[to];
    for (int j = 0; j < from; ++j) {
      for (int i = 0; i < from; ++i) column[i] = in[i * from + j];
      f(column, result);
      for (int i = 0; i < to; ++i) columns[i * from + j] = result[i];
    }
    for (int i = 0; i < to; ++i) f(columns + i * from, out + i * to);
  }

  // The filters from `begin` up to `end` for a panel of results from `first` on; to.at(position, channel - begin, 0).
  void filters(int64_t first, int64_t begin, int64_t end, const Positions &to) const {
    for (int64_t c = begin; c < end; c += kGroup)
      for (int64_t k = 0; k < PanelWidth(); k += kLanes)
        filterGroup(first + k, c, std::min(kGroup, end - c), {to.at(0, c - begin, k), to.step, to.stride});
  }

  void filterGroup(int64_t first, int64_t c, int64_t channels, const Positions &to) const {
    const Channels d;
    const int64_t count = std::min<int64_t>(kLanes, w.out - first);
    HWY_ALIGN float taps[kGroup * 9 * kLanes];
    if (count < kLanes) std::fill(taps, taps + kGroup * 9 * kLanes, 0.f);
    if (count > 0 && !w.flips) {
      ReadLanes(w.weight + (first * w.in + c) * 9, w.in * 9, count, channels * 9, taps);
    } else if (count > 0) {
      for (int64_t k = 0; k < channels; ++k)
        ReadLanes(w.weight + ((c + k) * w.out + first) * 9, 9, count, 9, taps + k * 9 * kLanes);
    }
    for (int64_t k = 0; k < channels; ++k) {
      ChannelVec g[9], u[positions];
      for (int i = 0; i < 9; ++i) g[i] = hn::Load(d, taps + (k * 9 + (w.flips ? 8 - i : i)) * kLanes);
      Both<3, n>(g, u, Minimal<m>::filter);
      float *at = to.at(0, k, 0);
      for (int i = 0; i < positions; ++i, at += to.stride) hn::StoreU(u[i], d, at);
    }
  }

  // Rows of planes side by side: lines[i * columns + j] are the channels at (y + i, x + j), zeros outside the plane.
  static void readLines(const float *planes, int64_t height, int64_t width, int64_t channels, int64_t y, int64_t x,
                        int64_t rows, int64_t columns, float *lines) {
    const int64_t from = std::max<int64_t>(0, x), to = std::max(from, std::min(width, x + columns));
    for (int64_t i = 0; i < rows; ++i, lines += columns * kLanes) {
      if (y + i < 0 || y + i >= height) {
        std::fill(lines, lines + columns * kLanes, 0.f);
        continue;
      }
      std::fill(lines, lines + (from - x) * kLanes, 0.f);
      ReadLanes(planes + (y + i) * width + from, height * width, channels, to - from, lines + (from - x) * kLanes);
      std::fill(lines + (to - x) * kLanes, lines + columns * kLanes, 0.f);
    }
  }

  // One row of tiles of kLanes channels.
  void inputs(int64_t row, int64_t block) const {
    const Channels d;
    const int64_t columns = w.tilesX * m + 2, c = block * kLanes, sample = (w.firstRow + row) / w.tilesY;
    const fbd::Scratch scratch(static_cast<size_t>(n * columns * kLanes) * sizeof(float));
    float *lines = scratch.as<float>();
    readLines(w.x + sample * w.sampleStep + c * w.height * w.width, w.height, w.width, std::min<int64_t>(kLanes, w.in - c),
              (w.firstRow + row) % w.tilesY * m - w.top, -w.left, n, columns, lines);
    for (int64_t j = 0; j < columns; ++j) {
      ChannelVec in[n], out[n];
      for (int i = 0; i < n; ++i) in[i] = hn::Load(d, lines + (i * columns + j) * kLanes);
      Minimal<m>::input(in, out);
      for (int i = 0; i < n; ++i) hn::Store(out[i], d, lines + (i * columns + j) * kLanes);
    }
    for (int64_t t = 0; t < w.tilesX; ++t) {
      for (int i = 0; i < n; ++i) {
        ChannelVec in[n], out[n];
        for (int j = 0; j < n; ++j) in[j] = hn::Load(d, lines + (i * columns + t * m + j) * kLanes);
        Minimal<m>::input(in, out);
        for (int j = 0; j < n; ++j) hn::StoreU(out[j], d, w.inputs.at(i * n + j, row * w.tilesX + t, c));
      }
    }
  }

  // Results of kLanes channels for one row of tiles from from.at(position, tile of the row, 0).
  void outputs(int64_t row, int64_t c, const Positions &from) const {
    const Channels d;
    const int64_t columns = w.tilesX * m, channels = std::min<int64_t>(kLanes, w.out - c);
    const int64_t sample = (w.firstRow + row) / w.tilesY, y = (w.firstRow + row) % w.tilesY * m;
    const fbd::Scratch scratch(static_cast<size_t>(m * columns * kLanes) * sizeof(float));
    float *lines = scratch.as<float>();
    ChannelVec bias = Number(0);
    if (w.bias) bias = LoadPart(d, w.bias + c, static_cast<size_t>(channels));
    for (int64_t t = 0; t < w.tilesX; ++t) {
      ChannelVec half[m * n];
      for (int j = 0; j < n; ++j) {
        ChannelVec in[n], out[m];
        for (int i = 0; i < n; ++i) in[i] = hn::LoadU(d, from.at(i * n + j, t, 0));
        Minimal<m>::output(in, out);
        for (int i = 0; i < m; ++i) half[i * n + j] = out[i];
      }
      for (int i = 0; i < m; ++i) {
        ChannelVec out[m];
        Minimal<m>::output(half + i * n, out);
        for (int j = 0; j < m; ++j) {
          ChannelVec y = hn::Add(out[j], bias);
          if (w.rectifies) y = hn::IfThenZeroElse(hn::Lt(y, Number(0)), y);
          hn::Store(y, d, lines + (i * columns + t * m + j) * kLanes);
        }
      }
    }
    float *to = w.y + sample * w.resultStep + c * w.outHeight * w.outWidth;
    for (int64_t i = 0; i < m && y + i < w.outHeight; ++i)
      WriteLanes(lines + i * columns * kLanes, channels, w.outWidth, to + (y + i) * w.outWidth,
                 w.outHeight * w.outWidth);
  }

  // The results' gradient, transformed as the results are transformed back.
  void gradients(int64_t row, int64_t c, const Positions &to) const {
    const Channels d;
    const int64_t columns = w.tilesX * m, sample = (w.firstRow + row) / w.tilesY;
    const fbd::Scratch scratch(static_cast<size_t>(m * columns * kLanes) * sizeof(float));
    float *lines = scratch.as<float>();
    if (c < w.out) {
      readLines(w.gradient + sample * w.resultStep + c * w.outHeight * w.outWidth, w.outHeight, w.outWidth,
                std::min<int64_t>(kLanes, w.out - c), (w.firstRow + row) % w.tilesY * m, 0, m, columns, lines);
    } else {
      std::fill(lines, lines + m * columns * kLanes, 0.f);
    }
    for (int64_t t = 0; t < w.tilesX; ++t) {
      ChannelVec half[n * m];
      for (int j = 0; j < m; ++j) {
        ChannelVec in[m], out[n];
        for (int i = 0; i < m; ++i) in[i] = hn::Load(d, lines + (i * columns + t * m + j) * kLanes);
        Minimal<m>::outputTransposed(in, out);
        for (int i = 0; i < n; ++i) half[i * m + j] = out[i];
      }
      for (int i = 0; i < n; ++i) {
        ChannelVec out[n];
        Minimal<m>::outputTransposed(half + i * m, out);
        for (int j = 0; j < n; ++j) hn::StoreU(out[j], d, to.at(i * n + j, t, 0));
      }
    }
  }

  // from.at(position, channel - begin, 0) to the gradients of the filters for a panel of results from `first` on.
  void filterGradient(int64_t first, int64_t begin, int64_t end, const Positions &from) const {
    for (int64_t c = begin; c < end; c += kGroup)
      for (int64_t k = 0; k < PanelWidth() && first + k < w.out; k += kLanes)
        filterGroupGradient(first + k, c, std::min(kGroup, end - c),
                            {from.at(0, c - begin, k), from.step, from.stride});
  }

  void filterGroupGradient(int64_t first, int64_t c, int64_t channels, const Positions &from) const {
    const Channels d;
    HWY_ALIGN float taps[kGroup * 9 * kLanes];
    for (int64_t k = 0; k < channels; ++k) {
      ChannelVec u[positions], g[9];
      const float *at = from.at(0, k, 0);
      for (int i = 0; i < positions; ++i, at += from.stride) u[i] = hn::LoadU(d, at);
      Both<n, 3>(u, g, Minimal<m>::filterTransposed);
      for (int i = 0; i < 9; ++i) hn::Store(g[i], d, taps + (k * 9 + i) * kLanes);
    }
    WriteLanes(taps, std::min<int64_t>(kLanes, w.out - first), channels * 9, w.weightGradient + (first * w.in + c) * 9,
               w.in * 9);
  }

  // to [tiles, width] = inputs [tiles, begin..<end] filters [end - begin, width], or +=.
  void product(int64_t position, int64_t begin, int64_t end, const Panels<float> &panel, bool adds, float *to,
               int64_t step) const {
    const hn::ScalableTag<float> d;
    const int64_t tiles = w.rows * w.tilesX;
    for (int64_t i = 0; i < tiles; i += kStrip)
      multiply(d, std::min(kStrip, tiles - i), PanelWidth(), end - begin, w.inputs.at(position, i, begin),
               w.inputs.step, 1, panel, 1.f, adds, to + i * step, step);
  }

  // to [end - begin, width] = inputsᵀ [begin..<end, tiles] results [tiles, width], or +=.
  void filterProduct(int64_t position, int64_t begin, int64_t end, const Panels<float> &panel, bool adds, float *to,
                     int64_t step) const {
    const hn::ScalableTag<float> d;
    for (int64_t i = begin; i < end; i += kStrip)
      multiply(d, std::min(kStrip, end - i), PanelWidth(), w.rows * w.tilesX, w.inputs.at(position, 0, i), 1,
               w.inputs.step, panel, 1.f, adds, to + (i - begin) * step, step);
  }

  static Positions matrices(float *data, int64_t rows, int64_t columns) {
    return {data, columns, rows * columns + fbd::kGap};
  }

  // All steps for one panel of results: its filters never leave the cache.
  void panel(int64_t first) const {
    const int64_t width = PanelWidth(), tiles = w.rows * w.tilesX, depth = std::min(kDepth, w.in);
    Positions filtered = matrices(nullptr, depth, width), results = matrices(nullptr, tiles, width);
    const fbd::Scratch scratch(static_cast<size_t>(positions * (filtered.stride + results.stride)) * sizeof(float));
    filtered.data = scratch.as<float>();
    results.data = filtered.data + positions * filtered.stride;
    for (int64_t c = 0; c < w.in; c += depth) {
      const int64_t end = std::min(w.in, c + depth);
      filters(first, c, end, filtered);
      for (int i = 0; i < positions; ++i)
        product(i, c, end, {filtered.at(i, 0, 0), 0, width}, c > 0, results.at(i, 0, 0), width);
    }
    for (int64_t k = 0; k < width && first + k < w.out; k += kLanes)
      for (int64_t row = 0; row < w.rows; ++row)
        outputs(row, first + k, {results.at(0, row * w.tilesX, k), results.step, results.stride});
  }

  void gradientPanel(int64_t first) const {
    const int64_t width = PanelWidth(), tiles = w.rows * w.tilesX, depth = std::min(kDepth, w.in);
    Positions filtered = matrices(nullptr, depth, width), results = matrices(nullptr, tiles, width);
    const fbd::Scratch scratch(static_cast<size_t>(positions * (filtered.stride + results.stride)) * sizeof(float));
    filtered.data = scratch.as<float>();
    results.data = filtered.data + positions * filtered.stride;
    for (int64_t k = 0; k < width; k += kLanes)
      for (int64_t row = 0; row < w.rows; ++row)
        gradients(row, first + k, {results.at(0, row * w.tilesX, k), results.step, results.stride});
    for (int64_t c = 0; c < w.in; c += depth) {
      const int64_t end = std::min(w.in, c + depth);
      for (int i = 0; i < positions; ++i)
        filterProduct(i, c, end, {results.at(i, 0, 0), 0, width}, false, filtered.at(i, 0, 0), width);
      filterGradient(first, c, end, filtered);
    }
  }

  void run(WinogradStep step, int64_t item) const {
    const int64_t width = PanelWidth();
    switch (step) {
      case WinogradStep::filters:
        return filters(item * width, 0, w.in, {w.filters.data + item * width * w.in, width, w.filters.stride});
      case WinogradStep::inputs: return inputs(item / BlocksOf(w.in), item % BlocksOf(w.in));
      case WinogradStep::product:
        for (int64_t j = 0; j < w.paddedOut; j += width)
          product(item, 0, w.in, {w.filters.data + item * w.filters.stride + j * w.in, 0, width}, false,
                  w.results.at(item, 0, j), w.paddedOut);
        return;
      case WinogradStep::outputs: {
        const int64_t row = item / BlocksOf(w.out), c = item % BlocksOf(w.out) * kLanes;
        return outputs(row, c, {w.results.at(0, row * w.tilesX, c), w.results.step, w.results.stride});
      }
      case WinogradStep::gradients: {
        const int64_t row = item / BlocksOf(w.paddedOut), c = item % BlocksOf(w.paddedOut) * kLanes;
        return gradients(row, c, {w.results.at(0, row * w.tilesX, c), w.results.step, w.results.stride});
      }
      case WinogradStep::filterProduct:
        for (int64_t j = 0; j < w.paddedOut; j += width)
          filterProduct(item, 0, w.in, {w.results.at(item, 0, j), 0, w.paddedOut}, w.firstRow > 0,
                        w.filters.at(item, 0, j), w.paddedOut);
        return;
      case WinogradStep::filterGradient:
        return filterGradient(item * width, 0, w.in, {w.filters.data + item * width, w.paddedOut, w.filters.stride});
      case WinogradStep::panel: return panel(item * width);
      case WinogradStep::gradientPanel: return gradientPanel(item * width);
    }
  }
};

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace fb
HWY_AFTER_NAMESPACE();

#endif
