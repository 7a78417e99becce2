import CKernels
import FlamebackCore
import FlamebackKernels

/// Zeros around the input of a convolution: `1`, `[1, 2]`, `.same` or `.valid`.
public protocol ConvolutionPadding: Sendable {
  /// Zeros before and after each dimension of these kernels. Throws an `OpError` where the padding makes no sense.
  func zeros(kernel: [Int], stride: [Int], dilation: [Int], op: String) throws(OpError) -> (before: [Int], after: [Int])
}

extension Int: ConvolutionPadding {
  public func zeros(
    kernel: [Int], stride: [Int], dilation: [Int], op: String
  ) throws(OpError) -> (before: [Int], after: [Int]) {
    try [self].zeros(kernel: kernel, stride: stride, dilation: dilation, op: op)
  }
}

extension Array: ConvolutionPadding where Element == Int {
  public func zeros(
    kernel: [Int], stride: [Int], dilation: [Int], op: String
  ) throws(OpError) -> (before: [Int], after: [Int]) {
    let all = try spread("padding", kernel.count, op: op)
    guard all.allSatisfy({ $0 >= 0 }) else { throw OpError(op, "padding must not be negative, got \(self)") }
    return (all, all)
  }
}

/// The paddings that have names.
public struct NamedPadding: ConvolutionPadding, CustomStringConvertible {
  let isSame: Bool

  public var description: String { isSame ? "same" : "valid" }

  public func zeros(
    kernel: [Int], stride: [Int], dilation: [Int], op: String
  ) throws(OpError) -> (before: [Int], after: [Int]) {
    let none = kernel.map { _ in 0 }
    if !isSame { return (none, none) }
    guard stride.allSatisfy({ $0 == 1 }) else {
      throw OpError(op, "padding 'same' is not possible with stride \(stride)")
    }
    var total: [Int] = []
    for (size, step) in zip(kernel, dilation) { total.append(try sized(op) { CheckedInt(step) * (size - 1) }) }
    return (total.map { $0 / 2 }, total.map { $0 - $0 / 2 })
  }
}

extension ConvolutionPadding where Self == NamedPadding {
  /// As many zeros as keep the size; an odd one comes last.
  public static var same: NamedPadding { NamedPadding(isSame: true) }
  /// None.
  public static var valid: NamedPadding { NamedPadding(isSame: false) }
}

/// How a kernel moves over its input.
package struct ConvolutionGeometry: Sendable {
  package var stride: [Int]
  package var before: [Int]
  package var after: [Int]
  package var dilation: [Int]
  package var groups: Int

  package var attributes: [(String, String)] {
    [
      ("stride", "\(stride)"), ("padding", "\(before)…\(after)"), ("dilation", "\(dilation)"), ("groups", "\(groups)"),
    ]
  }

  package func outputSize(input: [Int], kernel: [Int], op: String) throws(OpError) -> [Int] {
    var sizes: [Int] = []
    for d in input.indices {
      let reach = CheckedInt(dilation[d]) * (kernel[d] - 1)
      let room = try sized(op) { CheckedInt(input[d]) + before[d] + after[d] - reach - 1 }
      sizes.append(room < 0 ? 0 : room / stride[d] + 1)
    }
    return sizes
  }

  /// The kernels' description of the convolution from `x` to `y`.
  package func description(x: Shape, weight: Shape, y: Shape, _ dtype: DType) -> fb_conv {
    fb_conv(
      dtype: fb_dtype(dtype.rawValue), batch: Int64(x[0]), in_channels: Int64(x[1]), out_channels: Int64(y[1]),
      groups: Int64(groups), input: triple(x.dropFirst(2)), output: triple(y.dropFirst(2)),
      kernel: triple(weight.dropFirst(2)), stride: triple(stride), dilation: triple(dilation),
      pad_begin: triple(before, fill: 0), pad_end: triple(after, fill: 0), rectifies: false)
  }

  package func check(_ op: String, _ inputs: [TensorSpec]) throws(OpError) {
    let listed = inputs.map(\.description).joined(separator: " × ")
    guard inputs.allSatisfy({ $0.dtype == inputs[0].dtype }) else {
      throw OpError(op, "operands of different dtypes: \(listed)")
    }
    guard inputs[0].dtype != .bool else { throw OpError(op, "not defined for bool") }
    guard groups > 0 else { throw OpError(op, "groups must be positive, got \(groups)") }
    guard stride.allSatisfy({ $0 > 0 }) else { throw OpError(op, "stride must be positive, got \(stride)") }
    guard dilation.allSatisfy({ $0 > 0 }) else { throw OpError(op, "dilation must be positive, got \(dilation)") }
    let (x, weight) = (inputs[0], inputs[1])
    guard weight.rank == stride.count + 2, x.rank == weight.rank else {
      throw OpError(op, "expected a \(stride.count + 2)-d weight: \(listed)")
    }
    guard (stride + dilation + before + after).allSatisfy({ $0 < Int.max / 4 }) else {
      throw OpError(op, "stride, dilation and padding must be below 2⁶¹, got \(attributes.map { "\($0.0) \($0.1)" })")
    }
    guard weight.shape.dropFirst(2).allSatisfy({ $0 > 0 }) else {
      throw OpError(op, "kernel sizes must be positive: \(listed)")
    }
    guard weight.shape[0] >= groups, weight.shape[0] % groups == 0 else {
      throw OpError(op, "\(groups) groups do not divide dimension 0 of weight: \(listed)")
    }
  }
}

extension Primitives {
  /// The convolution (as everywhere in learning: correlation) of [batch, channels, spatial...] with a weight
  /// [out, in / groups, kernel...] and an optional bias [out].
  package struct Convolution: Primitive {
    package static let name = "conv"
    package var autocast: AutocastRule { .lower }
    package var name = "conv"
    package let geometry: ConvolutionGeometry
    /// Whether a `relu` is part of it; graphs for inference join the two.
    package var rectifies = false

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      try geometry.check(name, inputs)
      let (x, weight) = (inputs[0], inputs[1])
      let expected = try sized(name) { CheckedInt(weight.shape[1]) * geometry.groups }
      guard x.shape[1] == expected else {
        throw OpError(
          name,
          "weight expects \(expected) input channels in \(geometry.groups) groups, "
            + "got \(x.shape[1]): \(x) × \(weight)")
      }
      if inputs.count > 2, inputs[2].shape != [weight.shape[0]] {
        throw OpError(name, "bias must have shape [\(weight.shape[0])]: \(x) × \(weight) + \(inputs[2])")
      }
      let size = try geometry.outputSize(
        input: Array(x.shape.dropFirst(2)), kernel: Array(weight.shape.dropFirst(2)), op: name)
      guard size.allSatisfy({ $0 > 0 }) else {
        throw OpError(name, "kernel is larger than the padded input: \(x) × \(weight)")
      }
      return [TensorSpec(shape: [x.shape[0], weight.shape[0]] + size, dtype: x.dtype, device: x.device)]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let (x, weight, y) = (inputs[0], inputs[1], outputs[0])
      var conv = geometry.description(x: x.shape, weight: weight.shape, y: y.shape, y.dtype)
      conv.rectifies = rectifies
      fb_conv_forward(&conv, x.pointer, weight.pointer, inputs.count > 2 ? inputs[2].pointer : nil, y.pointer)
    }

    package var attributes: [(String, String)] { geometry.attributes + (rectifies ? [("relu", "true")] : []) }

    package func decomposed(_ inputs: [Tensor]) -> [Tensor]? {
      if rectifies { return [apply(Primitives.Convolution(name: name, geometry: geometry), inputs)[0].relu()] }
      return [geometry.convolve(inputs[0], inputs[1], inputs.count > 2 ? inputs[2] : nil)]
    }

    /// dx = g ⋆ w̄ transposed, dw = x̄ ⋆ g, db = Σ g.
    package var gradient: Gradient {
      if rectifies { return .ofDecomposition }
      return .pullback(keeps: [.input(0), .input(1)]) { [geometry] cotangents, saved in
        guard let g = cotangents[0] else { return Array(repeating: nil, count: saved.inputCount) }
        let (x, weight) = (saved.spec(0).shape, saved.spec(1).shape)
        var result: [Tensor?] = [nil, nil]
        if saved.needs(0) {
          let transposed = Primitives.TransposedConvolution(geometry: geometry, size: Array(x.dropFirst(2)))
          result[0] = apply(transposed, g, saved.input(1).conjugated)
        }
        if saved.needs(1) {
          let ofWeight = Primitives.ConvolutionWeightGradient(geometry: geometry, kernel: Array(weight.dropFirst(2)))
          result[1] = apply(ofWeight, saved.input(0).conjugated, g)
        }
        if saved.inputCount > 2 { result.append(saved.needs(2) ? g.summedPerChannel() : nil) }
        return result
      }
    }
  }
}

extension Primitives {
  /// Σ over batch and places of x times y's gradient, for every place of the kernel.
  package struct ConvolutionWeightGradient: Primitive {
    package static let name = "convWeightGradient"
    package let geometry: ConvolutionGeometry
    package let kernel: [Int]

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      let (x, g) = (inputs[0], inputs[1])
      return [
        TensorSpec(shape: [g.shape[1], x.shape[1] / geometry.groups] + kernel, dtype: x.dtype, device: x.device)
      ]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let (x, g, weight) = (inputs[0], inputs[1], outputs[0])
      var conv = geometry.description(x: x.shape, weight: weight.shape, y: g.shape, x.dtype)
      fb_conv_backward_weight(&conv, x.pointer, g.pointer, weight.pointer)
    }

    package var attributes: [(String, String)] { geometry.attributes + [("kernel", "\(kernel)")] }

    /// Linear in both: dx = ḡ transposed with h, dg = x̄ ⋆ h.
    package var gradient: Gradient {
      .pullback(keeps: [.input(0), .input(1)]) { [geometry] cotangents, saved in
        guard let h = cotangents[0] else { return [nil, nil] }
        let transposed = Primitives.TransposedConvolution(
          geometry: geometry, size: Array(saved.spec(0).shape.dropFirst(2)))
        return [
          saved.needs(0) ? apply(transposed, saved.input(1).conjugated, h) : nil,
          saved.needs(1) ? apply(Primitives.Convolution(geometry: geometry), saved.input(0).conjugated, h) : nil,
        ]
      }
    }
  }
}

extension Tensor {
  /// The sum over everything but dimension 1: the gradient of a bias.
  func summedPerChannel() -> Tensor { sum(dim: [0] + Array(2..<rank)) }

  private func convolution(
    _ n: Int, _ weight: Tensor, _ bias: Tensor?, _ stride: any Sizes, _ padding: some ConvolutionPadding,
    _ dilation: any Sizes, _ groups: Int
  ) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      let op = "conv\(n)d"
      let (x, added) = try batched(n, op: op)
      guard weight.rank == n + 2 else { throw OpError(op, "expected a \(n + 2)-d weight: \(spec) × \(weight.spec)") }
      let stride = try stride.spread("stride", n, op: op)
      let dilation = try dilation.spread("dilation", n, op: op)
      let zeros = try padding.zeros(
        kernel: Array(weight.shape.dropFirst(2)), stride: stride, dilation: dilation, op: op)
      let geometry = ConvolutionGeometry(
        stride: stride, before: zeros.before, after: zeros.after, dilation: dilation, groups: groups)
      return apply(Primitives.Convolution(name: op, geometry: geometry), [x, weight] + (bias.map { [$0] } ?? []))[0]
        .unbatched(added)
    }
  }

  /// Convolution over one dimension: [batch, in, w] with a weight [out, in / groups, k] → [batch, out, w'].
  ///
  /// The batch dimension may be missing. SeeAlso: torch.nn.functional.conv1d
  public func conv1d(
    _ weight: Tensor, _ bias: Tensor? = nil, stride: any Sizes = 1, padding: some ConvolutionPadding = 0,
    dilation: any Sizes = 1, groups: Int = 1
  ) -> Tensor { convolution(1, weight, bias, stride, padding, dilation, groups) }

  /// Convolution over two dimensions: [batch, in, h, w] with a weight [out, in / groups, kh, kw] → [batch, out, h', w'].
  ///
  /// The batch dimension may be missing. SeeAlso: torch.nn.functional.conv2d
  public func conv2d(
    _ weight: Tensor, _ bias: Tensor? = nil, stride: any Sizes = 1, padding: some ConvolutionPadding = 0,
    dilation: any Sizes = 1, groups: Int = 1
  ) -> Tensor { convolution(2, weight, bias, stride, padding, dilation, groups) }

  /// Convolution over three dimensions: [batch, in, d, h, w] with a weight [out, in / groups, kd, kh, kw].
  ///
  /// The batch dimension may be missing. SeeAlso: torch.nn.functional.conv3d
  public func conv3d(
    _ weight: Tensor, _ bias: Tensor? = nil, stride: any Sizes = 1, padding: some ConvolutionPadding = 0,
    dilation: any Sizes = 1, groups: Int = 1
  ) -> Tensor { convolution(3, weight, bias, stride, padding, dilation, groups) }
}
