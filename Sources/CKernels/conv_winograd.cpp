// 3x3 convolutions with many channels by Winograd's minimal filtering (Lavin and Gray 2015): tiles of the input and the
// filters are transformed, multiplied channel by channel at each of the transformed positions, as matrices, and
// transformed back. Tiles of 4x4 results take a quarter of the multiplications, 2x2 less than half.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "conv_winograd.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>

#include "attention-inl.h"
#include "conv.hpp"
#include "gemm.hpp"
#include "scratch.hpp"
#include "winograd-inl.h"

#ifndef FBD_WINOGRAD
#define FBD_WINOGRAD
namespace fbd {

// A matrix for each position of the transformed tile: element (i, j) at data[position * stride + i * step + j].
struct Positions {
  float *data;
  int64_t step, stride;
  float *at(int64_t position, int64_t i, int64_t j) const { return data + position * stride + i * step + j; }
};

// A convolution of `in` planes to `out` planes. Filters are panels [out / width, in, width] (their gradient [in, out]),
// inputs [tile, in], results [tile, out].
struct Winograd {
  int64_t batch, in, out, height, width, outHeight, outWidth, top, left;
  bool flips;  // the input's gradient: taps in reverse order, weight [in, out, 3, 3]
  int64_t tilesY, tilesX;       // of a sample
  int64_t paddedIn, paddedOut;  // channels filled up to whole vectors and panels
  const float *x, *weight, *bias, *gradient;
  float *y, *weightGradient;
  Positions filters, inputs, results;
  int64_t firstRow, rows;  // the rows of tiles, of batch * tilesY, that are worked on
};

constexpr int64_t kGap = 16;  // positions a multiple of a page apart would share a few lines of the cache

enum class WinogradStep {
  filters, inputs, product, outputs, gradients, filterProduct, filterGradient, panel, gradientPanel
};

}  // namespace fbd
#endif

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
    readLines(w.x + (sample * w.in + c) * w.height * w.width, w.height, w.width, std::min<int64_t>(kLanes, w.in - c),
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
        for (int j = 0; j < m; ++j) hn::Store(hn::Add(out[j], bias), d, lines + (i * columns + t * m + j) * kLanes);
      }
    }
    float *to = w.y + (sample * w.out + c) * w.outHeight * w.outWidth;
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
      readLines(w.gradient + (sample * w.out + c) * w.outHeight * w.outWidth, w.outHeight, w.outWidth,
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

// Lanes of the transforms, numbers in a panel.
void WinogradWidths(int64_t *lanes, int64_t *panel) {
  *lanes = kLanes;
  *panel = PanelWidth();
}

void WinogradItem(const Winograd &w, int tile, WinogradStep step, int64_t item) {
  if (tile == 4) Tiles<4>{w}.run(step, item);
  else Tiles<2>{w}.run(step, item);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace fb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fb {
HWY_EXPORT(WinogradWidths);
HWY_EXPORT(WinogradItem);
}  // namespace fb

namespace fbd {
namespace {

// Of transformed tiles: all together, and inputs and results of a block; the times hardly depend on them.
constexpr int64_t kPanelBytes = 3 << 20, kBlockBytes = 1 << 20;

// Results in a tile's row and column; 0 where other ways are faster. Costs are counted in multiplications for a pair of
// channels; the factors were measured (Docs/decisions.md).
int tileFor(const fb_conv &v) {
  if (v.groups != 1 || v.input[0] != 1 || v.output[0] != 1 || v.kernel[0] != 1 || v.pad_begin[0] != 0) return 0;
  for (int i = 1; i < 3; ++i)
    if (v.kernel[i] != 3 || v.stride[i] != 1 || v.dilation[i] != 1 || v.pad_begin[i] < 0 || v.pad_end[i] < 0) return 0;
  if (v.batch == 0 || v.in_channels == 0 || v.out_channels == 0) return 0;
  constexpr double ofFilter = 12, ofChannel = 14, direct = 1.2;
  const auto channels = [](int64_t n) { return ofChannel * double((n + 7) / 8 * 8) / double(n); };
  const double ofTile = 1 + channels(v.in_channels) / double(v.out_channels) +
                        channels(v.out_channels) / double(v.in_channels);
  const auto cost = [&](int64_t m) {
    const int64_t tiles = v.batch * ((v.output[1] + m - 1) / m) * ((v.output[2] + m - 1) / m);
    return double((m + 2) * (m + 2)) * (double(tiles) * ofTile + ofFilter);
  };
  if (std::min(cost(2), cost(4)) > direct * 9 * double(v.batch * v.output[1] * v.output[2])) return 0;
  return cost(4) <= cost(2) ? 4 : 2;
}

}  // namespace

bool convolveWinograd(const fb_conv &v, ConvPass pass, const float *first, const float *second, const float *bias,
                      float *result) {
  const int tile = tileFor(v);
  if (tile == 0) return false;
  const bool backward = pass == ConvPass::backwardInput, ofWeight = pass == ConvPass::backwardWeight;
  Winograd w{};
  w.batch = v.batch;
  w.in = backward ? v.out_channels : v.in_channels, w.out = backward ? v.in_channels : v.out_channels;
  const auto &from = backward ? v.output : v.input, &to = backward ? v.input : v.output;
  w.height = from[1], w.width = from[2], w.outHeight = to[1], w.outWidth = to[2];
  w.top = backward ? 2 - v.pad_begin[1] : v.pad_begin[1], w.left = backward ? 2 - v.pad_begin[2] : v.pad_begin[2];
  w.flips = backward;
  w.tilesY = (w.outHeight + tile - 1) / tile, w.tilesX = (w.outWidth + tile - 1) / tile;
  int64_t lanes, panel;
  HWY_DYNAMIC_DISPATCH(fb::WinogradWidths)(&lanes, &panel);
  w.paddedIn = (w.in + lanes - 1) / lanes * lanes, w.paddedOut = (w.out + panel - 1) / panel * panel;

  const int64_t positions = (tile + 2) * (tile + 2), allRows = w.batch * w.tilesY, allTiles = allRows * w.tilesX;
  // Few tiles: all inputs are transformed at once, and filters a panel at a time, so that those, four times as large as
  // the weight, never leave the cache. Many: filters at once, and as many tiles at a time as stay in the cache.
  const bool byPanels = positions * allTiles * w.paddedIn * int64_t(sizeof(float)) <= kPanelBytes;
  const int64_t rowBytes = positions * w.tilesX * (w.paddedIn + w.paddedOut) * int64_t(sizeof(float));
  const int64_t blockRows =
      byPanels ? allRows : std::min(allRows, std::max({int64_t(1), kBlockBytes / rowBytes, 24 / w.tilesX}));
  w.filters = {nullptr, w.paddedOut, w.in * w.paddedOut + kGap};
  w.inputs = {nullptr, w.paddedIn, blockRows * w.tilesX * w.paddedIn + kGap};
  w.results = {nullptr, w.paddedOut, blockRows * w.tilesX * w.paddedOut + kGap};
  const int64_t others = byPanels ? 0 : w.filters.stride + w.results.stride;
  const Scratch scratch(static_cast<size_t>(positions * (w.inputs.stride + others)) * sizeof(float));
  w.inputs.data = scratch.as<float>();
  if (!byPanels) {
    w.filters.data = w.inputs.data + positions * w.inputs.stride;
    w.results.data = w.filters.data + positions * w.filters.stride;
  }
  w.x = first, w.bias = bias;
  if (ofWeight) w.gradient = second, w.weightGradient = result;
  else w.weight = second, w.y = result;

  struct Step { const Winograd &w; int tile; WinogradStep step; };
  const bool shares = isWorthSharing(positions * allTiles * w.in * w.out);
  const auto run = [&](WinogradStep step, int64_t count) {
    Step context{w, tile, step};
    const auto body = [](void *raw, int64_t i) {
      const Step &s = *static_cast<Step *>(raw);
      HWY_DYNAMIC_DISPATCH(fb::WinogradItem)(s.w, s.tile, s.step, i);
    };
    if (shares) parallelFor(count, body, &context);
    else for (int64_t i = 0; i < count; ++i) body(&context, i);
  };
  const int64_t inBlocks = w.paddedIn / lanes, outBlocks = (w.out + lanes - 1) / lanes;
  if (!ofWeight && !byPanels) run(WinogradStep::filters, w.paddedOut / panel);
  for (w.firstRow = 0; w.firstRow < allRows; w.firstRow += blockRows) {
    w.rows = std::min(blockRows, allRows - w.firstRow);
    run(WinogradStep::inputs, w.rows * inBlocks);
    if (byPanels) {
      run(ofWeight ? WinogradStep::gradientPanel : WinogradStep::panel, w.paddedOut / panel);
    } else if (ofWeight) {
      run(WinogradStep::gradients, w.rows * (w.paddedOut / lanes));
      run(WinogradStep::filterProduct, positions);
    } else {
      run(WinogradStep::product, positions);
      run(WinogradStep::outputs, w.rows * outBlocks);
    }
  }
  if (ofWeight && !byPanels) run(WinogradStep::filterGradient, w.paddedOut / panel);
  return true;
}

}  // namespace fbd
#endif
