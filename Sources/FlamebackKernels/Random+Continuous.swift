import CKernels
import Glibc

// The order and the precision in which PyTorch 2.15 draws on a CPU with AVX2. A product followed by a sum is one fused
// operation there (GCC contracts it), so it is `addingProduct` here. Elements are written in memory order.
extension GeneratorState {
  private static let tile = 2048

  /// Uniform in [from, to): `fma(u, to - from, from)`; u has 53 bits for float64, 24 for the others.
  ///
  /// 16-bit types compute in float32; a value that rounds up to `to` becomes `from`. SeeAlso: Tensor.uniform_
  public mutating func fillUniform(
    _ out: UnsafeMutableRawPointer, count: Int, dtype: DType, from: Double = 0, to: Double = 1
  ) {
    switch dtype {
    case .float64:
      let p = out.assumingMemoryBound(to: Double.self)
      for i in 0..<count {
        let value = from.addingProduct(uniformDouble(), to - from)
        p[i] = value == to ? from : value
      }
    case .float32:
      let p = out.assumingMemoryBound(to: Float.self)
      fillUnit(p, count)
      let low = Float(from)
      let high = Float(to)
      if low == 0 && high == 1 { return }
      fb_random_scale_f32(p, Int64(count), high - low, low)
      for i in 0..<count where p[i] == high { p[i] = low }
    case .float16, .bfloat16, .float8E4M3FN, .float8E5M2:
      let low = Float(from)
      let width = Float(to) - low
      let high = dtype.rounded(to)
      let first = dtype.rounded(from)
      fill(out, count, dtype) { state in
        let value = dtype.rounded(Double(low.addingProduct(state.uniformFloat(), width)))
        return value == high ? first : value
      }
    case .bool, .uint8, .int8, .int16, .int32, .int64, .uint16, .uint32, .uint64, .complex32, .complex64, .complex128:
      preconditionFailure("uniform numbers need a floating point type")
    }
  }

  /// Numbers u of 24 bits in [0, 1).
  private mutating func fillUnit(_ out: UnsafeMutablePointer<Float>, _ count: Int) {
    let words = UnsafeMutableRawPointer(out).assumingMemoryBound(to: UInt32.self)
    fill32(words, count)
    for i in 0..<count { out[i] = Float(Int32(bitPattern: words[i] & 0xFF_FFFF)) * 0x1p-24 }
  }

  /// Normal numbers. 16 or more elements that lie side by side come from blocks of 16 uniforms (element j of a block
  /// pairs with j + 8; a last, partial block is drawn anew over the last 16 elements); fewer, or `serial` ones
  /// (a tensor with gaps), one by one in double precision with the second of each pair kept for later.
  ///
  /// SeeAlso: Tensor.normal_
  public mutating func fillNormal(
    _ out: UnsafeMutableRawPointer, count: Int, dtype: DType, mean: Double = 0, std: Double = 1, serial: Bool = false
  ) {
    if serial || count < 16 {
      fill(out, count, dtype) { $0.normal(mean: mean, std: std) }
      return
    }
    let tail = count % 16 == 0 ? 0 : 16
    switch dtype {
    case .float64:
      let p = out.assumingMemoryBound(to: Double.self)
      for i in 0..<count { p[i] = uniformDouble() }
      for block in 0..<(count / 16) { Self.boxMuller(p + 16 * block, mean, std) }
      if tail > 0 {
        let last = p + (count - 16)
        for i in 0..<16 { last[i] = uniformDouble() }
        Self.boxMuller(last, mean, std)
      }
    case .float32:
      let p = out.assumingMemoryBound(to: Float.self)
      fillUnit(p, count)
      fb_random_normal_f32(p, Int64(count / 16), Float(mean), Float(std))
      if tail > 0 {
        fillUnit(p + (count - 16), 16)
        fb_random_normal_f32(p + (count - 16), 1, Float(mean), Float(std))
      }
    case .float16, .bfloat16, .float8E4M3FN, .float8E5M2:
      withUnsafeTemporaryAllocation(of: Float.self, capacity: Self.tile) { buffer in
        let p = buffer.baseAddress!
        var done = 0
        while done < count {
          // Whole blocks in turn, then the tail over the last 16.
          let whole = count - count % 16 - done
          let n = whole > 0 ? min(whole, Self.tile) : 16
          let start = whole > 0 ? done : count - 16
          fillUnit(p, n)
          fb_random_normal_f32(p, Int64(n / 16), Float(mean), Float(std))
          Strided.copy(p, .float32, nil, to: out + start * dtype.byteSize, dtype, nil, over: [n])
          done = start + n
        }
      }
    case .bool, .uint8, .int8, .int16, .int32, .int64, .uint16, .uint32, .uint64, .complex32, .complex64, .complex128:
      preconditionFailure("normal numbers need a floating point type")
    }
  }

  /// One normal number in double precision, from the cache or as the first of a fresh pair.
  public mutating func normal(mean: Double, std: Double) -> Double {
    if let cached = cachedNormal {
      cachedNormal = nil
      return mean.addingProduct(cached, std)
    }
    let u1 = uniformDouble()
    let u2 = uniformDouble()
    let radius = (-2 * log1p(-u2)).squareRoot()
    let theta = 2 * Double.pi * u1
    cachedNormal = radius * sin(theta)
    return mean.addingProduct(radius * cos(theta), std)
  }

  private static func boxMuller(_ p: UnsafeMutablePointer<Double>, _ mean: Double, _ std: Double) {
    for j in 0..<8 {
      let radius = (-2 * log(1 - p[j])).squareRoot()
      let theta = 2 * Double.pi * p[j + 8]
      p[j] = mean.addingProduct(radius * cos(theta), std)
      p[j + 8] = mean.addingProduct(radius * sin(theta), std)
    }
  }

  /// `-1 / rate · log1p(-u)` in double precision. SeeAlso: Tensor.exponential_
  public mutating func fillExponential(_ out: UnsafeMutableRawPointer, count: Int, dtype: DType, rate: Double = 1) {
    let scale = -1 / rate
    fill(out, count, dtype) { scale * log1p(-$0.uniformDouble()) }
  }

  /// `median + sigma · tan(π (u - ½))` in double precision. SeeAlso: Tensor.cauchy_
  public mutating func fillCauchy(
    _ out: UnsafeMutableRawPointer, count: Int, dtype: DType, median: Double = 0, sigma: Double = 1
  ) {
    fill(out, count, dtype) { median.addingProduct(sigma, tan(Double.pi * ($0.uniformDouble() - 0.5))) }
  }

  /// `exp` of serial normal numbers (they use and leave the cached one). SeeAlso: Tensor.log_normal_
  public mutating func fillLogNormal(
    _ out: UnsafeMutableRawPointer, count: Int, dtype: DType, mean: Double = 1, std: Double = 2
  ) {
    fill(out, count, dtype) { exp($0.normal(mean: mean, std: std)) }
  }

  /// Gamma numbers of shape `alpha` and scale 1 by Marsaglia and Tsang's method, in double precision.
  ///
  /// SeeAlso: torch._standard_gamma
  public mutating func standardGamma(_ alpha: Double) -> Double {
    var alpha = alpha
    var scale = 1.0
    if alpha < 1 {
      if alpha == 0 { return 0 }
      scale *= pow(1 - uniformDouble(), 1 / alpha)
      alpha += 1
    }
    let d = alpha - 1.0 / 3.0
    let c = 1 / (9 * d).squareRoot()
    while true {
      var x = 0.0
      var y = 0.0
      repeat {
        x = normal(mean: 0, std: 1)
        y = 1 + c * x
      } while y <= 0
      let v = y * y * y
      let u = 1 - uniformDouble()
      let xx = x * x
      if u < 1 - 0.0331 * xx * xx { return scale * d * v }
      if log(u) < 0.5 * xx + d * (1 - v + log(v)) { return scale * d * v }
    }
  }
}
