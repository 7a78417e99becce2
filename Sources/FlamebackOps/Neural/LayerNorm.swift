import FlamebackCore
import FlamebackKernels

extension Primitives {
  /// (x − mean) / √(var + eps) · weight + bias over the last `n` elements; rms: x / √(mean x² + eps) · weight.
  /// Inputs: x, then weight and bias where there are any. Further outputs: mean and 1 / deviation of each row.
  package struct LayerNorm: Primitive {
    package static let name = "layerNorm"
    package let rms: Bool
    package let n: Int
    package let eps: Double
    package let hasWeight: Bool
    package let hasBias: Bool

    package var name: String { rms ? "rmsNorm" : "layerNorm" }
    package var attributes: [(String, String)] { [("n", "\(n)"), ("eps", "\(eps)")] }

    package var outputCount: Int { 3 }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      let x = inputs[0]
      guard x.dtype.isFloatingPoint, inputs.allSatisfy({ $0.dtype == x.dtype }) else {
        throw OpError(name, "needs floating point tensors of one dtype, got \(inputs.map(\.description))")
      }
      let rows = TensorSpec(
        shape: [x.shape.elementCount / max(n, 1)], dtype: Normalization.statistics(x.dtype), device: x.device)
      return [x, rows, rows]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      if n == 0 { return }
      Normalization.layer(
        inputs[0].pointer, weight: hasWeight ? inputs[1].pointer : nil, bias: hasBias ? inputs.last!.pointer : nil,
        into: outputs[0].pointer, mean: outputs[1].pointer, rstd: outputs[2].pointer, inputs[0].dtype, rms: rms,
        eps: eps, rows: inputs[0].elementCount / n, n: n)
    }

    /// Row by row: x̂, mean and 1 / deviation, each broadcastable against [rows, n].
    package func normalized(_ x: Tensor) -> (x: Tensor, mean: Tensor, rstd: Tensor) {
      let wide = x.to(Normalization.statistics(x.dtype)).reshape([x.elementCount / Swift.max(n, 1), n])
      let mean = wide.mean(dim: 1, keepDim: true)
      let centred = rms ? wide : wide - mean
      let rstd = (centred.square().mean(dim: 1, keepDim: true) + eps).rsqrt()
      return (centred * rstd, mean, rstd)
    }

    package func decomposed(_ inputs: [Tensor]) -> [Tensor]? {
      let x = inputs[0]
      let (hat, mean, rstd) = normalized(x)
      var y = hat.to(x.dtype)
      if hasWeight { y = y * inputs[1].reshape(-1) }
      if hasBias { y = y + inputs.last!.reshape(-1) }
      return [y.reshape(x.shape), mean.reshape(-1), rstd.reshape(-1)]
    }

    package var gradient: Gradient {
      .ofWanted(
        keeps: hasWeight ? [.input(0), .input(1), .output(1), .output(2)] : [.input(0), .output(1), .output(2)]
      ) {
        [self] g, saved, wanted in
        let weight = hasWeight ? [saved.input(1)] : []
        let gradient = Primitives.LayerNormGradient(
          norm: self, wanted: wanted, biasShape: saved.spec(saved.inputCount - 1).shape)
        return apply(gradient, [g, saved.input(0), saved.output(1), saved.output(2)] + weight)
      }
    }
  }
}

extension Primitives {
  /// The gradients of layer norm's inputs that are wanted, from g, x, mean, 1 / deviation, and weight if there is one.
  package struct LayerNormGradient: Primitive {
    package static let name = "layerNormGradient"
    package let norm: Primitives.LayerNorm
    package let wanted: [Int]
    package let biasShape: Shape

    private var weightPosition: Int? { norm.hasWeight ? 1 : nil }
    private var biasPosition: Int? { norm.hasBias ? (norm.hasWeight ? 2 : 1) : nil }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      wanted.map { i in
        TensorSpec(
          shape: i == 0 ? inputs[1].shape : i == weightPosition ? inputs[4].shape : biasShape, dtype: inputs[1].dtype,
          device: inputs[1].device)
      }
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      if norm.n == 0 { return }
      Normalization.layerGradient(
        inputs[0].pointer, inputs[1].pointer, weight: norm.hasWeight ? inputs[4].pointer : nil, mean: inputs[2].pointer,
        rstd: inputs[3].pointer, dx: outputs.pointer(of: 0, among: wanted),
        dWeight: outputs.pointer(of: weightPosition, among: wanted),
        dBias: outputs.pointer(of: biasPosition, among: wanted), inputs[1].dtype, rms: norm.rms,
        rows: inputs[1].elementCount / norm.n, n: norm.n)
    }

    /// With ĝ = g · weight: dx = rstd (ĝ − mean ĝ − x̂ mean(ĝ x̂)), dweight = Σ g x̂, dbias = Σ g; rms has no mean ĝ.
    package func decomposed(_ inputs: [Tensor]) -> [Tensor]? {
      let x = inputs[1]
      let (hat, _, rstd) = norm.normalized(x)
      let g = inputs[0].reshape(hat.shape).to(hat.dtype)
      return wanted.map { i in
        switch i {
        case 0:
          let scaled = norm.hasWeight ? g * inputs[4].reshape(-1) : g
          var dx = scaled - hat * (scaled * hat).mean(dim: 1, keepDim: true)
          if !norm.rms { dx = dx - scaled.mean(dim: 1, keepDim: true) }
          return (rstd * dx).to(x.dtype).reshape(x.shape)
        case weightPosition: return (g * hat).sum(dim: 0).to(x.dtype).reshape(inputs[4].shape)
        default: return g.sum(dim: 0).to(x.dtype).reshape(biasShape)
        }
      }
    }

    package var gradient: Gradient { .ofDecomposition }
  }
}

extension Tensor {
  /// Normalised over the last dimensions, whose sizes are given, to mean 0 and variance 1, then scaled and shifted.
  /// SeeAlso: torch.nn.functional.layer_norm
  public func layerNorm(
    _ normalizedShape: [Int], weight: Tensor? = nil, bias: Tensor? = nil, eps: Double = 1e-5
  ) -> Tensor { layerNorm("layerNorm", rms: false, normalizedShape, weight, bias, eps) }

  /// Divided by the root of the mean square over the last dimensions, then scaled. `eps` nil: the dtype's precision.
  /// SeeAlso: torch.nn.functional.rms_norm
  public func rmsNorm(_ normalizedShape: [Int], weight: Tensor? = nil, eps: Double? = nil) -> Tensor {
    let dtype = self.dtype.real
    if self.dtype.isComplex {
      return attempt(like: self) { () throws(OpError) in
        let dims = try trailing(normalizedShape, [weight], "rmsNorm")
        // The square, not that of the absolute value, as in PyTorch.
        let scale = (square().mean(dim: dims, keepDim: true) + (eps ?? dtype.epsilon)).rsqrt()
        return weight.map { self * scale * $0 } ?? self * scale
      }
    }
    return layerNorm("rmsNorm", rms: true, normalizedShape, weight, nil, eps ?? dtype.accumulation.epsilon)
  }

  /// The last dimensions, if they are as given and the parameters have their shape.
  private func trailing(_ shape: [Int], _ parameters: [Tensor?], _ op: String) throws(OpError) -> [Int] {
    guard !shape.isEmpty, shape.count <= rank, self.shape.suffix(shape.count).elementsEqual(shape) else {
      throw OpError(op, "the last dimensions of \(spec) are not \(shape)")
    }
    for case let parameter? in parameters where !parameter.shape.elementsEqual(shape) {
      throw OpError(op, "weight and bias must have the shape \(shape), got \(parameter.spec)")
    }
    return Array((rank - shape.count)..<rank)
  }

  private func layerNorm(
    _ op: String, rms: Bool, _ normalizedShape: [Int], _ weight: Tensor?, _ bias: Tensor?, _ eps: Double
  ) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      _ = try trailing(normalizedShape, [weight, bias], op)
      let norm = Primitives.LayerNorm(
        rms: rms, n: normalizedShape.reduce(1, *), eps: eps, hasWeight: weight != nil, hasBias: bias != nil)
      return apply(norm, [self] + [weight, bias].compactMap { $0?.to(dtype) })[0]
    }
  }

  /// x · weight + bias, both per channel (dimension 1).
  func affine(_ weight: Tensor?, _ bias: Tensor?) -> Tensor {
    let column = [-1] + Array(repeating: 1, count: rank - 2)
    let w = weight?.reshape(column).to(dtype)
    let b = bias?.reshape(column).to(dtype)
    switch (w, b) {
    case (let w?, let b?): return Elementwise.scaleShift(self, w, b)
    case (let w?, nil): return self * w
    case (nil, let b?): return self + b
    case (nil, nil): return self
    }
  }
}

extension Elementwise {
  static let scaleShift = Elementwise("scaleShift", arity: 3, kernel: .scaleShift) { v in v[0] * v[1] + v[2] }
}

extension DType {
  /// The distance from 1 to the next number; 1 for bool and integers. SeeAlso: torch.finfo
  public var epsilon: Double { floatLimits?.epsilon ?? 1 }
}
