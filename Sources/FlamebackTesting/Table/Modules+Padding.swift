import Flameback
import FlamebackCore

extension ModuleTable {
  static let padding: [String: Entry] = [
    "nn.ConstantPad1d": { c in
      BuiltModule(ConstantPad1d(try c.extent(0, "padding"), try c.double(1, "value")))
    },
    "nn.ZeroPad1d": { c in BuiltModule(ZeroPad1d(try c.extent(0, "padding"))) },
    "nn.ReflectionPad1d": { c in BuiltModule(ReflectionPad1d(try c.extent(0, "padding"))) },
    "nn.ReplicationPad1d": { c in BuiltModule(ReplicationPad1d(try c.extent(0, "padding"))) },
    "nn.CircularPad1d": { c in BuiltModule(CircularPad1d(try c.extent(0, "padding"))) },
    "nn.ConstantPad2d": { c in
      BuiltModule(ConstantPad2d(try c.extent(0, "padding"), try c.double(1, "value")))
    },
    "nn.ZeroPad2d": { c in BuiltModule(ZeroPad2d(try c.extent(0, "padding"))) },
    "nn.ReflectionPad2d": { c in BuiltModule(ReflectionPad2d(try c.extent(0, "padding"))) },
    "nn.ReplicationPad2d": { c in BuiltModule(ReplicationPad2d(try c.extent(0, "padding"))) },
    "nn.CircularPad2d": { c in BuiltModule(CircularPad2d(try c.extent(0, "padding"))) },
    "nn.ConstantPad3d": { c in
      BuiltModule(ConstantPad3d(try c.extent(0, "padding"), try c.double(1, "value")))
    },
    "nn.ZeroPad3d": { c in BuiltModule(ZeroPad3d(try c.extent(0, "padding"))) },
    "nn.ReflectionPad3d": { c in BuiltModule(ReflectionPad3d(try c.extent(0, "padding"))) },
    "nn.ReplicationPad3d": { c in BuiltModule(ReplicationPad3d(try c.extent(0, "padding"))) },
    "nn.CircularPad3d": { c in BuiltModule(CircularPad3d(try c.extent(0, "padding"))) },
  ]
}
