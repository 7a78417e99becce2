import CKernels
import FlamebackCore
import FlamebackKernels

/// The means of as many windows as the output has places.
package struct AdaptiveAverageMap: PlaneMap {
  package static let name = "adaptiveAvgPool"
  package let input: [Int]
  package let output: [Int]

  package var attributes: [(String, String)] { [("size", "\(output)")] }

  package func refusal(_ dtype: DType) -> String? { dtype.isFloatingPoint ? nil : "needs floating point numbers" }

  private func description(_ dtype: fb_dtype) -> fb_pool { adaptivePool(dtype, input, output) }

  package func run(
    _ dtype: fb_dtype, _ x: UnsafeMutableRawPointer, _ y: UnsafeMutableRawPointer, _ begin: Int64, _ end: Int64
  ) {
    var pool = description(dtype)
    fb_adaptive_avg_pool(&pool, x, y, begin, end)
  }

  package func runTransposed(
    _ dtype: fb_dtype, _ dy: UnsafeMutableRawPointer, _ dx: UnsafeMutableRawPointer, _ begin: Int64, _ end: Int64
  ) {
    var pool = description(dtype)
    fb_adaptive_avg_pool_backward(&pool, dy, dx, begin, end)
  }
}

private func adaptivePool(_ dtype: fb_dtype, _ input: [Int], _ output: [Int]) -> fb_pool {
  var pool = fb_pool()
  pool.dtype = dtype
  pool.input = triple(input)
  pool.output = triple(output)
  return pool
}

extension Primitives {
  /// The largest values of as many windows as the output has places, and where they were.
  package struct AdaptiveMaxPool: Primitive {
    package static let name = "adaptiveMaxPool"
    package let size: [Int]

    package var outputCount: Int { 2 }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      let x = inputs[0]
      guard !x.dtype.isComplex, x.dtype != .bool else { throw OpError(name, "not defined for \(x.dtype)") }
      let shape = Shape(x.shape.dropLast(size.count)) + size
      return [x.dtype, .int64].map { TensorSpec(shape: shape, dtype: $0, device: x.device) }
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let (x, y) = (inputs[0], outputs[0])
      if hasNothingToDo(x, y) { return }
      let input = Array(x.shape.suffix(size.count))
      var pool = adaptivePool(x.code, input, size)
      forEachPlane(x.shape.dropLast(size.count).reduce(1, *), work: input.reduce(1, *)) { begin, end in
        fb_adaptive_max_pool(&pool, x.pointer, y.pointer, outputs[1].int64s, begin, end)
      }
    }

    package var attributes: [(String, String)] { [("size", "\(size)")] }
    package var gradient: Gradient { .places(rank: size.count) }
  }
}

extension Tensor {
  /// The sizes of input and output; nil keeps a size.
  private func adaptiveSizes(_ n: Int, _ outputSize: [Int?], op: String) throws(OpError) -> (
    input: [Int], output: [Int]
  ) {
    let input = try pooledSize(n, op: op)
    guard outputSize.count == 1 || outputSize.count == n else {
      throw OpError(op, "outputSize must be one int or \(n) ints, got \(outputSize.count)")
    }
    let output = (0..<n).map { outputSize[outputSize.count == 1 ? 0 : $0] ?? input[$0] }
    guard output.allSatisfy({ $0 >= 0 }) else { throw OpError(op, "outputSize must not be negative, got \(output)") }
    return (input, output)
  }

  func adaptiveAvgPool(_ n: Int, _ outputSize: [Int?]) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      let sizes = try adaptiveSizes(n, outputSize, op: "adaptiveAvgPool\(n)d")
      return apply(Primitives.Planewise(map: AdaptiveAverageMap(input: sizes.input, output: sizes.output)), self)
    }
  }

  private func adaptiveMaxPool(_ n: Int, _ outputSize: [Int?]) -> (output: Tensor, indices: Tensor) {
    let result = attempt(like: self, count: 2) { () throws(OpError) in
      let sizes = try adaptiveSizes(n, outputSize, op: "adaptiveMaxPool\(n)d")
      return apply(Primitives.AdaptiveMaxPool(size: sizes.output), [self])
    }
    return (result[0], result[1])
  }

  /// The means of `outputSize` windows of the last dimension. SeeAlso: torch.nn.functional.adaptive_avg_pool1d
  public func adaptiveAvgPool1d(_ outputSize: Int?...) -> Tensor { adaptiveAvgPool(1, outputSize) }
  /// SeeAlso: torch.nn.functional.adaptive_avg_pool1d
  public func adaptiveAvgPool1d(_ outputSize: [Int?]) -> Tensor { adaptiveAvgPool(1, outputSize) }
  /// The means of windows of the last two dimensions, as many as `outputSize` says: one number for both or one each, nil
  /// keeping a size. SeeAlso: torch.nn.functional.adaptive_avg_pool2d
  public func adaptiveAvgPool2d(_ outputSize: Int?...) -> Tensor { adaptiveAvgPool(2, outputSize) }
  /// SeeAlso: torch.nn.functional.adaptive_avg_pool2d
  public func adaptiveAvgPool2d(_ outputSize: [Int?]) -> Tensor { adaptiveAvgPool(2, outputSize) }
  /// The means of windows of the last three dimensions. SeeAlso: torch.nn.functional.adaptive_avg_pool3d
  public func adaptiveAvgPool3d(_ outputSize: Int?...) -> Tensor { adaptiveAvgPool(3, outputSize) }
  /// SeeAlso: torch.nn.functional.adaptive_avg_pool3d
  public func adaptiveAvgPool3d(_ outputSize: [Int?]) -> Tensor { adaptiveAvgPool(3, outputSize) }

  /// The largest values of windows of the last dimension. SeeAlso: torch.nn.functional.adaptive_max_pool1d
  public func adaptiveMaxPool1d(_ outputSize: Int?...) -> Tensor { adaptiveMaxPool(1, outputSize).output }
  /// SeeAlso: torch.nn.functional.adaptive_max_pool1d
  public func adaptiveMaxPool1d(_ outputSize: [Int?]) -> Tensor { adaptiveMaxPool(1, outputSize).output }
  /// The largest values of windows of the last two dimensions. SeeAlso: torch.nn.functional.adaptive_max_pool2d
  public func adaptiveMaxPool2d(_ outputSize: Int?...) -> Tensor { adaptiveMaxPool(2, outputSize).output }
  /// SeeAlso: torch.nn.functional.adaptive_max_pool2d
  public func adaptiveMaxPool2d(_ outputSize: [Int?]) -> Tensor { adaptiveMaxPool(2, outputSize).output }
  /// The largest values of windows of the last three dimensions. SeeAlso: torch.nn.functional.adaptive_max_pool3d
  public func adaptiveMaxPool3d(_ outputSize: Int?...) -> Tensor { adaptiveMaxPool(3, outputSize).output }
  /// SeeAlso: torch.nn.functional.adaptive_max_pool3d
  public func adaptiveMaxPool3d(_ outputSize: [Int?]) -> Tensor { adaptiveMaxPool(3, outputSize).output }

  /// `adaptiveMaxPool1d` and where the maxima are. SeeAlso: torch.nn.functional.adaptive_max_pool1d_with_indices
  public func adaptiveMaxPool1dWithIndices(_ outputSize: [Int?]) -> (output: Tensor, indices: Tensor) {
    adaptiveMaxPool(1, outputSize)
  }
  /// `adaptiveMaxPool2d` and where the maxima are. SeeAlso: torch.nn.functional.adaptive_max_pool2d_with_indices
  public func adaptiveMaxPool2dWithIndices(_ outputSize: [Int?]) -> (output: Tensor, indices: Tensor) {
    adaptiveMaxPool(2, outputSize)
  }
  /// `adaptiveMaxPool3d` and where the maxima are. SeeAlso: torch.nn.functional.adaptive_max_pool3d_with_indices
  public func adaptiveMaxPool3dWithIndices(_ outputSize: [Int?]) -> (output: Tensor, indices: Tensor) {
    adaptiveMaxPool(3, outputSize)
  }
}
