import Flameback
import FlamebackCore
import FlamebackOps

extension Operator {
  static let activations: [String: Operator] = [
    "Relu": .unary { $0.relu() }, "Sigmoid": .unary { $0.sigmoid() }, "Softsign": .unary { $0.softsign() },
    "Softplus": .unary { x in x.softplus() }, "Mish": .unary { $0.mish() }, "HardSwish": .unary { $0.hardswish() },
    "LeakyRelu": .one { try $0(0).leakyRelu(negativeSlope: $0.double("alpha", 0.01)) },
    "PRelu": .one { call in Elementwise.prelu(try call(0), try call(1)) },
    "Elu": .one { try $0(0).elu(alpha: $0.double("alpha", 1)) },
    "Celu": .one { try $0(0).celu(alpha: $0.double("alpha", 1)) },
    "Selu": .one { call in
      let alpha = try call.double("alpha", 1.67326319217681884765625)
      let gamma = try call.double("gamma", 1.05070102214813232421875)
      return try call(0).elu(alpha: alpha) * gamma
    },
    "ThresholdedRelu": .one { try $0(0).threshold($0.double("alpha", 1), value: 0) },
    "HardSigmoid": .one { call in
      let (alpha, beta) = (try call.double("alpha", 0.2), try call.double("beta", 0.5))
      return (try call(0) * alpha + beta).clamp(min: 0, max: 1)
    },
    "Gelu": .one { try $0(0).gelu(approximate: $0.text("approximate", "none") == "tanh" ? .tanh : .none) },
    "Swish": .one { call in
      let x = try call(0)
      return x * (x * (try call.double("alpha", 1))).sigmoid()
    },
    "Shrink": .one { call in
      let x = try call(0)
      let (bias, lambda) = (try call.double("bias", 0), try call.double("lambd", 0.5))
      let zero = Tensor.zerosLike(x)
      let (above, below) = ((x - bias).to(x.dtype), (x + bias).to(x.dtype))
      return select(where: x .> lambda, above, select(where: x .< -lambda, below, zero))
    },
    "Softmax": .one { call in try alongAxis(call) { $0.softmax(dim: $1) } },
    "LogSoftmax": .one { call in try alongAxis(call) { $0.logSoftmax(dim: $1) } },
    "Hardmax": .one { call in
      try alongAxis(call) { x, dim in
        let hit = x.argmax(dim: dim, keepDim: true)
        return Tensor.zerosLike(x).scatter(dim: dim, index: hit, value: 1)
      }
    },
  ]

  /// Before version 13 everything from the axis on counted as one dimension.
  private static func alongAxis(_ call: Call, _ compute: (Tensor, Int) -> Tensor) throws -> Tensor {
    let x = try call(0)
    if call.opset >= 13 { return compute(x, try call.axis(call.int("axis", -1), rank: x.rank)) }
    let axis = try call.axis(call.int("axis", 1), rank: x.rank)
    let rows = x.shape.prefix(axis).reduce(1, *)
    return compute(x.reshape([rows, x.elementCount / max(rows, 1)]), 1).reshape(x.shape)
  }
}
