import FlamebackCore
import FlamebackKernels

extension Tensor {
  /// Mantissas of absolute value 0.5 up to 1, and whole exponents (int32): x = mantissa · 2^exponent. Zeros, infinities
  /// and NaN have exponent 0. SeeAlso: torch.frexp
  public func frexp() -> (mantissa: Tensor, exponent: Tensor) {
    let results = attempt(like: self, count: 2) { () throws(OpError) in
      guard dtype.isFloatingPoint else { throw OpError("frexp", "expects floating point numbers, got \(spec)") }
      // Every floating point number is a float64; subnormal ones are scaled up first.
      let wide = to(.float64)
      let isOrdinary = noGrad { wide.detached().isFinite().logicalAnd(wide.detached() .!= 0) }
      let isSmall = noGrad { wide.detached().abs() .< 0x1p-1000 }
      let scaled = FlamebackOps.select(where: isSmall, wide * 0x1p64, wide)
      let (exponent, step) = noGrad { () -> (Tensor, Tensor) in
        let bits = scaled.detached().contiguous().view(.int64)
        let exponent = (bits >> 52) % 2048 - 1022
        return (
          FlamebackOps.select(where: isOrdinary, exponent - isSmall.to(.int64) * 64, 0),
          FlamebackOps.select(where: isOrdinary, exponent, 0)
        )
      }
      // 2^-exponent in two steps, as one of them may not be a number.
      let half = step.div(2, roundingMode: .floor)
      func power(_ n: Tensor) -> Tensor { ((-n + 1023) << 52).view(.float64) }
      let base = FlamebackOps.select(where: isOrdinary, scaled, wide)
      let mantissa = noGrad { [power(half), power(step - half)] }.reduce(base) { $0 * $1 }
      return [mantissa.to(dtype), exponent.to(.int32)]
    }
    return (results[0], results[1])
  }
}
