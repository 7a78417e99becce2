import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// A weight in 8-bit integers with one scale for all of them: what `quantizeDynamic` puts in a parameter's place.
///
/// w ≈ scale · q with q in −128 … 127 and scale = max |w| / 127.5. SeeAlso: torch.ao.quantization.MinMaxObserver
public final class Int8Weight: Module, Parametrization {
  /// q, of the weight's shape.
  @Buffer public var quantized: Tensor
  @Buffer public var scale: Tensor
  /// What follows from the two buffers, and for which it was computed.
  private var derived: (quantized: Tensor, scale: Tensor, sums: Tensor, step: Double)?

  public init(_ weight: Tensor) {
    let largest = weight.abs().amax().itemDouble()
    let step = Double(Float(max(largest / 127.5, Double(Float.ulpOfOne))))
    quantized = noGrad { (weight / step).round().clamp(min: -128, max: 127).to(.int8) }
    scale = Tensor(step, dtype: .float32)
  }

  public func value() -> Tensor { quantized.to(.float32) * scale }

  func linear(_ x: Tensor, _ bias: Tensor?) -> Tensor {
    let known: (quantized: Tensor, scale: Tensor, sums: Tensor, step: Double)
    if let derived, derived.quantized.sharesStorage(with: quantized), derived.scale.sharesStorage(with: scale) {
      known = derived
    } else {
      known = (quantized, scale, quantized.sum(dim: 1).to(.int32), scale.itemDouble())
      derived = known
    }
    return x.int8Linear(quantized, scale: known.step, sums: known.sums, bias: bias)
  }
}

extension ParameterCell {
  /// x weightᵀ + bias with this weight, in integers where it consists of them.
  func linear(_ x: Tensor, _ bias: Tensor?) -> Tensor {
    if let weight = parametrization as? Int8Weight, x.dtype == .float32 { return weight.linear(x, bias) }
    return x.linear(tensor, bias)
  }
}

/// A module whose products can run in integers.
protocol Int8Quantizable: Module {
  /// The weights of its products.
  var productWeights: [ParameterCell] { get }
}

extension Linear: Int8Quantizable {
  var productWeights: [ParameterCell] { [$weight] }
}

extension RecurrentNetwork: Int8Quantizable {}

/// Turns the weights of linear and recurrent layers into 8-bit integers, a quarter of the memory; their inputs are rounded
/// as they come. For inference: no gradient flows through such a layer. Returns how many weights were changed.
///
///     quantizeDynamic(model)
///
/// `kinds` are the classes of modules to change. SeeAlso: torch.ao.quantization.quantize_dynamic
@discardableResult
public func quantizeDynamic(_ model: Module, _ kinds: [Module.Type] = [Linear.self, RNN.self, LSTM.self, GRU.self])
  -> Int
{
  var count = 0
  for module in model.modules where kinds.contains(where: { $0 == type(of: module) }) {
    guard let layer = module as? any Int8Quantizable else {
      report(
        OpError("quantizeDynamic", "\(module.typeName) has no form in integers: choose among Linear, RNN, LSTM, GRU"))
      continue
    }
    for cell in layer.productWeights where cell.parametrization == nil && cell.dtype == .float32 {
      cell.parametrize { Int8Weight($0) }
      count += 1
    }
  }
  return count
}
