// Private to the elementwise engine.
#ifndef FB_JOINT_WALK_H
#define FB_JOINT_WALK_H
#include "include/fb_elementwise.h"

namespace fb {

// The operands of one instruction walked together: dimensions joined where all of them allow it.
struct JointWalk {
  static constexpr int maxRank = 8;
  int rank = 0;
  int64_t sizes[maxRank], steps[3][maxRank];

  bool make(int32_t ndim, const int64_t *shape, const fb_operand *const *operands, int count) {
    int64_t linear[3][maxRank];
    const int64_t *strides[3];
    if (ndim > maxRank) return false;
    for (int k = 0; k < count; ++k) {
      strides[k] = operands[k]->strides;
      if (operands[k]->kind == FB_STRIDED) continue;
      int64_t step = 1;
      for (int32_t d = ndim - 1; d >= 0; step *= shape[d], --d) {
        linear[k][d] = operands[k]->kind == FB_SINGLE ? 0 : step;
      }
      strides[k] = linear[k];
    }
    for (int32_t d = 0; d < ndim; ++d) {
      if (shape[d] == 1) continue;
      bool joins = rank > 0;
      for (int k = 0; k < count; ++k) joins = joins && steps[k][rank - 1] == strides[k][d] * shape[d];
      if (!joins) sizes[rank++] = 1;
      sizes[rank - 1] *= shape[d];
      for (int k = 0; k < count; ++k) steps[k][rank - 1] = strides[k][d];
    }
    return rank > 0;
  }
};

}  // namespace fb
#endif
