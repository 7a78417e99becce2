import FlamebackCore
import FlamebackKernels

extension Primitives {
  /// (x − mean) / √(var + eps) · weight + bias per channel (dimension 1). In training the statistics are the batch's own
  /// and further outputs; otherwise inputs. Inputs: x, (mean, var), then weight and bias where there are any.
  package struct BatchNorm: Primitive {
    package static let name = "batchNorm"
    package let training: Bool
    package let eps: Double
    package let hasWeight: Bool
    package let hasBias: Bool

    package var attributes: [(String, String)] { [("training", "\(training)"), ("eps", "\(eps)")] }
    fileprivate var weightPosition: Int? { hasWeight ? (training ? 1 : 3) : nil }
    fileprivate var biasPosition: Int? { hasBias ? (training ? 1 : 3) + (hasWeight ? 1 : 0) : nil }

    package var outputCount: Int { training ? 3 : 1 }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      let x = inputs[0]
      guard x.dtype.isFloatingPoint, x.rank >= 2 else {
        throw OpError(name, "needs floating point numbers [n, channels, ...], got \(x)")
      }
      for input in inputs.dropFirst() where input.shape != [x.shape[1]] {
        throw OpError(name, "statistics, weight and bias must have the shape [\(x.shape[1])], got \(input)")
      }
      let statistics = TensorSpec(
        shape: [x.shape[1]], dtype: Normalization.statistics(x.dtype), device: x.device)
      return training ? [x, statistics, statistics] : [x]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let x = inputs[0]
      Normalization.batch(
        x.pointer, mean: (training ? outputs : inputs)[1].pointer, variance: (training ? outputs : inputs)[2].pointer,
        computes: training, weight: weightPosition.map { inputs[$0].pointer },
        bias: biasPosition.map { inputs[$0].pointer }, into: outputs[0].pointer, x.dtype, eps: eps, count: x.shape[0],
        channels: x.shape[1], inner: x.shape[2...].reduce(1, *))
    }

    /// x̂ and 1 / deviation, from the batch or from the statistics given.
    fileprivate func normalized(_ x: Tensor, _ mean: Tensor?, _ variance: Tensor?) -> (x: Tensor, rstd: Tensor) {
      let wide = x.to(Normalization.statistics(x.dtype))
      let dims = Primitives.BatchNorm.dims(x)
      let column = Primitives.BatchNorm.column(x)
      let centre = mean?.reshape(column) ?? wide.mean(dim: dims, keepDim: true)
      let spread = variance?.reshape(column) ?? (wide - centre).square().mean(dim: dims, keepDim: true)
      let rstd = (spread + eps).rsqrt()
      return ((wide - centre) * rstd, rstd)
    }

    fileprivate static func dims(_ x: Tensor) -> [Int] { [0] + Array(2..<x.rank) }
    fileprivate static func column(_ x: Tensor) -> [Int] { [-1] + Array(repeating: 1, count: x.rank - 2) }

    package func decomposed(_ inputs: [Tensor]) -> [Tensor]? {
      let x = inputs[0]
      let hat = training ? normalized(x, nil, nil).x : normalized(x, inputs[1], inputs[2]).x
      let y = hat.to(x.dtype).affine(weightPosition.map { inputs[$0] }, biasPosition.map { inputs[$0] })
      if !training { return [y] }
      let wide = x.to(Normalization.statistics(x.dtype))
      return [
        y, wide.mean(dim: Primitives.BatchNorm.dims(x)), wide.var(dim: Primitives.BatchNorm.dims(x), correction: 0),
      ]
    }

    package var gradient: Gradient {
      var keeps: Kept = training ? [.input(0), .output(1), .output(2)] : [.input(0), .input(1), .input(2)]
      if let weightPosition { keeps.insert(.input(weightPosition)) }
      return .ofWanted(keeps: keeps, constants: training ? [] : [1, 2]) { [self] g, saved, wanted in
        let statistics = training ? [saved.output(1), saved.output(2)] : [saved.input(1), saved.input(2)]
        let weight = weightPosition.map { [saved.input($0)] } ?? []
        return apply(
          Primitives.BatchNormGradient(norm: self, wanted: wanted), [g, saved.input(0)] + statistics + weight)
      }
    }
  }
}

extension Primitives {
  /// The gradients of batch norm's inputs that are wanted, from g, x, mean, variance, and weight if there is one.
  package struct BatchNormGradient: Primitive {
    package static let name = "batchNormGradient"
    package let norm: Primitives.BatchNorm
    package let wanted: [Int]

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      let x = inputs[1]
      return wanted.map { i in i == 0 ? x : TensorSpec(shape: [x.shape[1]], dtype: x.dtype, device: x.device) }
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let x = inputs[1]
      Normalization.batchGradient(
        inputs[0].pointer, x.pointer, mean: inputs[2].pointer, variance: inputs[3].pointer,
        weight: norm.hasWeight ? inputs[4].pointer : nil, dx: outputs.pointer(of: 0, among: wanted),
        dWeight: outputs.pointer(of: norm.weightPosition, among: wanted),
        dBias: outputs.pointer(of: norm.biasPosition, among: wanted), x.dtype, training: norm.training, eps: norm.eps,
        count: x.shape[0],
        channels: x.shape[1], inner: x.shape[2...].reduce(1, *))
    }

    /// With ĝ = g · weight: dx = rstd (ĝ − mean ĝ − x̂ mean(ĝ x̂)), without the means where the statistics were given;
    /// dweight = Σ g x̂, dbias = Σ g.
    package func decomposed(_ inputs: [Tensor]) -> [Tensor]? {
      let x = inputs[1]
      let dims = Primitives.BatchNorm.dims(x)
      let (hat, rstd) = norm.training ? norm.normalized(x, nil, nil) : norm.normalized(x, inputs[2], inputs[3])
      let g = inputs[0].to(hat.dtype)
      return wanted.map { i in
        switch i {
        case 0:
          let scaled = norm.hasWeight ? g * inputs[4].reshape(Primitives.BatchNorm.column(x)) : g
          if !norm.training { return (scaled * rstd).to(x.dtype) }
          let means = scaled.mean(dim: dims, keepDim: true) + hat * (scaled * hat).mean(dim: dims, keepDim: true)
          return (rstd * (scaled - means)).to(x.dtype)
        case norm.weightPosition: return (g * hat).sum(dim: dims).to(x.dtype)
        default: return g.sum(dim: dims).to(x.dtype)
        }
      }
    }

    package var gradient: Gradient { .ofDecomposition }
  }
}

extension Tensor {
  /// Normalised per channel of [n, channels, ...], by the batch's statistics in training, else by the running ones.
  ///
  /// Returns the running statistics too, moved by `momentum` towards the batch's in training: the caller keeps them.
  /// SeeAlso: torch.nn.functional.batch_norm
  public func batchNorm(
    runningMean: Tensor?, runningVar: Tensor?, weight: Tensor? = nil, bias: Tensor? = nil, training: Bool = false,
    momentum: Double = 0.1, eps: Double = 1e-5
  ) -> (output: Tensor, runningMean: Tensor?, runningVar: Tensor?) {
    batchNorm(
      runningMean: runningMean, runningVar: runningVar, weight: weight, bias: bias, training: training, eps: eps
    ) { $0.moved(towards: $1, momentum) }
  }

  /// In training; the running statistics are the means of all batches, this one being number `count`.
  package func batchNorm(
    runningMean: Tensor?, runningVar: Tensor?, weight: Tensor?, bias: Tensor?, count: Tensor, eps: Double
  ) -> (output: Tensor, runningMean: Tensor?, runningVar: Tensor?) {
    batchNorm(runningMean: runningMean, runningVar: runningVar, weight: weight, bias: bias, training: true, eps: eps) {
      let share = count.to(.float64).reciprocal()
      return ($0 * (1 - share) + $1 * share).to($0.dtype)
    }
  }

  private func batchNorm(
    runningMean: Tensor?, runningVar: Tensor?, weight: Tensor?, bias: Tensor?, training: Bool, eps: Double,
    moved: (_ old: Tensor, _ new: Tensor) -> Tensor
  ) -> (output: Tensor, runningMean: Tensor?, runningVar: Tensor?) {
    func failed(_ message: String) -> (Tensor, Tensor?, Tensor?) {
      (fail("batchNorm", message, like: spec), runningMean, runningVar)
    }
    if elementCount == 0 && rank > 0 { return (self * 1, runningMean, runningVar) }
    guard rank >= 2 else { return failed("expected [n, channels, ...], got \(spec)") }
    let parameters = [weight, bias].compactMap { $0?.to(dtype) }
    let statistics = Normalization.statistics(dtype)
    guard training else {
      guard let runningMean, let runningVar else { return failed("evaluation needs running statistics") }
      let norm = Primitives.BatchNorm(training: false, eps: eps, hasWeight: weight != nil, hasBias: bias != nil)
      let inputs = [self, runningMean.to(statistics), runningVar.to(statistics)] + parameters
      return (apply(norm, inputs)[0], runningMean, runningVar)
    }
    let count = elementCount / Swift.max(shape[1], 1)
    guard count > 1 else {
      return failed("expected more than 1 value per channel when training, got \(spec)")
    }
    if let given = [runningMean, runningVar].compactMap({ $0 }).first(where: { $0.shape != [shape[1]] }) {
      return failed("statistics, weight and bias must have the shape [\(shape[1])], got \(given.spec)")
    }
    let norm = Primitives.BatchNorm(training: true, eps: eps, hasWeight: weight != nil, hasBias: bias != nil)
    let results = apply(norm, [self] + parameters)
    if results[0].isPoisoned { return (results[0], runningMean, runningVar) }
    return noGrad {
      let unbiased = results[2].detached() * (Double(count) / Double(count - 1))
      return (
        results[0], runningMean.map { moved($0, results[1].detached()) }, runningVar.map { moved($0, unbiased) }
      )
    }
  }

  /// Normalised per channel and sample. With `useInputStats` false the running statistics are used.
  /// SeeAlso: torch.nn.functional.instance_norm
  public func instanceNorm(
    runningMean: Tensor? = nil, runningVar: Tensor? = nil, weight: Tensor? = nil, bias: Tensor? = nil,
    useInputStats: Bool = true, momentum: Double = 0.1, eps: Double = 1e-5
  ) -> (output: Tensor, runningMean: Tensor?, runningVar: Tensor?) {
    guard useInputStats else {
      return batchNorm(
        runningMean: runningMean, runningVar: runningVar, weight: weight, bias: bias, training: false, eps: eps)
    }
    guard rank >= 3, shape[2...].reduce(1, *) != 1 else {
      return (
        fail("instanceNorm", "expected [n, channels, ...] with more than 1 value per channel, got \(spec)", like: spec),
        runningMean, runningVar
      )
    }
    if elementCount == 0 { return (self * 1, runningMean, runningVar) }
    let (samples, channels) = (shape[0], shape[1])
    let norm = Primitives.BatchNorm(training: true, eps: eps, hasWeight: false, hasBias: false)
    let results = apply(norm, [reshape([1, samples * channels] + shape[2...])])
    let output = results[0].reshape(shape).affine(weight, bias)
    if runningMean == nil && runningVar == nil { return (output, nil, nil) }
    return noGrad {
      let size = Double(shape[2...].reduce(1, *))
      let mean = results[1].detached().reshape([samples, channels]).mean(dim: 0)
      let variance = results[2].detached().reshape([samples, channels]).mean(dim: 0) * (size / (size - 1))
      return (output, runningMean?.moved(towards: mean, momentum), runningVar?.moved(towards: variance, momentum))
    }
  }

  /// (1 − momentum) · self + momentum · value, in this tensor's dtype.
  private func moved(towards value: Tensor, _ momentum: Double) -> Tensor {
    (self * (1 - momentum) + value * momentum).to(dtype)
  }
}
