import CKernels
import FlamebackCore
import FlamebackKernels

/// The steps of recurrent networks, fused: one expression for what happens to each element.
package enum RecurrentStep {
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
  package static func run(_ mode: RecurrentMode, _ fromInput: Tensor, _ fromHidden: Tensor, _ h: Tensor, _ c: Tensor?)
    -> (
      h: Tensor, c: Tensor?
    )
  {
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
package enum RecurrentMode: String, Sendable {
  case tanh, relu, lstm, gru

  package var gates: Int {
    switch self {
    case .tanh, .relu: 1
    case .lstm: 4
    case .gru: 3
    }
  }

  var code: Int32 {
    switch self {
    case .tanh: Int32(FB_RNN_TANH)
    case .relu: Int32(FB_RNN_RELU)
    case .lstm: Int32(FB_LSTM)
    case .gru: Int32(FB_GRU)
    }
  }
}
