// The engine's door: the tables of kernels, the short ways for programs of one step, the interpreter for all others.
#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "cursor.h"
#include "elementwise_interpreter.h"
#include "elementwise_table.h"
#include "failure.hpp"
#include "joint_walk.h"

namespace fb {

const KernelTable &kernels() {
  static const KernelTable table = [] {
    KernelTable t = {};
    fillReal(t);
    fillMath(t);
    fillSpecial(t);
    fillFused(t);
    fillInteger(t);
    fillUnsigned(t);
    fillComplex(t);
    return t;
  }();
  return table;
}

const ConversionTable &conversions() {
  static const ConversionTable table = [] {
    ConversionTable t = {};
    fillConversions(t);
    return t;
  }();
  return table;
}

namespace {

// One instruction on packed operands of the compute type: no tiles, no registers.
bool runWhole(const Call &c, int32_t *errors) {
  if (c.nCode != 1 || c.nOutputs != 1 || !isDirect(c.outputs[0], c.compute)) return false;
  if (c.outputRegisters[0] != c.nInputs + c.nParams) return false;
  const fb_instruction &i = c.code[0];
  const uint16_t operands[3] = {i.a, i.b, i.c};
  const size_t size = sizeOf(nativeDtype[c.compute]);
  const char *data[3] = {};
  for (int k = 0; k < arity[i.op]; ++k) {
    if (operands[k] >= c.nInputs || !isDirect(c.inputs[operands[k]], c.compute)) return false;
    data[k] = static_cast<const char *>(c.inputs[operands[k]].data) + c.begin * size;
  }
  char *out = static_cast<char *>(c.outputs[0].data) + c.begin * size;
  kernels().at[c.compute][i.op](data[0], data[1], data[2], out, static_cast<size_t>(c.end - c.begin), errors);
  return true;
}

// Packed rows and a number for each.
bool runRows(const Call &c, int32_t op, const JointWalk &walk, const fb_operand *const (&operands)[3]) {
  const Kernel kernel = kernels().byNumber[c.compute][op];
  const RowsKernel byNumbers = kernels().byNumbers[c.compute][op];
  const int64_t run = walk.sizes[walk.rank - 1], size = static_cast<int64_t>(sizeOf(nativeDtype[c.compute]));
  const bool fits = walk.rank == 2 && walk.steps[0][0] == run && walk.steps[0][1] == 1 && walk.steps[1][1] == 0;
  if (!fits || !byNumbers || run < 8) return false;
  const char *a = static_cast<const char *>(operands[0]->data), *b = static_cast<const char *>(operands[1]->data);
  char *out = static_cast<char *>(c.outputs[0].data);
  for (int64_t at = c.begin; at < c.end;) {
    const int64_t column = at % run, left = c.end - at, step = walk.steps[1][0];
    const char *number = b + at / run * step * size;
    int64_t n = std::min(run - column, left);
    if (column > 0 || left < run) {
      kernel(a + at * size, number, nullptr, out + at * size, static_cast<size_t>(n), nullptr);
    } else {
      n = left / run * run;
      byNumbers(a + at * size, number, step, out + at * size, left / run, static_cast<size_t>(run));
    }
    at += n;
  }
  return true;
}

// One instruction whose operands are packed or repeated along the last dimension, run by run where they lie.
bool runRuns(const Call &c, int32_t *errors) {
  if (c.nCode != 1 || c.nOutputs != 1 || !isDirect(c.outputs[0], c.compute)) return false;
  if (c.outputRegisters[0] != c.nInputs + c.nParams) return false;
  fb_instruction i = c.code[0];
  const int count = arity[i.op];
  uint16_t registers[3] = {i.a, i.b, i.c};
  const fb_operand *operands[3];
  for (int k = 0; k < count; ++k) {
    if (registers[k] >= c.nInputs) return false;
    operands[k] = &c.inputs[registers[k]];
    if (operands[k]->dtype != nativeDtype[c.compute]) return false;
  }
  JointWalk walk;
  if (count < 2 || !walk.make(c.ndim, c.shape, operands, count)) return false;
  const int last = walk.rank - 1;
  const int64_t run = walk.sizes[last];
  if ((i.op == FB_OP_ADD || i.op == FB_OP_MUL) && walk.steps[0][last] == 0 && walk.steps[1][last] == 1) {
    std::swap(operands[0], operands[1]);
    std::swap(walk.steps[0], walk.steps[1]);
  }
  if (count == 2 && runRows(c, i.op, walk, operands)) return true;
  if (run < 32) return false;
  if (walk.rank == 2 && run <= maxSpread) {  // the interpreter spreads rows and columns without a call for each run
    bool spreads = true;
    for (int k = 0; k < count; ++k) {
      const int64_t outer = walk.steps[k][0], inner = walk.steps[k][1];
      spreads = spreads && (inner == 0 || (inner == 1 && (outer == 0 || outer == run)));
    }
    if (spreads) return false;
  }
  bool allPacked = true, onlyFirst = walk.steps[0][last] == 1;
  for (int k = 0; k < count; ++k) {
    allPacked = allPacked && walk.steps[k][last] == 1;
    onlyFirst = onlyFirst && (k == 0 || walk.steps[k][last] == 0);
  }
  const Kernel kernel = (allPacked ? kernels().at : kernels().byNumber)[c.compute][i.op];
  if (!(allPacked || onlyFirst) || kernel == nullptr) return false;

  const int64_t size = static_cast<int64_t>(sizeOf(nativeDtype[c.compute]));
  int64_t index[JointWalk::maxRank], offsets[3] = {0, 0, 0}, rest = c.begin;
  for (int d = last; d >= 0; --d) {
    index[d] = rest % walk.sizes[d];
    rest /= walk.sizes[d];
    for (int k = 0; k < count; ++k) offsets[k] += index[d] * walk.steps[k][d];
  }
  char *out = static_cast<char *>(c.outputs[0].data);
  for (int64_t at = c.begin; at < c.end;) {
    const int64_t n = std::min(run - index[last], c.end - at);
    const char *data[3] = {};
    for (int k = 0; k < count; ++k) data[k] = static_cast<const char *>(operands[k]->data) + offsets[k] * size;
    kernel(data[0], data[1], data[2], out + at * size, static_cast<size_t>(n), errors);
    at += n;
    index[last] += n;
    for (int k = 0; k < count; ++k) offsets[k] += n * walk.steps[k][last];
    for (int d = last; d > 0 && index[d] == walk.sizes[d]; --d) {
      index[d] = 0;
      ++index[d - 1];
      for (int k = 0; k < count; ++k) offsets[k] += walk.steps[k][d - 1] - walk.sizes[d] * walk.steps[k][d];
    }
  }
  return true;
}

bool copyWhole(const Call &c) {
  if (c.nCode != 0 || c.nOutputs != 1 || c.outputRegisters[0] >= c.nInputs) return false;
  return copyElements(c.inputs[c.outputRegisters[0]], c.outputs[0], c.ndim, c.shape, c.begin, c.end);
}

}  // namespace
}  // namespace fb

int32_t fb_elementwise(const fb_instruction *code, int32_t n_code, const fb_operand *inputs, int32_t n_inputs,
                       const fb_scalar *params, int32_t n_params, const fb_operand *outputs,
                       const uint16_t *output_registers, int32_t n_outputs, int32_t compute, int32_t ndim,
                       const int64_t *shape, int64_t begin, int64_t end) try {
  if (begin >= end) return 0;
  for (int32_t k = 0; k < n_code; ++k) {
    if (fb::kernels().at[compute][code[k].op] == nullptr) return FB_ERROR_UNSUPPORTED;
  }
  const fb::Call call = {code,             n_code,    inputs,  n_inputs, params, n_params, outputs,
                         output_registers, n_outputs, compute, ndim,     shape,  begin,    end};
  int32_t errors = 0;
  if (fb::runWhole(call, &errors) || fb::runRuns(call, &errors) || fb::copyWhole(call)) return errors;
  fb::Interpreter(call).run(&errors);
  return errors;
} FBD_NOTES_FAILURE(0)
