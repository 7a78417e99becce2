/// How a model is written as ONNX.
public struct ONNXExportOptions: Sendable {
  /// The version of the operator set, 18 to 23.
  public var opset = 20
  /// Names of the graph's inputs; what is missing is called `input`, or `input_0`, `input_1`, ….
  public var inputNames: [String] = []
  public var outputNames: [String] = []
  /// Axes whose size may change: name of the input → axis → name of the size. Equal names mean equal sizes.
  ///
  /// The model is traced once more for each name, with the axis twice as long, to see what follows it.
  public var dynamicAxes: [String: [Int: String]] = [:]
  /// What follows from constants alone is computed now. SeeAlso: torch.onnx.export(do_constant_folding=True)
  public var foldsConstants = true
  /// Batch norms become part of the convolutions before them.
  public var foldsBatchNorms = true
  /// Bytes of tensors from which on they lie in a file of their own, `NAME.data`.
  public var externalThreshold = 1 << 30

  public init(
    opset: Int = 20, inputNames: [String] = [], outputNames: [String] = [],
    dynamicAxes: [String: [Int: String]] = [:], foldsConstants: Bool = true, foldsBatchNorms: Bool = true,
    externalThreshold: Int = 1 << 30
  ) {
    self.opset = opset
    self.inputNames = inputNames
    self.outputNames = outputNames
    self.dynamicAxes = dynamicAxes
    self.foldsConstants = foldsConstants
    self.foldsBatchNorms = foldsBatchNorms
    self.externalThreshold = externalThreshold
  }

  /// The version of the file format that belongs to the operator set.
  var irVersion: Int {
    switch opset {
    case ..<19: 8
    case 19, 20: 9
    case 21, 22: 10
    default: 11
    }
  }
}

/// Operations that cannot be written as ONNX, all of them.
public struct ONNXExportError: Error, Sendable, CustomStringConvertible {
  public struct Item: Sendable {
    /// The operation, as in `Graph.description`.
    public let operation: String
    /// The module in which it ran.
    public let module: String
    public let reason: String
  }

  public let items: [Item]

  public var description: String {
    let lines = items.map { "  \($0.operation)\($0.module.isEmpty ? "" : " in \($0.module)"): \($0.reason)" }
    return (["[onnx] these operations cannot be exported:"] + lines).joined(separator: "\n")
  }
}
