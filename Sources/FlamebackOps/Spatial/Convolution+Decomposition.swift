import FlamebackCore
import FlamebackKernels

extension ConvolutionGeometry {
  /// What each place of the output sees: [batch, groups, places, channels of a group · kernel], a copy; and the sizes of
  /// the output.
  func columns(_ x: Tensor, kernel: [Int]) -> (columns: Tensor, size: [Int]) {
    let n = kernel.count
    let (batch, channels) = (x.shape[0], x.shape[1])
    var seen = x.zeroPadded(before, after)
    // [batch, channels, out..., kernel...]: overlapping windows, of which every `dilation`-th place counts.
    for d in 0..<n {
      let width = dilation[d] * (kernel[d] - 1) + 1
      seen = apply(Primitives.Windows(dim: 2 + d, size: width, step: stride[d]), seen)
      if dilation[d] > 1 { seen = seen.slice(dim: -1, start: 0, end: width, step: dilation[d]) }
    }
    let size = Array(seen.shape[2..<(2 + n)])
    let order = [0, 1] + (0..<n).map { 3 + $0 } + [2] + (0..<n).map { 3 + n + $0 }
    let places = size.reduce(1, *)
    let columns = seen.reshape([batch, groups, channels / groups] + size + kernel).permuted(order)
      .reshape([batch, groups, places, channels / groups * kernel.reduce(1, *)])
    return (columns, size)
  }

  /// The convolution as a product of columns and weights.
  func convolve(_ x: Tensor, _ weight: Tensor, _ bias: Tensor?) -> Tensor {
    let kernel = Array(weight.shape.dropFirst(2))
    let rows = weight.shape[0] / groups
    let weights = weight.reshape([1, groups, rows, weight.shape.dropFirst().reduce(1, *)])
    let (columns, size) = columns(x, kernel: kernel)
    let product = weights.matmul(columns.transpose(-2, -1))  // [batch, groups, rows, places]
    let y = product.reshape([x.shape[0], weight.shape[0]] + size)
    return bias.map { y + $0.reshape([1, weight.shape[0]] + kernel.map { _ in 1 }) } ?? y
  }
}

extension Tensor {
  /// Zeros around the dimensions behind the first two; negative numbers cut off.
  fileprivate func zeroPadded(_ before: [Int], _ after: [Int]) -> Tensor {
    if (before + after).allSatisfy({ $0 == 0 }) { return self }
    return constantPad(before.indices.reversed().flatMap { [before[$0], after[$0]] })
  }
}

extension Primitives.ConvolutionWeightGradient {
  package func decomposed(_ inputs: [Tensor]) -> [Tensor]? {
    let (x, g) = (inputs[0], inputs[1])
    let columns = geometry.columns(x, kernel: kernel).columns
    let rows = g.shape[1] / geometry.groups
    let cotangents = g.reshape([g.shape[0], geometry.groups, rows, columns.shape[2]])
    let sum = cotangents.matmul(columns).sum(dim: 0)  // [groups, rows, channels · kernel]
    return [sum.reshape([g.shape[1], x.shape[1] / geometry.groups] + kernel)]
  }
}

extension Primitives.TransposedConvolution {
  /// The gradient of the convolution with respect to its input, in which the weight is conjugated.
  package func decomposed(_ inputs: [Tensor]) -> [Tensor]? {
    let (g, weight) = (inputs[0], inputs[1])
    let shape = Shape([g.shape[0], weight.shape[1] * geometry.groups] + size)
    let result = enableGrad {
      let x = Tensor.zeros(shape, dtype: g.dtype, device: g.device, requiresGrad: true)
      return grad(of: geometry.convolve(x, weight.conjugated, nil), wrt: x, gradOutput: g)
    }
    guard inputs.count > 2 else { return [result] }
    return [result + inputs[2].reshape([1, inputs[2].shape[0]] + size.map { _ in 1 })]
  }
}
