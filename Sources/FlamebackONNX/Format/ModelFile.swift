import FlamebackFiles
import FlamebackKernels

/// What an ONNX file says: operators by name over values by name.
public struct ONNXFile: Sendable {
  public var irVersion = 9
  /// The version of each operator set, by domain; "" is ONNX's own.
  public var opsets: [String: Int] = ["": 20]
  public var producer = "Flameback"
  public var producerVersion = ""
  public var metadata: [(key: String, value: String)] = []
  public var graph = ONNXGraph()
  var functions: [ONNXFunction] = []
  /// Where it was read from, for messages and external data.
  public var path = ""
}

/// A computation: nodes in an order in which each finds its inputs.
public struct ONNXGraph: Sendable {
  public var name = "main_graph"
  public var nodes: [ONNXNode] = []
  public var initializers: [ONNXTensor] = []
  public var inputs: [ONNXValueInfo] = []
  public var outputs: [ONNXValueInfo] = []
}

/// One use of an operator. An empty name among the inputs or outputs stands for one that is left out.
public struct ONNXNode: Sendable {
  public var name = ""
  public var op: String
  public var domain = ""
  public var inputs: [String]
  public var outputs: [String]
  public var attributes: [String: ONNXAttribute] = [:]

  /// As messages name it: `Conv "/conv1/Conv"`.
  var title: String {
    let title = name.isEmpty ? outputs.first { !$0.isEmpty }.map { "→ \"\($0)\"" } ?? "" : "\"\(name)\""
    return (domain.isEmpty ? op : "\(domain).\(op)") + (title.isEmpty ? "" : " \(title)")
  }
}

/// A setting of a node.
public enum ONNXAttribute: Sendable {
  case int(Int)
  case float(Float)
  case string([UInt8])
  case tensor(ONNXTensor)
  case graph(ONNXGraph)
  case ints([Int])
  case floats([Float])
  case strings([[UInt8]])
  /// The value that the calling node gives for this attribute of the function.
  case reference(String)
  /// A kind that no operator here reads (types, sparse tensors).
  case other

  static func text(_ text: String) -> ONNXAttribute { .string(Array(text.utf8)) }
}

/// Named elements.
public struct ONNXTensor: Sendable {
  public var name: String
  /// The elements; nil for texts and other types that have none here.
  public var raw: RawTensor?
  public var type: ONNXType
  public var dims: [Int]

  init(name: String, raw: RawTensor) {
    self.name = name
    self.raw = raw
    type = ONNXType(raw.type)!
    dims = raw.shape.array
  }

  init(name: String, type: ONNXType, dims: [Int]) {
    self.name = name
    self.type = type
    self.dims = dims
  }
}

/// An input or output: name, element type and sizes, as far as they are known.
public struct ONNXValueInfo: Sendable {
  public enum Dimension: Sendable, Equatable {
    case size(Int)
    /// A size that may change, with its name.
    case named(String)
    case unknown
  }
  public enum Kind: Sendable { case tensor, sequence, optional, other }

  public var name: String
  public var kind = Kind.tensor
  public var type: ONNXType?
  /// nil: not even the rank is known.
  public var shape: [Dimension]?
}

/// ONNX's numbers for element types.
public enum ONNXType: Int, Sendable {
  case float32 = 1
  case uint8, int8, uint16, int16, int32, int64, string, bool, float16, float64, uint32, uint64
  case complex64, complex128, bfloat16, float8E4M3FN, float8E4M3FNUZ, float8E5M2, float8E5M2FNUZ
  case uint4, int4, float4, float8E8M0, uint2, int2

  private static let stored: [(ONNXType, StoredType)] = [
    (.float32, .float32), (.uint8, .uint8), (.int8, .int8), (.uint16, .uint16), (.int16, .int16), (.int32, .int32),
    (.int64, .int64), (.bool, .bool), (.float16, .float16), (.float64, .float64), (.uint32, .uint32),
    (.uint64, .uint64), (.complex64, .complex64), (.complex128, .complex128), (.bfloat16, .bfloat16),
    (.float8E4M3FN, .float8E4M3FN), (.float8E4M3FNUZ, .float8E4M3FNUZ), (.float8E5M2, .float8E5M2),
    (.float8E5M2FNUZ, .float8E5M2FNUZ), (.float8E8M0, .float8E8M0FNU),
  ]

  /// The same elements in other files; nil for texts and types of less than a byte.
  public var stored: StoredType? { Self.stored.first { $0.0 == self }?.1 }

  public init?(_ stored: StoredType) {
    guard let type = Self.stored.first(where: { $0.1 == stored })?.0 else { return nil }
    self = type
  }

  /// ONNX's type of the same elements; nil for complex32.
  public init?(_ dtype: DType) { self.init(StoredType(dtype)) }

  /// The dtype of the same elements; nil for types that Flameback has not.
  public var dtype: DType? { stored?.dtype }
}

/// Nodes under a name, which other nodes call as an operator.
struct ONNXFunction: Sendable {
  var name = ""
  var domain = ""
  var overload = ""
  var inputs: [String] = []
  var outputs: [String] = []
  var defaults: [String: ONNXAttribute] = [:]
  var nodes: [ONNXNode] = []
}

extension ONNXTensor {
  /// The tensor in a file that holds nothing else (`input_0.pb`).
  public init(contentsOf path: String) throws(FileError) { try self.init(FileBytes(mapping: path)) }

  public init(_ file: FileBytes) throws(FileError) { self = try Decoder.tensor(file) }
}
