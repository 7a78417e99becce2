import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// What RNN, LSTM and GRU share: layers, directions, packed sequences. SeeAlso: torch.nn.RNNBase
public class RecurrentNetwork: Module {
  public let inputSize: Int
  public let hiddenSize: Int
  public let numLayers: Int
  public let hasBias: Bool
  public let batchFirst: Bool
  public let dropout: Double
  public let bidirectional: Bool
  public let projSize: Int
  let mode: RecurrentMode
  /// `weight_ih_l0`, `weight_hh_l0`, …, `weight_ih_l0_reverse`, …
  private var weights: Named<ParameterCell> = [:]

  init(
    _ inputSize: Int, _ hiddenSize: Int, numLayers: Int, bias: Bool, batchFirst: Bool, dropout: Double,
    bidirectional: Bool, projSize: Int = 0, mode: RecurrentMode
  ) {
    self.inputSize = inputSize
    self.hiddenSize = hiddenSize
    self.numLayers = numLayers
    hasBias = bias
    self.batchFirst = batchFirst
    self.dropout = dropout
    self.bidirectional = bidirectional
    self.projSize = projSize
    self.mode = mode
    super.init()
    if inputSize <= 0 || hiddenSize <= 0 || numLayers <= 0 {
      let message =
        "inputSize, hiddenSize and numLayers must be positive, got \(inputSize), \(hiddenSize), \(numLayers)"
      report(OpError(typeName, message))
      return
    }
    checkProbability(dropout)
    if projSize < 0 || projSize >= hiddenSize {
      report(OpError(typeName, "projSize must be between 0 and hiddenSize - 1, got \(projSize)"))
      return
    }
    guard max(inputSize, hiddenSize) < 1 << 40 else {
      report(OpError(typeName, "weights for \(inputSize) and \(hiddenSize) features have too many elements"))
      return
    }
    let rows = mode.gates * hiddenSize
    let directions = bidirectional ? 2 : 1
    for layer in 0..<numLayers {
      for direction in 0..<directions {
        let suffix = "_l\(layer)" + (direction == 1 ? "_reverse" : "")
        func add(_ name: String, _ shape: [Int]) {
          weights[name + suffix] = ParameterCell(Init.bias(shape, fanIn: hiddenSize))
        }
        add("weight_ih", [rows, layer == 0 ? inputSize : outputSize * directions])
        add("weight_hh", [rows, outputSize])
        if bias {
          add("bias_ih", [rows])
          add("bias_hh", [rows])
        }
        if projSize > 0 { add("weight_hr", [projSize, hiddenSize]) }
      }
    }
  }

  public override class var stateKeys: [String: String] { ["weights": ""] }
  var productWeights: [ParameterCell] { weights.filter { $0.name.hasPrefix("weight_") }.map(\.value) }
  var parametersInOrder: [Tensor] { weights.values.map(\.tensor) }

  private var outputSize: Int { projSize > 0 ? projSize : hiddenSize }

  /// Steps of all sequences in one tensor: at step t the rows of `sizes[t]` sequences.
  private struct Steps {
    var data: Tensor
    let sizes: [Int]
    /// The size of every step, if they all are the same.
    var commonSize: Int? { sizes.first == sizes.last ? sizes.first : nil }
  }

  /// One direction of one layer. Returns the outputs in order of time and the last states in order of the batch.
  private func run(_ steps: Steps, _ suffix: String, _ h0: Tensor, _ c0: Tensor?, reverse: Bool) -> (
    output: Tensor, h: Tensor, c: Tensor?
  ) {
    func weight(_ name: String) -> Tensor? { weights[name + suffix]?.tensor }
    let weightIH = weights["weight_ih" + suffix]!
    let weightHH = weights["weight_hh" + suffix]!
    let (biasIH, biasHH) = (weight("bias_ih"), weight("bias_hh"))
    let isWhole = weightHH.parametrization as? Int8Weight == nil  // else every step rounds its state
    if isWhole, let batch = steps.commonSize, projSize == 0,
      steps.data.dtype == .float32 || steps.data.dtype == .float64
    {
      // A GRU multiplies the second bias by its reset gate; elsewhere one sum, and one gradient, does for both.
      let joined = mode == .gru ? nil : biasIH.flatMap { first in biasHH.map { first + $0 } }
      let fromInput = weightIH.linear(steps.data, joined ?? biasIH)
      let result = fromInput.view([-1, batch, fromInput.shape[1]]).recurrence(
        mode, weight: weightHH.tensor, bias: joined == nil ? biasHH : nil, h: h0, c: c0, reverse: reverse)
      return (result.output.flatten(startDim: 0, endDim: 1), result.h, result.c)
    }
    let inputs = weightIH.linear(steps.data, biasIH).split(steps.sizes, dim: 0)
    let projection = weight("weight_hr")
    func rows(_ tensor: Tensor, _ range: Range<Int>) -> Tensor {
      tensor.shape[0] == range.count
        ? tensor : tensor.narrow(dim: 0, start: range.lowerBound, length: range.count)
    }
    let times = reverse ? Array(inputs.indices.reversed()) : Array(inputs.indices)
    let first = steps.sizes[times[0]]
    var h = rows(h0, 0..<first)
    var c = c0.map { rows($0, 0..<first) }
    var outputs: [Tensor] = []
    var finished: [(h: Tensor, c: Tensor?)] = []
    var running = first
    for t in times {
      let size = steps.sizes[t]
      if size < running {  // sequences that ended
        finished.append((rows(h, size..<running), c.map { rows($0, size..<running) }))
        h = rows(h, 0..<size)
        c = c.map { rows($0, 0..<size) }
      } else if size > running {  // going back in time, sequences that begin
        h = Tensor.cat([h, rows(h0, running..<size)])
        c = c.map { Tensor.cat([$0, rows(c0!, running..<size)]) }
      }
      running = size
      let next = RecurrentStep.run(mode, inputs[t], weightHH.linear(h, biasHH), h, c)
      h = projection.map { next.h.linear($0) } ?? next.h
      c = next.c
      outputs.append(h)
    }
    if reverse { outputs.reverse() }
    if !finished.isEmpty {
      h = Tensor.cat([h] + finished.reversed().map(\.h))
      c = c.map { Tensor.cat([$0] + finished.reversed().map { $0.c! }) }
    }
    return (outputs.count == 1 ? outputs[0] : Tensor.cat(outputs), h, c)
  }

  /// All layers. `h0`, `c0`: [layers · directions, batch, size].
  private func run(_ steps: Steps, _ h0: Tensor, _ c0: Tensor?) -> (output: Tensor, h: Tensor, c: Tensor?) {
    let initialH = h0.unbind(dim: 0)
    let initialC = c0?.unbind(dim: 0)
    var steps = steps
    var lastH: [Tensor] = []
    var lastC: [Tensor] = []
    for layer in 0..<numLayers {
      var outputs: [Tensor] = []
      for direction in 0..<(bidirectional ? 2 : 1) {
        let suffix = "_l\(layer)" + (direction == 1 ? "_reverse" : "")
        let result = run(
          steps, suffix, initialH[lastH.count], initialC.map { $0[lastH.count] }, reverse: direction == 1)
        outputs.append(result.output)
        lastH.append(result.h)
        if let c = result.c { lastC.append(c) }
      }
      steps.data = outputs.count == 1 ? outputs[0] : Tensor.cat(outputs, dim: 1)
      if dropout > 0, isTraining, layer < numLayers - 1 { steps.data = steps.data.dropout(dropout, training: true) }
    }
    return (steps.data, Tensor.stack(lastH), lastC.isEmpty ? nil : Tensor.stack(lastC))
  }

  private func initial(_ given: Tensor?, _ batch: Int, _ size: Int, like x: Tensor, _ order: Tensor?) -> Tensor {
    let shape = [numLayers * (bidirectional ? 2 : 1), batch, size]
    guard let given else { return .zeros(shape, dtype: x.dtype, device: x.device) }
    guard given.shape == shape else {
      return fail(typeName, "expected a hidden state of \(Shape(shape)), got \(given.spec)")
    }
    return order.map { given.indexSelect(dim: 1, index: $0) } ?? given
  }

  /// The network over a tensor: [time, batch, features], with `batchFirst` [batch, time, features], or [time, features].
  func run(_ x: Tensor, _ h: Tensor?, _ c: Tensor?) -> (output: Tensor, h: Tensor, c: Tensor?) {
    if let weight = weights.values.first, weight.dtype != x.dtype {
      let message = "the input is \(x.dtype), the weights \(weight.dtype): convert one of them"
      return (fail(typeName, message), x, mode == .lstm ? x : nil)
    }
    guard x.rank == 2 || x.rank == 3, x.shape.last == inputSize else {
      let message = "expected an input of rank 2 or 3 with \(inputSize) features, got \(x.spec)"
      return (fail(typeName, message), x, mode == .lstm ? x : nil)
    }
    if x.rank == 2 {
      if let h, h.rank != 2 {
        return (fail(typeName, "expected a hidden state without batch, got \(h.spec)"), x, mode == .lstm ? x : nil)
      }
      let result = run(x.unsqueeze(batchFirst ? 0 : 1), h?.unsqueeze(1), c?.unsqueeze(1))
      return (result.output.squeeze(batchFirst ? 0 : 1), result.h.squeeze(1), result.c?.squeeze(1))
    }
    let steps = batchFirst ? x.transpose(0, 1) : x
    let (time, batch) = (steps.shape[0], steps.shape[1])
    guard time > 0, batch > 0 else {
      return (fail(typeName, "expected at least one step and one sequence, got \(x.spec)"), x, mode == .lstm ? x : nil)
    }
    let result = run(
      Steps(data: steps.reshape(time * batch, inputSize), sizes: Array(repeating: batch, count: time)),
      initial(h, batch, outputSize, like: x, nil),
      mode == .lstm ? initial(c, batch, hiddenSize, like: x, nil) : nil)
    let output = result.output.unflatten(0, [time, batch])
    return (batchFirst ? output.transpose(0, 1) : output, result.h, result.c)
  }

  /// The network over packed sequences.
  func run(_ x: PackedSequence, _ h: Tensor?, _ c: Tensor?) -> (output: PackedSequence, h: Tensor, c: Tensor?) {
    guard let batch = x.batchSizes.first, x.data.shape.last == inputSize else {
      let message = "expected packed sequences with \(inputSize) features, got \(x.data.spec)"
      return (x, fail(typeName, message), mode == .lstm ? x.data : nil)
    }
    let result = run(
      Steps(data: x.data, sizes: x.batchSizes),
      initial(h, batch, outputSize, like: x.data, x.sortedIndices),
      mode == .lstm ? initial(c, batch, hiddenSize, like: x.data, x.sortedIndices) : nil)
    var output = x
    output.data = result.output
    guard let order = x.unsortedIndices else { return (output, result.h, result.c) }
    return (output, result.h.indexSelect(dim: 1, index: order), result.c?.indexSelect(dim: 1, index: order))
  }

  public override var extraRepr: String {
    var text = "\(inputSize), \(hiddenSize)"
    if projSize != 0 { text += ", proj_size=\(projSize)" }
    if numLayers != 1 { text += ", num_layers=\(numLayers)" }
    if !hasBias { text += ", bias=False" }
    if batchFirst { text += ", batch_first=True" }
    if dropout != 0 { text += ", dropout=\(repr(dropout))" }
    if bidirectional { text += ", bidirectional=True" }
    return text
  }
}

/// A plain recurrent network. SeeAlso: torch.nn.RNN
public final class RNN: RecurrentNetwork {
  public init(
    _ inputSize: Int, _ hiddenSize: Int, numLayers: Int = 1, nonlinearity: RecurrentNonlinearity = .tanh,
    bias: Bool = true, batchFirst: Bool = false, dropout: Double = 0, bidirectional: Bool = false
  ) {
    super.init(
      inputSize, hiddenSize, numLayers: numLayers, bias: bias, batchFirst: batchFirst, dropout: dropout,
      bidirectional: bidirectional, mode: nonlinearity == .tanh ? .tanh : .relu)
  }

  public func callAsFunction(_ x: Tensor, _ h: Tensor? = nil) -> (output: Tensor, h: Tensor) {
    let result = call([x]) { inputs in
      asOneOperator(inputs[0], [h].compactMap { $0 }) {
        let result = run(inputs[0], h, nil)
        return [result.output, result.h]
      }
    }
    return (result[0], result[1])
  }

  public func callAsFunction(_ x: PackedSequence, _ h: Tensor? = nil) -> (output: PackedSequence, h: Tensor) {
    let result = run(x, h, nil)
    return (result.output, result.h)
  }
}

/// A network of gated recurrent units. SeeAlso: torch.nn.GRU
public final class GRU: RecurrentNetwork {
  public init(
    _ inputSize: Int, _ hiddenSize: Int, numLayers: Int = 1, bias: Bool = true, batchFirst: Bool = false,
    dropout: Double = 0, bidirectional: Bool = false
  ) {
    super.init(
      inputSize, hiddenSize, numLayers: numLayers, bias: bias, batchFirst: batchFirst, dropout: dropout,
      bidirectional: bidirectional, mode: .gru)
  }

  public func callAsFunction(_ x: Tensor, _ h: Tensor? = nil) -> (output: Tensor, h: Tensor) {
    let result = call([x]) { inputs in
      asOneOperator(inputs[0], [h].compactMap { $0 }) {
        let result = run(inputs[0], h, nil)
        return [result.output, result.h]
      }
    }
    return (result[0], result[1])
  }

  public func callAsFunction(_ x: PackedSequence, _ h: Tensor? = nil) -> (output: PackedSequence, h: Tensor) {
    let result = run(x, h, nil)
    return (result.output, result.h)
  }
}

/// A long short-term memory; `projSize` makes the hidden state smaller than the cell. SeeAlso: torch.nn.LSTM
public final class LSTM: RecurrentNetwork {
  public init(
    _ inputSize: Int, _ hiddenSize: Int, numLayers: Int = 1, bias: Bool = true, batchFirst: Bool = false,
    dropout: Double = 0, bidirectional: Bool = false, projSize: Int = 0
  ) {
    super.init(
      inputSize, hiddenSize, numLayers: numLayers, bias: bias, batchFirst: batchFirst, dropout: dropout,
      bidirectional: bidirectional, projSize: projSize, mode: .lstm)
  }

  public func callAsFunction(_ x: Tensor, _ state: (h: Tensor, c: Tensor)? = nil) -> (
    output: Tensor, state: (h: Tensor, c: Tensor)
  ) {
    let result = call([x]) { inputs in
      asOneOperator(inputs[0], state.map { [$0.h, $0.c] } ?? []) {
        let result = run(inputs[0], state?.h, state?.c)
        return [result.output, result.h, result.c!]
      }
    }
    return (result[0], (result[1], result[2]))
  }

  public func callAsFunction(_ x: PackedSequence, _ state: (h: Tensor, c: Tensor)? = nil) -> (
    output: PackedSequence, state: (h: Tensor, c: Tensor)
  ) {
    let result = run(x, state?.h, state?.c)
    return (result.output, (result.h, result.c!))
  }
}
