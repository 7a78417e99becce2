import Flameback
import FlamebackCore

extension ModuleTable {
  static let convolutions: [String: Entry] = [
    "nn.Conv1d": { c in
      func build(_ padding: some ConvolutionPadding) throws -> Conv1d {
        Conv1d(
          try c.int(0, "in_channels"), try c.int(1, "out_channels"), kernelSize: try c.extent(2, "kernel_size"),
          stride: try c.extent(3, "stride", default: 1), padding: padding,
          dilation: try c.extent(5, "dilation", default: 1), groups: try c.int(6, "groups", default: 1),
          bias: try c.bool(7, "bias", default: true), paddingMode: try c.paddingMode(8))
      }
      switch c.isString(4, "padding") ? try c.string(4, "padding") : "" {
      case "same": return BuiltModule(try build(.same))
      case "valid": return BuiltModule(try build(.valid))
      case "": return BuiltModule(try build(try c.ints(4, "padding", count: 1, default: 0)))
      case let name: throw CallError("unknown padding '\(name)'")
      }
    },
    "nn.ConvTranspose1d": { c in
      let layer = ConvTranspose1d(
        try c.int(0, "in_channels"), try c.int(1, "out_channels"), kernelSize: try c.extent(2, "kernel_size"),
        stride: try c.extent(3, "stride", default: 1), padding: try c.extent(4, "padding", default: 0),
        outputPadding: try c.extent(5, "output_padding", default: 0), groups: try c.int(6, "groups", default: 1),
        bias: try c.bool(7, "bias", default: true), dilation: try c.extent(8, "dilation", default: 1))
      if try c.string(9, "padding_mode", default: "zeros") != "zeros" { throw CallError("only zeros are supported") }
      return BuiltModule(layer) { call in
        .tensor(layer(try call.tensor(0, "input"), outputSize: try call.optionalInts(1, "output_size")))
      }
    },
    "nn.Conv2d": { c in
      func build(_ padding: some ConvolutionPadding) throws -> Conv2d {
        Conv2d(
          try c.int(0, "in_channels"), try c.int(1, "out_channels"), kernelSize: try c.extent(2, "kernel_size"),
          stride: try c.extent(3, "stride", default: 1), padding: padding,
          dilation: try c.extent(5, "dilation", default: 1), groups: try c.int(6, "groups", default: 1),
          bias: try c.bool(7, "bias", default: true), paddingMode: try c.paddingMode(8))
      }
      switch c.isString(4, "padding") ? try c.string(4, "padding") : "" {
      case "same": return BuiltModule(try build(.same))
      case "valid": return BuiltModule(try build(.valid))
      case "": return BuiltModule(try build(try c.ints(4, "padding", count: 2, default: 0)))
      case let name: throw CallError("unknown padding '\(name)'")
      }
    },
    "nn.ConvTranspose2d": { c in
      let layer = ConvTranspose2d(
        try c.int(0, "in_channels"), try c.int(1, "out_channels"), kernelSize: try c.extent(2, "kernel_size"),
        stride: try c.extent(3, "stride", default: 1), padding: try c.extent(4, "padding", default: 0),
        outputPadding: try c.extent(5, "output_padding", default: 0), groups: try c.int(6, "groups", default: 1),
        bias: try c.bool(7, "bias", default: true), dilation: try c.extent(8, "dilation", default: 1))
      if try c.string(9, "padding_mode", default: "zeros") != "zeros" { throw CallError("only zeros are supported") }
      return BuiltModule(layer) { call in
        .tensor(layer(try call.tensor(0, "input"), outputSize: try call.optionalInts(1, "output_size")))
      }
    },
    "nn.Conv3d": { c in
      func build(_ padding: some ConvolutionPadding) throws -> Conv3d {
        Conv3d(
          try c.int(0, "in_channels"), try c.int(1, "out_channels"), kernelSize: try c.extent(2, "kernel_size"),
          stride: try c.extent(3, "stride", default: 1), padding: padding,
          dilation: try c.extent(5, "dilation", default: 1), groups: try c.int(6, "groups", default: 1),
          bias: try c.bool(7, "bias", default: true), paddingMode: try c.paddingMode(8))
      }
      switch c.isString(4, "padding") ? try c.string(4, "padding") : "" {
      case "same": return BuiltModule(try build(.same))
      case "valid": return BuiltModule(try build(.valid))
      case "": return BuiltModule(try build(try c.ints(4, "padding", count: 3, default: 0)))
      case let name: throw CallError("unknown padding '\(name)'")
      }
    },
    "nn.ConvTranspose3d": { c in
      let layer = ConvTranspose3d(
        try c.int(0, "in_channels"), try c.int(1, "out_channels"), kernelSize: try c.extent(2, "kernel_size"),
        stride: try c.extent(3, "stride", default: 1), padding: try c.extent(4, "padding", default: 0),
        outputPadding: try c.extent(5, "output_padding", default: 0), groups: try c.int(6, "groups", default: 1),
        bias: try c.bool(7, "bias", default: true), dilation: try c.extent(8, "dilation", default: 1))
      if try c.string(9, "padding_mode", default: "zeros") != "zeros" { throw CallError("only zeros are supported") }
      return BuiltModule(layer) { call in
        .tensor(layer(try call.tensor(0, "input"), outputSize: try call.optionalInts(1, "output_size")))
      }
    },
  ]
}

extension Call {
  func paddingMode(_ position: Int) throws -> PaddingMode {
    let name = try string(position, "padding_mode", default: "zeros")
    guard let mode = PaddingMode(rawValue: name) else { throw CallError("unknown padding mode '\(name)'") }
    return mode
  }
}
