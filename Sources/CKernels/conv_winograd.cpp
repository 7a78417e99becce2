// 3x3 convolutions with many channels by Winograd's minimal filtering (Lavin and Gray 2015): tiles of the input and the
// filters are transformed, multiplied channel by channel at each of the transformed positions, as matrices, and
// transformed back. Tiles of 4x4 results take a quarter of the multiplications, 2x2 less than half.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "conv_winograd.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>

#include "conv.hpp"
#include "gemm.hpp"
#include "scratch.hpp"
#include "target.hpp"
#include "winograd.hpp"
#include "winograd_tiles-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fb {
namespace HWY_NAMESPACE {
namespace {  // file-local: other kernels use the same names
using fbd::Winograd;
using fbd::WinogradStep;

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

// oneDNN multiplies sixteen channels at a time where vectors are that long, and with few channels its reorders cost little.
double directCost(const fb_conv &v) {
  constexpr double usual = 1.2, ofSixteen = 0.65;
  if (!hasFullRate512() || v.in_channels * v.out_channels > 1024) return usual;
  const auto filled = [](int64_t n) { return double((n + 15) / 16 * 16) / double(n); };
  return std::min(usual, ofSixteen * filled(v.in_channels) * filled(v.out_channels));
}

// Results in a tile's row and column; 0 where other ways are faster. Costs are counted in multiplications for a pair of
// channels; the factors were measured (Docs/decisions.md).
int tileFor(const fb_conv &v) {
  if (v.input[0] != 1 || v.output[0] != 1 || v.kernel[0] != 1 || v.pad_begin[0] != 0) return 0;
  for (int i = 1; i < 3; ++i)
    if (v.kernel[i] != 3 || v.stride[i] != 1 || v.dilation[i] != 1 || v.pad_begin[i] < 0 || v.pad_end[i] < 0) return 0;
  if (v.batch == 0 || v.in_channels == 0 || v.out_channels == 0) return 0;
  if (v.in_channels * v.out_channels > int64_t(1) << 21) return 0;  // the transformed filters alone would take 300 MB
  constexpr double ofFilter = 12, ofChannel = 14;
  const auto channels = [](int64_t n) { return ofChannel * double((n + 7) / 8 * 8) / double(n); };
  const double ofTile = 1 + channels(v.in_channels) / double(v.out_channels) +
                        channels(v.out_channels) / double(v.in_channels);
  const auto cost = [&](int64_t m) {
    const int64_t tiles = v.batch * ((v.output[1] + m - 1) / m) * ((v.output[2] + m - 1) / m);
    return double((m + 2) * (m + 2)) * (double(tiles) * ofTile + ofFilter);
  };
  if (std::min(cost(2), cost(4)) > directCost(v) * 9 * double(v.batch * v.output[1] * v.output[2])) return 0;
  return cost(4) <= cost(2) ? 4 : 2;
}

}  // namespace

bool convolveWinograd(const fb_conv &v, ConvPass pass, const float *first, const float *second, const float *bias,
                      float *result) {
  const fb_conv one = groupOf(v);
  const int tile = tileFor(one);
  if (tile == 0) return false;
  const bool backward = pass == ConvPass::backwardInput, ofWeight = pass == ConvPass::backwardWeight;
  Winograd w{};
  w.batch = v.batch;
  w.in = backward ? one.out_channels : one.in_channels, w.out = backward ? one.in_channels : one.out_channels;
  const auto &from = backward ? v.output : v.input, &to = backward ? v.input : v.output;
  w.height = from[1], w.width = from[2], w.outHeight = to[1], w.outWidth = to[2];
  w.top = backward ? 2 - v.pad_begin[1] : v.pad_begin[1], w.left = backward ? 2 - v.pad_begin[2] : v.pad_begin[2];
  const int64_t sample = w.in * w.height * w.width, outcome = w.out * w.outHeight * w.outWidth;  // of a group
  w.sampleStep = v.groups * sample, w.resultStep = v.groups * outcome;
  w.flips = backward, w.rectifies = v.rectifies && pass == ConvPass::forward;
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

  const bool shares = isWorthSharing(positions * allTiles * w.in * w.out);
  const auto run = [&](WinogradStep step, int64_t count) {
    forItems(count, shares, [&](int64_t i) { HWY_DYNAMIC_DISPATCH(fb::WinogradItem)(w, tile, step, i); });
  };
  const int64_t inBlocks = w.paddedIn / lanes, outBlocks = (w.out + lanes - 1) / lanes;
  for (int64_t group = 0; group < v.groups; ++group) {
    const int64_t weights = group * w.in * w.out * 9;
    w.x = first + group * sample, w.bias = bias ? bias + group * w.out : nullptr;
    if (ofWeight) w.gradient = second + group * outcome, w.weightGradient = result + weights;
    else w.weight = second + weights, w.y = result + group * outcome;
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
  }
  return true;
}

}  // namespace fbd
#endif
