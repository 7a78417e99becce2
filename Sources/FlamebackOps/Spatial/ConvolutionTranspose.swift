import CKernels
import FlamebackCore
import FlamebackKernels

extension Primitives {
  /// The adjoint of the convolution with this geometry, from its output to an input of `size`: its input gradient, and
  /// the transposed convolution. Weight [in, out / groups, kernel...] as seen from here, bias [out].
  package struct TransposedConvolution: Primitive {
    package static let name = "convTranspose"
    package var autocast: AutocastRule { .lower }
    package var name = "convTranspose"
    package let geometry: ConvolutionGeometry
    package let size: [Int]

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      try geometry.check(name, inputs)
      let (x, weight) = (inputs[0], inputs[1])
      guard x.shape[1] == weight.shape[0] else {
        throw OpError(name, "weight expects \(weight.shape[0]) input channels, got \(x.shape[1]): \(x) × \(weight)")
      }
      let channels = try sized(name) { CheckedInt(weight.shape[1]) * geometry.groups }
      if inputs.count > 2, inputs[2].shape != [channels] {
        throw OpError(name, "bias must have shape [\(channels)]: \(x) × \(weight) + \(inputs[2])")
      }
      return [TensorSpec(shape: [x.shape[0], channels] + size, dtype: x.dtype, device: x.device)]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let (x, weight, y) = (inputs[0], inputs[1], outputs[0])
      var conv = geometry.description(x: y.shape, weight: weight.shape, y: x.shape, y.dtype)
      fb_conv_backward_input(&conv, x.pointer, weight.pointer, inputs.count > 2 ? inputs[2].pointer : nil, y.pointer)
    }

    package var attributes: [(String, String)] { geometry.attributes + [("size", "\(size)")] }

    /// dx = g ⋆ w̄, dw = g ⋆ x̄ (the roles of input and output exchanged), db = Σ g.
    package var gradient: Gradient {
      .pullback(keeps: [.input(0), .input(1)]) { [geometry] cotangents, saved in
        guard let g = cotangents[0] else { return Array(repeating: nil, count: saved.inputCount) }
        var result: [Tensor?] = [nil, nil]
        if saved.needs(0) {
          result[0] = apply(Primitives.Convolution(geometry: geometry), g, saved.input(1).conjugated)
        }
        if saved.needs(1) {
          let kernel = Array(saved.spec(1).shape.dropFirst(2))
          let ofWeight = Primitives.ConvolutionWeightGradient(geometry: geometry, kernel: kernel)
          result[1] = apply(ofWeight, g, saved.input(0).conjugated)
        }
        if saved.inputCount > 2 { result.append(saved.needs(2) ? g.summedPerChannel() : nil) }
        return result
      }
    }
  }
}

extension Tensor {
  private func transposedConvolution(
    _ n: Int, _ weight: Tensor, _ bias: Tensor?, _ stride: any Sizes, _ padding: any Sizes,
    _ outputPadding: any Sizes, _ groups: Int, _ dilation: any Sizes
  ) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      let op = "convTranspose\(n)d"
      let (x, added) = try batched(n, op: op)
      guard weight.rank == n + 2 else { throw OpError(op, "expected a \(n + 2)-d weight: \(spec) × \(weight.spec)") }
      let stride = try stride.spread("stride", n, op: op)
      let padding = try padding.spread("padding", n, op: op)
      let extra = try outputPadding.spread("outputPadding", n, op: op)
      let dilation = try dilation.spread("dilation", n, op: op)
      guard padding.allSatisfy({ $0 >= 0 }), extra.allSatisfy({ $0 >= 0 }) else {
        throw OpError(op, "padding must not be negative, got padding \(padding), outputPadding \(extra)")
      }
      for d in 0..<n where extra[d] >= Swift.max(stride[d], dilation[d]) {
        throw OpError(
          op,
          "outputPadding must be smaller than stride or dilation, "
            + "got outputPadding \(extra), stride \(stride), dilation \(dilation)")
      }
      var size: [Int] = []
      for d in 0..<n {
        let reach = CheckedInt(dilation[d]) * (weight.shape[d + 2] - 1) + 1
        let steps = CheckedInt(stride[d]) * (x.shape[d + 2] - 1)
        size.append(try sized(op) { steps - CheckedInt(padding[d]) * 2 + reach + extra[d] })
      }
      guard size.allSatisfy({ $0 > 0 }) else {
        throw OpError(op, "the output would have size \(size): \(spec) × \(weight.spec), padding \(padding)")
      }
      // The convolution read backwards must have exactly our input as its output.
      let after = (0..<n).map { extra[$0] < stride[$0] ? padding[$0] : padding[$0] - extra[$0] }
      let geometry = ConvolutionGeometry(
        stride: stride, before: padding, after: after, dilation: dilation, groups: groups)
      let primitive = Primitives.TransposedConvolution(name: op, geometry: geometry, size: size)
      return apply(primitive, [x, weight] + (bias.map { [$0] } ?? []))[0].unbatched(added)
    }
  }

  /// Transposed convolution over one dimension: [batch, in, w] with a weight [in, out / groups, k] → [batch, out, w'].
  ///
  /// The batch dimension may be missing. SeeAlso: torch.nn.functional.conv_transpose1d
  public func convTranspose1d(
    _ weight: Tensor, _ bias: Tensor? = nil, stride: any Sizes = 1, padding: any Sizes = 0,
    outputPadding: any Sizes = 0, groups: Int = 1, dilation: any Sizes = 1
  ) -> Tensor { transposedConvolution(1, weight, bias, stride, padding, outputPadding, groups, dilation) }

  /// Transposed convolution over two dimensions: [batch, in, h, w] with a weight [in, out / groups, kh, kw].
  ///
  /// The batch dimension may be missing. SeeAlso: torch.nn.functional.conv_transpose2d
  public func convTranspose2d(
    _ weight: Tensor, _ bias: Tensor? = nil, stride: any Sizes = 1, padding: any Sizes = 0,
    outputPadding: any Sizes = 0, groups: Int = 1, dilation: any Sizes = 1
  ) -> Tensor { transposedConvolution(2, weight, bias, stride, padding, outputPadding, groups, dilation) }

  /// Transposed convolution over three dimensions: [batch, in, d, h, w] with a weight [in, out / groups, kd, kh, kw].
  ///
  /// The batch dimension may be missing. SeeAlso: torch.nn.functional.conv_transpose3d
  public func convTranspose3d(
    _ weight: Tensor, _ bias: Tensor? = nil, stride: any Sizes = 1, padding: any Sizes = 0,
    outputPadding: any Sizes = 0, groups: Int = 1, dilation: any Sizes = 1
  ) -> Tensor { transposedConvolution(3, weight, bias, stride, padding, outputPadding, groups, dilation) }
}
