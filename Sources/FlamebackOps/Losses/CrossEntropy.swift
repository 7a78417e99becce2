import FlamebackCore
import FlamebackKernels

extension Primitives {
  /// ln Σ eˣ − x[target] over dimension 1, 0 where the target is to be ignored, or the mean of those that are not. A second
  /// result keeps ln Σ eˣ.
  package struct CrossEntropy: Primitive {
    package static let name = "crossEntropy"
    package var autocast: AutocastRule { .float32 }
    package let ignoreIndex: Int
    package let mean: Bool

    package var outputCount: Int { 2 }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      let (x, target) = (inputs[0], inputs[1])
      guard x.dtype.isFloatingPoint, target.dtype == .int64 else {
        throw OpError(name, "needs floating point logits and int64 classes, got \(x) and \(target)")
      }
      return [
        TensorSpec(shape: mean ? [] : target.shape, dtype: x.dtype, device: x.device),
        TensorSpec(shape: target.shape, dtype: x.dtype.accumulation, device: x.device),
      ]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let outOfRange = FlamebackKernels.CrossEntropy.forward(
        inputs[0].pointer, inputs[0].dtype, shape: inputs[0].shape,
        targets: inputs[1].pointer.assumingMemoryBound(to: Int64.self), ignoring: ignoreIndex, mean: mean,
        losses: outputs[0].pointer, normalizers: outputs[1].pointer)
      if let outOfRange {
        throw OpError(name, "target \(outOfRange) is out of bounds for \(inputs[0].shape[1]) classes")
      }
    }

    package var attributes: [(String, String)] { [("ignoreIndex", "\(ignoreIndex)"), ("mean", "\(mean)")] }

    package func decomposed(_ inputs: [Tensor]) -> [Tensor]? {
      let (x, target) = (inputs[0], inputs[1])
      let valid = target .!= ignoreIndex
      let safe = Elementwise.select(valid, target, Scalar.int(0))
      let normalizer = x.logsumexp(dim: 1)
      let losses = normalizer - x.gather(dim: 1, index: safe.unsqueeze(1)).squeeze(1)
      let counted = Elementwise.select(valid, losses, Scalar.float(0))
      let result = mean ? counted.sum() / valid.sum().to(x.dtype) : counted
      return [result, normalizer.to(x.dtype.accumulation)]
    }

    package var gradient: Gradient {
      .pullback(keeps: [.input(0), .input(1), .output(1)]) { [ignoreIndex, mean] cotangents, saved in
        guard let g = cotangents[0], saved.needs(0) else { return [nil, nil] }
        let op = Primitives.CrossEntropyGradient(ignoreIndex: ignoreIndex, mean: mean)
        return [apply(op, g, saved.input(0), saved.input(1), saved.output(1)), nil]
      }
    }
  }
}

extension Primitives {
  /// g (softmax x − [class is target]), where g may be the gradient of the mean.
  package struct CrossEntropyGradient: Primitive {
    package static let name = "crossEntropyGradient"
    package let ignoreIndex: Int
    package let mean: Bool

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] { [inputs[1]] }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      FlamebackKernels.CrossEntropy.backward(
        inputs[0].pointer, inputs[1].pointer, inputs[1].dtype, shape: inputs[1].shape,
        targets: inputs[2].pointer.assumingMemoryBound(to: Int64.self), ignoring: ignoreIndex, mean: mean,
        normalizers: inputs[3].pointer, into: outputs[0].pointer)
    }

    package func decomposed(_ inputs: [Tensor]) -> [Tensor]? {
      let (x, target) = (inputs[1], inputs[2])
      let valid = target .!= ignoreIndex
      let index = Elementwise.select(valid, target, Scalar.int(0)).unsqueeze(1)
      let given = mean ? (inputs[0] / valid.sum().to(x.dtype)).expand(target.shape) : inputs[0]
      let g = Elementwise.select(valid, given, Scalar.float(0)).unsqueeze(1)
      return [x.softmax(dim: 1) * g - Tensor.zerosLike(x).scatter(dim: 1, index: index, src: g)]
    }

    package var gradient: Gradient { .ofDecomposition }
  }
}

extension Tensor {
  /// A tensor [classes] or [n, classes, ...] and classes [] or [n, ...] as a batch.
  private func asBatch(_ target: Tensor, _ weight: Tensor?, _ op: String) throws(OpError) -> (x: Tensor, target: Tensor)
  {
    guard rank >= 1 else { throw OpError(op, "expected [classes] or [n, classes, ...], got \(spec)") }
    let x = rank == 1 ? unsqueeze(0) : self
    let classes = x.shape[1]
    let batch = rank == 1 ? target.unsqueeze(0) : target
    guard batch.dtype == .int64 || batch.dtype == .uint8 else {
      throw OpError(op, "classes must be int64, got \(target.spec)")
    }
    var expected = x.shape
    expected.remove(at: 1)
    guard batch.shape == expected else { throw OpError(op, "the target \(target.spec) does not fit the input \(spec)") }
    if let weight, weight.shape != [classes] {
      throw OpError(op, "expected a weight for each of \(classes) classes, got \(weight.spec)")
    }
    return (x, batch.to(.int64))
  }

  /// The losses of samples weighted by their classes and joined; `self` are those of unit weight, 0 if ignored.
  private func weighted(
    by weight: Tensor?, _ target: Tensor, _ ignoreIndex: Int, _ reduction: LossReduction, _ op: String
  ) -> Tensor {
    guard let weight else {
      guard reduction == .mean else { return reduced(reduction, op) }
      return sum() / noGrad { (target .!= ignoreIndex).sum().to(dtype) }
    }
    let scale = target.classWeights(weight.to(dtype), ignoreIndex)
    let losses = self * scale
    return reduction == .mean ? losses.sum() / scale.sum() : losses.reduced(reduction, op)
  }

  /// The weight of each sample's class, 0 if it is to be ignored.
  private func classWeights(_ weight: Tensor, _ ignoreIndex: Int) -> Tensor {
    let valid = self .!= ignoreIndex
    let safe = Elementwise.select(valid, self, Scalar.int(0))
    let picked = weight.indexSelect(dim: 0, index: safe.reshape(-1)).reshape(shape)
    return Elementwise.select(valid, picked, Scalar.float(0))
  }

  /// The negative log likelihood of classes; the tensor holds logarithms of probabilities [n, classes, ...].
  ///
  /// Samples of class `ignoreIndex` count nothing. SeeAlso: torch.nn.functional.nll_loss
  public func nllLoss(
    _ target: Tensor, weight: Tensor? = nil, ignoreIndex: Int = -100, reduction: LossReduction = .mean
  ) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      let (x, batch) = try asBatch(target, weight, "nllLoss")
      let valid = batch .!= ignoreIndex
      let safe = Elementwise.select(valid, batch, Scalar.int(0))
      let picked = -x.gather(dim: 1, index: safe.unsqueeze(1)).squeeze(1)
      let losses = Elementwise.select(valid, picked, Scalar.float(0))
      let result = losses.weighted(by: weight, batch, ignoreIndex, reduction, "nllLoss")
      return reduction == .none ? result.reshape(target.shape) : result
    }
  }

  /// The cross entropy of unnormalised scores [n, classes, ...] against classes [n, ...] or probabilities of the
  /// tensor's own shape.
  ///
  /// Samples of class `ignoreIndex` count nothing; `labelSmoothing` moves that share of the target to all classes
  /// alike. SeeAlso: torch.nn.functional.cross_entropy
  public func crossEntropy(
    _ target: Tensor, weight: Tensor? = nil, ignoreIndex: Int = -100, reduction: LossReduction = .mean,
    labelSmoothing: Double = 0
  ) -> Tensor {
    let op = "crossEntropy"
    return attempt(like: self) { () throws(OpError) in
      guard (0...1).contains(labelSmoothing) else {
        throw OpError(op, "labelSmoothing must lie in 0...1, got \(labelSmoothing)")
      }
      if target.dtype.isFloatingPoint && target.shape == shape && rank > 0 {
        guard ignoreIndex < 0 else {
          throw OpError(op, "ignoreIndex \(ignoreIndex) cannot be given where the target holds probabilities")
        }
        return try softCrossEntropy(target, weight, reduction, labelSmoothing)
      }
      let (x, batch) = try asBatch(target, weight, op)
      guard labelSmoothing > 0 else {
        let joins = reduction == .mean && weight == nil
        let losses = apply(Primitives.CrossEntropy(ignoreIndex: ignoreIndex, mean: joins), [x, batch])[0]
        if joins { return losses }
        let result = losses.weighted(by: weight, batch, ignoreIndex, reduction, op)
        return reduction == .none ? result.reshape(target.shape) : result
      }
      let logits = x.logSoftmax(dim: 1)
      let hard = logits.nllLoss(batch, weight: weight, ignoreIndex: ignoreIndex, reduction: reduction)
      let column = [-1] + Array(repeating: 1, count: x.rank - 2)
      let all = -(weight.map { logits * $0.to(dtype).reshape(column) } ?? logits).sum(dim: 1)
      let smooth = Elementwise.select(batch .!= ignoreIndex, all, Scalar.float(0))
      let joined: Tensor
      if reduction == .mean {
        let scale = noGrad {
          weight.map { batch.classWeights($0.to(dtype), ignoreIndex) } ?? (batch .!= ignoreIndex).to(dtype)
        }
        joined = smooth.sum() / scale.sum()
      } else {
        joined = smooth.reduced(reduction, op)
      }
      let result = hard * (1 - labelSmoothing) + joined * (labelSmoothing / Double(x.shape[1]))
      return reduction == .none ? result.reshape(target.shape) : result
    }
  }

  /// The cross entropy of the scores that a linear layer gives this tensor, [n, in] or [in]; a weight of
  /// [classes, ..., in] gives scores [n, classes, ...]. SeeAlso: torch.nn.functional.linear_cross_entropy
  public func linearCrossEntropy(
    _ weight: Tensor, _ target: Tensor, bias: Tensor? = nil, classWeight: Tensor? = nil,
    reduction: LossReduction = .mean, ignoreIndex: Int? = nil, labelSmoothing: Double = 0
  ) -> Tensor {
    let op = "linearCrossEntropy"
    return attempt(like: self) { () throws(OpError) in
      guard rank == 1 || rank == 2, weight.rank >= 2, weight.shape[weight.rank - 1] == shape[rank - 1] else {
        throw OpError(op, "expected [n, in] or [in] and a weight [classes, ..., in], got \(spec) × \(weight.spec)")
      }
      let scores = Shape(weight.shape.dropLast())
      if let bias, bias.shape != scores { throw OpError(op, "expected a bias of \(scores), got \(bias.spec)") }
      guard rank == 2 || scores.count == 1 else {
        throw OpError(op, "scores of more than one dimension need a batch, got \(spec)")
      }
      let matrix = weight.reshape([scores.elementCount, shape[rank - 1]])
      let logits = linear(matrix, bias?.reshape(-1)).reshape(shape.dropLast() + scores.array)
      if ignoreIndex != nil, target.shape == logits.shape {
        throw OpError(op, "ignoreIndex cannot be given for probabilities")
      }
      return logits.crossEntropy(
        target, weight: classWeight, ignoreIndex: ignoreIndex ?? -100, reduction: reduction,
        labelSmoothing: labelSmoothing)
    }
  }

  /// Cross entropy against probabilities.
  private func softCrossEntropy(
    _ target: Tensor, _ weight: Tensor?, _ reduction: LossReduction, _ smoothing: Double
  ) throws(OpError) -> Tensor {
    let dim = rank == 1 ? 0 : 1
    let classes = shape[dim]
    if let weight, weight.shape != [classes] {
      throw OpError("crossEntropy", "expected a weight for each of \(classes) classes, got \(weight.spec)")
    }
    let goal = smoothing > 0 ? target * (1 - smoothing) + smoothing / Double(classes) : target
    var terms = logSoftmax(dim: dim) * goal
    if let weight { terms = terms * weight.reshape([-1] + Array(repeating: 1, count: rank - dim - 1)) }
    let losses = -terms.sum(dim: dim)
    guard reduction == .mean else { return losses.reduced(reduction, "crossEntropy") }
    return losses.sum() / Double(elementCount / Swift.max(classes, 1))
  }
}
