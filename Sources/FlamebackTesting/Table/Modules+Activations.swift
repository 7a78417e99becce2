import Flameback
import FlamebackCore

extension ModuleTable {
  static let activations: [String: Entry] = [
    "nn.ReLU": plain { ReLU() },
    "nn.ReLU6": plain { ReLU6() },
    "nn.Sigmoid": plain { Sigmoid() },
    "nn.Tanh": plain { Tanh() },
    "nn.SiLU": plain { SiLU() },
    "nn.Mish": plain { Mish() },
    "nn.LogSigmoid": plain { LogSigmoid() },
    "nn.Softsign": plain { Softsign() },
    "nn.Tanhshrink": plain { Tanhshrink() },
    "nn.Hardsigmoid": plain { Hardsigmoid() },
    "nn.Hardswish": plain { Hardswish() },
    "nn.SELU": plain { SELU() },
    "nn.Softmax2d": plain { Softmax2d() },
    "nn.ELU": { c in
      c.ignore("inplace")
      return BuiltModule(ELU(try c.double(0, "alpha", default: 1)))
    },
    "nn.CELU": { c in
      c.ignore("inplace")
      return BuiltModule(CELU(try c.double(0, "alpha", default: 1)))
    },
    "nn.GELU": { c in
      BuiltModule(GELU(approximate: try c.string(0, "approximate", default: "none") == "tanh" ? .tanh : .none))
    },
    "nn.LeakyReLU": { c in
      c.ignore("inplace")
      return BuiltModule(LeakyReLU(try c.double(0, "negative_slope", default: 0.01)))
    },
    "nn.Hardtanh": { c in
      c.ignore("inplace")
      return BuiltModule(Hardtanh(try c.double(0, "min_val", default: -1), try c.double(1, "max_val", default: 1)))
    },
    "nn.Hardshrink": { c in BuiltModule(Hardshrink(try c.double(0, "lambd", default: 0.5))) },
    "nn.Softshrink": { c in BuiltModule(Softshrink(try c.double(0, "lambd", default: 0.5))) },
    "nn.Softplus": { c in
      BuiltModule(Softplus(try c.double(0, "beta", default: 1), try c.double(1, "threshold", default: 20)))
    },
    "nn.Threshold": { c in
      c.ignore("inplace")
      return BuiltModule(Threshold(try c.double(0, "threshold"), try c.double(1, "value")))
    },
    "nn.PReLU": { c in
      BuiltModule(PReLU(try c.int(0, "num_parameters", default: 1), initial: try c.double(1, "init", default: 0.25)))
    },
    "nn.GLU": { c in BuiltModule(GLU(try c.int(0, "dim", default: -1))) },
    "nn.Softmax": { c in BuiltModule(Softmax(dim: try c.int(0, "dim", default: -1))) },
    "nn.LogSoftmax": { c in BuiltModule(LogSoftmax(dim: try c.int(0, "dim", default: -1))) },
    "nn.Softmin": { c in BuiltModule(Softmin(dim: try c.int(0, "dim", default: -1))) },
  ]

  /// A class without options but `inplace`.
  static func plain(_ make: @escaping @Sendable () -> any UnaryLayer) -> Entry {
    { call in
      _ = try call.optionalBool(0, "inplace")
      return BuiltModule(make())
    }
  }
}
