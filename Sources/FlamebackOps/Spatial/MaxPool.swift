import CKernels
import FlamebackCore
import FlamebackKernels

extension Primitives {
  /// The largest value of each window; where it was, if asked for.
  package struct MaxPool: Primitive {
    package static let name = "maxPool"
    package let window: PoolWindow
    /// Of the result, as `window` gives it.
    package let size: [Int]
    package var withIndices = false

    package var outputCount: Int { withIndices ? 2 : 1 }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      let x = inputs[0]
      guard !x.dtype.isComplex, x.dtype != .bool else { throw OpError(name, "not defined for \(x.dtype)") }
      let shape = Shape(x.shape.dropLast(size.count)) + size
      return (withIndices ? [x.dtype, .int64] : [x.dtype]).map {
        TensorSpec(shape: shape, dtype: $0, device: x.device)
      }
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let (x, y) = (inputs[0], outputs[0])
      let input = Array(x.shape.suffix(size.count))
      var pool = window.description(x.code, input: input, output: size)
      forEachPlane(x.shape.dropLast(size.count).reduce(1, *), work: input.reduce(1, *)) { begin, end in
        fb_max_pool(&pool, x.pointer, y.pointer, withIndices ? outputs[1].int64s : nil, begin, end)
      }
    }

    package var attributes: [(String, String)] { window.attributes }

    /// Windows over the padded plane as a last dimension; its largest element, and the place that element came from.
    package func decomposed(_ inputs: [Tensor]) -> [Tensor]? {
      let x = inputs[0]
      let n = size.count
      let input = Array(x.shape.suffix(n))
      func windows(_ x: Tensor, filler: Scalar) -> Tensor {
        var shape = x.shape
        var start = [Int](repeating: 0, count: x.rank)
        let first = x.rank - n
        for d in 0..<n {
          let width = window.dilation[d] * (window.kernel[d] - 1) + 1
          shape[first + d] = max((size[d] - 1) * window.stride[d] + width, window.padding[d] + input[d])
          start[first + d] = window.padding[d]
        }
        var seen = apply(Primitives.ConstantPad(start: start, shape: shape, value: filler), x)
        for d in 0..<n {
          let width = window.dilation[d] * (window.kernel[d] - 1) + 1
          seen = apply(Primitives.Windows(dim: first + d, size: width, step: window.stride[d]), seen)
          seen = seen.slice(dim: -1, start: 0, end: width, step: window.dilation[d])
          seen = seen.narrow(dim: first + d, start: 0, length: size[d])
        }
        return seen.reshape(Array(seen.shape[..<(first + n)]) + [window.kernel.reduce(1, *)])
      }
      let lowest: Scalar = x.dtype.isFloatingPoint ? .float(-.infinity) : x.dtype == .uint8 ? 0 : .int(.min)
      let seen = windows(x, filler: lowest)
      let found = seen.max(dim: -1, keepDim: true)
      guard withIndices else { return [found.values.squeeze(-1)] }
      let places = Tensor.arange(input.reduce(1, *), device: x.device).reshape(input)
      let origins = windows(places, filler: -1).expanded(to: seen.shape)
      return [found.values.squeeze(-1), origins.gather(dim: -1, index: found.indices).squeeze(-1)]
    }

    /// dx = g at the places of the maxima.
    package var gradient: Gradient {
      if withIndices { return .places(rank: size.count) }
      return .pullback(keeps: .input(0)) { [window, size] cotangents, saved in
        guard let g = cotangents[0] else { return [nil] }
        let places = apply(
          Primitives.MaxPool(window: window, size: size, withIndices: true), [saved.input(0).detached()])[1]
        let back = Primitives.PlanePlacement(kind: .add, size: Array(saved.spec(0).shape.suffix(size.count)))
        return [apply(back, g, places)]
      }
    }
  }
}

extension Gradient {
  /// Of operations that pick values of planes; their second output tells where they were. dx = g there.
  static func places(rank: Int) -> Gradient {
    .pullback(keeps: .output(1)) { cotangents, saved in
      let back = Primitives.PlanePlacement(kind: .add, size: Array(saved.spec(0).shape.suffix(rank)))
      var result = [Tensor?](repeating: nil, count: saved.inputCount)
      result[0] = cotangents[0].map { apply(back, $0, saved.output(1)) }
      return result
    }
  }
}

extension Tensor {
  private func maxPool(
    _ n: Int, _ kernelSize: any Sizes, _ stride: (any Sizes)?, _ padding: any Sizes, _ dilation: any Sizes,
    _ ceilMode: Bool, withIndices: Bool
  ) -> [Tensor] {
    let needsIndices = withIndices || (requiresGrad && Context.isGradEnabled)
    return attempt(like: self, count: withIndices ? 2 : 1) { () throws(OpError) in
      let op = "maxPool\(n)d"
      let input = try pooledSize(n, op: op)
      let window = try PoolWindow(
        n, kernel: kernelSize, stride: stride, padding: padding, dilation: dilation, ceilMode: ceilMode, op: op)
      let size = try window.outputSize(input, op: op)
      return apply(Primitives.MaxPool(window: window, size: size, withIndices: needsIndices), [self])
    }
  }

  /// The largest value of each window of the last dimension. SeeAlso: torch.nn.functional.max_pool1d
  public func maxPool1d(
    _ kernelSize: any Sizes, stride: (any Sizes)? = nil, padding: any Sizes = 0, dilation: any Sizes = 1,
    ceilMode: Bool = false
  ) -> Tensor { maxPool(1, kernelSize, stride, padding, dilation, ceilMode, withIndices: false)[0] }

  /// The largest value of each window of the last two dimensions; the stride is the kernel's size unless given.
  /// SeeAlso: torch.nn.functional.max_pool2d
  public func maxPool2d(
    _ kernelSize: any Sizes, stride: (any Sizes)? = nil, padding: any Sizes = 0, dilation: any Sizes = 1,
    ceilMode: Bool = false
  ) -> Tensor { maxPool(2, kernelSize, stride, padding, dilation, ceilMode, withIndices: false)[0] }

  /// The largest value of each window of the last three dimensions. SeeAlso: torch.nn.functional.max_pool3d
  public func maxPool3d(
    _ kernelSize: any Sizes, stride: (any Sizes)? = nil, padding: any Sizes = 0, dilation: any Sizes = 1,
    ceilMode: Bool = false
  ) -> Tensor { maxPool(3, kernelSize, stride, padding, dilation, ceilMode, withIndices: false)[0] }

  /// `maxPool1d` and the maxima's positions, for `maxUnpool1d`. SeeAlso: torch.nn.functional.max_pool1d_with_indices
  public func maxPool1dWithIndices(
    _ kernelSize: any Sizes, stride: (any Sizes)? = nil, padding: any Sizes = 0, dilation: any Sizes = 1,
    ceilMode: Bool = false
  ) -> (output: Tensor, indices: Tensor) {
    let result = maxPool(1, kernelSize, stride, padding, dilation, ceilMode, withIndices: true)
    return (result[0], result[1])
  }

  /// `maxPool2d` and the maxima's positions in their planes. SeeAlso: torch.nn.functional.max_pool2d_with_indices
  public func maxPool2dWithIndices(
    _ kernelSize: any Sizes, stride: (any Sizes)? = nil, padding: any Sizes = 0, dilation: any Sizes = 1,
    ceilMode: Bool = false
  ) -> (output: Tensor, indices: Tensor) {
    let result = maxPool(2, kernelSize, stride, padding, dilation, ceilMode, withIndices: true)
    return (result[0], result[1])
  }

  /// `maxPool3d` and the maxima's positions in their volumes. SeeAlso: torch.nn.functional.max_pool3d_with_indices
  public func maxPool3dWithIndices(
    _ kernelSize: any Sizes, stride: (any Sizes)? = nil, padding: any Sizes = 0, dilation: any Sizes = 1,
    ceilMode: Bool = false
  ) -> (output: Tensor, indices: Tensor) {
    let result = maxPool(3, kernelSize, stride, padding, dilation, ceilMode, withIndices: true)
    return (result[0], result[1])
  }
}
