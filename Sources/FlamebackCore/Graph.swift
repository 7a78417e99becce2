import FlamebackKernels

/// A recorded computation: instructions over numbered values.
public struct Graph: Sendable {
  /// One application of a primitive.
  public struct Instruction: Sendable {
    public let primitive: any Primitive
    public let inputs: [Int]
    public let outputs: [Int]
    /// The module in which it ran, as a path of names.
    public let scope: String
    /// Whether gradients were recorded.
    package let recordsGradients: Bool

    package init(
      primitive: any Primitive, inputs: [Int], outputs: [Int], scope: String = "", recordsGradients: Bool = true
    ) {
      self.primitive = primitive
      self.inputs = inputs
      self.outputs = outputs
      self.scope = scope
      self.recordsGradients = recordsGradients
    }
  }

  /// Instructions that ONNX has one operator for.
  package struct Region: Sendable {
    package let instructions: Range<Int>
    package let region: any ExportableRegion
    package let inputs: [Int]
    package let outputs: [Int]
  }

  /// The spec of every value, by number.
  public internal(set) var specs: [TensorSpec] = []
  public internal(set) var inputs: [Int] = []
  public internal(set) var outputs: [Int] = []
  /// Tensors that the computation read but did not get: parameters, tables.
  public internal(set) var constants: [Int: Tensor] = [:]
  /// Names of constants that have one (a parameter's key).
  public internal(set) var names: [Int: String] = [:]
  public internal(set) var instructions: [Instruction] = []
  /// Outermost ones, in order.
  package internal(set) var regions: [Region] = []

  /// Runs the instructions on new inputs of the recorded shapes.
  public func callAsFunction(_ arguments: [Tensor]) -> [Tensor] { Replay(self)(arguments) }

  static func run(_ primitive: any Primitive, _ inputs: [Tensor]) -> [Tensor] {
    func open<P: Primitive>(_ primitive: P) -> [Tensor] { apply(primitive, inputs) }
    return open(primitive)
  }
}

extension Graph: CustomStringConvertible {
  /// One line an instruction: `%5: float32 [2, 3] = add(%3, %4)`.
  public var description: String {
    func value(_ i: Int) -> String { "%\(i)" }
    var lines = ["graph(\(inputs.map { "\(value($0)): \(specs[$0])" }.joined(separator: ", "))):"]
    for i in constants.keys.sorted() {
      lines.append("  \(value(i)): \(specs[i]) = constant(\(names[i] ?? ""))")
    }
    for instruction in instructions {
      let results = instruction.outputs.map { "\(value($0)): \(specs[$0])" }.joined(separator: ", ")
      let attributes = instruction.primitive.attributes.map { "\($0.0)=\($0.1)" }
      let arguments = (instruction.inputs.map(value) + attributes).joined(separator: ", ")
      let scope = instruction.scope.isEmpty ? "" : "  # \(instruction.scope)"
      lines.append("  \(results) = \(instruction.primitive.name)(\(arguments))\(scope)")
    }
    lines.append("  return \(outputs.map(value).joined(separator: ", "))")
    return lines.joined(separator: "\n")
  }
}
