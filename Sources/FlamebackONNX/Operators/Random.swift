import Flameback
import FlamebackCore

/// Random numbers: the distributions are ONNX's, the sequence is Flameback's.
extension Operator {
  static let random: [String: Operator] = [
    "RandomNormal": draw { call, sizes, _ in try normal(call, sizes) },
    "RandomNormalLike": like { call, sizes in try normal(call, sizes) },
    "RandomUniform": draw { call, sizes, _ in try uniform(call, sizes) },
    "RandomUniformLike": like { call, sizes in try uniform(call, sizes) },
    "Bernoulli": Operator(isPure: false) { call in
      let p = try call(0)
      let dtype = try call.int("dtype").map { try call.dtype($0) } ?? p.dtype
      return [try drawn(call, p.shape.array) { Tensor.rand(p.shape, generator: $0) .< p }.to(dtype)]
    },
    "Multinomial": Operator(isPure: false) { call in
      let x = try call(0)
      let count = try call.int("sample_size", 1)
      try call.require(x.rank == 2 && count > 0 && count < 1 << 31, "needs [batch, classes] and a sample size")
      let dtype = try call.int("dtype").map { try call.dtype($0) } ?? .int32
      return [
        try drawn(call, [x.shape[0], count]) {
          x.softmax(dim: 1).multinomial(count, replacement: true, generator: $0)
        }.to(dtype)
      ]
    },
  ]

  private static func drawn(_ call: Call, _ sizes: [Int], _ body: (Generator?) -> Tensor) throws -> Tensor {
    try call.shape(sizes)
    return body(try call.double("seed").map { Generator(seed: UInt64(min(max($0.magnitude, 0), 0x1p53))) })
  }

  private static func normal(_ call: Call, _ sizes: [Int]) throws -> Tensor {
    let (mean, scale) = (try call.double("mean", 0), try call.double("scale", 1))
    return try drawn(call, sizes) { Tensor.randn(sizes, generator: $0) } * scale + mean
  }

  private static func uniform(_ call: Call, _ sizes: [Int]) throws -> Tensor {
    let (low, high) = (try call.double("low", 0), try call.double("high", 1))
    return try drawn(call, sizes) { Tensor.rand(sizes, generator: $0) } * (high - low) + low
  }

  private static func draw(_ body: @escaping @Sendable (Call, [Int], DType) throws -> Tensor) -> Operator {
    Operator(isPure: false) { call in
      guard let sizes = try call.ints("shape") else { throw call.error("needs a shape") }
      let dtype = try call.dtype(call.int("dtype", 1))
      return [try body(call, sizes, dtype).to(dtype)]
    }
  }

  private static func like(_ body: @escaping @Sendable (Call, [Int]) throws -> Tensor) -> Operator {
    Operator(isPure: false) { call in
      let x = try call(0)
      let dtype = try call.int("dtype").map { try call.dtype($0) } ?? x.dtype
      return [try body(call, x.shape.array).to(dtype)]
    }
  }
}
