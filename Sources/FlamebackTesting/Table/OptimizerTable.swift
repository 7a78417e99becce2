import Flameback
import FlamebackCore

/// From PyTorch's optimizer classes to ours: groups that already have their own options, and the constructor's arguments.
public enum OptimizerTable {
  public typealias Entry = @Sendable (_ groups: [ParameterGroup], _ call: Call) throws -> Optimizer

  static let all: [String: Entry] = [
    "SGD": { groups, call in
      SGD(
        groups, lr: try call.lr(1e-3), momentum: try call.option("momentum"), dampening: try call.option("dampening"),
        weightDecay: try call.option("weight_decay"), nesterov: try call.bool(nil, "nesterov"),
        maximize: try call.bool(nil, "maximize"))
    },
    "Adam": { groups, call in
      Adam(
        groups, lr: try call.lr(1e-3), betas: try call.pair("betas", (0.9, 0.999)), eps: try call.option("eps", 1e-8),
        weightDecay: try call.option("weight_decay"), amsgrad: try call.bool(nil, "amsgrad"),
        maximize: try call.bool(nil, "maximize"), decoupledWeightDecay: try call.bool(nil, "decoupled_weight_decay"))
    },
    "AdamW": { groups, call in
      AdamW(
        groups, lr: try call.lr(1e-3), betas: try call.pair("betas", (0.9, 0.999)), eps: try call.option("eps", 1e-8),
        weightDecay: try call.option("weight_decay", 1e-2), amsgrad: try call.bool(nil, "amsgrad"),
        maximize: try call.bool(nil, "maximize"))
    },
    "SparseAdam": { groups, call in
      SparseAdam(
        groups, lr: try call.lr(1e-3), betas: try call.pair("betas", (0.9, 0.999)), eps: try call.option("eps", 1e-8),
        maximize: try call.bool(nil, "maximize"))
    },
    "Adagrad": { groups, call in
      Adagrad(
        groups, lr: try call.lr(1e-2), lrDecay: try call.option("lr_decay"),
        weightDecay: try call.option("weight_decay"),
        initialAccumulatorValue: try call.option("initial_accumulator_value"), eps: try call.option("eps", 1e-10),
        maximize: try call.bool(nil, "maximize"))
    },
    "RMSprop": { groups, call in
      RMSprop(
        groups, lr: try call.lr(1e-2), alpha: try call.option("alpha", 0.99), eps: try call.option("eps", 1e-8),
        weightDecay: try call.option("weight_decay"), momentum: try call.option("momentum"),
        centered: try call.bool(nil, "centered"), maximize: try call.bool(nil, "maximize"))
    },
    "Adadelta": { groups, call in
      Adadelta(
        groups, lr: try call.lr(1), rho: try call.option("rho", 0.9), eps: try call.option("eps", 1e-6),
        weightDecay: try call.option("weight_decay"), maximize: try call.bool(nil, "maximize"))
    },
    "Adamax": { groups, call in
      Adamax(
        groups, lr: try call.lr(2e-3), betas: try call.pair("betas", (0.9, 0.999)), eps: try call.option("eps", 1e-8),
        weightDecay: try call.option("weight_decay"), maximize: try call.bool(nil, "maximize"))
    },
    "NAdam": { groups, call in
      NAdam(
        groups, lr: try call.lr(2e-3), betas: try call.pair("betas", (0.9, 0.999)), eps: try call.option("eps", 1e-8),
        weightDecay: try call.option("weight_decay"), momentumDecay: try call.option("momentum_decay", 4e-3),
        decoupledWeightDecay: try call.bool(nil, "decoupled_weight_decay"), maximize: try call.bool(nil, "maximize"))
    },
    "RAdam": { groups, call in
      RAdam(
        groups, lr: try call.lr(1e-3), betas: try call.pair("betas", (0.9, 0.999)), eps: try call.option("eps", 1e-8),
        weightDecay: try call.option("weight_decay"),
        decoupledWeightDecay: try call.bool(nil, "decoupled_weight_decay"), maximize: try call.bool(nil, "maximize"))
    },
    "Rprop": { groups, call in
      Rprop(
        groups, lr: try call.lr(1e-2), etas: try call.pair("etas", (0.5, 1.2)),
        stepSizes: try call.pair("step_sizes", (1e-6, 50)), maximize: try call.bool(nil, "maximize"))
    },
    "ASGD": { groups, call in
      ASGD(
        groups, lr: try call.lr(1e-2), lambd: try call.option("lambd", 1e-4), alpha: try call.option("alpha", 0.75),
        t0: try call.option("t0", 1e6), weightDecay: try call.option("weight_decay"),
        maximize: try call.bool(nil, "maximize"))
    },
    "LBFGS": { groups, call in
      let search = try call.optionalString(nil, "line_search_fn")
      if let search, LBFGS.LineSearch(rawValue: search) == nil { throw CallError("only 'strong_wolfe' is supported") }
      return LBFGS(
        groups.flatMap(\.parameters), lr: try call.lr(1), maxIter: try call.int(nil, "max_iter", default: 20),
        maxEval: try call.optionalInt(nil, "max_eval"), toleranceGrad: try call.option("tolerance_grad", 1e-7),
        toleranceChange: try call.option("tolerance_change", 1e-9),
        historySize: try call.int(nil, "history_size", default: 100),
        lineSearch: search.flatMap(LBFGS.LineSearch.init(rawValue:)), maximize: try call.bool(nil, "maximize"))
    },
    "Adafactor": { groups, call in
      var eps: (Double?, Double) = (nil, 1e-3)
      if let given = try call.value(nil, "eps")?.items, given.count == 2 {
        eps = (given[0].scalar?.double, given[1].scalar?.double ?? 1e-3)
      }
      return Adafactor(
        groups, lr: try call.lr(1e-2), beta2Decay: try call.option("beta2_decay", -0.8), eps: eps,
        d: try call.option("d", 1), weightDecay: try call.option("weight_decay"),
        maximize: try call.bool(nil, "maximize"))
    },
    "Muon": { groups, call in
      let c = try call.optionalDoubles(nil, "ns_coefficients") ?? [3.4445, -4.775, 2.0315]
      return Muon(
        groups, lr: try call.lr(1e-3), weightDecay: try call.option("weight_decay", 0.1),
        momentum: try call.option("momentum", 0.95), nesterov: try call.bool(nil, "nesterov", default: true),
        nsCoefficients: (c[0], c[1], c[2]), eps: try call.option("eps", 1e-7),
        nsSteps: try call.int(nil, "ns_steps", default: 5),
        adjustLR: try call.optionalString(nil, "adjust_lr_fn").flatMap(Muon.RateAdjustment.init(rawValue:)))
    },
  ]

  /// Calls a constructor; what only chooses between implementations makes no difference.
  static func build(_ name: String, _ groups: [ParameterGroup], _ kwargs: [(String, Value)]) throws -> Optimizer {
    guard let entry = all[name] else { throw UnknownOperation("optim.\(name)") }
    let call = Call("optim.\(name)", [], kwargs)
    call.ignore("foreach", "fused", "capturable", "differentiable")
    let optimizer = try entry(groups, call)
    try call.finish()
    return optimizer
  }

  /// Parameters with options of their own.
  static func group(_ parameters: [ParameterCell], _ options: [(String, Value)]) throws -> ParameterGroup {
    var group = ParameterGroup(parameters)
    for (name, value) in options {
      switch value {
      case .float(let number): group[OptimizerOption<Double>(name)] = number
      case .int(let number): group[OptimizerOption<Double>(name)] = Double(number)
      case .bool(let flag): group[OptimizerOption<Bool>(name)] = flag
      case .string(let text): group[OptimizerOption<String>(name)] = text
      case .list(let items), .tuple(let items, _):
        group[OptimizerOption<[Double]>(name)] = items.compactMap { $0.scalar?.double }
      case .tensor(let tensor) where tensor.elementCount == 1:
        group[OptimizerOption<Double>(name)] = tensor.itemDouble()
      default: throw CallError("option '\(name)' cannot be \(value.kind)")
      }
    }
    return group
  }
}

extension Call {
  /// The learning rate of an optimizer; a tensor must have one element.
  func lr(_ fallback: Double) throws -> Double { try double(nil, "lr", default: fallback) }
  func option(_ name: String, _ fallback: Double = 0) throws -> Double { try double(nil, name, default: fallback) }

  func pair(_ name: String, _ fallback: (Double, Double)) throws -> (Double, Double) {
    guard let values = try optionalDoubles(nil, name) else { return fallback }
    guard values.count == 2 else { throw CallError("\(self.name)(): '\(name)' must have 2 numbers") }
    return (values[0], values[1])
  }
}
