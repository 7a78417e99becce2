import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// What a model consists of: a line a module, with output shape, parameters and multiplications.
public struct ModuleSummary: CustomStringConvertible {
  /// One module.
  public struct Row {
    /// `├─Conv2d: 1-2`, indented by depth.
    public let label: String
    /// nil if the module was not called, or does not announce its calls.
    public let outputShape: Shape?
    /// Parameters of the module itself and not of inner ones; nil if inner ones have them.
    public let parameters: Int?
    public let multiplyAdds: Int
  }

  public let rows: [Row]
  public let parameterCount: Int
  public let trainableCount: Int
  public let inputBytes: Int
  public let parameterBytes: Int
  public let outputBytes: Int
  public var multiplyAdds: Int { rows.reduce(0) { $0 + $1.multiplyAdds } }

  /// The table of torchinfo.
  public var description: String {
    let header = ["Layer (type:depth-idx)", "Output Shape", "Param #", "Mult-Adds"]
    let cells = rows.map { row in
      [
        row.label, row.outputShape?.description ?? "--", row.parameters.map(ModuleSummary.grouped) ?? "--",
        row.multiplyAdds == 0 ? "--" : ModuleSummary.grouped(row.multiplyAdds),
      ]
    }
    let widths = header.indices.map { c in ([header] + cells).map(\.[c].count).max()! + (c == 3 ? 0 : 4) }
    func line(_ cells: [String]) -> String {
      let padded = zip(cells, widths).map { $0.aligned(left: $1) }.joined()
      return String(padded.reversed().drop { $0 == " " }.reversed())
    }
    let rule = String(repeating: "=", count: widths.reduce(0, +))
    func megabytes(_ bytes: Int) -> String {
      let hundredths = (Double(bytes) / 1e4).rounded()
      let digits = String(Int(hundredths)).aligned(right: 3, filledWith: "0")
      return "\(digits.dropLast(2)).\(digits.suffix(2))"
    }
    return
      ([rule, line(header), rule] + cells.map(line) + [
        rule, "Total params: \(ModuleSummary.grouped(parameterCount))",
        "Trainable params: \(ModuleSummary.grouped(trainableCount))",
        "Non-trainable params: \(ModuleSummary.grouped(parameterCount - trainableCount))",
        "Total mult-adds: \(ModuleSummary.grouped(multiplyAdds))", rule, "Input size (MB): \(megabytes(inputBytes))",
        "Forward/backward pass size (MB): \(megabytes(outputBytes))", "Params size (MB): \(megabytes(parameterBytes))",
        "Estimated Total Size (MB): \(megabytes(inputBytes + outputBytes + parameterBytes))", rule,
      ]).joined(separator: "\n")
  }

  /// 1234567 as 1,234,567.
  private static func grouped(_ number: Int) -> String {
    var result = ""
    for (i, digit) in String(number).reversed().enumerated() {
      if i > 0, i % 3 == 0, digit != "-" { result.append(",") }
      result.append(digit)
    }
    return String(result.reversed())
  }
}

extension UnaryLayer {
  /// Runs the model on zeros of that shape and tells what it consists of. SeeAlso: torchinfo.summary
  public func summary(inputShape: [Int], dtype: DType? = nil) -> ModuleSummary {
    summary(inputs: [Tensor.zeros(inputShape, dtype: dtype)]) { [self($0[0])] }
  }
}

extension Module {
  /// Runs `body` on the inputs and tells what the model consists of. SeeAlso: torchinfo.summary
  public func summary(inputs: [Tensor], _ body: ([Tensor]) -> [Tensor]) -> ModuleSummary {
    var calls: [ObjectIdentifier: (inputs: [Shape], outputs: [Shape], bytes: Int)] = [:]
    func record(_ module: Module, _ inputs: [Tensor], _ outputs: [Tensor]) {
      calls[ObjectIdentifier(module)] = (
        inputs.map(\.shape), outputs.map(\.shape), outputs.reduce(0) { $0 + $1.elementCount * $1.dtype.byteSize }
      )
    }
    let modes = modules.map { ($0, $0.isTraining) }
    let handles = modules.map { module in
      module.registerForwardHook { module, inputs, outputs in
        record(module, inputs, outputs)
        return nil
      }
    }
    eval()
    record(self, inputs, noGrad { body(inputs) })
    for handle in handles { handle.remove() }
    for (module, mode) in modes { module.isTraining = mode }

    var rows: [ModuleSummary.Row] = []
    var numbers: [Int: Int] = [:]
    var outputBytes = 0
    func visit(_ module: Module, depth: Int, prefix: String) {
      let children = module.namedChildren
      numbers[depth, default: 0] += 1
      let own = module.registry.parameters.reduce(0) { $0 + $1.cell.tensor.elementCount }
      let call = calls[ObjectIdentifier(module)]
      if children.isEmpty, own > 0, let call { outputBytes += 2 * call.bytes }
      rows.append(
        ModuleSummary.Row(
          label: depth == 0 ? module.typeName : "\(prefix)\(module.typeName): \(depth)-\(numbers[depth]!)",
          outputShape: call?.outputs.first, parameters: own == 0 ? nil : own,
          multiplyAdds: call.map { module.multiplyAdds(inputs: $0.inputs, outputs: $0.outputs) } ?? 0))
      let indent = String(repeating: "│    ", count: depth)
      for (i, child) in children.enumerated() {
        visit(child.module, depth: depth + 1, prefix: indent + (i == children.count - 1 ? "└─" : "├─"))
      }
    }
    visit(self, depth: 0, prefix: "")
    let cells = parameters()
    func count(_ cells: [ParameterCell]) -> Int { cells.reduce(0) { $0 + $1.tensor.elementCount } }
    func bytes(_ tensors: [Tensor]) -> Int { tensors.reduce(0) { $0 + $1.elementCount * $1.dtype.byteSize } }
    return ModuleSummary(
      rows: rows, parameterCount: count(cells), trainableCount: count(cells.filter(\.requiresGrad)),
      inputBytes: bytes(inputs), parameterBytes: bytes(cells.map(\.tensor)), outputBytes: outputBytes)
  }
}
