import FlamebackCore
import FlamebackKernels
import FlamebackOps

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
    let fits = inputSize >= 0 && hiddenSize > 0 && max(inputSize, hiddenSize) < 1 << 40
    if !fits {
      report(OpError("\(Self.self)", "sizes must be positive and below 2⁴⁰, got \(inputSize), \(hiddenSize)"))
    }
    let (inputSize, hiddenSize) = fits ? (inputSize, hiddenSize) : (1, 1)
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
