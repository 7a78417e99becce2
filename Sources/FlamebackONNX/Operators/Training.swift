import Flameback
import FlamebackCore

/// Optimizers as operators.
extension Operator {
  private static let domain = "ai.onnx.preview.training"

  static let training: [String: Operator] = [
    "\(domain).Adagrad": Operator { call in
      let (rate, step, count) = try header(call, 2)
      let decay = try call.double("decay_factor", 0)
      let (regular, eps) = (try call.double("norm_coefficient", 0), try call.double("epsilon", 1e-6))
      var (values, squares): ([Tensor], [Tensor]) = ([], [])
      for i in 0..<count {
        let (x, g, h) = (try call(2 + i), try call(2 + count + i), try call(2 + 2 * count + i))
        let gradient = x * regular + g
        let sum = h + gradient * gradient
        values.append(x - gradient / (sum.sqrt() + eps) * (rate / (1 + Double(step) * decay)))
        squares.append(sum)
      }
      return values + squares
    },
    "\(domain).Adam": Operator { call in
      let (rate, step, count) = try header(call, 3)
      let (alpha, beta) = (try call.double("alpha", 0.9), try call.double("beta", 0.999))
      let (regular, eps) = (try call.double("norm_coefficient", 0), try call.double("epsilon", 1e-6))
      let after = try call.double("norm_coefficient_post", 0)
      var (values, means, squares): ([Tensor], [Tensor], [Tensor]) = ([], [], [])
      var (powerA, powerB) = (1.0, 1.0)
      for _ in 0..<min(max(step, 0), 1 << 20) {
        powerA *= alpha
        powerB *= beta
      }
      let adjusted = step > 0 ? rate * (1 - powerB).squareRoot() / (1 - powerA) : rate
      for i in 0..<count {
        let (x, g) = (try call(2 + i), try call(2 + count + i))
        let (v, h) = (try call(2 + 2 * count + i), try call(2 + 3 * count + i))
        let gradient = x * regular + g
        let mean = v * alpha + gradient * (1 - alpha)
        let square = h * beta + gradient * gradient * (1 - beta)
        values.append((x - mean / (square.sqrt() + eps) * adjusted) * (1 - after))
        means.append(mean)
        squares.append(square)
      }
      return values + means + squares
    },
    "\(domain).Momentum": Operator { call in
      let (rate, step, count) = try header(call, 2)
      let (alpha, given) = (try call.double("alpha", 0), try call.double("beta", 0))
      let regular = try call.double("norm_coefficient", 0)
      let isNesterov = try call.text("mode", "standard") == "nesterov"
      let beta = step > 0 ? given : 1
      var (values, momenta): ([Tensor], [Tensor]) = ([], [])
      for i in 0..<count {
        let (x, g, v) = (try call(2 + i), try call(2 + count + i), try call(2 + 2 * count + i))
        let gradient = x * regular + g
        let momentum = v * alpha + gradient * beta
        values.append(x - (isNesterov ? gradient + momentum * alpha : momentum) * rate)
        momenta.append(momentum)
      }
      return values + momenta
    },
  ]

  /// Learning rate, step, and how many tensors learn, each with its gradient and `states − 1` more.
  private static func header(_ call: Call, _ states: Int) throws -> (rate: Double, step: Int, count: Int) {
    guard let rate = try call.number(0)?.double, let step = try call.number(1)?.int else {
      throw call.error("needs a rate and a step")
    }
    let rest = call.inputs.count - 2
    try call.require(rest > 0 && rest % (states + 1) == 0, "\(call.inputs.count) inputs")
    return (rate, step, rest / (states + 1))
  }
}
