import FlamebackCore
import FlamebackKernels

extension Primitives {
  /// The negative logarithms of the probabilities of label sequences. A second result keeps what backward needs.
  package struct CTCLoss: Primitive {
    package static let name = "ctcLoss"
    package let ctc: CTC
    package let zeroInfinity: Bool

    package var outputCount: Int { 2 }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      let x = inputs[0]
      guard x.dtype == .float32 || x.dtype == .float64, inputs[1].dtype == .int64 else {
        throw OpError(name, "needs float32 or float64 log probabilities and int64 targets, got \(x) and \(inputs[1])")
      }
      let shapes: [Shape] = [[x.shape[1]], [x.shape[1], x.shape[0], ctc.width]]
      return shapes.map { TensorSpec(shape: $0, dtype: x.dtype, device: x.device) }
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      func run<T: BinaryFloatingPoint & TensorElement>(_ type: T.Type) {
        ctc.forward(
          UnsafePointer(inputs[0].bound(to: T.self).baseAddress!),
          UnsafePointer(inputs[1].bound(to: Int64.self).baseAddress!),
          losses: outputs[0].bound(to: T.self).baseAddress!, logAlpha: outputs[1].bound(to: T.self).baseAddress!)
      }
      if inputs[0].dtype == .float64 { run(Double.self) } else { run(Float.self) }
    }

    package var attributes: [(String, String)] { [("blank", "\(ctc.blank)"), ("zeroInfinity", "\(zeroInfinity)")] }

    package var gradient: Gradient {
      .pullback(keeps: [.inputs, .outputs]) { [self] cotangents, saved in
        guard let g = cotangents[0], saved.needs(0) else { return [nil, nil] }
        let op = Primitives.CTCLossGradient(ctc: ctc, zeroInfinity: zeroInfinity)
        return [apply(op, g, saved.input(0), saved.input(1), saved.output(0), saved.output(1)), nil]
      }
    }
  }
}

extension Primitives {
  package struct CTCLossGradient: Primitive {
    package static let name = "ctcLossGradient"
    package let ctc: CTC
    package let zeroInfinity: Bool

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] { [inputs[1]] }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      func run<T: BinaryFloatingPoint & TensorElement>(_ type: T.Type) {
        func read(_ i: Int) -> UnsafePointer<T> { UnsafePointer(inputs[i].bound(to: T.self).baseAddress!) }
        ctc.backward(
          read(0), read(1), UnsafePointer(inputs[2].bound(to: Int64.self).baseAddress!), read(3), read(4),
          zeroInfinity: zeroInfinity, into: outputs[0].bound(to: T.self).baseAddress!)
      }
      if inputs[1].dtype == .float64 { run(Double.self) } else { run(Float.self) }
    }

    package var gradient: Gradient { .none(because: "the gradient of CTC loss holds only behind a log-softmax") }
  }
}

extension Tensor {
  /// Connectionist temporal classification: how improbable the target labels are in the log probabilities [t, n, classes]
  /// (or [t, classes]), summed over all alignments with blanks and repetitions.
  ///
  /// Targets: [n, s], or all of them behind each other. `mean` divides each loss by its target's length first;
  /// `zeroInfinity` makes impossible targets count nothing. SeeAlso: torch.nn.functional.ctc_loss
  public func ctcLoss(
    _ targets: Tensor, inputLengths: [Int], targetLengths: [Int], blank: Int = 0, reduction: LossReduction = .mean,
    zeroInfinity: Bool = false
  ) -> Tensor {
    let op = "ctcLoss"
    return attempt(like: self) { () throws(OpError) in
      guard rank == 2 || rank == 3 else { throw OpError(op, "expected [t, n, classes] or [t, classes], got \(spec)") }
      let x = rank == 2 ? unsqueeze(1) : self
      let (steps, samples, classes) = (x.shape[0], x.shape[1], x.shape[2])
      guard (0..<classes).contains(blank) else {
        throw OpError(op, "blank must be one of \(classes) classes, got \(blank)")
      }
      guard inputLengths.count == samples, targetLengths.count == samples,
        inputLengths.allSatisfy({ (0...steps).contains($0) }), targetLengths.allSatisfy({ $0 >= 0 })
      else {
        throw OpError(
          op,
          "\(samples) samples of \(steps) steps need as many lengths, at most \(steps): \(inputLengths), \(targetLengths)"
        )
      }
      var starts: [Int] = []
      if targets.rank == 2 {
        guard targets.shape[0] == samples, targets.shape[1] >= targetLengths.max() ?? 0 else {
          throw OpError(op, "the targets \(targets.spec) do not hold \(samples) rows of \(targetLengths.max() ?? 0)")
        }
        starts = (0..<samples).map { $0 * targets.shape[1] }
      } else {
        guard targets.rank == 1, CheckedInt.sum(targetLengths).value == targets.elementCount else {
          throw OpError(op, "the targets \(targets.spec) do not hold the labels of lengths \(targetLengths)")
        }
        var start = 0
        for length in targetLengths {
          starts.append(start)
          start += length
        }
      }
      let labels = targets.to(.int64)
      guard noGrad({ ((labels .< 0) | (labels .>= classes)).any().item().bool }) == false else {
        throw OpError(op, "a target is out of bounds for \(classes) classes")
      }
      let ctc = CTC(
        steps: steps, classes: classes, blank: blank, inputLengths: inputLengths, targetLengths: targetLengths,
        targetStarts: starts)
      var losses = apply(Primitives.CTCLoss(ctc: ctc, zeroInfinity: zeroInfinity), [x, labels])[0]
      if zeroInfinity { losses = losses.maskedFill(losses.detached() .== Double.infinity, 0) }
      if reduction == .mean {
        let lengths = Tensor(
          targetLengths.map { Double(Swift.max($0, 1)) }, shape: [samples], dtype: dtype, device: device)
        return (losses / lengths).mean()
      }
      return reduction == .none && rank == 2 ? losses.squeeze(0) : losses.reduced(reduction, op)
    }
  }
}
