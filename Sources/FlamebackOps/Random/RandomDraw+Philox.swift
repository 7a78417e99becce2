import FlamebackCore
import FlamebackKernels

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

extension Primitives.RandomDraw.Distribution {
  /// Fills memory with the numbers that PyTorch's CUDA kernels draw; false for the distributions and dtypes whose order is
  /// not written down here: they draw through `Generator.draw`.
  func fill(_ state: inout PhiloxState, _ out: UnsafeMutableRawPointer, _ count: Int, _ dtype: DType) -> Bool {
    func store<T: BitwiseCopyable>(_ i: Int, _ value: T) {
      out.storeBytes(of: value, toByteOffset: i * MemoryLayout<T>.stride, as: T.self)
    }
    switch (self, dtype) {
    case (.uniform(let from, let to), .float32):
      let (low, high) = (Float(from), Float(to))
      state.forEachUniform(count) { i, unit in
        let value = low.addingProduct(unit, high - low)
        store(i, value == high ? low : value)  // (0, 1] becomes [0, 1)
      }
    case (.uniform(let from, let to), .float64):
      state.forEachUniformDouble(count) { i, unit in
        let value = from.addingProduct(unit, to - from)
        store(i, value == to ? from : value)
      }
    case (.normal(let mean, let std, _), .float32):
      state.forEachNormal(count) { i, value in store(i, Float(mean).addingProduct(value, Float(std))) }
    case (.bernoulli(let p), .bool):
      state.forEachUniform(count) { i, unit in store(i, UInt8(unit < Float(p) ? 1 : 0)) }
    case (.bernoulli(let p), .float32):
      state.forEachUniform(count) { i, unit in store(i, Float(unit < Float(p) ? 1 : 0)) }
    case (.exponential(let rate), .float32):
      state.forEachUniform(count) { i, unit in
        // -log of a number in (0, 1], of which 1 itself becomes half a step, so that 0 is never drawn.
        let logarithm = unit >= 1 - Float.ulpOfOne / 2 ? -Float.ulpOfOne / 2 : Float(log(Double(unit)))
        store(i, -1 / Float(rate) * logarithm)
      }
    case (.integers(let from, let range), .int64):
      if range >= 1 << 28 {
        state.forEachLongWord(count) { i, word in store(i, from &+ Int64(bitPattern: word % range)) }
      } else {
        state.forEachWord(count) { i, word in store(i, from &+ Int64(UInt64(word) % range)) }
      }
    case (.integers(let from, let range), .int32) where range < 1 << 28:
      state.forEachWord(count) { i, word in store(i, Int32(truncatingIfNeeded: from &+ Int64(UInt64(word) % range))) }
    default: return false
    }
    return true
  }
}
