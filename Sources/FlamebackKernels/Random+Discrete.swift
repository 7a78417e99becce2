import CKernels
import Glibc

extension GeneratorState {
  /// Integers in [from, from + range): `random32 % range + from`, from 2^28 on `random64`. `range` 0 means 2^64.
  ///
  /// For the range of a call of PyTorch's `random_` see `randomRange`. SeeAlso: torch.randint
  public mutating func fillIntegers(
    _ out: UnsafeMutableRawPointer, count: Int, dtype: DType, from: Int64, range: UInt64
  ) {
    if range == 0 {
      fillInts(out, count, dtype) { Int64(bitPattern: $0.random64()) }
    } else if range >= 1 << 28 {
      fillInts(out, count, dtype) { Int64(bitPattern: $0.random64() % range) &+ from }
    } else {
      let range = UInt32(range)
      fillInts(out, count, dtype) { Int64($0.random32() % range) &+ from }
    }
  }

  /// The base and range of `random_(from, to)`; without `to` up to the greatest number that `dtype` counts exactly.
  /// Bounds that a floating type cannot hold move inwards, as PyTorch moves them.
  public static func randomRange(
    from: Int64, to: Int64?, dtype: DType
  ) throws(RandomError) -> (from: Int64, range: UInt64) {
    let digits = dtype.floatLimits?.significandBits ?? 0
    var low = from
    if digits > 0 && (to != nil || from != .min) {
      let rounded = dtype.rounded(Double(from &+ 1))
      let next = rounded >= 0x1p63 ? Int64.max : Int64(rounded)
      if next < from { low = next + 1 << (magnitudeBits(from &+ 1) - digits + 1) }
    }
    let last: Int64
    if let to {
      guard from < to else { throw RandomError("from must be less than to: \(from), \(to)") }
      var high = to
      if digits > 0 {
        let rounded = dtype.rounded(Double(to - 1))
        let before = rounded >= 0x1p63 ? Int64.max : Int64(rounded)
        if before >= to { high = before - 1 << (magnitudeBits(to - 1) - digits + 1) }
        guard low < high else { throw RandomError("no \(dtype) lies between \(from) and \(to)") }
      }
      last = high - 1
    } else if from == .min {
      return (.min, 0)
    } else {
      last = digits > 0 ? 1 << digits : dtype.lastDrawn
    }
    guard low <= last else { throw RandomError("from is beyond the range of \(dtype): \(from)") }
    return (low, UInt64(bitPattern: last &- low) &+ 1)
  }

  private static func magnitudeBits(_ value: Int64) -> Int { 63 - max(value.magnitude, 1).leadingZeroBitCount }

  /// Numbers of the whole natural range: non-negative integers, floats that count exactly. SeeAlso: Tensor.random_
  public mutating func fillRandom(_ out: UnsafeMutableRawPointer, count: Int, dtype: DType) {
    switch dtype {
    case .bool: fillInts(out, count, dtype) { Int64($0.random32() & 1) }
    case .int64: fillInts(out, count, dtype) { Int64(bitPattern: $0.random64() & 0x7FFF_FFFF_FFFF_FFFF) }
    case .float64: fillInts(out, count, dtype) { Int64($0.random64() % (1 << 53 + 1)) }
    case .float16, .bfloat16, .float32, .float8E4M3FN, .float8E5M2:
      let range = UInt32(1) << UInt32(dtype.floatLimits!.significandBits) + 1
      fillInts(out, count, dtype) { Int64($0.random32() % range) }
    case .uint8, .int8, .int16, .int32, .uint16:
      let range = UInt32(dtype.lastDrawn) + 1
      fillInts(out, count, dtype) { Int64($0.random32() % range) }
    case .uint32: fillInts(out, count, dtype) { Int64($0.random32()) }
    case .uint64: fillInts(out, count, dtype) { Int64(bitPattern: $0.random64()) }
    case .complex32, .complex64, .complex128: preconditionFailure("complex numbers are drawn as their parts")
    }
  }

  /// A permutation of 0..<count by PyTorch's shuffle. SeeAlso: torch.randperm
  public mutating func permutation(_ count: Int) -> [Int] {
    var order = Array(0..<count)
    let few = count < Int(UInt32.max) / 20
    order.withUnsafeMutableBufferPointer { order in
      for i in 0..<max(count - 1, 0) {
        let rest = UInt64(count - i)
        let j = i + Int((few ? UInt64(random32()) : random64()) % rest)
        order.swapAt(i, j)
      }
    }
    return order
  }

  /// Fills with a permutation of 0..<count. SeeAlso: torch.randperm
  public mutating func fillPermutation(_ out: UnsafeMutableRawPointer, count: Int, dtype: DType) {
    let order = permutation(count)
    var i = 0
    fillInts(out, count, dtype) { _ in
      i += 1
      return Int64(order[i - 1])
    }
  }

  /// 1 with probability `p`: `u < p` in double precision whatever the dtype. SeeAlso: Tensor.bernoulli_
  public mutating func fillBernoulli(_ out: UnsafeMutableRawPointer, count: Int, dtype: DType, p: Double) {
    // u has 53 bits, so it can be compared as an integer.
    let limit = UInt64((p * 0x1p53).rounded(.up))
    let tile = 1024
    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 2 * tile) { words in
      let words = words.baseAddress!
      /// Draws into bytes, `tile` of them at most at a time.
      func draw(_ bytes: UnsafeMutablePointer<UInt8>, _ n: Int) {
        fill32(words, 2 * n)
        fb_random_below(words, Int64(n), limit, bytes)
      }
      @inline(__always)
      func each<T>(_ type: T.Type, _ one: T, _ zero: T) {
        let to = out.assumingMemoryBound(to: T.self)
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: tile) { bytes in
          for start in stride(from: 0, to: count, by: tile) {
            let n = min(count - start, tile)
            draw(bytes.baseAddress!, n)
            for i in 0..<n { to[start + i] = bytes[i] == 0 ? zero : one }
          }
        }
      }
      switch dtype {
      case .bool, .uint8, .int8:
        let bytes = out.assumingMemoryBound(to: UInt8.self)
        for start in stride(from: 0, to: count, by: tile) { draw(bytes + start, min(count - start, tile)) }
      case .int16: each(Int16.self, 1, 0)
      case .int32: each(Int32.self, 1, 0)
      case .int64: each(Int64.self, 1, 0)
      case .uint16: each(UInt16.self, 1, 0)
      case .uint32: each(UInt32.self, 1, 0)
      case .uint64: each(UInt64.self, 1, 0)
      case .float8E4M3FN: each(Float8E4M3FN.self, Float8E4M3FN(1), Float8E4M3FN(0))
      case .float8E5M2: each(Float8E5M2.self, Float8E5M2(1), Float8E5M2(0))
      case .float16: each(UInt16.self, 0x3C00, 0)
      case .bfloat16: each(UInt16.self, 0x3F80, 0)
      case .float32: each(Float.self, 1, 0)
      case .float64: each(Double.self, 1, 0)
      case .complex32, .complex64, .complex128: preconditionFailure("complex numbers are drawn as their parts")
      }
    }
  }

  /// 1 with the probability that `probabilities` (contiguous, any floating type) has for the element; float64
  /// probabilities draw 53 bits, the others 24. SeeAlso: torch.bernoulli
  public mutating func fillBernoulli(
    _ out: UnsafeMutableRawPointer, count: Int, dtype: DType, probabilities: UnsafeRawPointer, of type: DType
  ) throws(RandomError) {
    for i in 0..<count {
      let p = loadDouble(probabilities, i, type)
      guard p >= 0 && p <= 1 else { throw RandomError("a probability lies outside [0, 1]: \(p)") }
    }
    var i = 0
    fill(out, count, dtype) { state in
      let p = loadDouble(probabilities, i, type)
      i += 1
      let u = type == .float64 ? state.uniformDouble() : Double(state.uniformFloat())
      return u < p ? 1 : 0
    }
  }

  /// Trials until the first success: `ceil(log(u) / log1p(-p))` in double precision. SeeAlso: Tensor.geometric_
  public mutating func fillGeometric(_ out: UnsafeMutableRawPointer, count: Int, dtype: DType, p: Double) {
    let scale = log1p(-p)
    fill(out, count, dtype) { (log($0.uniformDouble()) / scale).rounded(.up) }
  }

  /// Poisson numbers of the rates in `rates`, of the same dtype. SeeAlso: torch.poisson
  public mutating func fillPoisson(
    _ out: UnsafeMutableRawPointer, count: Int, dtype: DType, rates: UnsafeRawPointer
  ) throws(RandomError) {
    for i in 0..<count {
      let rate = loadDouble(rates, i, dtype)
      guard rate >= 0 else { throw RandomError("a Poisson rate is negative: \(rate)") }
    }
    var i = 0
    fillInts(out, count, dtype) { state in
      i += 1
      return state.poisson(loadDouble(rates, i - 1, dtype))
    }
  }

  /// One Poisson number: products of uniforms below 10, Hörmann's transformed rejection (1993) from there on.
  mutating func poisson(_ rate: Double) -> Int64 {
    if rate == 0 { return 0 }
    if rate < 10 {
      let limit = exp(-rate)
      var count: Int64 = 0
      var product = 1.0
      while true {
        product *= uniformDouble()
        if product <= limit { return count }
        count += 1
      }
    }
    let root = rate.squareRoot()
    let logRate = log(rate)
    let b = 0.931 + 2.53 * root
    let a = -0.059 + 0.02483 * b
    let inverseAlpha = 1.1239 + 1.1328 / (b - 3.4)
    let vr = 0.9277 - 3.6224 / (b - 2)
    guard rate.isFinite else { return .min }
    while true {
      let u = uniformDouble() - 0.5
      let v = uniformDouble()
      let us = 0.5 - abs(u)
      let k = ((2 * a / us + b) * u + rate + 0.43).rounded(.down)
      if us >= 0.07 && v <= vr { return k < 0x1p63 ? Int64(k) : .max }
      if k < 0 || (us < 0.013 && v > us) { continue }
      if log(v) + log(inverseAlpha) - log(a / (us * us) + b) <= -rate + k * logRate - lgamma(k + 1) {
        return k < 0x1p63 ? Int64(k) : .max
      }
    }
  }
}

extension DType {
  /// The greatest integer that is drawn where no bound is given: that of the type, at most that of Int64.
  fileprivate var lastDrawn: Int64 { Int64(min(integerLimits?.greatest ?? 0, UInt(Int64.max))) }
}
