import CKernels
import FlamebackCore
import FlamebackKernels

/// The mean of each window.
package struct AveragePoolMap: PlaneMap {
  package static let name = "avgPool"
  package let window: PoolWindow
  package let input: [Int]
  package let output: [Int]
  package let countIncludePad: Bool
  package let divisor: Int?

  package var attributes: [(String, String)] { window.attributes + [("countIncludePad", "\(countIncludePad)")] }

  package func refusal(_ dtype: DType) -> String? {
    dtype.isComplex || dtype == .bool ? "not defined for \(dtype)" : nil
  }

  private func description(_ dtype: fb_dtype) -> fb_pool {
    var pool = window.description(dtype, input: input, output: output)
    pool.count_include_pad = countIncludePad
    pool.divisor_override = Int64(divisor ?? 0)
    return pool
  }

  package func run(
    _ dtype: fb_dtype, _ x: UnsafeMutableRawPointer, _ y: UnsafeMutableRawPointer, _ begin: Int64, _ end: Int64
  ) {
    var pool = description(dtype)
    fb_avg_pool(&pool, x, y, begin, end)
  }

  package func runTransposed(
    _ dtype: fb_dtype, _ dy: UnsafeMutableRawPointer, _ dx: UnsafeMutableRawPointer, _ begin: Int64, _ end: Int64
  ) {
    var pool = description(dtype)
    fb_avg_pool_backward(&pool, dy, dx, begin, end)
  }
}

extension Tensor {
  private func avgPool(
    _ n: Int, _ kernelSize: any Sizes, _ stride: (any Sizes)?, _ padding: any Sizes, _ ceilMode: Bool,
    _ countIncludePad: Bool, _ divisor: Int?
  ) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      let op = "avgPool\(n)d"
      let input = try pooledSize(n, op: op)
      let window = try PoolWindow(
        n, kernel: kernelSize, stride: stride, padding: padding, ceilMode: ceilMode, op: op)
      // PyTorch asks this of volumes only.
      guard n < 3 || zip(input, window.kernel).allSatisfy({ $0 >= $1 }) else {
        throw OpError(op, "kernel \(window.kernel) is larger than the input: \(spec)")
      }
      guard divisor != 0 else { throw OpError(op, "divisorOverride must not be zero") }
      let map = AveragePoolMap(
        window: window, input: input, output: try window.outputSize(input, op: op), countIncludePad: countIncludePad,
        divisor: divisor)
      return apply(Primitives.Planewise(map: map), self)
    }
  }

  /// The mean of each window of the last dimension. SeeAlso: torch.nn.functional.avg_pool1d
  public func avgPool1d(
    _ kernelSize: any Sizes, stride: (any Sizes)? = nil, padding: any Sizes = 0, ceilMode: Bool = false,
    countIncludePad: Bool = true
  ) -> Tensor { avgPool(1, kernelSize, stride, padding, ceilMode, countIncludePad, nil) }

  /// The mean of each window of the last two dimensions; the stride is the kernel's size unless given.
  /// SeeAlso: torch.nn.functional.avg_pool2d
  public func avgPool2d(
    _ kernelSize: any Sizes, stride: (any Sizes)? = nil, padding: any Sizes = 0, ceilMode: Bool = false,
    countIncludePad: Bool = true, divisorOverride: Int? = nil
  ) -> Tensor { avgPool(2, kernelSize, stride, padding, ceilMode, countIncludePad, divisorOverride) }

  /// The mean of each window of the last three dimensions. SeeAlso: torch.nn.functional.avg_pool3d
  public func avgPool3d(
    _ kernelSize: any Sizes, stride: (any Sizes)? = nil, padding: any Sizes = 0, ceilMode: Bool = false,
    countIncludePad: Bool = true, divisorOverride: Int? = nil
  ) -> Tensor { avgPool(3, kernelSize, stride, padding, ceilMode, countIncludePad, divisorOverride) }

  private func lpPool(
    _ n: Int, _ norm: Double, _ kernelSize: any Sizes, _ stride: (any Sizes)?, _ ceilMode: Bool
  ) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      let kernel = try kernelSize.spread("kernelSize", n, op: "lpPool\(n)d")
      let power = Int(exactly: norm).map { pow($0) } ?? pow(norm)
      let places = try sized("lpPool\(n)d") { .product(kernel) }
      let mean = power.avgPool(n, kernel, stride, 0, ceilMode, true, nil)
      return (mean.sign() * mean.abs().relu() * places).pow(1 / norm)
    }
  }

  /// (Σ xᵖ)^(1/p) of each window of the last dimension. SeeAlso: torch.nn.functional.lp_pool1d
  public func lpPool1d(
    normType: Double, _ kernelSize: any Sizes, stride: (any Sizes)? = nil, ceilMode: Bool = false
  ) -> Tensor { lpPool(1, normType, kernelSize, stride, ceilMode) }

  /// (Σ xᵖ)^(1/p) of each window of the last two dimensions. SeeAlso: torch.nn.functional.lp_pool2d
  public func lpPool2d(
    normType: Double, _ kernelSize: any Sizes, stride: (any Sizes)? = nil, ceilMode: Bool = false
  ) -> Tensor { lpPool(2, normType, kernelSize, stride, ceilMode) }

  /// (Σ xᵖ)^(1/p) of each window of the last three dimensions. SeeAlso: torch.nn.functional.lp_pool3d
  public func lpPool3d(
    normType: Double, _ kernelSize: any Sizes, stride: (any Sizes)? = nil, ceilMode: Bool = false
  ) -> Tensor { lpPool(3, normType, kernelSize, stride, ceilMode) }
}
