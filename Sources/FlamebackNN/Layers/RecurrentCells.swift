import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// The steps of recurrent networks, fused: one expression for what happens to each element.
enum RecurrentStep {
  private static let tanh = Elementwise("rnn.tanh") { a, b in Expression.tanh(a + b) }
  private static let relu = Elementwise("rnn.relu") { a, b in
    let x = a + b
    return (x .> 0).select(x, 0 * x)
  }
  private static let cell = Elementwise("lstm.cell", arity: 4, .floating) { x in
    Expression.sigmoid(x[1]) * x[3] + Expression.sigmoid(x[0]) * Expression.tanh(x[2])
  }
  private static let hidden = Elementwise("lstm.hidden") { o, c in Expression.sigmoid(o) * Expression.tanh(c) }
  private static let gru = Elementwise("gru", arity: 7, .floating) { x in
    let reset = Expression.sigmoid(x[0] + x[3])
    let update = Expression.sigmoid(x[1] + x[4])
    let new = Expression.tanh(x[2] + reset * x[5])
    return new + update * (x[6] - new)
  }

  /// `fromInput`, `fromHidden`: the gates' sums, side by side.
  static func run(_ mode: RecurrentMode, _ fromInput: Tensor, _ fromHidden: Tensor, _ h: Tensor, _ c: Tensor?) -> (
    h: Tensor, c: Tensor?
  ) {
    if fromInput.isPoisoned || fromHidden.isPoisoned { return (.poisoned(h.spec), c) }
    switch mode {
    case .tanh: return (tanh(fromInput, fromHidden), nil)
    case .relu: return (relu(fromInput, fromHidden), nil)
    case .lstm:
      let gates = (fromInput + fromHidden).chunk(4, dim: -1)
      let next = cell.call([.tensor(gates[0]), .tensor(gates[1]), .tensor(gates[2]), .tensor(c!)])
      return (hidden(gates[3], next), next)
    case .gru:
      let gates = fromInput.chunk(3, dim: -1) + fromHidden.chunk(3, dim: -1) + [h]
      return (gru.call(gates.map(Operand.tensor)), nil)
    }
  }
}

/// The kinds of recurrent networks.
enum RecurrentMode: Sendable {
  case tanh, relu, lstm, gru

  var gates: Int {
    switch self {
    case .tanh, .relu: 1
    case .lstm: 4
    case .gru: 3
    }
  }
}

/// What the cells share. SeeAlso: torch.nn.RNNCellBase
public class RecurrentCell: Module {
  public let inputSize: Int
  public let hiddenSize: Int
  let mode: RecurrentMode
  @Parameter public var weightIH: Tensor
  @Parameter public var weightHH: Tensor
  @Parameter public var biasIH: Tensor?
  @Parameter public var biasHH: Tensor?

  init(_ inputSize: Int, _ hiddenSize: Int, bias: Bool, mode: RecurrentMode) {
    self.inputSize = inputSize
    self.hiddenSize = hiddenSize
    self.mode = mode
    let rows = mode.gates * hiddenSize
    weightIH = Init.bias([rows, inputSize], fanIn: hiddenSize)
    weightHH = Init.bias([rows, hiddenSize], fanIn: hiddenSize)
    biasIH = bias ? Init.bias([rows], fanIn: hiddenSize) : nil
    biasHH = bias ? Init.bias([rows], fanIn: hiddenSize) : nil
  }

  public override class var stateKeys: [String: String] {
    ["weightIH": "weight_ih", "weightHH": "weight_hh", "biasIH": "bias_ih", "biasHH": "bias_hh"]
  }

  public override var extraRepr: String {
    "\(inputSize), \(hiddenSize)" + (biasIH == nil ? ", bias=False" : "") + (mode == .relu ? ", nonlinearity=relu" : "")
  }

  /// One step; without batch the tensors have one dimension.
  func step(_ x: Tensor, _ h: Tensor?, _ c: Tensor?) -> (h: Tensor, c: Tensor?) {
    if x.dtype != weightIH.dtype {
      return (fail(typeName, "the input is \(x.dtype), the weights \(weightIH.dtype): convert one of them"), c)
    }
    guard x.rank == 1 || x.rank == 2, x.shape.last == inputSize else {
      return (fail(typeName, "expected an input of [batch, \(inputSize)] or [\(inputSize)], got \(x.spec)"), c)
    }
    let isBatched = x.rank == 2
    let input = isBatched ? x : x.unsqueeze(0)
    func state(_ given: Tensor?) -> Tensor {
      guard let given else {
        return .zeros([input.shape[0], hiddenSize], dtype: input.dtype, device: input.device)
      }
      let state = isBatched ? given : given.unsqueeze(0)
      if given.rank != x.rank || state.shape != [input.shape[0], hiddenSize] {
        return fail(typeName, "hidden state \(given.spec) does not fit the input \(x.spec)")
      }
      return state
    }
    let hidden = state(h)
    let memory = mode == .lstm ? state(c) : nil
    let result = RecurrentStep.run(
      mode, input.linear(weightIH, biasIH), hidden.linear(weightHH, biasHH), hidden, memory)
    if isBatched { return result }
    return (result.h.squeeze(0), result.c?.squeeze(0))
  }
}

/// The functions between the steps of a plain recurrent network.
public enum RecurrentNonlinearity: String, Sendable { case tanh, relu }

/// h' = tanh(W x + U h). SeeAlso: torch.nn.RNNCell
public final class RNNCell: RecurrentCell {
  public init(_ inputSize: Int, _ hiddenSize: Int, bias: Bool = true, nonlinearity: RecurrentNonlinearity = .tanh) {
    super.init(inputSize, hiddenSize, bias: bias, mode: nonlinearity == .tanh ? .tanh : .relu)
  }

  public func callAsFunction(_ x: Tensor, _ h: Tensor? = nil) -> Tensor {
    call([x]) { [step($0[0], h, nil).h] }[0]
  }
}

/// A step of a long short-term memory. SeeAlso: torch.nn.LSTMCell
public final class LSTMCell: RecurrentCell {
  public init(_ inputSize: Int, _ hiddenSize: Int, bias: Bool = true) {
    super.init(inputSize, hiddenSize, bias: bias, mode: .lstm)
  }

  public func callAsFunction(_ x: Tensor, _ state: (h: Tensor, c: Tensor)? = nil) -> (h: Tensor, c: Tensor) {
    let result = call([x]) { inputs in
      let next = step(inputs[0], state?.h, state?.c)
      return [next.h, next.c ?? next.h]
    }
    return (result[0], result[1])
  }
}

/// A step of a gated recurrent unit. SeeAlso: torch.nn.GRUCell
public final class GRUCell: RecurrentCell {
  public init(_ inputSize: Int, _ hiddenSize: Int, bias: Bool = true) {
    super.init(inputSize, hiddenSize, bias: bias, mode: .gru)
  }

  public func callAsFunction(_ x: Tensor, _ h: Tensor? = nil) -> Tensor {
    call([x]) { [step($0[0], h, nil).h] }[0]
  }
}
