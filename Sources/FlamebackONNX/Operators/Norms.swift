import Flameback
import FlamebackCore

extension Operator {
  static let norms: [String: Operator] = [
    "BatchNormalization": Operator { call in
      let (x, scale, bias, mean, variance) = (try call(0), try call(1), try call(2), try call(3), try call(4))
      let eps = try call.double("epsilon", 1e-5)
      guard try call.bool("training_mode") else {
        return [x.batchNorm(runningMean: mean, runningVar: variance, weight: scale, bias: bias, eps: eps).output]
      }
      try call.require(x.rank >= 2, "needs channels, got \(x.spec)")
      let momentum = try call.double("momentum", 0.9)
      let dims = [0] + Array(2..<x.rank)
      let y = x.batchNorm(runningMean: nil, runningVar: nil, weight: scale, bias: bias, training: true, eps: eps).output
      let batch = (mean: x.mean(dim: dims), variance: x.var(dim: dims, correction: 0))
      return [
        y, mean * momentum + batch.mean * (1 - momentum), variance * momentum + batch.variance * (1 - momentum),
      ]
    },
    "InstanceNormalization": .one { call in
      let eps = try call.double("epsilon", 1e-5)
      return try call(0).instanceNorm(weight: call(1), bias: call(2), eps: eps).output
    },
    "LayerNormalization": Operator { call in
      let (x, scale) = (try call(0), try call(1))
      let axis = try call.axis(call.int("axis", -1), rank: x.rank)
      let eps = try call.double("epsilon", 1e-5)
      let sizes = x.shape.dropFirst(axis).map { $0 }
      if !call.wants(1), !call.wants(2), scale.shape == Shape(sizes) {
        return [x.layerNorm(sizes, weight: scale, bias: call.optional(2), eps: eps)]
      }
      let dims = Array(axis..<x.rank)
      let wide = x.to(x.dtype == .float64 ? .float64 : .float32)
      let mean = wide.mean(dim: dims, keepDim: true)
      let centred = wide - mean
      let inverse = (centred.square().mean(dim: dims, keepDim: true) + eps).rsqrt()
      let y = (centred * inverse).to(x.dtype) * scale
      return [call.optional(2).map { y + $0 } ?? y, mean, inverse]
    },
    "GroupNormalization": .one { call in
      let (x, scale, bias) = (try call(0), try call(1), try call(2))
      guard let groups = try call.int("num_groups"), groups > 0, x.rank >= 2, x.shape[1] % groups == 0 else {
        throw call.error("num_groups does not divide the channels of \(x.spec)")
      }
      let eps = try call.double("epsilon", 1e-5)
      // Before version 21 scale and bias belonged to groups.
      let repeats = call.opset < 21 && scale.elementCount == groups ? x.shape[1] / groups : 1
      return x.groupNorm(
        groups, weight: scale.repeatInterleave(repeats, dim: 0), bias: bias.repeatInterleave(repeats, dim: 0), eps: eps)
    },
    "LRN": .one { call in
      let x = try call(0)
      guard let size = try call.int("size"), size > 0, size < 1 << 16, x.rank >= 2 else {
        throw call.error("needs a size")
      }
      let (alpha, beta) = (try call.double("alpha", 0.0001), try call.double("beta", 0.75))
      let (before, after) = ((size - 1) / 2, size / 2)
      let squares = x.square().transpose(1, x.rank - 1).constantPad([before, after]).transpose(1, x.rank - 1)
      let sums = squares.unfold(dim: 1, size: size, step: 1).sum(dim: -1)
      return x / (sums * (alpha / Double(size)) + (try call.double("bias", 1))).pow(beta)
    },
    "MeanVarianceNormalization": .one { call in
      let x = try call(0)
      let dims = try call.axes(call.ints("axes") ?? [0, 2, 3], rank: x.rank)
      let centred = x - x.mean(dim: dims, keepDim: true)
      return centred / (centred.square().mean(dim: dims, keepDim: true).sqrt() + 1e-9)
    },
    "LpNormalization": .one { call in
      let x = try call(0)
      let axis = try call.axis(call.int("axis", -1), rank: x.rank)
      let norm =
        try call.int("p", 2) == 1
        ? x.abs().sum(dim: axis, keepDim: true) : x.square().sum(dim: axis, keepDim: true).sqrt()
      return select(where: norm .== 0, Tensor.zerosLike(x), x / norm)
    },
    "Dropout": Operator(settings: [1, 2], isPure: false) { call in
      let x = try call(0)
      let training = try call.number(2)?.bool ?? false
      let ratio = try call.number(1)?.double ?? call.double("ratio", 0.5)
      guard training, ratio > 0 else { return [x, .ones(x.shape, dtype: .bool)] }
      try call.require(ratio < 1, "the ratio must be less than 1, got \(ratio)")
      let keep = Tensor.rand(x.shape) .>= ratio
      return [select(where: keep, x / (1 - ratio), Tensor.zerosLike(x)), keep]
    },
    "RMSNormalization": .one { call in
      let (x, scale) = (try call(0), try call(1))
      let axis = try call.axis(call.int("axis", -1), rank: x.rank)
      let wide = x.to(x.dtype == .float64 ? .float64 : .float32)
      let mean = wide.square().mean(dim: Array(axis..<x.rank), keepDim: true)
      return (wide * (mean + (try call.double("epsilon", 1e-5))).rsqrt()).to(x.dtype) * scale
    },
  ]
}
