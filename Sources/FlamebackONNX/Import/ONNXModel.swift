import Flameback
import FlamebackCore
import FlamebackFiles

/// A model from an ONNX file: it runs, learns on, and can be exported again, without the program that made it.
///
/// Weights are parameters under the names they have in the file, so `parameters()`, `stateDict()` and optimizers work as
/// with any other module. Inputs may have any shapes that the operators accept. SeeAlso: onnxruntime.InferenceSession
public final class ONNXModel: Module {
  /// What the file says.
  public let file: ONNXFile
  /// Names of the inputs that a call takes, in order.
  public var inputNames: [String] { plan.inputs.map(\.name) }
  public var outputNames: [String] { plan.outputs.map(\.name) }
  public let limits: ONNXLimits

  private let plan: Plan
  private let stored: Stored
  /// The weights under their names.
  private let weights: Named<ParameterCell>
  private let statistics: Named<BufferCell>

  /// What belongs to the file's initializers, by number. A type of its own, so that the walk over the properties finds
  /// the cells once.
  private struct Stored {
    var constants: [Int: Tensor] = [:]
    var learned: [(index: Int, cell: ParameterCell)] = []
    var measured: [(index: Int, cell: BufferCell)] = []
  }

  public override class var stateKeys: [String: String] { ["weights": "", "statistics": ""] }

  /// Reads a model. `frozen`: for running only. Its weights are constants, and what follows from constants is computed
  /// once, here: batch norms are folded into convolutions.
  ///
  /// Throws a `FileError` with the place, or `ONNXUnsupported` with all operators that do not exist here.
  public convenience init(contentsOf path: String, frozen: Bool = false, limits: ONNXLimits = ONNXLimits()) throws {
    try self.init(Decoder.model(FileBytes(mapping: path)), frozen: frozen, limits: limits)
  }

  /// A model from the bytes of a file.
  public convenience init(bytes: [UInt8], frozen: Bool = false, limits: ONNXLimits = ONNXLimits()) throws {
    try self.init(Decoder.model(FileBytes(bytes, path: "model")), frozen: frozen, limits: limits)
  }

  /// A model from what a file says.
  public init(_ file: ONNXFile, frozen: Bool = false, limits: ONNXLimits = ONNXLimits()) throws {
    var file = try file.inlined(limits: limits)
    if frozen { file = try file.optimized(.all, limits: limits) }
    self.file = file
    self.limits = limits
    plan = try Plan(file.graph, opset: file.opsets[""] ?? 1, path: file.path)
    let settings = file.graph.settingNames
    let statistics = file.graph.statisticNames
    var stored = Stored()
    for (i, initializer) in file.graph.initializers.enumerated() where initializer.type.dtype != nil {
      let tensor = try Tensor(initializer, path: file.path)
      let name = initializer.name
      if frozen || !tensor.dtype.isFloatingPoint || settings.contains(name) || initializer.isNumber {
        stored.constants[i] = tensor
      } else if statistics.contains(name) {
        stored.measured.append((i, BufferCell(tensor)))
      } else {
        stored.learned.append((i, ParameterCell(tensor)))
      }
    }
    self.stored = stored
    weights = Named(stored.learned.map { (file.graph.initializers[$0.index].name, $0.cell) })
    self.statistics = Named(stored.measured.map { (file.graph.initializers[$0.index].name, $0.cell) })
    super.init()
    eval()
  }

  /// The outputs for these inputs, in the orders of `inputNames` and `outputNames`.
  ///
  /// Errors name the node. Inside `noGrad` nothing is recorded for gradients.
  public func run(_ inputs: [Tensor]) throws -> [Tensor] {
    guard inputs.count == plan.inputs.count else {
      throw FileError(
        path: file.path,
        "takes \(plan.inputs.count) inputs (\(inputNames.joined(separator: ", "))), got \(inputs.count)")
    }
    try check(inputs)
    var stored = self.stored.constants
    for (i, cell) in self.stored.learned { stored[i] = cell.tensor }
    for (i, cell) in self.stored.measured { stored[i] = cell.tensor }
    let run = Run(limits: limits)
    return try plan(inputs.map { Value(tensor: $0, isStatic: false) }, stored: stored, in: run).map(\.tensor)
  }

  /// Whether the inputs are as the file declares them; sizes of one name must agree.
  private func check(_ inputs: [Tensor]) throws(FileError) {
    let declared = Dictionary(file.graph.inputs.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    var sizes: [String: Int] = [:]
    for (name, input) in zip(inputNames, inputs) {
      guard let info = declared[name] else { continue }
      func failure(_ message: String) -> FileError {
        FileError(path: file.path, place: "input '\(name)'", "\(message), got \(input.spec)")
      }
      if let dtype = info.type?.dtype, dtype != input.dtype { throw failure("must be \(dtype)") }
      guard let shape = info.shape else { continue }
      guard shape.count == input.rank else { throw failure("must have \(shape.count) dimensions") }
      for (d, dimension) in shape.enumerated() {
        switch dimension {
        case .size(let size) where size != input.shape[d]: throw failure("dimension \(d) must be \(size)")
        case .named(let name):
          guard sizes.updateValue(input.shape[d], forKey: name) ?? input.shape[d] == input.shape[d] else {
            throw failure("dimension \(d) must be as large as the other '\(name)'")
          }
        default: break
        }
      }
    }
  }

  /// The outputs for these inputs; what is wrong is reported as an error of the operation `onnx`.
  public func callAsFunction(_ inputs: [Tensor]) -> [Tensor] {
    do { return try call(inputs, throwing: run) } catch {
      report(OpError("onnx", "\(error)"))
      return plan.outputs.map { _ in .poisoned(TensorSpec(shape: [], dtype: .float32)) }
    }
  }

  /// The first output for these inputs.
  public func callAsFunction(_ inputs: Tensor...) -> Tensor {
    self(inputs).first ?? fail("onnx", "the model has no output")
  }

  private func call(_ inputs: [Tensor], throwing body: ([Tensor]) throws -> [Tensor]) throws -> [Tensor] {
    var failure: (any Error)?
    let outputs = call(inputs) { inputs in
      do { return try body(inputs) } catch {
        failure = error
        return []
      }
    }
    if let failure { throw failure }
    return outputs
  }

  /// The computation for inputs of these shapes as a graph, with the weights as named constants.
  ///
  /// Throws where an output depends on the inputs' data in more than its elements (a loop, a shape).
  public func graph(_ inputs: [Tensor]) throws -> Graph {
    var failure: (any Error)?
    let graph = trace(self, inputs) { inputs in
      do { return try run(inputs) } catch {
        failure = error
        return []
      }
    }
    if let failure { throw failure }
    return graph
  }

  public override var extraRepr: String { "\(plan.steps.count) nodes, opset \(plan.opset)" }
}

extension ONNXTensor {
  /// Whether it is a number of the computation, not of the model: exporters name such constants in these ways.
  fileprivate var isNumber: Bool {
    name.hasPrefix("onnx::Constant") || dims.isEmpty && (name.hasPrefix("/") || name.contains("::"))
  }
}

extension ONNXGraph {
  /// Initializers that are settings of operators: sizes, limits, scales.
  fileprivate var settingNames: Set<String> {
    Set(
      nodes.flatMap { node in
        (Operator.find(node)?.settings ?? []).compactMap { $0 < node.inputs.count ? node.inputs[$0] : nil }
      })
  }

  /// Initializers that batch norms measured.
  fileprivate var statisticNames: Set<String> {
    Set(nodes.filter { $0.op == "BatchNormalization" && $0.inputs.count >= 5 }.flatMap { $0.inputs[3...4] })
  }
}
