import Flameback
import FlamebackCore
import FlamebackOps

extension Operator {
  static let recurrent: [String: Operator] = [
    "LSTM": Operator(settings: [4]) { try Recurrence($0, kind: .lstm).run() },
    "GRU": Operator(settings: [4]) { try Recurrence($0, kind: .gru).run() },
    "RNN": Operator(settings: [4]) { try Recurrence($0, kind: .rnn).run() },
  ]
}

/// One recurrent layer of one or two directions.
private struct Recurrence {
  enum Kind { case lstm, gru, rnn }

  let call: Call
  let kind: Kind
  let x: Tensor
  let weights: Tensor
  let hiddenSize: Int
  let directions: Int
  let clip: Double?
  let lengths: [Int]?

  private var gates: Int { kind == .lstm ? 4 : kind == .gru ? 3 : 1 }
  private var time: Int { x.shape[0] }
  private var batch: Int { x.shape[1] }

  init(_ call: Call, kind: Kind) throws {
    self.call = call
    self.kind = kind
    let isBatchFirst = try call.bool("layout")
    let given = try call(0)
    try call.require(given.rank == 3, "needs [time, batch, features], got \(given.spec)")
    x = isBatchFirst ? given.transpose(0, 1) : given
    weights = try call(1)
    let recurrent = try call(2)
    directions = try call.text("direction", "forward") == "bidirectional" ? 2 : 1
    guard weights.rank == 3, recurrent.rank == 3, let size = recurrent.shape.last else {
      throw call.error("weights must have 3 dimensions: \(weights.spec), \(recurrent.spec)")
    }
    hiddenSize = size
    let rows = (kind == .lstm ? 4 : kind == .gru ? 3 : 1) * size
    try call.require(
      weights.shape == [directions, rows, x.shape[2]] && recurrent.shape == [directions, rows, size],
      "weights \(weights.spec) and \(recurrent.spec) do not fit \(x.spec)")
    clip = try call.double("clip")
    lengths = try call.list(4)
    if let lengths {
      try call.require(
        lengths.count == x.shape[1] && lengths.allSatisfy { $0 >= 0 && $0 <= x.shape[0] },
        "the lengths do not fit \(x.spec)")
    }
  }

  /// An optional input [directions, …] of direction `d`.
  private func part(_ i: Int, _ d: Int, _ shape: [Int]) throws -> Tensor? {
    guard let tensor = call.optional(i) else { return nil }
    try call.require(
      tensor.shape == Shape([directions] + shape), "input \(i) is \(tensor.spec), not \([directions] + shape)")
    return tensor.select(dim: 0, index: d)
  }

  func run() throws -> [Tensor] {
    let isBatchFirst = try call.bool("layout")
    try call.require(time > 0, "needs at least one step, got \(x.spec)")
    let isReverse = try call.text("direction", "forward") == "reverse"
    var outputs: [Tensor] = []
    var (lastH, lastC): ([Tensor], [Tensor]) = ([], [])
    for d in 0..<directions {
      let result = try run(d, reverse: isReverse || d == 1)
      outputs.append(result.y)
      lastH.append(result.h)
      if let c = result.c { lastC.append(c) }
    }
    let y = Tensor.stack(outputs, dim: 1)  // [time, directions, batch, hidden]
    var result = [y, Tensor.stack(lastH)]
    if !lastC.isEmpty { result.append(.stack(lastC)) }
    if !isBatchFirst { return result }
    return [y.permute(2, 0, 1, 3)] + result.dropFirst().map { $0.transpose(0, 1) }
  }

  private func run(_ d: Int, reverse: Bool) throws -> (y: Tensor, h: Tensor, c: Tensor?) {
    let size = hiddenSize
    let w = weights.select(dim: 0, index: d)
    let r = try call(2).select(dim: 0, index: d)
    let bias = try part(3, d, [2 * gates * size])
    let bw = bias?.narrow(dim: 0, start: 0, length: gates * size)
    let br = bias?.narrow(dim: 0, start: gates * size, length: gates * size)
    let isBatchFirst = try call.bool("layout")
    func initial(_ i: Int) throws -> Tensor {
      guard let given = call.optional(i) else { return .zeros([batch, size], dtype: x.dtype) }
      let state = isBatchFirst && given.rank == 3 ? given.transpose(0, 1) : given
      try call.require(state.shape == [directions, batch, size], "initial state \(given.spec) does not fit \(x.spec)")
      return state.select(dim: 0, index: d)
    }
    var h = try initial(5)
    var c = kind == .lstm ? try initial(6) : nil
    let peephole = kind == .lstm ? try part(7, d, [3 * size])?.split(size) : nil
    let activations = try self.activations(d)
    let isLinearBeforeReset = try call.bool("linear_before_reset")
    let couples = try call.bool("input_forget")
    if isStandard, peephole == nil, !couples, kind != .gru || isLinearBeforeReset {
      // The kernel that runs all steps wants PyTorch's order of the gates.
      func turned(_ x: Tensor, dim: Int) -> Tensor {
        gates == 1 ? x : Tensor.cat(kernelOrder.map { x.narrow(dim: dim, start: $0 * size, length: size) }, dim: dim)
      }
      let share = x.reshape([time * batch, x.shape[2]]).linear(turned(w, dim: 0), bw.map { turned($0, dim: 0) })
      let result = share.reshape([time, batch, gates * size]).recurrence(
        kind == .lstm ? .lstm : kind == .gru ? .gru : .tanh, weight: turned(r, dim: 0).contiguous(),
        bias: br.map { turned($0, dim: 0) }, h: h, c: c, reverse: reverse)
      return (result.output, result.h, result.c)
    }
    // One product for all steps.
    let inputs = x.reshape([time * batch, x.shape[2]]).linear(w, bw).reshape([time, batch, gates * size]).unbind(dim: 0)
    var outputs: [Tensor] = []
    for t in reverse ? Array((0..<time).reversed()) : Array(0..<time) {
      var next = h
      var nextC = c
      switch kind {
      case .rnn: next = activations[0](clipped(inputs[t] + h.linear(r, br)))
      case .lstm:
        let gates = (inputs[t] + h.linear(r, br)).split(size, dim: 1)  // input, output, forget, cell
        let old = c!
        let i = activations[0](clipped(peephole.map { gates[0] + $0[0] * old } ?? gates[0]))
        let f = couples ? 1 - i : activations[0](clipped(peephole.map { gates[2] + $0[2] * old } ?? gates[2]))
        let new = f * old + i * activations[1](clipped(gates[3]))
        let o = activations[0](clipped(peephole.map { gates[1] + $0[1] * new } ?? gates[1]))
        nextC = new
        next = o * activations[2](new)
      case .gru:
        let given = inputs[t].split(size, dim: 1)  // update, reset, hidden
        let weights = r.split(size)
        let biases = br?.split(size)
        let z = activations[0](clipped(given[0] + h.linear(weights[0], biases?[0])))
        let reset = activations[0](clipped(given[1] + h.linear(weights[1], biases?[1])))
        let inner =
          isLinearBeforeReset
          ? reset * h.linear(weights[2], biases?[2]) : (reset * h).linear(weights[2], biases?[2])
        next = (1 - z) * activations[1](clipped(given[2] + inner)) + z * h
      }
      guard let lengths, lengths.contains(where: { $0 <= t }) else {
        outputs.append(next)
        h = next
        c = nextC
        continue
      }
      // Sequences that are over (or, backwards, have not begun) keep their state and give zeros.
      let runs = Tensor(lengths.map { $0 > t }, shape: [batch, 1])
      outputs.append(select(where: runs, next, Tensor.zerosLike(next)))
      h = select(where: runs, next, h)
      c = nextC.map { select(where: runs, $0, c!) }
    }
    if reverse { outputs.reverse() }
    return (.stack(outputs), h, c)
  }

  /// Whether a kernel exists for it.
  private var isStandard: Bool {
    lengths == nil && clip == nil && call.node.attributes["activations"] == nil
      && (x.dtype == .float32 || x.dtype == .float64)
  }

  /// Input, output, forget, cell → i f g o; update, reset, new → r z n.
  private var kernelOrder: [Int] { kind == .lstm ? [0, 2, 3, 1] : [1, 0, 2] }

  private func clipped(_ x: Tensor) -> Tensor { clip.map { x.clamp(min: -$0, max: $0) } ?? x }

  /// The functions of direction `d`, as named by the node or standard.
  private func activations(_ d: Int) throws -> [(Tensor) -> Tensor] {
    let standard = kind == .lstm ? ["Sigmoid", "Tanh", "Tanh"] : kind == .gru ? ["Sigmoid", "Tanh"] : ["Tanh"]
    let names = try call.texts("activations") ?? Array(repeating: standard, count: directions).flatMap { $0 }
    try call.require(names.count == standard.count * directions, "\(names.count) activations")
    let (alphas, betas) = (try call.doubles("activation_alpha") ?? [], try call.doubles("activation_beta") ?? [])
    var (alpha, beta) = (0, 0)
    var result: [(Tensor) -> Tensor] = []
    for name in names {
      // Only functions that take a constant use one up.
      func next(_ list: [Double], _ place: inout Int, _ standard: Double) -> Double {
        defer { place += 1 }
        return place < list.count ? list[place] : standard
      }
      switch name.lowercased() {
      case "sigmoid": result.append { $0.sigmoid() }
      case "tanh": result.append { $0.tanh() }
      case "relu": result.append { $0.relu() }
      case "softsign": result.append { $0.softsign() }
      case "softplus": result.append { $0.softplus() }
      case "leakyrelu": result.append { [a = next(alphas, &alpha, 0.01)] in $0.leakyRelu(negativeSlope: a) }
      case "thresholdedrelu": result.append { [a = next(alphas, &alpha, 1)] in $0.threshold(a, value: 0) }
      case "elu": result.append { [a = next(alphas, &alpha, 1)] in $0.elu(alpha: a) }
      case "affine":
        result.append { [a = next(alphas, &alpha, 1), b = next(betas, &beta, 0)] in $0 * a + b }
      case "scaledtanh":
        result.append { [a = next(alphas, &alpha, 1), b = next(betas, &beta, 1)] in ($0 * b).tanh() * a }
      case "hardsigmoid":
        result.append { [a = next(alphas, &alpha, 0.2), b = next(betas, &beta, 0.5)] in
          ($0 * a + b).clamp(min: 0, max: 1)
        }
      default: throw call.error("activation '\(name)' does not exist")
      }
    }
    return Array(result[(d * standard.count)..<((d + 1) * standard.count)])
  }
}
