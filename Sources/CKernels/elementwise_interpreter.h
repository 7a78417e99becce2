// The interpreter of elementwise programs: tile by tile, registers in the L1 cache. Included by elementwise.cpp alone.
#ifndef FB_ELEMENTWISE_INTERPRETER_H
#define FB_ELEMENTWISE_INTERPRETER_H
#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "cursor.h"
#include "elementwise_table.h"
#include "failure.hpp"

namespace fb {
namespace {

constexpr uint8_t arity[FB_OP_COUNT] = {
#define X(name, arity) arity,
    FB_OPCODES(X) FB_FUSED_OPCODES(X)
#undef X
};

// Memory for registers, kept by each thread.
struct Arena {
  char *memory = nullptr;
  size_t capacity = 0;
  ~Arena() { std::free(memory); }
  char *reserve(size_t bytes) {
    if (bytes > capacity) {
      if (!fbd::mayAllocate()) throw fbd::NoMemory(bytes);
      std::free(memory);
      capacity = (bytes + 4095) / 4096 * 4096;
      memory = static_cast<char *>(std::aligned_alloc(64, capacity));
      if (!memory) {
        capacity = 0;
        throw fbd::NoMemory(bytes);
      }
    }
    return memory;
  }
};
thread_local Arena arena;

void storeScalar(const fb_scalar &value, int32_t compute, void *out) {
  switch (compute) {
    case FB_COMPUTE_I64:
    case FB_COMPUTE_U64: *static_cast<int64_t *>(out) = value.i; break;
    case FB_COMPUTE_F32: *static_cast<float *>(out) = static_cast<float>(value.re); break;
    case FB_COMPUTE_F64: *static_cast<double *>(out) = value.re; break;
    case FB_COMPUTE_C64:
      *static_cast<std::complex<float> *>(out) = {static_cast<float>(value.re), static_cast<float>(value.im)};
      break;
    default: *static_cast<std::complex<double> *>(out) = {value.re, value.im};
  }
}

// What the interpreter knows of a register: where its current tile is.
struct Register {
  char *tile;       // this tile's values
  char *slot;       // its own memory, if it has some
  int32_t lastUse;  // index of the last instruction that reads it; n_code for outputs; -1: never
  bool direct;      // the tile is the tensor's own memory
  int64_t period;   // not 0: the slot holds a repeating operand, the tile starts somewhere in it
};

// Operands that repeat after so many elements (a bias) are laid out once for all tiles.
constexpr int64_t maxPeriod = 1024;

// Numbers that are repeated so often at most (a factor for each short row) are spread without a call for each.
constexpr int64_t maxSpread = 128;

struct Call {
  const fb_instruction *code;
  int32_t nCode;
  const fb_operand *inputs;
  int32_t nInputs;
  const fb_scalar *params;
  int32_t nParams;
  const fb_operand *outputs;
  const uint16_t *outputRegisters;
  int32_t nOutputs, compute, ndim;
  const int64_t *shape;
  int64_t begin, end;
};

bool isDirect(const fb_operand &operand, int32_t compute) {
  return operand.kind == FB_LINEAR && operand.dtype == nativeDtype[compute];
}

class Interpreter {
 public:
  explicit Interpreter(const Call &call) : c(call), size(sizeOf(nativeDtype[call.compute])) {}

  void run(int32_t *errors) {
    const size_t total = static_cast<size_t>(c.end - c.begin);
    prepare(std::min(tileSize, total));
    for (size_t done = 0; done < total; done += tileSize) {
      const size_t n = std::min(tileSize, total - done);
      const int64_t at = c.begin + static_cast<int64_t>(done);
      for (int32_t r = 0; r < c.nInputs; ++r) {
        if (registers[r].lastUse >= 0 && c.inputs[r].kind != FB_SINGLE) loadTile(r, at, n);
      }
      for (int32_t k = 0; k < c.nCode; ++k) execute(k, at, n, errors);
      for (int32_t j = 0; j < c.nOutputs; ++j) storeTile(j, at, n);
    }
  }

 private:
  const Call &c;
  const size_t size;
  Register *registers;
  Cursor *cursors;     // of strided inputs, then of strided outputs
  int32_t *cursorOf;   // index of each operand's cursor
  int32_t *directOut;  // for each instruction the output it writes in place, or -1
  char *slots;

  int32_t firstResult() const { return c.nInputs + c.nParams; }

  void prepare(size_t tile) {
    const size_t count = static_cast<size_t>(firstResult() + c.nCode);
    const size_t operands = static_cast<size_t>(c.nInputs + c.nOutputs);
    const size_t slotBytes = (tile * size + 63) / 64 * 64 + 64;  // spreading writes beyond the end
    size_t strided = 0;
    for (int32_t r = 0; r < c.nInputs; ++r) strided += c.inputs[r].kind == FB_STRIDED;
    for (int32_t j = 0; j < c.nOutputs; ++j) strided += c.outputs[j].kind == FB_STRIDED;
    const size_t slotArea = count * slotBytes + strided * (static_cast<size_t>(maxPeriod) * size + 64);  // at worst
    const size_t bytes = slotArea + count * (sizeof(Register) + sizeof(char *)) + strided * sizeof(Cursor) +
                         (operands + static_cast<size_t>(c.nCode)) * sizeof(int32_t) + 64;
    slots = arena.reserve(bytes);
    char *next = slots + slotArea;
    cursors = reinterpret_cast<Cursor *>(next);
    next += strided * sizeof(Cursor);
    registers = reinterpret_cast<Register *>(next);
    next += count * sizeof(Register);
    char **free = reinterpret_cast<char **>(next);
    next += count * sizeof(char *);
    cursorOf = reinterpret_cast<int32_t *>(next);
    directOut = cursorOf + operands;

    for (size_t r = 0; r < count; ++r) registers[r] = {nullptr, nullptr, -1, false, 0};
    findLastUses();
    prepareCursors();

    size_t nFree = 0;
    char *unused = slots;
    const auto reserve = [&](size_t bytes) {
      char *slot = unused;
      unused += bytes;
      return slot;
    };
    const auto take = [&] { return nFree > 0 ? free[--nFree] : reserve(slotBytes); };
    for (int32_t r = 0; r < firstResult(); ++r) {
      Register &reg = registers[r];
      if (reg.lastUse < 0) continue;
      const bool isInput = r < c.nInputs;
      // An operand that is also an output is copied if another output may overwrite it first.
      reg.direct = isInput && isDirect(c.inputs[r], c.compute) && (reg.lastUse < c.nCode || c.nOutputs == 1);
      if (isInput && c.inputs[r].kind == FB_STRIDED) reg.period = cursors[cursorOf[r]].period(maxPeriod);
      if (reg.period > c.end - c.begin) reg.period = 0;
      if (reg.period > 0) {
        reg.slot = reserve((slotBytes + static_cast<size_t>(reg.period) * size + 63) / 64 * 64);
        repeat(c.inputs[r], reg, tile + static_cast<size_t>(reg.period));
        continue;
      }
      if (!reg.direct) reg.slot = reg.tile = take();
      if (!isInput) {
        fb_operand one = {reg.slot, nativeDtype[c.compute], FB_SINGLE, nullptr};
        HoldScalar value;
        storeScalar(c.params[r - c.nInputs], c.compute, value.bytes);
        one.data = value.bytes;
        fill(one, reg.slot, tile);
      } else if (c.inputs[r].kind == FB_SINGLE) {
        fill(c.inputs[r], reg.slot, tile);
      }
    }
    for (int32_t k = 0; k < c.nCode; ++k) {
      Register &result = registers[firstResult() + k];
      directOut[k] = -1;
      if (result.lastUse < 0) continue;
      directOut[k] = findDirectOutput(k);
      const fb_instruction &i = c.code[k];
      const uint16_t reads[3] = {i.a, i.b, i.c};
      for (int a = 0; a < arity[i.op]; ++a) {  // kernels may write over their operands
        Register &operand = registers[reads[a]];
        if (operand.lastUse != k || operand.slot == nullptr || staysFilled(reads[a])) continue;
        free[nFree++] = operand.slot;
        operand.slot = nullptr;  // its tile pointer stays
      }
      if (directOut[k] < 0) result.slot = result.tile = take();
    }
  }

  struct HoldScalar {
    alignas(16) char bytes[16];
  };

  // Values filled once for all tiles keep their slot. Inputs are loaded before the code runs, so theirs may be reused.
  bool staysFilled(int32_t r) const {
    if (r >= firstResult()) return false;
    return r >= c.nInputs || c.inputs[r].kind == FB_SINGLE || registers[r].period > 0;
  }

  bool isOneNumber(uint16_t r) const {
    return r < c.nInputs ? c.inputs[r].kind == FB_SINGLE : r < firstResult();
  }

  // Fills a slot with n elements of an operand that repeats.
  void repeat(const fb_operand &input, const Register &reg, size_t n) {
    const size_t period = static_cast<size_t>(reg.period);
    Cursor start(c.shape, input.strides, c.ndim, 0);
    const Load load = loadOf(input.dtype, c.compute);
    start.forRuns(period, [&](int64_t offset, int64_t stride, size_t count, size_t done) {
      const int64_t element = static_cast<int64_t>(sizeOf(input.dtype));
      load(static_cast<char *>(input.data) + offset * element, stride, reg.slot + done * size, count);
    });
    for (size_t done = period; done < n; done += period) {
      std::memcpy(reg.slot + done * size, reg.slot, std::min(period, n - done) * size);
    }
  }

  void fill(const fb_operand &single, char *slot, size_t n) {
    loadOf(single.dtype, c.compute)(single.data, 0, slot, n);
  }

  void findLastUses() {
    for (int32_t j = 0; j < c.nOutputs; ++j) registers[c.outputRegisters[j]].lastUse = c.nCode;
    for (int32_t k = c.nCode - 1; k >= 0; --k) {
      if (registers[firstResult() + k].lastUse < 0) continue;  // nobody needs its result
      const fb_instruction &i = c.code[k];
      const uint16_t reads[3] = {i.a, i.b, i.c};
      for (int a = 0; a < arity[i.op]; ++a) {
        registers[reads[a]].lastUse = std::max(registers[reads[a]].lastUse, k);
      }
    }
  }

  void prepareCursors() {
    int32_t next = 0;
    for (int32_t o = 0; o < c.nInputs + c.nOutputs; ++o) {
      const fb_operand &operand = o < c.nInputs ? c.inputs[o] : c.outputs[o - c.nInputs];
      cursorOf[o] = -1;
      if (operand.kind != FB_STRIDED) continue;
      new (&cursors[next]) Cursor(c.shape, operand.strides, c.ndim, c.begin);
      cursorOf[o] = next++;
    }
  }

  // An output that instruction k may write straight: packed, of the compute type, and not over operands still needed.
  int32_t findDirectOutput(int32_t k) const {
    for (int32_t j = 0; j < c.nOutputs; ++j) {
      if (c.outputRegisters[j] != firstResult() + k || !isDirect(c.outputs[j], c.compute)) continue;
      bool overwrites = false;
      for (int32_t r = 0; r < c.nInputs; ++r) {
        overwrites |= registers[r].direct && registers[r].lastUse > k && c.inputs[r].data == c.outputs[j].data;
      }
      if (!overwrites) return j;
    }
    return -1;
  }

  void loadTile(int32_t r, int64_t at, size_t n) {
    Register &reg = registers[r];
    const fb_operand &input = c.inputs[r];
    char *data = static_cast<char *>(input.data);
    const int64_t element = static_cast<int64_t>(sizeOf(input.dtype));
    if (reg.direct) {
      reg.tile = data + at * element;
      return;
    }
    if (reg.period > 0) {
      reg.tile = reg.slot + static_cast<size_t>(at % reg.period) * size;
      return;
    }
    const Load load = loadOf(input.dtype, c.compute);
    if (input.kind == FB_LINEAR) return load(data + at * element, 1, reg.tile, n);
    Cursor &cursor = cursors[cursorOf[r]];
    if (input.dtype == nativeDtype[c.compute] && cursor.repeatsNumbers(maxSpread)) {
      if (size == 4) return cursor.spread(reinterpret_cast<const float *>(data), n, reinterpret_cast<float *>(reg.tile));
      if (size == 8) return cursor.spread(reinterpret_cast<const double *>(data), n, reinterpret_cast<double *>(reg.tile));
    }
    cursor.forRuns(n, [&](int64_t offset, int64_t stride, size_t count, size_t done) {
      load(data + offset * element, stride, reg.tile + done * size, count);
    });
  }

  void execute(int32_t k, int64_t at, size_t n, int32_t *errors) {
    Register &result = registers[firstResult() + k];
    if (result.lastUse < 0) return;
    const fb_instruction &i = c.code[k];
    const int32_t j = directOut[k];
    if (j >= 0) result.tile = static_cast<char *>(c.outputs[j].data) + at * static_cast<int64_t>(size);
    const int operands = arity[i.op];
    uint16_t a = i.a, b = i.b;
    if (operands == 2 && isOneNumber(a) && (i.op == FB_OP_ADD || i.op == FB_OP_MUL)) std::swap(a, b);
    if (operands == 2 && isOneNumber(b)) {  // one load fewer for each result
      if (const Kernel kernel = kernels().byNumber[c.compute][i.op]) {
        return kernel(registers[a].tile, registers[b].tile, nullptr, result.tile, n, errors);
      }
    }
    kernels().at[c.compute][i.op](registers[a].tile, operands > 1 ? registers[b].tile : nullptr,
                                  operands > 2 ? registers[i.c].tile : nullptr, result.tile, n, errors);
  }

  void storeTile(int32_t j, int64_t at, size_t n) {
    const int32_t r = c.outputRegisters[j];
    if (r >= firstResult() && directOut[r - firstResult()] == j) return;
    const fb_operand &output = c.outputs[j];
    const int64_t element = static_cast<int64_t>(sizeOf(output.dtype));
    char *data = static_cast<char *>(output.data);
    const char *tile = registers[r].tile;
    const Store store = storeOf(c.compute, output.dtype);
    if (output.kind != FB_STRIDED) return store(tile, data + at * element, 1, n);
    cursors[cursorOf[c.nInputs + j]].forRuns(n, [&](int64_t offset, int64_t stride, size_t count, size_t done) {
      store(tile + done * size, data + offset * element, stride, count);
    });
  }
};

}  // namespace
}  // namespace fb
#endif
