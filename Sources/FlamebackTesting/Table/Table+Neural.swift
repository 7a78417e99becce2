import Flameback
import FlamebackCore
import FlamebackKernels

extension OperatorTable {
  static let neural: [String: Entry] = normalizations.merging(losses) { first, _ in first }

  private static let normalizations: [String: Entry] = [
    "nn.functional.layer_norm": { call in
      .tensor(
        try call.tensor(0, "input").layerNorm(
          try call.ints(1, "normalized_shape"), weight: try call.optionalTensor(2, "weight"),
          bias: try call.optionalTensor(3, "bias"), eps: try call.double(4, "eps", default: 1e-5)))
    },
    "nn.functional.rms_norm": { call in
      .tensor(
        try call.tensor(0, "input").rmsNorm(
          try call.ints(1, "normalized_shape"), weight: try call.optionalTensor(2, "weight"),
          eps: try call.optionalDouble(3, "eps")))
    },
    "nn.functional.group_norm": { call in
      .tensor(
        try call.tensor(0, "input").groupNorm(
          try call.int(1, "num_groups"), weight: try call.optionalTensor(2, "weight"),
          bias: try call.optionalTensor(3, "bias"), eps: try call.double(4, "eps", default: 1e-5)))
    },
    "nn.functional.batch_norm": { call in
      let result = try call.tensor(0, "input").batchNorm(
        runningMean: try call.optionalTensor(1, "running_mean"), runningVar: try call.optionalTensor(2, "running_var"),
        weight: try call.optionalTensor(3, "weight"), bias: try call.optionalTensor(4, "bias"),
        training: try call.bool(5, "training"), momentum: try call.double(6, "momentum", default: 0.1),
        eps: try call.double(7, "eps", default: 1e-5))
      if let mean = result.runningMean { try call.mutate(1, "running_mean", to: mean) }
      if let variance = result.runningVar { try call.mutate(2, "running_var", to: variance) }
      return .tensor(result.output)
    },
    "nn.functional.instance_norm": { call in
      let result = try call.tensor(0, "input").instanceNorm(
        runningMean: try call.optionalTensor(1, "running_mean"), runningVar: try call.optionalTensor(2, "running_var"),
        weight: try call.optionalTensor(3, "weight"), bias: try call.optionalTensor(4, "bias"),
        useInputStats: try call.bool(5, "use_input_stats", default: true),
        momentum: try call.double(6, "momentum", default: 0.1), eps: try call.double(7, "eps", default: 1e-5))
      if let mean = result.runningMean { try call.mutate(1, "running_mean", to: mean) }
      if let variance = result.runningVar { try call.mutate(2, "running_var", to: variance) }
      return .tensor(result.output)
    },
    "nn.functional.local_response_norm": { call in
      .tensor(
        try call.tensor(0, "input").localResponseNorm(
          try call.int(1, "size"), alpha: try call.double(2, "alpha", default: 1e-4),
          beta: try call.double(3, "beta", default: 0.75), k: try call.double(4, "k", default: 1)))
    },
    "nn.functional.normalize": { call in
      .tensor(
        try call.tensor(0, "input").normalize(
          p: try call.double(1, "p", default: 2), dim: try call.ints(2, "dim", default: [1]),
          eps: try call.double(3, "eps", default: 1e-12)))
    },
    "nn.functional.cosine_similarity": { call in
      .tensor(
        try call.tensor(0, "x1").cosineSimilarity(
          try call.tensor(1, "x2"), dim: try call.int(2, "dim", default: 1),
          eps: try call.double(3, "eps", default: 1e-8)))
    },
    "nn.functional.pairwise_distance": { call in
      .tensor(
        try call.tensor(0, "x1").pairwiseDistance(
          try call.tensor(1, "x2"), p: try call.double(2, "p", default: 2),
          eps: try call.double(3, "eps", default: 1e-6),
          keepDim: try call.bool(4, "keepdim")))
    },
    "nn.functional.pdist": { call in
      .tensor(try call.tensor(0, "input").pdist(p: try call.double(1, "p", default: 2)))
    },
    "cdist": { call in
      _ = try call.given(3, "compute_mode")  // a choice between PyTorch's algorithms
      return .tensor(
        try call.tensor(0, "x1").cdist(try call.tensor(1, "x2"), p: try call.double(2, "p", default: 2)))
    },
  ]
}
