import CKernels
import FlamebackCore
import FlamebackKernels

extension Primitives {
  /// A recurrent network over all steps of sequences of one length, one layer in one direction.
  ///
  /// Inputs: the input's share of the gates [time, batch, gates · hidden], the hidden weight [gates · hidden, hidden], its
  /// bias if there is one, h0 [batch, hidden], and c0 of an LSTM. Outputs: the states [time + 1, batch, hidden], the
  /// initial one first (last in reverse); of an LSTM the cells; and what the gradient needs of the gates.
  package struct Recurrence: Primitive {
    package static let name = "recurrence"
    package var autocast: AutocastRule { .float32 }
    package let mode: RecurrentMode
    package let reverse: Bool
    package let hasBias: Bool

    package var outputCount: Int { mode == .lstm ? 3 : mode == .gru ? 2 : 1 }
    package var attributes: [(String, String)] { [("mode", mode.rawValue), ("reverse", "\(reverse)")] }

    fileprivate func split(_ inputs: [Tensor]) -> (x: Tensor, weight: Tensor, bias: Tensor?, h: Tensor, c: Tensor?) {
      (
        inputs[0], inputs[1], hasBias ? inputs[2] : nil, inputs[hasBias ? 3 : 2],
        mode == .lstm ? inputs[hasBias ? 4 : 3] : nil
      )
    }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      let (x, weight) = (inputs[0], inputs[1])
      guard x.dtype == .float32 || x.dtype == .float64 else { throw OpError(name, "not defined for \(x.dtype)") }
      guard x.rank == 3, weight.rank == 2, weight.shape[0] == weight.shape[1] * mode.gates,
        x.shape[2] == weight.shape[0],
        inputs.allSatisfy({ $0.dtype == x.dtype })
      else { throw OpError(name, "operands do not fit: \(inputs.map(\.description).joined(separator: " × "))") }
      func spec(_ shape: Shape) -> TensorSpec { TensorSpec(shape: shape, dtype: x.dtype, device: x.device) }
      let states = spec([x.shape[0] + 1, x.shape[1], weight.shape[1]])
      switch mode {
      case .tanh, .relu: return [states]
      case .lstm: return [states, states, x]
      case .gru: return [states, spec([x.shape[0], x.shape[1], 4 * weight.shape[1]])]
      }
    }

    fileprivate func description(_ states: HostView) -> fb_recurrence {
      fb_recurrence(
        dtype: fb_dtype(states.dtype.rawValue), mode: mode.code, reverse: reverse, time: Int64(states.shape[0] - 1),
        batch: Int64(states.shape[1]), hidden: Int64(states.shape[2]))
    }

    /// Rows of a batch that one thread takes at once: equal shares of at least three, fewer would not keep the adders busy.
    fileprivate static func grain(_ batch: Int) -> Int {
      let threads = ThreadPool.threadCount
      let shares = max(1, min(threads * max(1, batch / (48 * threads)), batch / 3))
      return (batch + shares - 1) / shares
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let states = outputs[0]
      var r = description(states)
      let (batch, size) = (states.shape[1], states.dtype.byteSize)
      let slot = batch * states.shape[2] * size
      let start = reverse ? slot * (states.shape[0] - 1) : 0
      (states.pointer + start).copyMemory(from: inputs[hasBias ? 3 : 2].pointer, byteCount: slot)
      let cells = mode == .lstm ? outputs[1].pointer : nil
      if let cells { (cells + start).copyMemory(from: inputs[hasBias ? 4 : 3].pointer, byteCount: slot) }
      let byteCount = Int(fb_recurrence_packed_count(&r, false)) * size
      let form = inputs[1].form(.recurrence, byteCount: byteCount) {
        fb_recurrence_pack(&r, inputs[1].pointer, false, $0)
      }
      guard let packed = form else { return }
      let reserve = outputs.count > 1 ? outputs[outputs.count - 1].pointer : nil
      let description = r
      ThreadPool.run(count: batch, grain: Self.grain(batch)) { rows in
        var r = description
        fb_recurrence_forward(
          &r, inputs[0].pointer, packed.pointer, hasBias ? inputs[2].pointer : nil, states.pointer, cells, reserve,
          Int64(rows.lowerBound), Int64(rows.upperBound))
      }
      withExtendedLifetime(packed) {}
    }

    /// Step by step. The reserve is left empty: nobody but the fast gradient reads it.
    package func decomposed(_ inputs: [Tensor]) -> [Tensor]? {
      let (x, weight, bias, h0, c0) = split(inputs)
      var h = [h0]
      var c = c0.map { [$0] } ?? []
      let steps = x.unbind(dim: 0)
      for x in reverse ? steps.reversed() : steps {
        let last = h[h.count - 1]
        let next = RecurrentStep.run(mode, x, last.linear(weight, bias), last, c.last)
        h.append(next.h)
        if let cell = next.c { c.append(cell) }
      }
      func stacked(_ parts: [Tensor]) -> Tensor { Tensor.stack(reverse ? parts.reversed() : parts) }
      switch mode {
      case .tanh, .relu: return [stacked(h)]
      case .lstm: return [stacked(h), stacked(c), x.detached()]
      case .gru:
        return [stacked(h), Tensor.zeros([x.shape[0], x.shape[1], 4 * h0.shape[1]], dtype: x.dtype, device: x.device)]
      }
    }

    /// With the steps' gradients d of the gates: dx = d, dW = Σ dᵀ h, db = Σ d. Second gradients go through the steps.
    package var gradient: Gradient {
      .pullback(keeps: [.inputs, .outputs]) { [self] cotangents, saved in
        let inputs = (0..<saved.inputCount).map { saved.input($0) }
        let isPlain = mode == .tanh || mode == .relu
        guard !Context.isGradEnabled, saved.outputSpec(0).device.isHost else {
          return gradientOfDecomposition(self, [cotangents[0], mode == .lstm ? cotangents[1] : nil], saved)
        }
        let states = saved.output(0)
        let given = mode == .lstm ? [cotangents[0], cotangents[1]] : [cotangents[0]]
        let operands =
          [inputs[1], states] + (isPlain ? [] : (1..<outputCount).map { saved.output($0) }) + given.compactMap { $0 }
        let results = apply(
          Primitives.RecurrenceGradient(
            recurrence: self, hasStates: given[0] != nil, hasCells: given.count > 1 && given[1] != nil),
          operands)
        let gates = mode == .gru ? results[1] : results[0]
        let (time, rows) = (gates.shape[0], gates.shape[0] * gates.shape[1])
        let flat = gates.view([rows, gates.shape[2]])
        let before = states.narrow(dim: 0, start: reverse ? 1 : 0, length: time).view([rows, states.shape[2]])
        var gradients: [Tensor?] = [results[0], saved.needs(1) ? flat.transpose(0, 1).matmul(before) : nil]
        if hasBias { gradients.append(saved.needs(2) ? flat.sum(dim: 0) : nil) }
        let first = mode == .gru ? 2 : 1
        gradients.append(results[first])
        if mode == .lstm { gradients.append(results[first + 1]) }
        return gradients
      }
    }
  }
}

extension Primitives {
  /// The gradients of the gates (of the input's and, for a GRU, of the hidden state's share), of h0 and of c0.
  ///
  /// Inputs: the hidden weight, states, cells, reserve, as the mode has them; then the gradients of states and cells, as far as
  /// there are any.
  package struct RecurrenceGradient: Primitive {
    package static let name = "recurrenceGradient"
    package let recurrence: Primitives.Recurrence
    package let hasStates: Bool
    package let hasCells: Bool

    package var outputCount: Int { recurrence.mode == .tanh || recurrence.mode == .relu ? 2 : 3 }
    package var attributes: [(String, String)] { recurrence.attributes }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      let (weight, states) = (inputs[0], inputs[1])
      func spec(_ shape: Shape) -> TensorSpec { TensorSpec(shape: shape, dtype: states.dtype, device: states.device) }
      let gates = spec([states.shape[0] - 1, states.shape[1], weight.shape[0]])
      let initial = spec([states.shape[1], states.shape[2]])
      switch recurrence.mode {
      case .tanh, .relu: return [gates, initial]
      case .lstm: return [gates, initial, initial]
      case .gru: return [gates, gates, initial]
      }
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let mode = recurrence.mode
      let (weight, states) = (inputs[0], inputs[1])
      var r = recurrence.description(states)
      let byteCount = Int(fb_recurrence_packed_count(&r, true)) * weight.dtype.byteSize
      guard let packed = ScratchMemory(byteCount: byteCount) else { return }
      fb_recurrence_pack(&r, weight.pointer, true, packed.pointer)
      let cells = mode == .lstm ? inputs[2].pointer : nil
      let reserve = mode == .lstm ? inputs[3].pointer : mode == .gru ? inputs[2].pointer : nil
      let dStates = hasStates ? inputs[inputs.count - (hasCells ? 2 : 1)].pointer : nil
      let dCells = hasCells ? inputs[inputs.count - 1].pointer : nil
      let description = r
      ThreadPool.run(count: Int(r.batch), grain: Primitives.Recurrence.grain(Int(r.batch))) { rows in
        var r = description
        fb_recurrence_backward(
          &r, dStates, dCells, packed.pointer, states.pointer, cells, reserve, outputs[0].pointer,
          mode == .gru ? outputs[1].pointer : nil, outputs[mode == .gru ? 2 : 1].pointer,
          mode == .lstm ? outputs[2].pointer : nil, Int64(rows.lowerBound), Int64(rows.upperBound))
      }
      withExtendedLifetime(packed) {}
    }

    package var gradient: Gradient {
      .none(because: "a gradient that is differentiated again goes through the single steps")
    }
  }
}

extension Tensor {
  /// The states after each step [time, batch, hidden], the last state and the last cell of a recurrent network over
  /// `self`, the input's share of the gates.
  package func recurrence(
    _ mode: RecurrentMode, weight: Tensor, bias: Tensor?, h: Tensor, c: Tensor?, reverse: Bool
  ) -> (output: Tensor, h: Tensor, c: Tensor?) {
    let results = apply(
      Primitives.Recurrence(mode: mode, reverse: reverse, hasBias: bias != nil),
      [self, weight] + [bias, h, c].compactMap { $0 })
    let time = shape[0]
    func last(_ states: Tensor) -> Tensor { states.select(dim: 0, index: reverse ? 0 : time) }
    return (
      results[0].narrow(dim: 0, start: reverse ? 0 : 1, length: time), last(results[0]),
      mode == .lstm ? last(results[1]) : nil
    )
  }
}
